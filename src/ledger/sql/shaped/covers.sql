-- One row per test and code path that it covers.
-- Why: what production and history say of a path says something of the tests that cover it.
-- Reads: test_coverages, coverage_code, code_paths.
SELECT
  test_coverages.test_id,
  code_paths.file,
  code_paths.function
FROM test_coverages
INNER JOIN coverage_code ON test_coverages.coverage = coverage_code.coverage
INNER JOIN code_paths ON coverage_code.path_key = code_paths.path_key
