-- One row per set of edges that was loaded for a test that ran no function but its own, and set reached from it, itself included.
-- Why: as `reached_sets`, by keys, and only of what is asked for.
-- Reads: mixed_coverages, inclusions.
WITH RECURSIVE reached AS (
  SELECT set_key, set_key AS reached_set_key FROM mixed_coverages WHERE way <> 'ran'
  UNION
  SELECT reached.set_key, inclusions.included_set_key AS reached_set_key
  FROM reached
  INNER JOIN inclusions ON reached.reached_set_key = inclusions.set_key
)

SELECT set_key, reached_set_key FROM reached
