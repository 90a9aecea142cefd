-- One row per test, variant, run and piece of code that ran in the test's own window.
-- Why: for placement a test covers what it ran itself, not what was loaded for it; the name `*` is a whole file.
-- Reads: footprints, reached_sets, edges, clock.
SELECT DISTINCT
  footprints.test_id,
  footprints.variant_id,
  footprints.run_id,
  edges.path,
  edges.name,
  footprints.recorded_at
FROM footprints
CROSS JOIN clock
INNER JOIN reached_sets ON footprints.set_id = reached_sets.set_id
INNER JOIN edges ON reached_sets.reached_set_id = edges.set_id
WHERE
  footprints.window_place = 1
  AND footprints.recorded_at <= clock.as_of
  AND edges.kind = 'ran'
