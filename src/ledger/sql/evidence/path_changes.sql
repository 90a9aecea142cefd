-- One row per code path.
-- Why: when it last changed, how often and by how many people, and when it came; what was removed says so.
-- Reads: named_changes.
WITH ranked AS (
  SELECT
    *,
    ROW_NUMBER() OVER (
      PARTITION BY path, function_name
      ORDER BY commit_number DESC, kind ASC, old_path ASC
    ) AS place
  FROM named_changes
)

SELECT
  path,
  function_name,
  MAX(CASE WHEN place = 1 THEN commit_id END) AS last_commit_id,
  MIN(CASE WHEN kind = 'added' THEN changed_at END) AS first_added_at,
  MAX(changed_at) AS last_changed_at,
  COUNT(DISTINCT commit_id) AS changes,
  COUNT(DISTINCT author_id) AS authors,
  BOOL_OR(place = 1 AND kind = 'removed') AS is_removed
FROM ranked
GROUP BY path, function_name
