-- One row per coverage with code paths of which there is more to say than how they change.
-- Why: faults, paths that no other test covers, and gaps in the history; looked for by themselves, as most paths have none of these.
-- Reads: coverages, noted_sets, mixed_code, noted_code, coverage_heads.
WITH noted AS (
  SELECT coverages.coverage, noted_sets.path_key
  FROM noted_sets
  INNER JOIN coverages ON noted_sets.set_key = coverages.set_key
  WHERE coverages.way = 'ran' AND coverages.sets = 1
  UNION ALL
  SELECT coverage, path_key FROM mixed_code
)

SELECT
  noted.coverage,
  SUM(noted_code.is_only_here) AS only_here,
  SUM(noted_code.is_without_history) AS without_history,
  MAX(noted_code.last_seen_at) AS last_seen_at,
  MAX(noted_code.fault_place) AS fault_place,
  SUM(noted_code.faults) AS faults,
  SUM(noted_code.sightings) AS sightings,
  MAX(CASE WHEN noted_code.file_number = coverage_heads.own_file_number THEN 0 ELSE noted_code.unmapped_faults END) AS unmapped_faults
FROM noted
INNER JOIN noted_code ON noted.path_key = noted_code.path_key
INNER JOIN coverage_heads ON noted.coverage = coverage_heads.coverage
GROUP BY noted.coverage
