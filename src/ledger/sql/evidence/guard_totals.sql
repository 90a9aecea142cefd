-- One row per runner that guards were drafted for.
-- Why: how many drafts there were, how far they came, and how long it took from a fault's first sighting to its guard.
-- Reads: drafts, guard_steps, faults.
WITH guarded AS (
  SELECT
    COALESCE(guard_steps.runner, '') AS runner,
    guard_steps.fault_id,
    MIN(guard_steps.taken_at) AS guarded_at
  FROM guard_steps
  WHERE guard_steps.step IN ('injected', 'proposed')
  GROUP BY guard_steps.runner, guard_steps.fault_id
),

taken AS (
  SELECT
    guarded.runner,
    COUNT(*) AS faults_guarded,
    QUANTILE_DISC(DATE_DIFF('second', faults.first_seen_at, guarded.guarded_at), 0.5) AS median_seconds_to_guard
  FROM guarded
  INNER JOIN faults ON guarded.fault_id = faults.fault_id
  GROUP BY guarded.runner
),

counted AS (
  SELECT
    COALESCE(runner, '') AS runner,
    COUNT(*) AS drafts,
    COUNT(*) FILTER (WHERE rung = 'request') AS by_request,
    COUNT(*) FILTER (WHERE rung = 'hook') AS by_hook,
    COUNT(*) FILTER (WHERE rung = 'vars') AS by_vars,
    COUNT(*) FILTER (WHERE state = 'failed') AS refused,
    COUNT(*) FILTER (WHERE state = 'waiting') AS waiting_for_a_fix,
    COUNT(*) FILTER (WHERE step = 'injected') AS injected,
    COUNT(*) FILTER (WHERE step = 'proposed') AS proposed,
    COUNT(*) FILTER (WHERE step = 'settled') AS settled
  FROM drafts
  GROUP BY COALESCE(runner, '')
)

SELECT
  counted.runner,
  counted.drafts,
  counted.by_request,
  counted.by_hook,
  counted.by_vars,
  counted.refused,
  counted.waiting_for_a_fix,
  counted.injected,
  counted.proposed,
  counted.settled,
  COALESCE(taken.faults_guarded, 0) AS faults_guarded,
  taken.median_seconds_to_guard
FROM counted
LEFT JOIN taken ON counted.runner = taken.runner
