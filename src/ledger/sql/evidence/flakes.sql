-- One row per test, variant and inventory under which it both passed and failed.
-- Why: nothing that titer sees differed between the two, so the test or its surroundings are not steady.
-- Reads: outcomes, runs.
WITH failing AS (
  -- Few tests ever fail, and only these need be looked at.
  SELECT DISTINCT test_id FROM outcomes WHERE outcome IN ('failed', 'error', 'crashed')
),

trees AS (
  SELECT DISTINCT run_id, inventory_id FROM runs WHERE inventory_id IS NOT NULL
),

counted AS (
  SELECT
    outcomes.test_id,
    outcomes.variant_id,
    trees.inventory_id,
    MAX(CASE WHEN outcomes.outcome IN ('failed', 'error', 'crashed') THEN outcomes.ended_at END) AS last_failed_at,
    SUM(CASE WHEN outcomes.outcome = 'passed' THEN 1 ELSE 0 END) AS passes,
    SUM(CASE WHEN outcomes.outcome IN ('failed', 'error', 'crashed') THEN 1 ELSE 0 END) AS failures
  FROM outcomes
  INNER JOIN failing ON outcomes.test_id = failing.test_id
  INNER JOIN trees ON outcomes.run_id = trees.run_id
  GROUP BY outcomes.test_id, outcomes.variant_id, trees.inventory_id
)

SELECT
  test_id,
  variant_id,
  inventory_id,
  last_failed_at,
  CAST(passes AS BIGINT) AS passes,
  CAST(failures AS BIGINT) AS failures
FROM counted
WHERE passes > 0 AND failures > 0
