-- One row per code path that keeps tests in FAST.
-- Why: a path that most tests cover and that moves often keeps most of the suite; a team can split it, or pin fewer tests to it.
-- Reads: code_history, path_tests, thresholds, clock.
WITH numbers AS (
  SELECT
    MAX(CASE WHEN name = 'quiet_days' THEN value END) AS quiet_days,
    MAX(CASE WHEN name = 'fault_days' THEN value END) AS fault_days
  FROM thresholds
),

keeping AS (
  SELECT
    path_tests.tests,
    code_history.file,
    code_history.function,
    code_history.last_changed_at,
    code_history.last_seen_at,
    CASE
      WHEN DATE_DIFF('second', code_history.last_changed_at, DATE_TRUNC('day', clock.as_of)) < numbers.quiet_days * 86400 THEN 1
      ELSE 0
    END AS moves,
    CASE
      WHEN code_history.last_seen_at IS NULL THEN 0
      WHEN numbers.fault_days = 0 THEN 1
      WHEN DATE_DIFF('second', code_history.last_seen_at, DATE_TRUNC('day', clock.as_of)) < numbers.fault_days * 86400 THEN 1
      ELSE 0
    END AS fails
  FROM code_history
  INNER JOIN path_tests ON code_history.path_number = path_tests.path_number
  CROSS JOIN clock
  CROSS JOIN numbers
)

SELECT
  file,
  function,
  last_changed_at,
  last_seen_at,
  tests
FROM keeping
WHERE moves = 1 OR fails = 1
