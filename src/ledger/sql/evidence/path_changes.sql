-- One row per code path.
-- Why: when it last changed, how often and by how many people, and when it came; what was removed says so.
-- Reads: named_changes.
WITH numbered AS (
  SELECT
    *,
    -- Of one commit, what came under the name outlives what left it. A number is one commit's, and cheaper to tell apart than its id.
    commit_number * 4 + CASE kind WHEN 'added' THEN 2 WHEN 'changed' THEN 1 ELSE 0 END AS place
  FROM named_changes
)

SELECT
  path,
  function_name,
  MAX_BY(commit_id, place) AS last_commit_id,
  MIN(CASE WHEN kind = 'added' THEN changed_at END) AS first_added_at,
  MAX(changed_at) AS last_changed_at,
  COUNT(DISTINCT commit_number) AS changes,
  COUNT(DISTINCT author_id) AS authors,
  MAX(place) % 4 = 0 AS is_removed
FROM numbered
GROUP BY path, function_name
