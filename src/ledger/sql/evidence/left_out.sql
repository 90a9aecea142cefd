-- One row per run and reason for leaving tests out.
-- Why: a skip is not a pass: how many tests did not run, and why. What a shard leaves to the others is none.
-- Reads: decisions, runs.
WITH starts AS (
  SELECT run_id, MIN(started_at) AS started_at, BOOL_OR(is_shard) AS is_shard FROM runs GROUP BY run_id
)

SELECT
  decisions.run_id,
  decisions.reason,
  MIN(starts.started_at) AS started_at,
  CAST(SUM(decisions.tests) AS BIGINT) AS tests
FROM decisions
LEFT JOIN starts ON decisions.run_id = starts.run_id
WHERE
  decisions.verdict = 'left out'
  AND (decisions.reason <> 'other-shard' OR NOT COALESCE(starts.is_shard, FALSE))
GROUP BY decisions.run_id, decisions.reason
