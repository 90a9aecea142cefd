-- One row per test.
-- Why: all that placement rules may look at; times are seconds since 1970 in UTC.
-- Reads: test_history, telling_runs, test_coverages, coverage_evidence, test_births, escapes.
WITH tests AS (
  SELECT test_id FROM test_history
  UNION
  SELECT test_id FROM telling_runs
),

by_test AS (
  SELECT test_coverages.test_id, coverage_evidence.*
  FROM test_coverages
  INNER JOIN coverage_evidence ON test_coverages.coverage = coverage_evidence.coverage
),

escaped AS (
  SELECT
    test_id,
    MAX(found_at) AS last_escape_at,
    MAX(
      CONCAT(
        CAST(found_at AS VARCHAR), '|run ', skipping_run_id, COALESCE(CONCAT(' on commit ', skipping_commit_id), ''), ' left it out: ',
        reason
      )
    ) AS last_escape
  FROM escapes
  GROUP BY test_id
)

SELECT
  tests.test_id AS test,
  CAST(COALESCE(by_test.code_paths, 0) AS BIGINT) AS code_paths,
  CAST(COALESCE(by_test.only_here, 0) AS BIGINT) AS only_here,
  CAST(COALESCE(by_test.without_history, 0) AS BIGINT) AS without_history,
  CAST(EXTRACT(EPOCH FROM by_test.last_changed_at) AS BIGINT) AS last_changed,
  COALESCE(SPLIT_PART(by_test.last_change, '|', 3), '') AS changed_path,
  COALESCE(SPLIT_PART(by_test.last_change, '|', 2), '') AS changed_by,
  CAST(COALESCE(by_test.changes, 0) AS BIGINT) AS changes,
  CAST(COALESCE(by_test.authors, 0) AS BIGINT) AS authors,
  CAST(EXTRACT(EPOCH FROM by_test.last_seen_at) AS BIGINT) AS last_sighted,
  COALESCE(SPLIT_PART(by_test.last_fault, '|', 2), '') AS faulty_path,
  CAST(COALESCE(by_test.faults, 0) AS BIGINT) AS faults,
  CAST(COALESCE(by_test.sightings, 0) AS BIGINT) AS sightings,
  CAST(COALESCE(by_test.unwatched_files, 0) AS BIGINT) AS unwatched_files,
  CAST(COALESCE(by_test.unmapped_faults, 0) AS BIGINT) AS unmapped_faults,
  CAST(EXTRACT(EPOCH FROM test_births.added_at) AS BIGINT) AS added,
  CAST(EXTRACT(EPOCH FROM test_history.last_true_failure_at) AS BIGINT) AS last_true_failure,
  COALESCE(test_history.true_failures, 0) AS true_failures,
  CAST(EXTRACT(EPOCH FROM escaped.last_escape_at) AS BIGINT) AS last_escape,
  COALESCE(SPLIT_PART(escaped.last_escape, '|', 2), '') AS escaped_from,
  COALESCE(test_history.flakes_30_days, 0) AS flakes,
  CAST(EXTRACT(EPOCH FROM test_history.last_flake_at) AS BIGINT) AS last_flake,
  COALESCE(test_history.runs, 0) AS runs,
  COALESCE(test_history.median_us, 0) AS median_us
FROM tests
LEFT JOIN test_history ON tests.test_id = test_history.test_id
LEFT JOIN by_test ON tests.test_id = by_test.test_id
LEFT JOIN test_births ON tests.test_id = test_births.test_id
LEFT JOIN escaped ON tests.test_id = escaped.test_id
