-- One row per step that a draft of a guard took.
-- Why: every draft leaves a trace, refused ones too.
-- Reads: raw_guards.
SELECT
  draft AS draft_id,
  fault AS fault_id,
  kind AS step,
  TRY_CAST(raw_guards.at AS TIMESTAMP) AS taken_at,
  runner,
  COALESCE(rung, '') AS rung,
  flags,
  COALESCE(test, '') AS test,
  COALESCE(state, '') AS state,
  COALESCE(criterion, '') AS criterion,
  COALESCE(reason, '') AS reason,
  COALESCE(faulty, '') AS faulty_commit,
  COALESCE(fixed, '') AS fixed_commit,
  CAST(COALESCE(characters_before, 0) AS BIGINT) AS characters_before,
  CAST(COALESCE(characters_after, 0) AS BIGINT) AS characters_after,
  COALESCE(seconds, 0) AS seconds,
  COALESCE(cost, 0) AS cost
FROM raw_guards
WHERE v = 1 AND draft IS NOT NULL AND fault IS NOT NULL
