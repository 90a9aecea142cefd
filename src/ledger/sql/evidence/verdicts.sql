-- One row per commit and tree of it that was tested.
-- Why: how long somebody waited for a verdict: of each command the first run (of its shards the longest), and of these the longest, as they run side by side. Runs of everything wait for nobody and do not count; a run again on the same tree, or of the rest, is no first verdict.
-- Reads: runs, clock.
WITH whole AS (
  SELECT
    MIN(run_id) AS run_id,
    MIN(commit_id) AS commit_id,
    COALESCE(MIN(inventory_id), MIN(run_id)) AS tree_id,
    MIN(branch) AS branch,
    COALESCE(MIN(command), '') AS command,
    MAX(suite) AS suite,
    MIN(started_at) AS started_at,
    MAX(duration_ms) AS duration_ms,
    SUM(tests_run) AS tests_run,
    SUM(tests_left_out) AS tests_left_out,
    MAX(exit_code) AS exit_code
  FROM runs
  GROUP BY group_id
),

turned AS (
  SELECT
    whole.*,
    ROW_NUMBER() OVER (PARTITION BY whole.commit_id, whole.tree_id, whole.command ORDER BY whole.started_at ASC, whole.run_id ASC) AS turn
  FROM whole
  CROSS JOIN clock
  WHERE whole.suite <> 'weekly' AND whole.started_at <= clock.as_of
),

ranked AS (
  SELECT
    *,
    ROW_NUMBER() OVER (PARTITION BY commit_id, tree_id ORDER BY duration_ms DESC, run_id ASC) AS place,
    COUNT(*) OVER (PARTITION BY commit_id, tree_id) AS runs,
    SUM(tests_run) OVER (PARTITION BY commit_id, tree_id) AS all_run,
    SUM(tests_left_out) OVER (PARTITION BY commit_id, tree_id) AS all_left_out,
    MAX(exit_code) OVER (PARTITION BY commit_id, tree_id) AS worst_exit
  FROM turned
  WHERE turn = 1
)

SELECT
  commit_id,
  tree_id,
  run_id,
  branch,
  started_at,
  duration_ms,
  runs,
  CAST(COALESCE(all_run, 0) AS BIGINT) AS tests_run,
  CAST(COALESCE(all_left_out, 0) AS BIGINT) AS tests_left_out,
  worst_exit AS exit_code
FROM ranked
WHERE place = 1
