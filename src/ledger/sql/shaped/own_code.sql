-- One row per coverage and code path of it that stands in the file of its tests.
-- Why: a test is no news of its own file; so little of all code is that, that it is looked for by itself.
-- Reads: coverage_heads, code_history, coverage_code.
WITH test_files AS (
  SELECT DISTINCT own_file_number FROM coverage_heads
),

own AS (
  SELECT code_history.path_number, code_history.file_number
  FROM code_history
  INNER JOIN test_files ON code_history.file_number = test_files.own_file_number
)

SELECT coverage_code.coverage, coverage_code.path_number
FROM coverage_code
INNER JOIN own ON coverage_code.path_number = own.path_number
INNER JOIN coverage_heads
  ON coverage_code.coverage = coverage_heads.coverage
  AND own.file_number = coverage_heads.own_file_number
