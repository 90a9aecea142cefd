-- One row per run.
-- Why: what the last runs did, saved and found, all attempts and shards together.
-- Reads: runs, test_outcomes.
WITH failures AS (
  SELECT
    run_id,
    SUM(CASE WHEN outcome IN ('failed', 'error', 'crashed') THEN 1 ELSE 0 END) AS tests_failed
  FROM test_outcomes
  GROUP BY run_id
),

totals AS (
  SELECT
    run_id,
    MIN(started_at) AS started_at,
    MAX(duration_ms) AS duration_ms,
    SUM(tests_run) AS tests_run,
    SUM(tests_left_out) AS tests_left_out,
    MAX(exit_code) AS exit_code,
    MIN(commit_id) AS commit_id,
    MIN(branch) AS branch,
    MIN(command) AS command,
    MIN(runner) AS runner,
    MAX(suite) AS suite,
    BOOL_OR(is_recorded) AS is_recorded,
    MAX(CASE WHEN health = 'ok' THEN NULL ELSE health END) AS problem
  FROM runs
  GROUP BY run_id
)

SELECT
  totals.run_id,
  totals.commit_id,
  totals.branch,
  totals.command,
  totals.started_at,
  totals.duration_ms,
  CAST(totals.tests_run AS BIGINT) AS tests_run,
  CAST(totals.tests_left_out AS BIGINT) AS tests_left_out,
  CAST(COALESCE(failures.tests_failed, 0) AS BIGINT) AS tests_failed,
  totals.exit_code,
  totals.is_recorded,
  totals.problem,
  totals.runner,
  totals.suite
FROM totals
LEFT JOIN failures ON totals.run_id = failures.run_id
