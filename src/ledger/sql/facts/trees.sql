-- One row per inventory and path in it.
-- Why: which files a run saw, so that a path that no edge names can be seen to change.
-- Reads: raw_edges.
SELECT DISTINCT
  set AS inventory_id,
  path,
  name AS mode,
  hash
FROM raw_edges
WHERE v = 1 AND kind = 'tree' AND set IS NOT NULL
