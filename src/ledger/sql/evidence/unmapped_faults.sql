-- One row per fault without a code path, reason and part of the repository that it blocks: a file, a folder, or everything (empty).
-- Why: where a fault may be, nothing may count as healthy. A fault that is surely no fault of the repository's is not here.
-- Reads: sightings_by_place.
SELECT
  fault_id,
  unmapped_reason,
  blocks,
  MAX(error_type) AS error_type,
  MIN(first_seen_at) AS first_seen_at,
  MAX(last_seen_at) AS last_seen_at,
  CAST(SUM(sightings) AS BIGINT) AS sightings
FROM sightings_by_place
WHERE NOT is_mapped AND blocks <> '-'
GROUP BY fault_id, unmapped_reason, blocks
