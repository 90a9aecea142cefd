-- One row per code path that tests cover.
-- Why: how many tests cover it, and how many of them stand in another file. A test has one coverage, so these add up.
-- Reads: coverage_code, coverage_heads, code_history.
SELECT
  coverage_code.path_key,
  CAST(SUM(coverage_heads.tests) AS BIGINT) AS tests,
  CAST(
    SUM(CASE WHEN code_history.file_number = coverage_heads.own_file_number THEN 0 ELSE coverage_heads.tests END) AS BIGINT
  ) AS other_tests
FROM coverage_code
INNER JOIN coverage_heads ON coverage_code.coverage = coverage_heads.coverage
INNER JOIN code_history ON coverage_code.path_key = code_history.path_key
GROUP BY coverage_code.path_key
