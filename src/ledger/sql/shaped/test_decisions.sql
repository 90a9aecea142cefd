-- One row per run, variant, test and decision about it.
-- Why: why each single test ran or did not.
-- Reads: decisions, test_sets.
SELECT
  decisions.run_id,
  decisions.variant_id,
  test_sets.test_id,
  decisions.verdict,
  decisions.reason,
  decisions.otherwise,
  decisions.evidence
FROM decisions
INNER JOIN test_sets
  ON decisions.run_id = test_sets.run_id
  AND decisions.test_set_id = test_sets.test_set_id
