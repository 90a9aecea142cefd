-- One row per fault.
-- Why: blocks.
-- Reads: raw_sightings.
SELECT DISTINCT fault, COALESCE(blocks, '') AS blocks FROM raw_sightings WHERE kind = 'sighting' AND path IS NULL
