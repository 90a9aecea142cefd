-- One row per run.
-- Why: of the true failures that a run could have found, how many its selection ran, and what the selection costs beside everything. What a commit's run left out counts against it once a later run has found it; a run of everything says of each test what would have become of it.
-- Reads: runs, test_decisions, test_outcomes, flakes, escapes, durations.
WITH starts AS (
  SELECT run_id, MIN(started_at) AS started_at, MIN(commit_id) AS commit_id, MIN(inventory_id) AS inventory_id, BOOL_OR(is_shard) AS is_shard
  FROM runs
  GROUP BY run_id
),

decided AS (
  SELECT
    test_decisions.run_id,
    test_decisions.test_id,
    test_decisions.variant_id,
    CASE WHEN test_decisions.verdict = 'run' AND test_decisions.otherwise IS NULL THEN 1 ELSE 0 END AS is_selected,
    COALESCE(durations.median_us, 0) AS cost_us
  FROM test_decisions
  LEFT JOIN durations
    ON test_decisions.test_id = durations.test_id AND test_decisions.variant_id = durations.variant_id
  INNER JOIN starts ON test_decisions.run_id = starts.run_id
  -- What a shard leaves to the others is theirs to select.
  WHERE test_decisions.reason <> 'other-shard' OR NOT starts.is_shard
),

failed AS (
  SELECT decided.run_id, decided.is_selected
  FROM decided
  INNER JOIN starts ON decided.run_id = starts.run_id
  INNER JOIN test_outcomes
    ON decided.run_id = test_outcomes.run_id
    AND decided.test_id = test_outcomes.test_id
    AND decided.variant_id = test_outcomes.variant_id
  LEFT JOIN flakes
    ON decided.test_id = flakes.test_id
    AND decided.variant_id = flakes.variant_id
    AND starts.inventory_id = flakes.inventory_id
  -- What escaped counts against the run that left it out first.
  LEFT JOIN escapes
    ON decided.run_id = escapes.run_id
    AND decided.test_id = escapes.test_id
    AND decided.variant_id = escapes.variant_id
  WHERE
    test_outcomes.outcome IN ('failed', 'error', 'crashed')
    AND flakes.test_id IS NULL
    AND (decided.is_selected = 1 OR escapes.run_id IS NULL)
),

found AS (
  SELECT run_id, SUM(is_selected) AS selected_failures, SUM(1 - is_selected) AS missed_failures FROM failed GROUP BY run_id
),

escaped AS (
  SELECT skipping_run_id AS run_id, COUNT(*) AS failures FROM escapes GROUP BY skipping_run_id
),

costs AS (
  SELECT
    run_id,
    COUNT(*) AS tests,
    SUM(is_selected) AS selected_tests,
    SUM(cost_us) AS all_us,
    SUM(is_selected * cost_us) AS selected_us
  FROM decided
  GROUP BY run_id
)

SELECT
  starts.run_id,
  starts.commit_id,
  starts.started_at,
  CAST(costs.tests AS BIGINT) AS tests,
  CAST(costs.selected_tests AS BIGINT) AS selected_tests,
  CAST(costs.all_us AS BIGINT) AS all_us,
  CAST(costs.selected_us AS BIGINT) AS selected_us,
  CAST(COALESCE(found.selected_failures, 0) AS BIGINT) AS selected_failures,
  CAST(COALESCE(found.missed_failures, 0) + COALESCE(escaped.failures, 0) AS BIGINT) AS missed_failures
FROM starts
INNER JOIN costs ON starts.run_id = costs.run_id
LEFT JOIN found ON starts.run_id = found.run_id
LEFT JOIN escaped ON starts.run_id = escaped.run_id
