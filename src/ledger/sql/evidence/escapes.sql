-- One row per run, variant and test whose failure an earlier run had left out.
-- Why: a failure that a commit's run left out and a later run found is an escape; the first run that left the test out since it last passed is named with the reason it gave. Only a failure that would have been left out again counts, or one that was put off for the budget and that no second job of the same tree ran: a test that the change selects, or that is not steady, is none.
-- Reads: outcomes, runs, test_decisions, flakes, clock.
WITH starts AS (
  SELECT run_id, MIN(started_at) AS started_at, MIN(commit_id) AS commit_id, MIN(inventory_id) AS inventory_id, MAX(suite) AS suite
  FROM runs
  GROUP BY run_id
),

-- Few tests ever fail, and of the others nothing can have escaped.
failing AS (
  SELECT DISTINCT test_id FROM outcomes WHERE outcome IN ('failed', 'error', 'crashed')
),

-- As `test_outcomes`.
tries AS (
  SELECT
    outcomes.test_id,
    outcomes.variant_id,
    outcomes.run_id,
    outcomes.outcome,
    outcomes.ended_at,
    ROW_NUMBER() OVER (
      PARTITION BY outcomes.run_id, outcomes.test_id, outcomes.variant_id
      ORDER BY outcomes.attempt DESC, outcomes.ended_at DESC, outcomes.outcome ASC
    ) AS place
  FROM outcomes
  INNER JOIN failing ON outcomes.test_id = failing.test_id
),

ended AS (
  SELECT
    tries.test_id,
    tries.variant_id,
    tries.run_id,
    starts.started_at,
    starts.commit_id,
    starts.inventory_id,
    starts.suite,
    CASE WHEN tries.outcome IN ('failed', 'error', 'crashed') THEN 1 ELSE 0 END AS is_failure
  FROM tries
  CROSS JOIN clock
  INNER JOIN starts ON tries.run_id = starts.run_id
  WHERE tries.place = 1 AND tries.outcome <> 'skipped' AND tries.ended_at <= clock.as_of
),

turned AS (
  SELECT
    *,
    LAG(is_failure) OVER (PARTITION BY test_id, variant_id ORDER BY started_at, run_id) AS was_failure,
    LAG(started_at) OVER (PARTITION BY test_id, variant_id ORDER BY started_at, run_id) AS last_passed_at,
    LAG(run_id) OVER (PARTITION BY test_id, variant_id ORDER BY started_at, run_id) AS last_passed_run_id
  FROM ended
),

found AS (
  SELECT
    turned.*,
    CASE WHEN test_decisions.otherwise IN ('untouched', 'weekly') THEN 1 ELSE 0 END AS is_unselected
  FROM turned
  INNER JOIN test_decisions
    ON turned.run_id = test_decisions.run_id
    AND turned.test_id = test_decisions.test_id
    AND turned.variant_id = test_decisions.variant_id
  LEFT JOIN flakes
    ON turned.test_id = flakes.test_id
    AND turned.variant_id = flakes.variant_id
    AND turned.inventory_id = flakes.inventory_id
  WHERE
    turned.is_failure = 1
    AND turned.was_failure = 0
    AND flakes.test_id IS NULL
),

skips AS (
  SELECT
    test_decisions.test_id,
    test_decisions.variant_id,
    test_decisions.run_id,
    test_decisions.reason,
    starts.started_at,
    starts.commit_id,
    starts.inventory_id
  FROM test_decisions
  INNER JOIN starts ON test_decisions.run_id = starts.run_id
  WHERE
    test_decisions.verdict = 'left out'
    AND test_decisions.reason IN ('untouched', 'weekly', 'over-budget')
),

ranked AS (
  SELECT
    found.run_id,
    found.test_id,
    found.variant_id,
    skips.run_id AS skipping_run_id,
    found.commit_id AS found_commit_id,
    skips.commit_id AS skipping_commit_id,
    skips.reason,
    skips.started_at AS skipped_at,
    found.started_at AS found_at,
    ROW_NUMBER() OVER (
      PARTITION BY found.run_id, found.test_id, found.variant_id
      ORDER BY skips.started_at, skips.run_id, skips.reason
    ) AS place
  FROM found
  INNER JOIN skips
    ON found.test_id = skips.test_id
    AND found.variant_id = skips.variant_id
    AND (
      found.is_unselected = 1
      -- On the same tree a run of the rest is no escape: it is what the test was put off for.
      OR (skips.reason = 'over-budget' AND (skips.inventory_id <> found.inventory_id OR found.suite = 'weekly'))
    )
    -- Of runs in the same second the ids tell the order.
    AND (
      skips.started_at > found.last_passed_at
      OR (skips.started_at = found.last_passed_at AND skips.run_id > found.last_passed_run_id)
    )
    AND (
      skips.started_at < found.started_at OR (skips.started_at = found.started_at AND skips.run_id < found.run_id)
    )
)

SELECT
  run_id,
  test_id,
  variant_id,
  skipping_run_id,
  found_commit_id,
  skipping_commit_id,
  reason,
  skipped_at,
  found_at
FROM ranked
WHERE place = 1
