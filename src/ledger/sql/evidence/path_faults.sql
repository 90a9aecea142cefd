-- One row per code path that production has had a fault on.
-- Why: a test of code that failed in production earns its place on every commit.
-- Reads: sightings_once.
SELECT
  path,
  function_name,
  MIN(seen_at) AS first_seen_at,
  MAX(seen_at) AS last_seen_at,
  COUNT(DISTINCT fault_id) AS faults,
  CAST(SUM(sightings) AS BIGINT) AS sightings
FROM sightings_once
WHERE confidence <> 'none' AND path IS NOT NULL
GROUP BY path, function_name
