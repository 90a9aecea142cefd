-- One row per fault that a guard was drafted for and commit that production ran when it was seen.
-- Why: whether a fault came back after its fix, and whether a guard fails on what production really ran. Faults without a draft have neither fix nor guard, and most sightings are theirs.
-- Reads: sightings, guard_steps, clock.
WITH drafted AS (
  SELECT DISTINCT fault_id FROM guard_steps
)

SELECT
  sightings.fault_id,
  sightings.commit_id,
  MIN(sightings.seen_at) AS first_seen_at,
  MAX(sightings.seen_at) AS last_seen_at
FROM sightings
CROSS JOIN clock
INNER JOIN drafted ON sightings.fault_id = drafted.fault_id
WHERE COALESCE(sightings.commit_id, '') <> '' AND sightings.seen_at <= clock.as_of
GROUP BY sightings.fault_id, sightings.commit_id
