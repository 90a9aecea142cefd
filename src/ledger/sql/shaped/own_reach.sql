-- One row per set of edges of a test's own window and set reached from it, itself included.
-- Why: as `reached_sets`, by keys, and only of what a test did itself.
-- Reads: footprints, inclusions.
WITH RECURSIVE reached AS (
  SELECT set_key, set_key AS reached_set_key FROM footprints WHERE window_place = 1
  UNION
  SELECT reached.set_key, inclusions.included_set_key AS reached_set_key
  FROM reached
  INNER JOIN inclusions ON reached.reached_set_key = inclusions.set_key
)

SELECT set_key, reached_set_key FROM reached
