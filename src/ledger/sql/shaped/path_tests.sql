-- One row per code path that tests cover.
-- Why: how many tests cover it, and how many of them stand in another file. A test has one coverage, so these add up.
-- Reads: single_sets, ran_code, mixed_code, coverage_heads, own_code.
WITH covered AS (
  SELECT ran_code.path_key, SUM(single_sets.tests) AS tests
  FROM ran_code
  INNER JOIN single_sets ON ran_code.set_key = single_sets.set_key
  GROUP BY ran_code.path_key
  UNION ALL
  SELECT mixed_code.path_key, SUM(coverage_heads.tests) AS tests
  FROM mixed_code
  INNER JOIN coverage_heads ON mixed_code.coverage = coverage_heads.coverage
  GROUP BY mixed_code.path_key
),

summed AS (
  SELECT path_key, SUM(tests) AS tests FROM covered GROUP BY path_key
),

own AS (
  SELECT own_code.path_key, SUM(coverage_heads.tests) AS tests
  FROM own_code
  INNER JOIN coverage_heads ON own_code.coverage = coverage_heads.coverage
  GROUP BY own_code.path_key
)

SELECT
  summed.path_key,
  CAST(summed.tests AS BIGINT) AS tests,
  CAST(summed.tests - COALESCE(own.tests, 0) AS BIGINT) AS other_tests
FROM summed
LEFT JOIN own ON summed.path_key = own.path_key
