-- One row per test and variant.
-- Why: what a test costs, by its runs of the last 90 days that ran to an end.
-- Reads: test_outcomes, clock.
WITH finished AS (
  SELECT
    test_outcomes.*,
    ROW_NUMBER() OVER (
      PARTITION BY test_outcomes.test_id, test_outcomes.variant_id
      ORDER BY test_outcomes.ended_at DESC, test_outcomes.run_id DESC
    ) AS place
  FROM test_outcomes
  CROSS JOIN clock
  WHERE
    test_outcomes.outcome IN ('passed', 'failed', 'xfailed', 'xpassed')
    AND test_outcomes.ended_at > clock.as_of - INTERVAL '90' DAY
)

SELECT
  test_id,
  variant_id,
  MAX(ended_at) AS last_at,
  COUNT(*) AS runs,
  MAX(CASE WHEN place = 1 THEN duration_us END) AS last_us,
  PERCENTILE_DISC(0.5) WITHIN GROUP (ORDER BY duration_us) AS median_us,
  PERCENTILE_DISC(0.95) WITHIN GROUP (ORDER BY duration_us) AS p95_us
FROM finished
GROUP BY test_id, variant_id
