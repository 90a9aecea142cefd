-- One row per code path and coverage of several sets, or of what was only loaded.
-- Why: sets overlap, and loaded files are code paths of another name: only here a path has to be looked for twice.
-- Reads: coverages, ran_code, inclusions, touched_code, code_paths.
WITH RECURSIVE reached AS (
  SELECT set_key, set_key AS reached_set_key FROM coverages WHERE way <> 'ran'
  UNION
  SELECT reached.set_key, inclusions.included_set_key AS reached_set_key
  FROM reached
  INNER JOIN inclusions ON reached.reached_set_key = inclusions.set_key
),

-- By set, before tests come in: many share one.
reached_files AS (
  SELECT DISTINCT reached.set_key, touched_code.file
  FROM reached
  INNER JOIN touched_code ON reached.reached_set_key = touched_code.set_key
),

loaded AS (
  SELECT DISTINCT
    coverages.coverage,
    reached_files.file,
    CASE WHEN coverages.way = 'whole' THEN '*' ELSE '<module>' END AS function
  FROM coverages
  INNER JOIN reached_files ON coverages.set_key = reached_files.set_key
  WHERE coverages.way <> 'ran' AND reached_files.file <> coverages.own_file
)

SELECT coverages.coverage, ran_code.path_key
FROM coverages
INNER JOIN ran_code ON coverages.set_key = ran_code.set_key
WHERE coverages.way = 'ran' AND coverages.sets > 1
UNION
SELECT loaded.coverage, code_paths.path_key
FROM loaded
INNER JOIN code_paths ON loaded.file = code_paths.file AND loaded.function = code_paths.function
