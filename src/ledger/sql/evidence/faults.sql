-- One row per fault.
-- Why: what went wrong in production, where, how often, and when last.
-- Reads: sightings_once.
WITH counted AS (
  SELECT
    fault_id,
    MIN(seen_at) AS first_seen_at,
    MAX(seen_at) AS last_seen_at,
    SUM(sightings) AS sightings,
    COUNT(DISTINCT user_hash) AS users,
    COUNT(DISTINCT tenant_hash) AS tenants,
    COUNT(DISTINCT source) AS sources
  FROM sightings_once
  GROUP BY fault_id
),

-- Only the last of each fault are put in an order: all of them may be millions.
last_seen AS (
  SELECT
    sightings_once.*,
    ROW_NUMBER() OVER (
      PARTITION BY sightings_once.fault_id
      ORDER BY sightings_once.source ASC, sightings_once.project ASC, sightings_once.event_id ASC
    ) AS place
  FROM sightings_once
  INNER JOIN counted
    ON sightings_once.fault_id = counted.fault_id AND sightings_once.seen_at = counted.last_seen_at
),

newest AS (
  SELECT fault_id, error_type, message, path, function_name, confidence, unmapped_reason, blocks
  FROM last_seen
  WHERE place = 1
)

SELECT
  counted.fault_id,
  newest.error_type,
  newest.message,
  newest.path,
  newest.function_name,
  newest.confidence,
  newest.unmapped_reason,
  newest.blocks,
  counted.first_seen_at,
  counted.last_seen_at,
  CAST(counted.sightings AS BIGINT) AS sightings,
  counted.users,
  counted.tenants,
  counted.sources
FROM counted
INNER JOIN newest ON counted.fault_id = newest.fault_id
