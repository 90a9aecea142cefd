-- One row per code path that something ran or loaded.
-- Why: what is joined and counted by the million is told apart by small numbers; the keys of code paths are as long as their digests.
-- Reads: code_paths.
SELECT
  CAST(ROW_NUMBER() OVER (ORDER BY path_key, file, function) AS INTEGER) AS path_number,
  path_key,
  file,
  function
FROM code_paths
