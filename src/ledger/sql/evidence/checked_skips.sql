-- One row per run that ran tests which its selection would have left out.
-- Why: a probe, or a run of everything, is the only way to learn what leaving out misses: so many were looked at, and so many of them failed. A test that is not steady on that tree tells nothing.
-- Reads: runs, test_decisions, test_outcomes, flakes, clock.
WITH starts AS (
  SELECT run_id, MIN(started_at) AS started_at, MIN(inventory_id) AS inventory_id
  FROM runs
  GROUP BY run_id
)

SELECT
  test_decisions.run_id,
  starts.started_at,
  COUNT(*) AS checked,
  CAST(SUM(CASE WHEN test_outcomes.outcome IN ('failed', 'error', 'crashed') THEN 1 ELSE 0 END) AS BIGINT) AS failed
FROM test_decisions
CROSS JOIN clock
INNER JOIN starts ON test_decisions.run_id = starts.run_id
INNER JOIN test_outcomes
  ON test_decisions.run_id = test_outcomes.run_id
  AND test_decisions.test_id = test_outcomes.test_id
  AND test_decisions.variant_id = test_outcomes.variant_id
LEFT JOIN flakes
  ON test_decisions.test_id = flakes.test_id
  AND test_decisions.variant_id = flakes.variant_id
  AND starts.inventory_id = flakes.inventory_id
WHERE
  test_decisions.verdict = 'run'
  AND test_decisions.otherwise IN ('untouched', 'weekly')
  AND test_outcomes.outcome <> 'skipped'
  AND flakes.test_id IS NULL
  AND starts.started_at <= clock.as_of
GROUP BY test_decisions.run_id, starts.started_at
