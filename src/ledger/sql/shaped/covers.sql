-- One row per test and code path that it covers.
-- Why: what production and history say of a path says something of the tests that cover it.
-- Reads: test_coverages, coverage_code, numbered_paths.
SELECT
  test_coverages.test_id,
  numbered_paths.file,
  numbered_paths.function
FROM test_coverages
INNER JOIN coverage_code ON test_coverages.coverage = coverage_code.coverage
INNER JOIN numbered_paths ON coverage_code.path_number = numbered_paths.path_number
