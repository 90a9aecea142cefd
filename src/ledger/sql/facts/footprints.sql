-- One row per run, test, variant and set of edges in the test's footprint.
-- Why: what a passing test touched when a run recorded it; its own window has place 1, `memory_set_id` is what earlier tests of its process left behind.
-- Reads: raw_edges.
WITH spread AS (
  SELECT DISTINCT
    run AS run_id,
    test AS test_id,
    variant AS variant_id,
    UNNEST(sets) AS set_id,
    UNNEST(RANGE(1, LEN(sets) + 1)) AS window_place,
    memory AS memory_set_id,
    inventory AS inventory_id,
    COALESCE(walker, FALSE) AS is_walker,
    COALESCE(traced, FALSE) AS is_traced,
    COALESCE(bounded, FALSE) AS is_bounded,
    TRY_CAST(raw_edges.at AS TIMESTAMP) AS recorded_at
  FROM raw_edges
  WHERE v = 1 AND kind = 'footprint'
)

SELECT
  run_id,
  test_id,
  variant_id,
  set_id,
  MD5_NUMBER_LOWER(set_id) AS set_key,
  window_place,
  memory_set_id,
  inventory_id,
  is_walker,
  is_traced,
  is_bounded,
  recorded_at
FROM spread
