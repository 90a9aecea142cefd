-- One row per code path in a file where nobody listens for faults.
-- Why: where everything is watched, no test has to be asked for it.
-- Reads: code_history.
SELECT path_number, file_number FROM code_history WHERE is_watched = 0
