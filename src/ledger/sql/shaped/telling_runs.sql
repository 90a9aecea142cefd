-- One row per test and variant.
-- Why: the newest run that told which functions the test ran; where none ever did, the newest that recorded it.
-- Reads: footprints, own_reach, code_sets, clock.
WITH telling_sets AS (
  SELECT DISTINCT own_reach.set_key
  FROM own_reach
  INNER JOIN code_sets ON own_reach.reached_set_key = code_sets.set_key
  WHERE code_sets.tells_functions = 1
),

told AS (
  SELECT
    footprints.test_id,
    footprints.variant_id,
    footprints.run_id,
    MAX(footprints.recorded_at) AS recorded_at,
    MAX(CASE WHEN footprints.window_place = 1 AND telling_sets.set_key IS NOT NULL THEN 1 ELSE 0 END) AS tells_functions
  FROM footprints
  CROSS JOIN clock
  LEFT JOIN telling_sets ON footprints.set_key = telling_sets.set_key
  WHERE footprints.recorded_at <= clock.as_of
  GROUP BY footprints.test_id, footprints.variant_id, footprints.run_id
),

ranked AS (
  SELECT
    test_id,
    variant_id,
    run_id,
    ROW_NUMBER() OVER (
      PARTITION BY test_id, variant_id
      ORDER BY tells_functions DESC, recorded_at DESC, run_id DESC
    ) AS place
  FROM told
)

SELECT test_id, variant_id, run_id FROM ranked WHERE place = 1
