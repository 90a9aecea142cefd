-- One row per code path that something ran or loaded, whole files and `<module>` included.
-- Why: what the keys of code paths stand for.
-- Reads: packed_paths, live_edges.
SELECT path_key, file, function FROM packed_paths
UNION
SELECT MD5_NUMBER_LOWER(CONCAT(path, CHR(31), name)) AS path_key, path AS file, name AS function
FROM live_edges
WHERE v = 1 AND kind = 'ran' AND set IS NOT NULL
UNION
SELECT MD5_NUMBER_LOWER(CONCAT(path, CHR(31), '<module>')) AS path_key, path AS file, '<module>' AS function
FROM live_edges
WHERE v = 1 AND kind IN ('loaded', 'ran') AND path <> '' AND set IS NOT NULL
UNION
SELECT MD5_NUMBER_LOWER(CONCAT(path, CHR(31), '*')) AS path_key, path AS file, '*' AS function
FROM live_edges
WHERE v = 1 AND kind IN ('loaded', 'ran') AND path <> '' AND set IS NOT NULL
