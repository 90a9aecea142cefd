-- One row per set of edges and code path that ran, by their keys.
-- Why: there are so many that only numbers can be joined; keys are 64 bits of a digest. What is packed names each set once.
-- Reads: packed_edges, packed_sets, live_edges.
WITH live AS (
  SELECT DISTINCT
    MD5_NUMBER_LOWER(set) AS set_key,
    MD5_NUMBER_LOWER(CONCAT(path, CHR(31), name)) AS path_key
  FROM live_edges
  WHERE v = 1 AND kind = 'ran' AND set IS NOT NULL
)

SELECT set_key, path_key FROM packed_edges WHERE path_key IS NOT NULL
UNION ALL
SELECT live.set_key, live.path_key
FROM live
LEFT JOIN packed_sets ON live.set_key = packed_sets.set_key
WHERE packed_sets.set_key IS NULL
