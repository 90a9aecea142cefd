-- One row per path and stretch of commits, from `since_commit` to before `until_commit`, in which it was the former name of one file.
-- Why: changes under an old name count for the file's present name; a new file of the old name is another file.
-- Reads: renames, counted_walks, clock.
WITH RECURSIVE counted AS (
  SELECT renames.old_path, renames.new_path, renames.commit_number
  FROM renames
  INNER JOIN counted_walks ON renames.walk_id = counted_walks.walk_id
  CROSS JOIN clock
  WHERE renames.renamed_at <= clock.as_of
),

moves AS (
  SELECT
    old_path AS path,
    new_path,
    COALESCE(LAG(commit_number) OVER (PARTITION BY old_path ORDER BY commit_number), 0) AS since_commit,
    commit_number AS until_commit
  FROM counted
),

-- From each name to the next, until there is none.
steps AS (
  SELECT path, since_commit, until_commit, new_path AS name, until_commit AS named_by_commit FROM moves
  UNION
  SELECT
    steps.path,
    steps.since_commit,
    steps.until_commit,
    moves.new_path AS name,
    moves.until_commit AS named_by_commit
  FROM steps
  INNER JOIN moves
    ON steps.name = moves.path
    AND steps.named_by_commit >= moves.since_commit
    AND steps.named_by_commit < moves.until_commit
)

SELECT
  path,
  since_commit,
  until_commit,
  MAX_BY(name, named_by_commit) AS present_path
FROM steps
GROUP BY path, since_commit, until_commit
