-- One row per set of edges of a coverage of several sets, or of what was only loaded.
-- Why: the few coverages of which code paths have to be looked for twice; where there are none, nothing has to be looked at.
-- Reads: coverages.
SELECT coverage, own_file, way, set_key FROM coverages WHERE sets > 1 OR way <> 'ran'
