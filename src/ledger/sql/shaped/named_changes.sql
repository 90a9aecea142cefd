-- One row per commit and code path changed, under the present name of its file.
-- Why: the changes that count up to the given time, for windows over them; `old_path` is the name that the file had then.
-- Reads: changes, counted_walks, path_names, clock.
SELECT
  changes.commit_id,
  changes.author_id,
  path_names.present_path AS path,
  changes.function_name,
  changes.path AS old_path,
  changes.kind,
  changes.changed_at,
  changes.commit_number
FROM changes
INNER JOIN counted_walks ON changes.walk_id = counted_walks.walk_id
INNER JOIN path_names
  ON changes.path = path_names.path
  AND changes.commit_number >= path_names.since_commit
  AND (path_names.until_commit IS NULL OR changes.commit_number < path_names.until_commit)
CROSS JOIN clock
WHERE changes.changed_at <= clock.as_of
