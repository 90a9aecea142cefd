-- One row per code path of which there is more to say than how it changes.
-- Why: most paths have a history, no fault, and many tests: only these few have to be asked for the rest.
-- Reads: code_history, path_tests.
WITH least AS (
  SELECT MIN(unmapped_faults) AS unmapped_faults FROM code_history
)

SELECT
  code_history.path_number,
  code_history.file_number,
  CASE WHEN path_tests.other_tests = 1 THEN 1 ELSE 0 END AS is_only_here,
  code_history.is_without_history,
  code_history.fault_place,
  code_history.faults,
  code_history.sightings,
  code_history.unmapped_faults
FROM code_history
INNER JOIN path_tests ON code_history.path_number = path_tests.path_number
CROSS JOIN least
WHERE
  path_tests.other_tests = 1
  OR code_history.is_without_history = 1
  OR code_history.fault_place IS NOT NULL
  OR code_history.faults > 0
  OR code_history.unmapped_faults > least.unmapped_faults
