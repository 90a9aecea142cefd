-- One row per file with code that something ran or loaded.
-- Why: whether anybody listens for faults there, and how many that nobody could map may lie in it.
-- Reads: numbered_paths, watched_folders, unmapped_faults.
WITH files AS (
  SELECT DISTINCT file FROM numbered_paths
),

watched AS (
  SELECT DISTINCT files.file
  FROM files
  INNER JOIN watched_folders
    ON watched_folders.folder = '' OR SUBSTR(files.file, 1, LENGTH(watched_folders.folder) + 1) = CONCAT(watched_folders.folder, '/')
),

-- By what is blocked: many faults block the same.
blocks AS (
  SELECT blocks, COUNT(*) AS faults FROM unmapped_faults GROUP BY blocks
),

blocked AS (
  SELECT files.file, SUM(blocks.faults) AS faults
  FROM files
  INNER JOIN blocks
    ON blocks.blocks = ''
    OR files.file = blocks.blocks
    OR SUBSTR(files.file, 1, LENGTH(blocks.blocks) + 1) = CONCAT(blocks.blocks, '/')
  GROUP BY files.file
)

SELECT
  files.file,
  CAST(DENSE_RANK() OVER (ORDER BY files.file) AS INTEGER) AS file_number,
  CASE WHEN watched.file IS NULL THEN 0 ELSE 1 END AS is_watched,
  CAST(COALESCE(blocked.faults, 0) AS BIGINT) AS unmapped_faults
FROM files
LEFT JOIN watched ON files.file = watched.file
LEFT JOIN blocked ON files.file = blocked.file
