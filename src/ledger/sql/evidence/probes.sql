-- One row per run and reason for leaving tests out of which some were drawn.
-- Why: what a probe finds estimates what the selection misses; the share of the drawn that failed stands for the share of all that the run left out for that reason.
-- Reads: runs, test_decisions, test_outcomes, flakes, clock.
WITH starts AS (
  SELECT run_id, MIN(started_at) AS started_at, MIN(inventory_id) AS inventory_id
  FROM runs
  GROUP BY run_id
),

drawn AS (
  SELECT
    test_decisions.run_id,
    test_decisions.otherwise AS reason,
    COUNT(*) AS drawn,
    SUM(CASE WHEN test_outcomes.outcome IN ('failed', 'error', 'crashed') AND flakes.test_id IS NULL THEN 1 ELSE 0 END) AS failed
  FROM test_decisions
  INNER JOIN starts ON test_decisions.run_id = starts.run_id
  LEFT JOIN test_outcomes
    ON test_decisions.run_id = test_outcomes.run_id
    AND test_decisions.test_id = test_outcomes.test_id
    AND test_decisions.variant_id = test_outcomes.variant_id
  LEFT JOIN flakes
    ON test_decisions.test_id = flakes.test_id
    AND test_decisions.variant_id = flakes.variant_id
    AND starts.inventory_id = flakes.inventory_id
  WHERE test_decisions.reason = 'probe' AND test_decisions.otherwise IS NOT NULL
  GROUP BY test_decisions.run_id, test_decisions.otherwise
),

left_behind AS (
  SELECT run_id, reason, COUNT(*) AS tests
  FROM test_decisions
  WHERE verdict = 'left out'
  GROUP BY run_id, reason
)

SELECT
  drawn.run_id,
  starts.started_at,
  drawn.reason,
  CAST(drawn.drawn + COALESCE(left_behind.tests, 0) AS BIGINT) AS tests,
  CAST(drawn.drawn AS BIGINT) AS drawn,
  CAST(drawn.failed AS BIGINT) AS failed
FROM drawn
CROSS JOIN clock
INNER JOIN starts ON drawn.run_id = starts.run_id
LEFT JOIN left_behind ON drawn.run_id = left_behind.run_id AND drawn.reason = left_behind.reason
WHERE starts.started_at <= clock.as_of
