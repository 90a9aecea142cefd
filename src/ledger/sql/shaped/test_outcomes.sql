-- One row per run, test and variant.
-- Why: a test that was tried again counts once, by its last attempt; the time is that of all attempts.
-- Reads: outcomes.
WITH ranked AS (
  SELECT
    *,
    ROW_NUMBER() OVER (
      PARTITION BY run_id, test_id, variant_id
      ORDER BY attempt DESC, ended_at DESC, outcome ASC
    ) AS place,
    COUNT(*) OVER (PARTITION BY run_id, test_id, variant_id) AS attempts,
    SUM(duration_us) OVER (PARTITION BY run_id, test_id, variant_id) AS total_us
  FROM outcomes
)

SELECT
  run_id,
  test_id,
  variant_id,
  outcome,
  ended_at,
  CAST(total_us AS BIGINT) AS duration_us,
  attempts
FROM ranked
WHERE place = 1
