-- One row per segment, set of edges and edge to a file whose code ran or was loaded.
-- Why: what a test that ran no function covers are the files that were loaded for it.
-- Reads: packed_edges, live_edges.
SELECT set_key, path AS file FROM packed_edges WHERE kind IN ('loaded', 'ran') AND path <> ''
UNION ALL
SELECT MD5_NUMBER_LOWER(set) AS set_key, path AS file
FROM live_edges
WHERE v = 1 AND kind IN ('loaded', 'ran') AND path <> '' AND set IS NOT NULL
