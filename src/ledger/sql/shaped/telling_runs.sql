-- One row per test and variant.
-- Why: the newest run that told which functions the test ran; where none ever did, the newest that recorded it.
-- Reads: footprints, own_code, clock.
WITH told AS (
  SELECT
    test_id,
    variant_id,
    run_id,
    MAX(CASE WHEN name <> '*' THEN 1 ELSE 0 END) AS tells_functions
  FROM own_code
  GROUP BY test_id, variant_id, run_id
),

ranked AS (
  SELECT
    footprints.test_id,
    footprints.variant_id,
    footprints.run_id,
    ROW_NUMBER() OVER (
      PARTITION BY footprints.test_id, footprints.variant_id
      ORDER BY COALESCE(told.tells_functions, 0) DESC, footprints.recorded_at DESC, footprints.run_id DESC
    ) AS place
  FROM footprints
  CROSS JOIN clock
  LEFT JOIN told
    ON footprints.test_id = told.test_id
    AND footprints.variant_id = told.variant_id
    AND footprints.run_id = told.run_id
  WHERE footprints.recorded_at <= clock.as_of
)

SELECT test_id, variant_id, run_id FROM ranked WHERE place = 1
