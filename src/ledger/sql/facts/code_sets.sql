-- One row per set of edges in which code ran.
-- Why: what is asked of a set as a whole, so that its edges need not be looked at: whether it tells functions, and between which files they lie.
-- Reads: packed_sets, live_edges.
WITH live AS (
  SELECT
    MD5_NUMBER_LOWER(set) AS set_key,
    MAX(CASE WHEN name <> '*' THEN 1 ELSE 0 END) AS tells_functions,
    MIN(path) AS first_file,
    MAX(path) AS last_file
  FROM live_edges
  WHERE v = 1 AND kind = 'ran' AND set IS NOT NULL
  GROUP BY MD5_NUMBER_LOWER(set)
)

SELECT set_key, tells_functions, first_file, last_file FROM packed_sets WHERE first_file IS NOT NULL
UNION ALL
SELECT live.set_key, live.tells_functions, live.first_file, live.last_file
FROM live
LEFT JOIN packed_sets ON live.set_key = packed_sets.set_key
WHERE packed_sets.set_key IS NULL
