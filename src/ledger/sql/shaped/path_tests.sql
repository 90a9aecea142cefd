-- One row per code path that tests cover.
-- Why: how many tests cover it, and how many of them stand in another file. A test has one coverage, so these add up.
-- Reads: coverage_code, coverage_heads, own_code.
WITH summed AS (
  SELECT coverage_code.path_number, SUM(coverage_heads.tests) AS tests
  FROM coverage_code
  INNER JOIN coverage_heads ON coverage_code.coverage = coverage_heads.coverage
  GROUP BY coverage_code.path_number
),

own AS (
  SELECT own_code.path_number, SUM(coverage_heads.tests) AS tests
  FROM own_code
  INNER JOIN coverage_heads ON own_code.coverage = coverage_heads.coverage
  GROUP BY own_code.path_number
)

SELECT
  summed.path_number,
  CAST(summed.tests AS BIGINT) AS tests,
  CAST(summed.tests - COALESCE(own.tests, 0) AS BIGINT) AS other_tests
FROM summed
LEFT JOIN own ON summed.path_number = own.path_number
