-- One row per commit and code path changed, under the present name of its file.
-- Why: the changes that count up to the given time, for windows over them; `old_path` is the name that the file had then. Few files have had another.
-- Reads: changes, counted_walks, former_names, clock.
SELECT
  changes.commit_id,
  changes.author_id,
  COALESCE(former_names.present_path, changes.path) AS path,
  changes.function_name,
  changes.path AS old_path,
  changes.kind,
  changes.changed_at,
  changes.commit_number
FROM changes
INNER JOIN counted_walks ON changes.walk_id = counted_walks.walk_id
CROSS JOIN clock
LEFT JOIN former_names
  ON changes.path = former_names.path
  AND changes.commit_number >= former_names.since_commit
  AND changes.commit_number < former_names.until_commit
WHERE changes.changed_at <= clock.as_of AND changes.commit_number >= 0 AND changes.path IS NOT NULL
