-- One row per source, project and step of a pull.
-- Why: how far a pull had come, so that the next one goes on there.
-- Reads: raw_sightings.
SELECT DISTINCT
  source,
  COALESCE(project, '') AS project,
  TRY_CAST(raw_sightings.at AS TIMESTAMP) AS marked_at,
  mark
FROM raw_sightings
WHERE v = 1 AND kind = 'mark'
