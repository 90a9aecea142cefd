-- One row per coverage with code paths where nobody listens for faults.
-- Why: how many files these are, those of the tests aside.
-- Reads: coverage_code, unwatched_code, coverage_heads.
SELECT coverage_code.coverage, COUNT(DISTINCT unwatched_code.file_number) AS files
FROM coverage_code
INNER JOIN unwatched_code ON coverage_code.path_key = unwatched_code.path_key
INNER JOIN coverage_heads ON coverage_code.coverage = coverage_heads.coverage
WHERE unwatched_code.file_number <> coverage_heads.own_file_number
GROUP BY coverage_code.coverage
