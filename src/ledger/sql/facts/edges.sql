-- One row per set of edges and edge in it.
-- Why: what was touched, and the hash that it had. Sets are named by their content, so the same set written by two runs is one.
-- Reads: raw_edges.
SELECT DISTINCT
  set AS set_id,
  kind,
  path,
  name,
  hash
FROM raw_edges
WHERE v = 1 AND set IS NOT NULL AND kind NOT IN ('includes', 'empty', 'tree', 'output', 'footprint')
