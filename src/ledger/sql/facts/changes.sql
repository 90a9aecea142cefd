-- One row per walk, commit and code path changed.
-- Why: what a commit did to a function, or to what a file runs at import (`<module>`), under the name that the file had then.
-- Reads: raw_changes.
SELECT
  walk AS walk_id,
  commit AS commit_id,
  author AS author_id,
  path,
  function AS function_name,
  kind,
  TRY_CAST(raw_changes.at AS TIMESTAMP) AS changed_at,
  number AS commit_number
FROM raw_changes
WHERE v = 1 AND kind IN ('added', 'changed', 'removed')
