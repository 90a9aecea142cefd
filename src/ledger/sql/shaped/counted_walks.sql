-- One row per walk that counts.
-- Why: the newest walk, what it went on from, and so on to the beginning; a history that a force push replaced does not count.
-- Reads: walks.
WITH RECURSIVE earlier AS (
  SELECT walks.walk_id, MAX(before.walk_id) AS earlier_walk_id
  FROM walks
  INNER JOIN walks AS before ON walks.after_commit_id = before.commit_id AND before.walk_id < walks.walk_id
  GROUP BY walks.walk_id
),

chain AS (
  SELECT MAX(walk_id) AS walk_id FROM walks
  UNION
  SELECT earlier.earlier_walk_id AS walk_id
  FROM chain
  INNER JOIN earlier ON chain.walk_id = earlier.walk_id
)

SELECT
  walks.walk_id,
  walks.commit_id,
  walks.after_commit_id,
  walks.is_shallow,
  walks.committed_at,
  walks.commit_number
FROM chain
INNER JOIN walks ON chain.walk_id = walks.walk_id
