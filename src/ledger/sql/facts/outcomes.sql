-- One row per run, test, variant and attempt at the test.
-- Why: how each attempt ended and how long it took.
-- Reads: raw_outcomes.
SELECT
  run AS run_id,
  test AS test_id,
  variant AS variant_id,
  attempt,
  worker,
  outcome,
  TRY_CAST(raw_outcomes.at AS TIMESTAMP) AS ended_at,
  CAST(ROUND(seconds * 1000000) AS BIGINT) AS duration_us
FROM raw_outcomes
WHERE v = 1
