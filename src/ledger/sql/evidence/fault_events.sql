-- One row per fault and event of it that a guard may be drafted from.
-- Why: raw bytes say what a call was given; a few events of each fault do, those first whose commit is surely known, then the newest.
-- Reads: sightings, clock.
WITH ranked AS (
  SELECT
    sightings.fault_id,
    sightings.source,
    sightings.event_id,
    sightings.raw_id,
    sightings.commit_id,
    sightings.commit_confidence,
    sightings.seen_at,
    ROW_NUMBER() OVER (
      PARTITION BY sightings.fault_id
      ORDER BY
        CASE sightings.commit_confidence WHEN 'exact' THEN 1 WHEN 'tag' THEN 2 WHEN 'inferred' THEN 3 ELSE 4 END ASC,
        sightings.seen_at DESC,
        sightings.source ASC,
        sightings.event_id ASC,
        sightings.raw_id ASC
    ) AS place
  FROM sightings
  CROSS JOIN clock
  WHERE sightings.seen_at <= clock.as_of AND COALESCE(sightings.raw_id, '') <> ''
)

SELECT
  fault_id,
  place,
  source,
  event_id,
  raw_id,
  COALESCE(commit_id, '') AS commit_id,
  commit_confidence,
  seen_at
FROM ranked
WHERE place <= 8
