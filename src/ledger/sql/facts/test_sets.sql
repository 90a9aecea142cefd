-- One row per run, set of tests and test in it.
-- Why: decisions name sets of tests by their content, this says what is in them.
-- Reads: raw_decisions.
SELECT DISTINCT
  run AS run_id,
  set AS test_set_id,
  UNNEST(ids) AS test_id
FROM raw_decisions
WHERE v = 1 AND set IS NOT NULL
