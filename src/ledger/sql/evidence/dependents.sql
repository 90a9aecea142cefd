-- One row per path, kind of edge, name and test with a variant that depends on it.
-- Why: who must run when a path changes, by each test's newest footprint.
-- Reads: newest_footprints, reached_sets, edges.
WITH starts AS (
  SELECT test_id, variant_id, set_id FROM newest_footprints
  UNION
  SELECT test_id, variant_id, memory_set_id AS set_id FROM newest_footprints WHERE memory_set_id IS NOT NULL
)

SELECT DISTINCT
  edges.path,
  edges.kind,
  edges.name,
  starts.test_id,
  starts.variant_id
FROM starts
INNER JOIN reached_sets ON starts.set_id = reached_sets.set_id
INNER JOIN edges ON reached_sets.reached_set_id = edges.set_id
