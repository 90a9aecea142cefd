-- One row per walk and commit in it.
-- Why: when and by whom; `commit_number` is its place in the history, as committers' clocks tell no order.
-- Reads: raw_changes.
SELECT
  walk AS walk_id,
  commit AS commit_id,
  author AS author_id,
  TRY_CAST(raw_changes.at AS TIMESTAMP) AS committed_at,
  number AS commit_number
FROM raw_changes
WHERE v = 1 AND kind = 'commit'
