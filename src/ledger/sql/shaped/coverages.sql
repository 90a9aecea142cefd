-- One row per coverage, set of edges and way in which its tests cover what is in it.
-- Why: what the tests of a coverage have in common, and how many they are.
-- Reads: test_coverages, covering_sets.
WITH heads AS (
  SELECT coverage, MIN(own_file) AS own_file, MIN(test_id) AS test_id, COUNT(*) AS tests
  FROM test_coverages
  GROUP BY coverage
)

SELECT
  heads.coverage,
  heads.own_file,
  covering_sets.way,
  covering_sets.set_key,
  heads.tests,
  COUNT(*) OVER (PARTITION BY heads.coverage) AS sets
FROM heads
INNER JOIN covering_sets ON heads.test_id = covering_sets.test_id
