-- One row per run, the shards of one CI run together.
-- Why: what the last runs did, saved and found, all attempts and shards together; `run_ids` names every one of them. Shards of which one has not told are a problem: its ledger was not brought back, or it went by other shares than the others and a test may have run in none.
-- Reads: runs, test_outcomes.
WITH failures AS (
  SELECT
    runs.group_id,
    SUM(CASE WHEN test_outcomes.outcome IN ('failed', 'error', 'crashed') THEN 1 ELSE 0 END) AS tests_failed
  FROM test_outcomes
  INNER JOIN (SELECT DISTINCT run_id, group_id FROM runs) AS runs ON test_outcomes.run_id = runs.run_id
  GROUP BY runs.group_id
),

totals AS (
  SELECT
    group_id,
    MIN(run_id) AS run_id,
    STRING_AGG(DISTINCT run_id, ' ' ORDER BY run_id) AS run_ids,
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
    MAX(CASE WHEN health = 'ok' THEN NULL ELSE health END) AS unhealthy,
    COUNT(DISTINCT shard) AS shards,
    MAX(CASE WHEN group_id <> run_id THEN TRY_CAST(SPLIT_PART(shard, '-', 2) AS BIGINT) END) AS shards_planned
  FROM runs
  GROUP BY group_id
),

told AS (
  SELECT
    *,
    CASE
      WHEN shards < shards_planned
        THEN 'only ' || shards || ' of ' || shards_planned || ' shards have told that go by the same shares'
    END AS lacking
  FROM totals
)

SELECT
  told.run_id,
  told.run_ids,
  told.commit_id,
  told.branch,
  told.command,
  told.started_at,
  told.duration_ms,
  CAST(told.tests_run AS BIGINT) AS tests_run,
  CAST(told.tests_left_out AS BIGINT) AS tests_left_out,
  CAST(COALESCE(failures.tests_failed, 0) AS BIGINT) AS tests_failed,
  told.exit_code,
  told.is_recorded,
  COALESCE(told.unhealthy, told.lacking) AS problem,
  told.unhealthy,
  told.lacking,
  told.runner,
  told.suite
FROM told
LEFT JOIN failures ON told.group_id = failures.group_id
