-- One row per test that was recorded.
-- Why: tests of one file that cover the same sets cover the same code: what is asked of that is asked once for all of them.
-- Reads: covering_sets.
WITH listed AS (
  SELECT
    test_id,
    SPLIT_PART(test_id, '::', 2) AS own_file,
    STRING_AGG(CONCAT(way, ' ', CAST(set_key AS VARCHAR)), ',' ORDER BY way, set_key) AS sets
  FROM covering_sets
  GROUP BY test_id
)

SELECT test_id, own_file, DENSE_RANK() OVER (ORDER BY own_file, sets) AS coverage FROM listed
