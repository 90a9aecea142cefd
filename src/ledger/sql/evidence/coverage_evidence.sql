-- One row per coverage.
-- Why: what history and production say of all that its tests cover.
-- Reads: coverages, single_sets, ran_code, mixed_code, code_history, coverage_notes, own_code, unwatched_files.
WITH by_set AS (
  SELECT
    single_sets.set_number,
    COUNT(*) AS code_paths,
    MAX(code_history.last_changed_at) AS last_changed_at,
    MAX(code_history.change_place) AS change_place,
    SUM(code_history.changes) AS changes,
    MAX(code_history.authors) AS authors
  FROM ran_code
  INNER JOIN single_sets ON ran_code.set_key = single_sets.set_key
  INNER JOIN code_history ON ran_code.path_key = code_history.path_key
  GROUP BY single_sets.set_number
),

moved AS (
  SELECT
    coverages.coverage,
    by_set.code_paths,
    by_set.last_changed_at,
    by_set.change_place,
    by_set.changes,
    by_set.authors
  FROM coverages
  INNER JOIN single_sets ON coverages.set_key = single_sets.set_key
  INNER JOIN by_set ON single_sets.set_number = by_set.set_number
  WHERE coverages.way = 'ran' AND coverages.sets = 1
  UNION ALL
  SELECT
    mixed_code.coverage,
    COUNT(*) AS code_paths,
    MAX(code_history.last_changed_at) AS last_changed_at,
    MAX(code_history.change_place) AS change_place,
    SUM(code_history.changes) AS changes,
    MAX(code_history.authors) AS authors
  FROM mixed_code
  INNER JOIN code_history ON mixed_code.path_key = code_history.path_key
  GROUP BY mixed_code.coverage
),

own AS (
  SELECT coverage, COUNT(*) AS code_paths FROM own_code GROUP BY coverage
),

-- Faults that may lie anywhere: every path but those of a test's own file has at least these.
everywhere AS (
  SELECT MIN(unmapped_faults) AS unmapped_faults FROM code_history
)

SELECT
  moved.coverage,
  CAST(moved.code_paths - COALESCE(own.code_paths, 0) AS BIGINT) AS code_paths,
  CAST(COALESCE(coverage_notes.only_here, 0) AS BIGINT) AS only_here,
  CAST(COALESCE(coverage_notes.without_history, 0) AS BIGINT) AS without_history,
  moved.last_changed_at,
  changed.change_words AS last_change,
  coverage_notes.last_seen_at,
  failed.fault_words AS last_fault,
  CAST(moved.changes AS BIGINT) AS changes,
  moved.authors,
  CAST(COALESCE(coverage_notes.faults, 0) AS BIGINT) AS faults,
  CAST(COALESCE(coverage_notes.sightings, 0) AS BIGINT) AS sightings,
  COALESCE(unwatched_files.files, 0) AS unwatched_files,
  CASE
    WHEN moved.code_paths = COALESCE(own.code_paths, 0) THEN 0
    ELSE GREATEST(everywhere.unmapped_faults, COALESCE(coverage_notes.unmapped_faults, 0))
  END AS unmapped_faults
FROM moved
CROSS JOIN everywhere
LEFT JOIN coverage_notes ON moved.coverage = coverage_notes.coverage
LEFT JOIN own ON moved.coverage = own.coverage
LEFT JOIN code_history AS changed ON moved.change_place = changed.change_place
LEFT JOIN code_history AS failed ON coverage_notes.fault_place = failed.fault_place
LEFT JOIN unwatched_files ON moved.coverage = unwatched_files.coverage
