-- One row per walk that counts.
-- Why: a walk takes the place of all earlier ones that reach beyond where it began: a history that a force push replaced does not count.
-- Reads: walks, commits.
WITH begun AS (
  SELECT walk_id, MIN(commit_number) - 1 AS after_commit_number
  FROM commits
  GROUP BY walk_id
),

-- Names of walks sort by time. (Following each walk to the one before it would take a step for every walk there is.)
followed AS (
  SELECT
    walks.walk_id,
    begun.after_commit_number,
    MIN(begun.after_commit_number) OVER (
      ORDER BY walks.walk_id
      ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
    ) AS later_after_number
  FROM walks
  INNER JOIN begun ON walks.walk_id = begun.walk_id
)

SELECT
  walks.walk_id,
  walks.commit_id,
  walks.after_commit_id,
  walks.is_shallow,
  walks.committed_at,
  followed.after_commit_number,
  walks.commit_number
FROM followed
INNER JOIN walks ON followed.walk_id = walks.walk_id
WHERE followed.later_after_number IS NULL OR followed.later_after_number >= walks.commit_number
