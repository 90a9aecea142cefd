-- One row per source, project and service.
-- Why: health.
-- Reads: raw_sightings.
SELECT source, COALESCE(project, '') AS project, COALESCE(service, '') AS service,
  MIN(TRY_CAST(since AS TIMESTAMP)) AS observed_since, MAX(TRY_CAST(raw_sightings.at AS TIMESTAMP)) AS observed_to,
  10000 AS mapped_basis_points
FROM raw_sightings WHERE kind = 'observed' GROUP BY source, COALESCE(project, ''), COALESCE(service, '')
