-- One row per walk over the history.
-- Why: which stretch of commits was learned when; walks form a chain, and only one chain counts (`counted_walks`).
-- Reads: raw_changes.
SELECT
  walk AS walk_id,
  commit AS commit_id,
  was AS after_commit_id,
  COALESCE(shallow, FALSE) AS is_shallow,
  TRY_CAST(raw_changes.at AS TIMESTAMP) AS committed_at,
  number AS commit_number
FROM raw_changes
WHERE v = 1 AND kind = 'history'
