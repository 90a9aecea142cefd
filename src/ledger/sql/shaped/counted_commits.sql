-- One row per commit that counts.
-- Why: the first-parent history as it is now, up to the given time.
-- Reads: commits, counted_walks, clock.
SELECT
  commits.commit_id,
  commits.author_id,
  commits.committed_at,
  commits.commit_number
FROM commits
INNER JOIN counted_walks ON commits.walk_id = counted_walks.walk_id
CROSS JOIN clock
WHERE commits.committed_at <= clock.as_of
