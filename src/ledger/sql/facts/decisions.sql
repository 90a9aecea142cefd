-- One row per run, variant, verdict, reason and evidence.
-- Why: what a plan decided; the tests it decided so are the set `test_set_id` in `test_sets`.
-- Reads: raw_decisions.
SELECT
  run AS run_id,
  variant AS variant_id,
  tests AS test_set_id,
  verdict,
  reason,
  otherwise,
  ARRAY_TO_STRING(evidence, ', ') AS evidence,
  count AS tests
FROM raw_decisions
WHERE v = 1 AND verdict IS NOT NULL
