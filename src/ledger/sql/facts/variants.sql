-- One row per variant.
-- Why: what a variant's digest stands for: interpreter, arguments, configuration, installed packages, as JSON.
-- Reads: raw_events.
SELECT
  id AS variant_id,
  MAX(inputs) AS inputs,
  MAX(configuration) AS configuration_path
FROM raw_events
WHERE v = 1 AND kind = 'variant'
GROUP BY id
