-- One row per code path that something ran or loaded.
-- Why: what history and production say of it. A whole file, and a function that history does not name, count by all of their file. Places sort as the texts do, so that texts need not be compared for every test.
-- Reads: numbered_paths, path_changes, path_faults, surroundings.
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
),

told AS (
  SELECT
    numbered_paths.path_number,
    numbered_paths.path_key,
    numbered_paths.file,
    numbered_paths.function,
    CASE WHEN file_changes.file IS NULL THEN 1 ELSE 0 END AS is_without_history,
    COALESCE(path_changes.last_changed_at, file_changes.last_changed_at) AS last_changed_at,
    CASE
      WHEN path_changes.path IS NULL THEN file_changes.last_change
      ELSE CONCAT(CAST(path_changes.last_changed_at AS VARCHAR), '|', path_changes.last_commit_id)
    END AS last_change,
    COALESCE(path_faults.last_seen_at, CASE WHEN numbered_paths.function = '*' THEN file_faults.last_seen_at END) AS last_seen_at,
    COALESCE(path_changes.changes, file_changes.changes, 0) AS changes,
    COALESCE(path_changes.authors, file_changes.authors, 0) AS authors,
    COALESCE(path_faults.faults, CASE WHEN numbered_paths.function = '*' THEN file_faults.faults END, 0) AS faults,
    COALESCE(path_faults.sightings, CASE WHEN numbered_paths.function = '*' THEN file_faults.sightings END, 0) AS sightings
  FROM numbered_paths
  LEFT JOIN path_changes ON numbered_paths.file = path_changes.path AND numbered_paths.function = path_changes.function_name
  LEFT JOIN file_changes ON numbered_paths.file = file_changes.file
  LEFT JOIN path_faults ON numbered_paths.file = path_faults.path AND numbered_paths.function = path_faults.function_name
  LEFT JOIN file_faults ON numbered_paths.file = file_faults.file
),

worded AS (
  SELECT
    *,
    CASE WHEN last_change IS NOT NULL THEN CONCAT(last_change, '|', file, ' ', function) END AS change_words,
    CASE
      WHEN last_seen_at IS NOT NULL THEN CONCAT(CAST(last_seen_at AS VARCHAR), '|', file, ' ', function)
    END AS fault_words
  FROM told
)

SELECT
  worded.path_number,
  worded.path_key,
  worded.file,
  worded.function,
  surroundings.file_number,
  worded.is_without_history,
  surroundings.is_watched,
  surroundings.unmapped_faults,
  worded.last_changed_at,
  worded.change_words,
  CAST(
    ROW_NUMBER() OVER (ORDER BY worded.last_changed_at ASC NULLS FIRST, worded.change_words ASC, worded.path_key ASC) AS INTEGER
  ) AS change_place,
  worded.last_seen_at,
  worded.fault_words,
  CASE
    WHEN worded.last_seen_at IS NOT NULL
      THEN CAST(
        ROW_NUMBER() OVER (ORDER BY worded.last_seen_at ASC NULLS FIRST, worded.fault_words ASC, worded.path_key ASC) AS INTEGER
      )
  END AS fault_place,
  CAST(worded.changes AS BIGINT) AS changes,
  CAST(worded.authors AS BIGINT) AS authors,
  CAST(worded.faults AS BIGINT) AS faults,
  CAST(worded.sightings AS BIGINT) AS sightings
FROM worded
INNER JOIN surroundings ON worded.file = surroundings.file
