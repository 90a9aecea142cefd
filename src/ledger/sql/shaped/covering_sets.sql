-- One row per test, set of edges and way in which the test covers what is in it.
-- Why: for placement a test covers what it ran itself (`ran`). One that ran no function but its own covers what its file loads: `module` for what the files run at import, `whole` where its program is built as one.
-- Reads: telling_runs, footprints, own_reach, code_sets.
WITH own AS (
  SELECT DISTINCT
    telling_runs.test_id,
    telling_runs.variant_id,
    code_sets.set_key,
    CASE
      WHEN
        code_sets.first_file = SPLIT_PART(telling_runs.test_id, '::', 2)
        AND code_sets.last_file = SPLIT_PART(telling_runs.test_id, '::', 2)
        THEN 0
      ELSE 1
    END AS is_elsewhere
  FROM telling_runs
  INNER JOIN footprints
    ON telling_runs.test_id = footprints.test_id
    AND telling_runs.variant_id = footprints.variant_id
    AND telling_runs.run_id = footprints.run_id
  INNER JOIN own_reach ON footprints.set_key = own_reach.set_key
  INNER JOIN code_sets ON own_reach.reached_set_key = code_sets.set_key
  WHERE footprints.window_place = 1
),

silent AS (
  SELECT telling_runs.test_id, telling_runs.variant_id, telling_runs.run_id
  FROM telling_runs
  LEFT JOIN own ON telling_runs.test_id = own.test_id AND telling_runs.variant_id = own.variant_id
  GROUP BY telling_runs.test_id, telling_runs.variant_id, telling_runs.run_id
  HAVING COALESCE(MAX(own.is_elsewhere), 0) = 0
)

SELECT test_id, 'ran' AS way, set_key FROM own
UNION
SELECT
  silent.test_id,
  CASE WHEN footprints.is_bounded THEN 'whole' ELSE 'module' END AS way,
  footprints.set_key
FROM silent
INNER JOIN footprints
  ON silent.test_id = footprints.test_id
  AND silent.variant_id = footprints.variant_id
  AND silent.run_id = footprints.run_id
