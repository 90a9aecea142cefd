-- One row per source, project, service and period in which it was watched.
-- Why: that a source told of no fault says something only about the time in which it was listened to.
-- Reads: raw_sightings.
SELECT DISTINCT
  source,
  COALESCE(project, '') AS project,
  COALESCE(service, '') AS service,
  TRY_CAST(since AS TIMESTAMP) AS observed_since,
  TRY_CAST(raw_sightings.at AS TIMESTAMP) AS observed_to
FROM raw_sightings
WHERE v = 1 AND kind = 'observed'
