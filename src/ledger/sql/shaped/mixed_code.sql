-- One row per code path and coverage of several sets, or of what was only loaded.
-- Why: sets overlap, and loaded files are code paths of another name: only here a path has to be looked for twice.
-- Reads: mixed_coverages, mixed_reach, ran_code, touched_code, numbered_paths.
WITH reached_files AS (
  -- By set, before tests come in: many share one.
  SELECT DISTINCT mixed_reach.set_key, touched_code.file
  FROM mixed_reach
  INNER JOIN touched_code ON mixed_reach.reached_set_key = touched_code.set_key
),

loaded AS (
  SELECT DISTINCT
    mixed_coverages.coverage,
    reached_files.file,
    CASE WHEN mixed_coverages.way = 'whole' THEN '*' ELSE '<module>' END AS function
  FROM mixed_coverages
  INNER JOIN reached_files ON mixed_coverages.set_key = reached_files.set_key
  WHERE mixed_coverages.way <> 'ran' AND reached_files.file <> mixed_coverages.own_file
)

SELECT mixed_coverages.coverage, ran_code.path_key
FROM mixed_coverages
INNER JOIN ran_code ON mixed_coverages.set_key = ran_code.set_key
WHERE mixed_coverages.way = 'ran'
UNION
SELECT loaded.coverage, numbered_paths.path_key
FROM loaded
INNER JOIN numbered_paths ON loaded.file = numbered_paths.file AND loaded.function = numbered_paths.function
