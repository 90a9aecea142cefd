-- One row per fault and commit that production ran when it was seen.
-- Why: whether a fault came back after its fix, and whether a guard fails on what production really ran.
-- Reads: sightings_once.
SELECT
  fault_id,
  commit_id,
  MAX(release_name) AS release_name,
  MIN(seen_at) AS first_seen_at,
  MAX(seen_at) AS last_seen_at,
  CAST(SUM(sightings) AS BIGINT) AS sightings
FROM sightings_once
WHERE COALESCE(commit_id, '') <> ''
GROUP BY fault_id, commit_id
