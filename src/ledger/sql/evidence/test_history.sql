-- One row per test.
-- Why: how often it ran, what it told, and what it costs; a failure on a tree on which it also passed is a flake and tells nothing.
-- Reads: outcomes, runs, clock.
WITH trees AS (
  SELECT DISTINCT run_id, inventory_id FROM runs WHERE inventory_id IS NOT NULL
),

tries AS (
  SELECT
    outcomes.test_id,
    outcomes.variant_id,
    outcomes.run_id,
    trees.inventory_id,
    outcomes.ended_at,
    outcomes.duration_us,
    CASE WHEN outcomes.outcome IN ('failed', 'error', 'crashed') THEN 1 ELSE 0 END AS is_failure,
    CASE WHEN outcomes.outcome IN ('passed', 'xfailed') THEN 1 ELSE 0 END AS is_pass
  FROM outcomes
  CROSS JOIN clock
  LEFT JOIN trees ON outcomes.run_id = trees.run_id
  WHERE outcomes.ended_at <= clock.as_of
),

on_trees AS (
  SELECT
    test_id,
    variant_id,
    inventory_id,
    SUM(is_pass) AS passes,
    SUM(is_failure) AS failures,
    MAX(CASE WHEN is_failure = 1 THEN ended_at END) AS last_failed_at
  FROM tries
  GROUP BY test_id, variant_id, inventory_id
),

verdicts AS (
  SELECT
    test_id,
    SUM(CASE WHEN failures > 0 AND passes = 0 THEN 1 ELSE 0 END) AS true_failures,
    MAX(CASE WHEN failures > 0 AND passes = 0 THEN last_failed_at END) AS last_true_failure_at,
    SUM(CASE WHEN failures > 0 AND passes > 0 THEN 1 ELSE 0 END) AS flakes,
    MAX(CASE WHEN failures > 0 AND passes > 0 THEN last_failed_at END) AS last_flake_at
  FROM on_trees
  GROUP BY test_id
),

recent_flakes AS (
  SELECT on_trees.test_id, COUNT(*) AS flakes
  FROM on_trees
  CROSS JOIN clock
  WHERE
    on_trees.failures > 0
    AND on_trees.passes > 0
    AND on_trees.last_failed_at > clock.as_of - INTERVAL '30' DAY
  GROUP BY on_trees.test_id
),

costs AS (
  SELECT
    tries.test_id,
    COUNT(DISTINCT tries.run_id) AS runs,
    MIN(tries.ended_at) AS first_run_at,
    MAX(tries.ended_at) AS last_run_at,
    PERCENTILE_DISC(0.5) WITHIN GROUP (ORDER BY tries.duration_us) AS median_us
  FROM tries
  GROUP BY tries.test_id
)

SELECT
  costs.test_id,
  costs.first_run_at,
  costs.last_run_at,
  verdicts.last_true_failure_at,
  verdicts.last_flake_at,
  costs.runs,
  CAST(verdicts.true_failures AS BIGINT) AS true_failures,
  CAST(verdicts.flakes AS BIGINT) AS flakes,
  CAST(COALESCE(recent_flakes.flakes, 0) AS BIGINT) AS flakes_30_days,
  costs.median_us
FROM costs
INNER JOIN verdicts ON costs.test_id = verdicts.test_id
LEFT JOIN recent_flakes ON costs.test_id = recent_flakes.test_id
