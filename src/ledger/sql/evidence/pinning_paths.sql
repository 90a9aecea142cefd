-- One row per code path that keeps tests in FAST.
-- Why: a path that most tests cover and that moves often keeps most of the suite; a team can split it, or pin fewer tests to it.
-- Reads: covered_history, thresholds, clock.
WITH numbers AS (
  SELECT
    MAX(CASE WHEN name = 'quiet_days' THEN value END) AS quiet_days,
    MAX(CASE WHEN name = 'fault_days' THEN value END) AS fault_days
  FROM thresholds
),

keeping AS (
  SELECT
    covered_history.test_id,
    covered_history.file,
    covered_history.function,
    covered_history.last_changed_at,
    covered_history.last_seen_at,
    CASE
      WHEN DATE_DIFF('second', covered_history.last_changed_at, DATE_TRUNC('day', clock.as_of)) < numbers.quiet_days * 86400 THEN 1
      ELSE 0
    END AS moves,
    CASE
      WHEN covered_history.last_seen_at IS NULL THEN 0
      WHEN numbers.fault_days = 0 THEN 1
      WHEN DATE_DIFF('second', covered_history.last_seen_at, DATE_TRUNC('day', clock.as_of)) < numbers.fault_days * 86400 THEN 1
      ELSE 0
    END AS fails
  FROM covered_history
  CROSS JOIN clock
  CROSS JOIN numbers
)

SELECT
  file,
  function,
  MAX(last_changed_at) AS last_changed_at,
  MAX(last_seen_at) AS last_seen_at,
  COUNT(DISTINCT test_id) AS tests
FROM keeping
WHERE moves = 1 OR fails = 1
GROUP BY file, function
