-- One row per test that was recorded.
-- Why: tests of one file that cover the same sets cover the same code: what is asked of that is asked once for all of them.
-- Reads: covering_sets.
WITH counted AS (
  SELECT test_id, MIN(way) AS way, MIN(set_key) AS set_key, COUNT(*) AS sets FROM covering_sets GROUP BY test_id
),

listed AS (
  SELECT test_id, CONCAT(way, ' ', CAST(set_key AS VARCHAR)) AS sets FROM counted WHERE sets = 1
  UNION ALL
  SELECT
    counted.test_id,
    STRING_AGG(
      CONCAT(covering_sets.way, ' ', CAST(covering_sets.set_key AS VARCHAR)), ',' ORDER BY covering_sets.way, covering_sets.set_key
    ) AS sets
  FROM counted
  INNER JOIN covering_sets ON counted.test_id = covering_sets.test_id
  WHERE counted.sets > 1
  GROUP BY counted.test_id
),

named AS (
  SELECT test_id, SPLIT_PART(test_id, '::', 2) AS own_file, sets FROM listed
)

SELECT
  test_id,
  own_file,
  CAST(DENSE_RANK() OVER (ORDER BY own_file, sets) AS INTEGER) AS coverage
FROM named
