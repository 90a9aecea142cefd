-- One row per source, project, event and day on which it was seen.
-- Why: what was learned twice counts once, as it was mapped best; what has not happened yet does not count. Days stand for themselves, so that an old one need never be looked at again: which of its sightings count was found out when it was packed.
-- Reads: sightings, clock.
WITH ranked AS (
  SELECT
    sightings.*,
    ROW_NUMBER() OVER (
      PARTITION BY sightings.source, sightings.project, sightings.event_id, CAST(sightings.seen_at AS DATE)
      ORDER BY
        CASE sightings.confidence WHEN 'line' THEN 1 WHEN 'moved' THEN 2 WHEN 'path' THEN 3 ELSE 4 END ASC,
        CASE sightings.commit_confidence WHEN 'exact' THEN 1 WHEN 'tag' THEN 2 WHEN 'inferred' THEN 3 ELSE 4 END ASC,
        -- Who blocks less knows more.
        CASE WHEN sightings.blocks = '' THEN 2 ELSE 1 END ASC,
        sightings.sightings DESC,
        sightings.segment DESC,
        sightings.fault_id ASC
    ) AS place
  FROM sightings
  CROSS JOIN clock
  WHERE NOT sightings.is_sealed AND sightings.seen_at <= clock.as_of
)

SELECT
  source,
  project,
  event_id,
  service,
  issue_id,
  fault_id,
  error_type,
  message,
  is_handled,
  level,
  platform,
  environment,
  release_name,
  commit_id,
  commit_confidence,
  path,
  function_name,
  confidence,
  unmapped_reason,
  blocks,
  user_hash,
  tenant_hash,
  seen_at,
  received_at,
  sightings,
  frames_in_repository,
  frames_mapped,
  is_sealed
FROM ranked
WHERE place = 1
UNION ALL
SELECT
  sightings.source,
  sightings.project,
  sightings.event_id,
  sightings.service,
  sightings.issue_id,
  sightings.fault_id,
  sightings.error_type,
  sightings.message,
  sightings.is_handled,
  sightings.level,
  sightings.platform,
  sightings.environment,
  sightings.release_name,
  sightings.commit_id,
  sightings.commit_confidence,
  sightings.path,
  sightings.function_name,
  sightings.confidence,
  sightings.unmapped_reason,
  sightings.blocks,
  sightings.user_hash,
  sightings.tenant_hash,
  sightings.seen_at,
  sightings.received_at,
  sightings.sightings,
  sightings.frames_in_repository,
  sightings.frames_mapped,
  sightings.is_sealed
FROM sightings
CROSS JOIN clock
WHERE sightings.is_sealed AND sightings.is_counted AND sightings.seen_at <= clock.as_of
