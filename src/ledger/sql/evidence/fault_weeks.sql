-- One row per fault and week in which it was seen.
-- Why: what production said over time, from the rollup of the days that are sealed and from the sightings of the others; a week begins on Monday, 00:00 UTC.
-- Reads: sealed_sightings, packed_places, sightings_once.
WITH days AS (
  -- A row of the rollup is of one day.
  SELECT packed_places.fault_id, sealed_sightings.first_seen_at AS seen_at, sealed_sightings.sightings
  FROM sealed_sightings
  INNER JOIN packed_places ON sealed_sightings.place_key = packed_places.place_key
  UNION ALL
  SELECT fault_id, seen_at, sightings
  FROM sightings_once
  WHERE NOT is_sealed
)

SELECT
  fault_id,
  CAST(DATE_TRUNC('week', seen_at) AS DATE) AS week,
  CAST(SUM(sightings) AS BIGINT) AS sightings
FROM days
GROUP BY fault_id, CAST(DATE_TRUNC('week', seen_at) AS DATE)
