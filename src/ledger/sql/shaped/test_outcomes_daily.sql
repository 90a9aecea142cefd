-- One row per day, test, variant and outcome.
-- Why: the history of a test without its single runs.
-- Reads: test_outcomes.
SELECT
  CAST(ended_at AS DATE) AS day,
  test_id,
  variant_id,
  outcome,
  COUNT(*) AS runs
FROM test_outcomes
GROUP BY CAST(ended_at AS DATE), test_id, variant_id, outcome
