-- One row per coverage.
-- Why: what history and production say of all that its tests cover.
-- Reads: coverage_code, coverage_heads, code_history, path_tests, unwatched_code.
WITH paths AS (
  SELECT
    code_history.*,
    CASE WHEN path_tests.other_tests = 1 THEN 1 ELSE 0 END AS is_only_here
  FROM code_history
  INNER JOIN path_tests ON code_history.path_key = path_tests.path_key
),

summed AS (
  SELECT
    coverage_code.coverage,
    SUM(CASE WHEN paths.file_number = coverage_heads.own_file_number THEN 0 ELSE 1 END) AS code_paths,
    SUM(paths.is_only_here) AS only_here,
    SUM(paths.is_without_history) AS without_history,
    MAX(paths.last_changed_at) AS last_changed_at,
    MAX(paths.change_place) AS change_place,
    MAX(paths.last_seen_at) AS last_seen_at,
    MAX(paths.fault_place) AS fault_place,
    SUM(paths.changes) AS changes,
    MAX(paths.authors) AS authors,
    SUM(paths.faults) AS faults,
    SUM(paths.sightings) AS sightings,
    MAX(CASE WHEN paths.file_number = coverage_heads.own_file_number THEN 0 ELSE paths.unmapped_faults END) AS unmapped_faults
  FROM coverage_code
  INNER JOIN coverage_heads ON coverage_code.coverage = coverage_heads.coverage
  INNER JOIN paths ON coverage_code.path_key = paths.path_key
  GROUP BY coverage_code.coverage
),

unwatched AS (
  SELECT coverage_code.coverage, COUNT(DISTINCT unwatched_code.file_number) AS files
  FROM coverage_code
  INNER JOIN unwatched_code ON coverage_code.path_key = unwatched_code.path_key
  INNER JOIN coverage_heads ON coverage_code.coverage = coverage_heads.coverage
  WHERE unwatched_code.file_number <> coverage_heads.own_file_number
  GROUP BY coverage_code.coverage
)

SELECT
  summed.coverage,
  CAST(summed.code_paths AS BIGINT) AS code_paths,
  CAST(summed.only_here AS BIGINT) AS only_here,
  CAST(summed.without_history AS BIGINT) AS without_history,
  summed.last_changed_at,
  changed.change_words AS last_change,
  summed.last_seen_at,
  failed.fault_words AS last_fault,
  CAST(summed.changes AS BIGINT) AS changes,
  summed.authors,
  CAST(summed.faults AS BIGINT) AS faults,
  CAST(summed.sightings AS BIGINT) AS sightings,
  COALESCE(unwatched.files, 0) AS unwatched_files,
  summed.unmapped_faults
FROM summed
LEFT JOIN code_history AS changed ON summed.change_place = changed.change_place
LEFT JOIN code_history AS failed ON summed.fault_place = failed.fault_place
LEFT JOIN unwatched ON summed.coverage = unwatched.coverage
