-- One row per segment, source, project and event that tells of a fault.
-- Why: what production told, as it was mapped when it was learned.
-- Reads: raw_sightings.
SELECT
  segment,
  source,
  COALESCE(project, '') AS project,
  COALESCE(service, '') AS service,
  event AS event_id,
  issue AS issue_id,
  fault AS fault_id,
  TRY_CAST(raw_sightings.at AS TIMESTAMP) AS seen_at,
  TRY_CAST(received_at AS TIMESTAMP) AS received_at,
  COALESCE(raw_sightings.type, '') AS error_type,
  COALESCE(message, '') AS message,
  handled AS is_handled,
  raw_sightings.level AS level,
  platform,
  environment,
  raw_sightings.release AS release_name,
  raw_sightings.commit AS commit_id,
  COALESCE(commit_confidence, 'none') AS commit_confidence,
  CAST(COALESCE(raw_sightings.count, 1) AS BIGINT) AS sightings,
  raw_sightings.path AS path,
  raw_sightings.function AS function_name,
  COALESCE(confidence, 'none') AS confidence,
  unmapped AS unmapped_reason,
  COALESCE(blocks, '') AS blocks,
  raw_sightings.user AS user_hash,
  tenant AS tenant_hash,
  CAST(COALESCE(frames_in_repository, 0) AS BIGINT) AS frames_in_repository,
  CAST(COALESCE(frames_mapped, 0) AS BIGINT) AS frames_mapped,
  raw AS raw_id,
  is_sealed,
  is_counted
FROM raw_sightings
WHERE v = 1 AND kind = 'sighting' AND event IS NOT NULL
