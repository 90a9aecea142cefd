-- One row per draft of a guard.
-- Why: how far each came, and what stopped it.
-- Reads: guard_steps, clock.
WITH ranked AS (
  SELECT
    guard_steps.*,
    ROW_NUMBER() OVER (PARTITION BY guard_steps.draft_id ORDER BY guard_steps.taken_at DESC, guard_steps.step DESC, guard_steps.state ASC, guard_steps.reason ASC) AS place,
    MIN(guard_steps.taken_at) OVER (PARTITION BY guard_steps.draft_id) AS drafted_at,
    MAX(guard_steps.characters_before) OVER (PARTITION BY guard_steps.draft_id) AS most_before,
    MAX(guard_steps.characters_after) OVER (PARTITION BY guard_steps.draft_id) AS most_after,
    MAX(guard_steps.rung) OVER (PARTITION BY guard_steps.draft_id) AS told_rung,
    SUM(guard_steps.seconds) OVER (PARTITION BY guard_steps.draft_id) AS all_seconds
  FROM guard_steps
  CROSS JOIN clock
  -- That a forge may merge it is told beside, and takes a draft no further.
  WHERE guard_steps.taken_at <= clock.as_of AND guard_steps.step <> 'auto-merge'
)

SELECT
  draft_id,
  fault_id,
  runner,
  told_rung AS rung,
  test,
  step,
  state,
  criterion,
  reason,
  faulty_commit,
  fixed_commit,
  drafted_at,
  taken_at AS last_step_at,
  most_before AS characters_before,
  most_after AS characters_after,
  all_seconds AS seconds
FROM ranked
WHERE place = 1
