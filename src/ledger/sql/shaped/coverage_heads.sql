-- One row per coverage.
-- Why: how many tests have it, and which file is their own, by its number; 0 where nothing of it ran.
-- Reads: coverages, surroundings.
WITH heads AS (
  SELECT coverage, MIN(own_file) AS own_file, MIN(tests) AS tests FROM coverages GROUP BY coverage
)

SELECT
  heads.coverage,
  heads.tests,
  COALESCE(surroundings.file_number, 0) AS own_file_number
FROM heads
LEFT JOIN surroundings ON heads.own_file = surroundings.file
