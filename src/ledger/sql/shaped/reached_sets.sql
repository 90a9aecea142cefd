-- One row per set of edges and set reached from it, itself included.
-- Why: a set includes sets that include sets; a test depends on all of them.
-- Reads: edges, inclusions, footprints.
WITH RECURSIVE starts AS (
  SELECT set_id FROM edges
  UNION
  SELECT set_id FROM inclusions
  UNION
  SELECT set_id FROM footprints
  UNION
  SELECT memory_set_id AS set_id FROM footprints WHERE memory_set_id IS NOT NULL
),

reached AS (
  SELECT set_id, set_id AS reached_set_id FROM starts
  UNION
  SELECT reached.set_id, inclusions.included_set_id AS reached_set_id
  FROM reached
  INNER JOIN inclusions ON reached.reached_set_id = inclusions.set_id
)

SELECT set_id, reached_set_id FROM reached
