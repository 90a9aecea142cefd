-- One row per fault.
-- Why: what went wrong in production, where, how often, and when last.
-- Reads: sightings_once.
WITH ranked AS (
  SELECT
    *,
    ROW_NUMBER() OVER (
      PARTITION BY fault_id
      ORDER BY seen_at DESC, source ASC, project ASC, event_id ASC
    ) AS place
  FROM sightings_once
),

newest AS (
  SELECT fault_id, error_type, message, path, function_name, confidence, unmapped_reason, blocks
  FROM ranked
  WHERE place = 1
),

counted AS (
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
