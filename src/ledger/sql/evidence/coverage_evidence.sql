-- One row per coverage.
-- Why: what history and production say of all that its tests cover.
-- Reads: coverage_code, coverage_heads, code_history, own_code, noted_code, unwatched_code.
WITH moved AS (
  SELECT
    coverage_code.coverage,
    COUNT(*) AS code_paths,
    MAX(code_history.change_place) AS change_place,
    SUM(code_history.changes) AS changes,
    MAX(code_history.authors) AS authors
  FROM coverage_code
  INNER JOIN code_history ON coverage_code.path_number = code_history.path_number
  GROUP BY coverage_code.coverage
),

own AS (
  SELECT coverage, COUNT(*) AS code_paths FROM own_code GROUP BY coverage
),

noted AS (
  SELECT
    coverage_code.coverage,
    SUM(noted_code.is_only_here) AS only_here,
    SUM(noted_code.is_without_history) AS without_history,
    MAX(noted_code.fault_place) AS fault_place,
    SUM(noted_code.faults) AS faults,
    SUM(noted_code.sightings) AS sightings,
    MAX(CASE WHEN noted_code.file_number = coverage_heads.own_file_number THEN 0 ELSE noted_code.unmapped_faults END) AS unmapped_faults
  FROM coverage_code
  INNER JOIN noted_code ON coverage_code.path_number = noted_code.path_number
  INNER JOIN coverage_heads ON coverage_code.coverage = coverage_heads.coverage
  GROUP BY coverage_code.coverage
),

-- Faults that may lie anywhere: every path but those of a test's own file has at least these.
everywhere AS (
  SELECT MIN(unmapped_faults) AS unmapped_faults FROM code_history
),

unwatched AS (
  SELECT coverage_code.coverage, COUNT(DISTINCT unwatched_code.file_number) AS files
  FROM coverage_code
  INNER JOIN unwatched_code ON coverage_code.path_number = unwatched_code.path_number
  INNER JOIN coverage_heads ON coverage_code.coverage = coverage_heads.coverage
  WHERE unwatched_code.file_number <> coverage_heads.own_file_number
  GROUP BY coverage_code.coverage
)

SELECT
  moved.coverage,
  CAST(moved.code_paths - COALESCE(own.code_paths, 0) AS BIGINT) AS code_paths,
  CAST(COALESCE(noted.only_here, 0) AS BIGINT) AS only_here,
  CAST(COALESCE(noted.without_history, 0) AS BIGINT) AS without_history,
  changed.last_changed_at,
  changed.change_words AS last_change,
  failed.last_seen_at,
  failed.fault_words AS last_fault,
  CAST(moved.changes AS BIGINT) AS changes,
  moved.authors,
  CAST(COALESCE(noted.faults, 0) AS BIGINT) AS faults,
  CAST(COALESCE(noted.sightings, 0) AS BIGINT) AS sightings,
  COALESCE(unwatched.files, 0) AS unwatched_files,
  CASE
    WHEN moved.code_paths = COALESCE(own.code_paths, 0) THEN 0
    ELSE GREATEST(everywhere.unmapped_faults, COALESCE(noted.unmapped_faults, 0))
  END AS unmapped_faults
FROM moved
CROSS JOIN everywhere
LEFT JOIN own ON moved.coverage = own.coverage
LEFT JOIN noted ON moved.coverage = noted.coverage
LEFT JOIN code_history AS changed ON moved.change_place = changed.change_place
LEFT JOIN code_history AS failed ON noted.fault_place = failed.fault_place
LEFT JOIN unwatched ON moved.coverage = unwatched.coverage
