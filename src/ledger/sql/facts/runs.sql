-- One row per run, attempt and shard.
-- Why: what was started, on which tree, how it ended.
-- Reads: raw_runs.
SELECT
  run AS run_id,
  attempt,
  shard,
  COALESCE(ci_run, run) AS group_id,
  COALESCE(TRY_CAST(SPLIT_PART(shard, '-', 2) AS BIGINT), 1) > 1 AS is_shard,
  inventory AS inventory_id,
  commit AS commit_id,
  branch,
  runner,
  COALESCE(suite, 'fast') AS suite,
  ARRAY_TO_STRING(command, ' ') AS command,
  cwd AS folder,
  titer AS titer_version,
  dirty AS is_dirty,
  recorded AS is_recorded,
  health,
  exit AS exit_code,
  TRY_CAST(started AS TIMESTAMP) AS started_at,
  CAST(ROUND(seconds * 1000) AS BIGINT) AS duration_ms,
  tests_run,
  tests_left_out
FROM raw_runs
WHERE v = 1
