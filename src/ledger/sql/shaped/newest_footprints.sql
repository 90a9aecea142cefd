-- One row per test, variant and set of edges in the newest footprint.
-- Why: what a test depends on now is what its newest kept run touched.
-- Reads: footprints.
WITH ranked AS (
  SELECT
    *,
    RANK() OVER (PARTITION BY test_id, variant_id ORDER BY recorded_at DESC, run_id DESC) AS place
  FROM footprints
)

SELECT
  test_id,
  variant_id,
  run_id,
  set_id,
  memory_set_id,
  inventory_id,
  recorded_at
FROM ranked
WHERE place = 1
