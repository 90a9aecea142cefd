-- One row per run and reason for leaving tests out.
-- Why: a skip is not a pass: how many tests did not run, and why.
-- Reads: decisions, runs.
WITH starts AS (
  SELECT run_id, MIN(started_at) AS started_at FROM runs GROUP BY run_id
)

SELECT
  decisions.run_id,
  decisions.reason,
  MIN(starts.started_at) AS started_at,
  CAST(SUM(decisions.tests) AS BIGINT) AS tests
FROM decisions
LEFT JOIN starts ON decisions.run_id = starts.run_id
WHERE decisions.verdict = 'left out'
GROUP BY decisions.run_id, decisions.reason
