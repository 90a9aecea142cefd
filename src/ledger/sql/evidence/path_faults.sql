-- One row per code path that production has had a fault on.
-- Why: a test of code that failed in production earns its place on every commit.
-- Reads: sightings_by_place.
SELECT
  path,
  function_name,
  MIN(first_seen_at) AS first_seen_at,
  MAX(last_seen_at) AS last_seen_at,
  COUNT(DISTINCT fault_id) AS faults,
  CAST(SUM(sightings) AS BIGINT) AS sightings
FROM sightings_by_place
WHERE is_mapped AND path IS NOT NULL
GROUP BY path, function_name
