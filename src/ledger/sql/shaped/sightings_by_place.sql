-- One row per source, project, service, fault, code path or reason for none, and whether it comes from sealed days.
-- Why: all that placement asks of sightings, from the rollup of the days that are sealed and from the sightings of the others.
-- Reads: sealed_sightings, packed_places, sightings_once.
WITH sealed AS (
  SELECT
    place_key,
    MIN(first_seen_at) AS first_seen_at,
    MAX(last_seen_at) AS last_seen_at,
    SUM(sightings) AS sightings,
    SUM(frames_in_repository) AS frames_in_repository,
    SUM(frames_mapped) AS frames_mapped
  FROM sealed_sightings
  GROUP BY place_key
)

SELECT
  packed_places.source,
  packed_places.project,
  packed_places.service,
  packed_places.fault_id,
  packed_places.error_type,
  packed_places.path,
  packed_places.function_name,
  packed_places.is_mapped,
  packed_places.unmapped_reason,
  packed_places.blocks,
  sealed.first_seen_at,
  sealed.last_seen_at,
  CAST(sealed.sightings AS BIGINT) AS sightings,
  CAST(sealed.frames_in_repository AS BIGINT) AS frames_in_repository,
  CAST(sealed.frames_mapped AS BIGINT) AS frames_mapped
FROM sealed
INNER JOIN packed_places ON sealed.place_key = packed_places.place_key
UNION ALL
SELECT
  source,
  project,
  service,
  fault_id,
  error_type,
  path,
  function_name,
  confidence <> 'none' AS is_mapped,
  unmapped_reason,
  blocks,
  MIN(seen_at) AS first_seen_at,
  MAX(seen_at) AS last_seen_at,
  CAST(SUM(sightings) AS BIGINT) AS sightings,
  CAST(SUM(frames_in_repository) AS BIGINT) AS frames_in_repository,
  CAST(SUM(frames_mapped) AS BIGINT) AS frames_mapped
FROM sightings_once
WHERE NOT is_sealed
GROUP BY
  source, project, service, fault_id, error_type, path, function_name, confidence <> 'none', unmapped_reason, blocks
