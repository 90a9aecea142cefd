-- One row per fault and week in which it was seen.
-- Why: what production said over time; a week begins on Monday, 00:00 UTC.
-- Reads: sightings_once.
SELECT
  fault_id,
  CAST(DATE_TRUNC('week', seen_at) AS DATE) AS week,
  CAST(SUM(sightings) AS BIGINT) AS sightings
FROM sightings_once
GROUP BY fault_id, CAST(DATE_TRUNC('week', seen_at) AS DATE)
