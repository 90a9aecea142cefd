-- One row per test and code path that it covers.
-- Why: what production and history say of a path says something of the tests that cover it. A test that ran no function but its own covers what its file loads: `<module>` there, the whole file (`*`) where its program is built as one.
-- Reads: telling_runs, own_code, footprints, reached_sets, edges.
WITH own AS (
  SELECT
    own_code.test_id,
    own_code.variant_id,
    own_code.path AS file,
    own_code.name AS function,
    CASE WHEN own_code.path = SPLIT_PART(own_code.test_id, '::', 2) THEN 0 ELSE 1 END AS is_elsewhere
  FROM telling_runs
  INNER JOIN own_code
    ON telling_runs.test_id = own_code.test_id
    AND telling_runs.variant_id = own_code.variant_id
    AND telling_runs.run_id = own_code.run_id
),

silent AS (
  SELECT telling_runs.test_id, telling_runs.variant_id, telling_runs.run_id
  FROM telling_runs
  LEFT JOIN own ON telling_runs.test_id = own.test_id AND telling_runs.variant_id = own.variant_id
  GROUP BY telling_runs.test_id, telling_runs.variant_id, telling_runs.run_id
  HAVING COALESCE(MAX(own.is_elsewhere), 0) = 0
),

code AS (
  SELECT set_id, path FROM edges WHERE kind IN ('loaded', 'ran') AND path <> ''
),

-- By set, before tests come in: many tests share one.
reached_code AS (
  SELECT DISTINCT reached_sets.set_id, code.path
  FROM reached_sets
  INNER JOIN code ON reached_sets.reached_set_id = code.set_id
),

loaded AS (
  SELECT DISTINCT
    silent.test_id,
    reached_code.path AS file,
    CASE WHEN footprints.is_bounded THEN '*' ELSE '<module>' END AS function
  FROM silent
  INNER JOIN footprints
    ON silent.test_id = footprints.test_id
    AND silent.variant_id = footprints.variant_id
    AND silent.run_id = footprints.run_id
  INNER JOIN reached_code ON footprints.set_id = reached_code.set_id
  WHERE reached_code.path <> SPLIT_PART(silent.test_id, '::', 2)
)

SELECT test_id, file, function FROM own
UNION
SELECT test_id, file, function FROM loaded
