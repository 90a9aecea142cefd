-- One row per source, project and incident that somebody was called about.
-- Why: what people were woken for is urgent. It has no frames, so it is no fault of its own.
-- Reads: raw_sightings.
SELECT
  source,
  COALESCE(project, '') AS project,
  event AS incident_id,
  MIN(COALESCE(service, '')) AS service,
  MIN(COALESCE(message, '')) AS title,
  MIN(TRY_CAST(raw_sightings.at AS TIMESTAMP)) AS called_at
FROM raw_sightings
WHERE v = 1 AND kind = 'page' AND event IS NOT NULL
GROUP BY source, COALESCE(project, ''), event
