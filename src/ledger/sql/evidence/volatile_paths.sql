-- One row per path that differs in each of the last five pairs of recordings that followed each other on different trees.
-- Why: a generated file that differs at every commit makes everything that loads it run every time; `titer doctor` names it.
-- Reads: footprints, trees, reached_sets, edges, newest_footprints, dependents.
WITH trees_recorded AS (
  SELECT inventory_id, MAX(recorded_at) AS recorded_at, MAX(run_id) AS run_id
  FROM footprints
  GROUP BY inventory_id
),

records AS (
  SELECT inventory_id, run_id, ROW_NUMBER() OVER (ORDER BY recorded_at DESC, run_id DESC) AS place
  FROM trees_recorded
),

last_records AS (
  SELECT inventory_id, run_id, place FROM records WHERE place <= 6
),

-- What git knows, by the bytes.
in_trees AS (
  SELECT last_records.place, trees.path, trees.hash AS content
  FROM last_records
  INNER JOIN trees ON last_records.inventory_id = trees.inventory_id
),

starts AS (
  SELECT run_id, inventory_id, set_id FROM footprints
  UNION
  SELECT run_id, inventory_id, memory_set_id AS set_id FROM footprints WHERE memory_set_id IS NOT NULL
),

-- What git ignores, by what the tests saw of it.
beside_trees AS (
  SELECT
    last_records.place,
    edges.path,
    CONCAT(MIN(edges.hash), MAX(edges.hash)) AS content
  FROM last_records
  INNER JOIN starts ON last_records.run_id = starts.run_id AND last_records.inventory_id = starts.inventory_id
  INNER JOIN reached_sets ON starts.set_id = reached_sets.set_id
  INNER JOIN edges ON reached_sets.reached_set_id = edges.set_id
  LEFT JOIN trees ON last_records.inventory_id = trees.inventory_id AND edges.path = trees.path
  WHERE edges.kind IN ('loaded', 'read') AND edges.path <> '' AND trees.path IS NULL
  GROUP BY last_records.place, edges.path
),

contents AS (
  SELECT place, path, content FROM in_trees
  UNION ALL
  SELECT place, path, content FROM beside_trees
),

changes AS (
  SELECT newer.path, COUNT(*) AS changes
  FROM contents AS newer
  INNER JOIN contents AS older ON newer.path = older.path AND newer.place + 1 = older.place
  WHERE newer.content <> older.content
  GROUP BY newer.path
),

tests_by_path AS (
  SELECT path, COUNT(DISTINCT test_id) AS tests
  FROM dependents
  WHERE kind IN ('ran', 'loaded', 'read')
  GROUP BY path
),

all_tests AS (
  SELECT COUNT(DISTINCT test_id) AS tests FROM newest_footprints
)

SELECT
  changes.path,
  CAST(changes.changes AS BIGINT) AS changes,
  CAST(COALESCE(tests_by_path.tests, 0) AS BIGINT) AS tests,
  CAST(all_tests.tests AS BIGINT) AS all_tests
FROM changes
CROSS JOIN all_tests
LEFT JOIN tests_by_path ON changes.path = tests_by_path.path
WHERE changes.changes >= 5
