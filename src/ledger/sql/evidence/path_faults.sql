-- One row per code path.
-- Why: production failed there.
-- Reads: raw_sightings, clock.
SELECT path, function AS function_name, COUNT(DISTINCT fault) AS faults, CAST(SUM(count) AS BIGINT) AS sightings,
  MAX(TRY_CAST(raw_sightings.at AS TIMESTAMP)) AS last_seen_at
FROM raw_sightings
CROSS JOIN clock
WHERE kind = 'sighting' AND path IS NOT NULL AND TRY_CAST(raw_sightings.at AS TIMESTAMP) <= clock.as_of
GROUP BY path, function
