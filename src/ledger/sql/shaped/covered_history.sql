-- One row per test and code path that it covers.
-- Why: what history and production say of each path. A whole file, and a function that history does not name, count by all of their file.
-- Reads: covers, path_changes, path_faults.
WITH file_changes AS (
  SELECT
    path AS file,
    MAX(last_changed_at) AS last_changed_at,
    MAX(CONCAT(CAST(last_changed_at AS VARCHAR), '|', last_commit_id)) AS last_change,
    SUM(changes) AS changes,
    MAX(authors) AS authors
  FROM path_changes
  GROUP BY path
),

file_faults AS (
  SELECT path AS file, MAX(last_seen_at) AS last_seen_at, SUM(faults) AS faults, SUM(sightings) AS sightings
  FROM path_faults
  GROUP BY path
)

SELECT
  covers.test_id,
  covers.file,
  covers.function,
  CASE WHEN covers.file = SPLIT_PART(covers.test_id, '::', 2) THEN 1 ELSE 0 END AS is_own_file,
  CASE WHEN file_changes.file IS NULL THEN 1 ELSE 0 END AS is_without_history,
  COALESCE(path_changes.last_changed_at, file_changes.last_changed_at) AS last_changed_at,
  COALESCE(
    CONCAT(CAST(path_changes.last_changed_at AS VARCHAR), '|', path_changes.last_commit_id), file_changes.last_change
  ) AS last_change,
  COALESCE(path_faults.last_seen_at, CASE WHEN covers.function = '*' THEN file_faults.last_seen_at END) AS last_seen_at,
  CAST(COALESCE(path_changes.changes, file_changes.changes, 0) AS BIGINT) AS changes,
  CAST(COALESCE(path_changes.authors, file_changes.authors, 0) AS BIGINT) AS authors,
  CAST(COALESCE(path_faults.faults, CASE WHEN covers.function = '*' THEN file_faults.faults END, 0) AS BIGINT) AS faults,
  CAST(
    COALESCE(path_faults.sightings, CASE WHEN covers.function = '*' THEN file_faults.sightings END, 0) AS BIGINT
  ) AS sightings
FROM covers
LEFT JOIN path_changes ON covers.file = path_changes.path AND covers.function = path_changes.function_name
LEFT JOIN file_changes ON covers.file = file_changes.file
LEFT JOIN path_faults ON covers.file = path_faults.path AND covers.function = path_faults.function_name
LEFT JOIN file_faults ON covers.file = file_faults.file
