-- One row per test that git can tell the age of.
-- Why: a test younger than some weeks has not had time to tell anything. Found by its function, else by its file; a cargo test by the youngest function of its name.
-- Reads: test_history, path_changes.
WITH named AS (
  SELECT
    test_id,
    SPLIT_PART(test_id, '::', 1) AS runner,
    SPLIT_PART(test_id, '::', 2) AS file,
    REGEXP_REPLACE(
      REPLACE(REGEXP_REPLACE(REGEXP_REPLACE(test_id, '^[^:]*::[^:]*::', ''), '\[.*$', ''), '::', '.'), '#[0-9]+$', ''
    ) AS function
  FROM test_history
),

file_births AS (
  SELECT path AS file, MIN(first_added_at) AS added_at FROM path_changes GROUP BY path
),

function_births AS (
  SELECT REGEXP_REPLACE(function_name, '^.*(::|\.)', '') AS name, MAX(first_added_at) AS added_at
  FROM path_changes
  WHERE path LIKE '%.rs'
  GROUP BY REGEXP_REPLACE(function_name, '^.*(::|\.)', '')
)

SELECT
  named.test_id,
  CASE
    WHEN named.runner = 'cargo' THEN function_births.added_at
    ELSE COALESCE(path_changes.first_added_at, file_births.added_at)
  END AS added_at
FROM named
LEFT JOIN path_changes ON named.file = path_changes.path AND named.function = path_changes.function_name
LEFT JOIN file_births ON named.file = file_births.file
LEFT JOIN function_births ON REGEXP_REPLACE(named.function, '^.*\.', '') = function_births.name
