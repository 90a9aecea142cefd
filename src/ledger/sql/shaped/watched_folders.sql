-- One row per folder of the repository that a source of production errors watches well enough.
-- Why: absence of faults counts only where somebody has been listening; the empty folder is the whole repository. A source without a service speaks for all of it; a service that policy does not map speaks for nothing.
-- Reads: source_health, services, thresholds, clock.
WITH numbers AS (
  SELECT
    MAX(CASE WHEN name = 'watched_days' THEN value END) AS watched_days,
    MAX(CASE WHEN name = 'behind_days' THEN value END) AS behind_days,
    MAX(CASE WHEN name = 'mapped_percent' THEN value END) AS mapped_percent
  FROM thresholds
)

SELECT DISTINCT CASE WHEN source_health.service = '' THEN '' ELSE services.folder END AS folder
FROM source_health
CROSS JOIN clock
CROSS JOIN numbers
LEFT JOIN services ON source_health.service = services.service
WHERE
  (source_health.service = '' OR services.folder IS NOT NULL)
  AND DATE_DIFF('second', source_health.observed_since, DATE_TRUNC('day', clock.as_of)) >= numbers.watched_days * 86400
  AND DATE_DIFF('second', source_health.observed_to, DATE_TRUNC('day', clock.as_of)) < numbers.behind_days * 86400
  AND source_health.mapped_basis_points >= numbers.mapped_percent * 100
