-- One row per walk, commit and file moved.
-- Why: a file keeps its history under its next name.
-- Reads: raw_changes.
SELECT
  walk AS walk_id,
  commit AS commit_id,
  was AS old_path,
  path AS new_path,
  TRY_CAST(raw_changes.at AS TIMESTAMP) AS renamed_at,
  number AS commit_number
FROM raw_changes
WHERE v = 1 AND kind = 'renamed'
