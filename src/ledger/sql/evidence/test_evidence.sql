-- One row per test.
-- Why: all that placement rules may look at; times are seconds since 1970 in UTC.
-- Reads: test_history, telling_runs, covered_history, watched_folders, unmapped_faults, test_births, escapes.
WITH tests AS (
  SELECT test_id FROM test_history
  UNION
  SELECT test_id FROM telling_runs
),

only_paths AS (
  SELECT file, function
  FROM covered_history
  WHERE is_own_file = 0
  GROUP BY file, function
  HAVING COUNT(DISTINCT test_id) = 1
),

by_test AS (
  SELECT
    covered_history.test_id,
    SUM(1 - covered_history.is_own_file) AS code_paths,
    SUM(CASE WHEN only_paths.file IS NULL THEN 0 ELSE 1 END) AS only_here,
    SUM(covered_history.is_without_history) AS without_history,
    MAX(covered_history.last_changed_at) AS last_changed_at,
    MAX(CONCAT(covered_history.last_change, '|', covered_history.file, ' ', covered_history.function)) AS last_change,
    MAX(covered_history.last_seen_at) AS last_seen_at,
    MAX(
      CASE
        WHEN covered_history.last_seen_at IS NOT NULL
          THEN
            CONCAT(
              CAST(covered_history.last_seen_at AS VARCHAR), '|', covered_history.file, ' ', covered_history.function
            )
      END
    ) AS last_fault,
    SUM(covered_history.changes) AS changes,
    MAX(covered_history.authors) AS authors,
    SUM(covered_history.faults) AS faults,
    SUM(covered_history.sightings) AS sightings
  FROM covered_history
  LEFT JOIN only_paths ON covered_history.file = only_paths.file AND covered_history.function = only_paths.function
  GROUP BY covered_history.test_id
),

files AS (
  SELECT DISTINCT file FROM covered_history WHERE is_own_file = 0
),

watched AS (
  SELECT DISTINCT files.file
  FROM files
  INNER JOIN watched_folders
    ON watched_folders.folder = '' OR SUBSTR(files.file, 1, LENGTH(watched_folders.folder) + 1) = CONCAT(watched_folders.folder, '/')
),

blocked AS (
  SELECT files.file, COUNT(*) AS faults
  FROM files
  INNER JOIN unmapped_faults
    ON unmapped_faults.blocks = ''
    OR files.file = unmapped_faults.blocks
    OR SUBSTR(files.file, 1, LENGTH(unmapped_faults.blocks) + 1) = CONCAT(unmapped_faults.blocks, '/')
  GROUP BY files.file
),

test_files AS (
  SELECT DISTINCT test_id, file FROM covered_history WHERE is_own_file = 0
),

surroundings AS (
  SELECT
    test_files.test_id,
    SUM(CASE WHEN watched.file IS NULL THEN 1 ELSE 0 END) AS unwatched_files,
    MAX(COALESCE(blocked.faults, 0)) AS unmapped_faults
  FROM test_files
  LEFT JOIN watched ON test_files.file = watched.file
  LEFT JOIN blocked ON test_files.file = blocked.file
  GROUP BY test_files.test_id
),

escaped AS (
  SELECT
    test_id,
    MAX(found_at) AS last_escape_at,
    MAX(
      CONCAT(
        CAST(found_at AS VARCHAR), '|run ', skipping_run_id, COALESCE(CONCAT(' on commit ', skipping_commit_id), ''), ' left it out: ',
        reason
      )
    ) AS last_escape
  FROM escapes
  GROUP BY test_id
)

SELECT
  tests.test_id AS test,
  CAST(COALESCE(by_test.code_paths, 0) AS BIGINT) AS code_paths,
  CAST(COALESCE(by_test.only_here, 0) AS BIGINT) AS only_here,
  CAST(COALESCE(by_test.without_history, 0) AS BIGINT) AS without_history,
  CAST(EXTRACT(EPOCH FROM by_test.last_changed_at) AS BIGINT) AS last_changed,
  COALESCE(SPLIT_PART(by_test.last_change, '|', 3), '') AS changed_path,
  COALESCE(SPLIT_PART(by_test.last_change, '|', 2), '') AS changed_by,
  CAST(COALESCE(by_test.changes, 0) AS BIGINT) AS changes,
  CAST(COALESCE(by_test.authors, 0) AS BIGINT) AS authors,
  CAST(EXTRACT(EPOCH FROM by_test.last_seen_at) AS BIGINT) AS last_sighted,
  COALESCE(SPLIT_PART(by_test.last_fault, '|', 2), '') AS faulty_path,
  CAST(COALESCE(by_test.faults, 0) AS BIGINT) AS faults,
  CAST(COALESCE(by_test.sightings, 0) AS BIGINT) AS sightings,
  CAST(COALESCE(surroundings.unwatched_files, 0) AS BIGINT) AS unwatched_files,
  CAST(COALESCE(surroundings.unmapped_faults, 0) AS BIGINT) AS unmapped_faults,
  CAST(EXTRACT(EPOCH FROM test_births.added_at) AS BIGINT) AS added,
  CAST(EXTRACT(EPOCH FROM test_history.last_true_failure_at) AS BIGINT) AS last_true_failure,
  COALESCE(test_history.true_failures, 0) AS true_failures,
  CAST(EXTRACT(EPOCH FROM escaped.last_escape_at) AS BIGINT) AS last_escape,
  COALESCE(SPLIT_PART(escaped.last_escape, '|', 2), '') AS escaped_from,
  COALESCE(test_history.flakes_30_days, 0) AS flakes,
  CAST(EXTRACT(EPOCH FROM test_history.last_flake_at) AS BIGINT) AS last_flake,
  COALESCE(test_history.runs, 0) AS runs,
  COALESCE(test_history.median_us, 0) AS median_us
FROM tests
LEFT JOIN test_history ON tests.test_id = test_history.test_id
LEFT JOIN by_test ON tests.test_id = by_test.test_id
LEFT JOIN surroundings ON tests.test_id = surroundings.test_id
LEFT JOIN test_births ON tests.test_id = test_births.test_id
LEFT JOIN escaped ON tests.test_id = escaped.test_id
