-- One row per path and stretch of commits, from `since_commit` to before `until_commit`, in which it was the name of one file.
-- Why: what a file is called now, whenever it was seen; the last stretch of a path has no end.
-- Reads: changes, renames, counted_walks, former_names, clock.
WITH counted AS (
  SELECT renames.old_path, renames.new_path
  FROM renames
  INNER JOIN counted_walks ON renames.walk_id = counted_walks.walk_id
  CROSS JOIN clock
  WHERE renames.renamed_at <= clock.as_of
),

known AS (
  SELECT changes.path
  FROM changes
  INNER JOIN counted_walks ON changes.walk_id = counted_walks.walk_id
  UNION
  SELECT old_path AS path FROM counted
  UNION
  SELECT new_path AS path FROM counted
),

last_moves AS (
  SELECT path, MAX(until_commit) AS until_commit FROM former_names GROUP BY path
)

SELECT path, since_commit, until_commit, present_path FROM former_names
UNION ALL
SELECT
  known.path,
  COALESCE(last_moves.until_commit, 0) AS since_commit,
  CAST(NULL AS BIGINT) AS until_commit,
  known.path AS present_path
FROM known
LEFT JOIN last_moves ON known.path = last_moves.path
