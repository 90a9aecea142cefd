-- One row per set of edges and set that it includes.
-- Why: what an import or a fixture touched is kept once and included by everything that used it.
-- Reads: raw_edges.
SELECT DISTINCT
  set AS set_id,
  name AS included_set_id,
  MD5_NUMBER_LOWER(set) AS set_key,
  MD5_NUMBER_LOWER(name) AS included_set_key
FROM raw_edges
WHERE v = 1 AND kind = 'includes' AND set IS NOT NULL
