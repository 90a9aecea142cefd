-- One row per coverage and code path.
-- Why: what tests cover. Where one set tells it all, nothing has to be made distinct.
-- Reads: coverages, ran_code, mixed_code, numbered_paths.
WITH covered AS (
  SELECT coverages.coverage, ran_code.path_key
  FROM coverages
  INNER JOIN ran_code ON coverages.set_key = ran_code.set_key
  WHERE coverages.way = 'ran' AND coverages.sets = 1
  UNION ALL
  SELECT coverage, path_key FROM mixed_code
)

SELECT covered.coverage, numbered_paths.path_number
FROM covered
INNER JOIN numbered_paths ON covered.path_key = numbered_paths.path_key
