-- One row per set of edges that is all that some tests cover.
-- Why: nearly every test has one; what is in such a set is asked once for all of its tests, by a number of the set.
-- Reads: coverages, coverage_heads.
SELECT
  coverages.set_key,
  ROW_NUMBER() OVER (ORDER BY coverages.set_key) AS set_number,
  CAST(SUM(coverage_heads.tests) AS BIGINT) AS tests
FROM coverages
INNER JOIN coverage_heads ON coverages.coverage = coverage_heads.coverage
WHERE coverages.way = 'ran' AND coverages.sets = 1
GROUP BY coverages.set_key
