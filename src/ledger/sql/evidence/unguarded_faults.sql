-- One row per fault of the repository's code that no injected guard stands for.
-- Why: what to draft next, by what it costs people: who was called, sightings, then users. A call is about the faults whose type it names with the beginning of their message, and which were seen within a day of it.
-- Reads: faults, sightings_once, drafts, guard_steps, pages, clock.
WITH guarded AS (
  SELECT DISTINCT fault_id
  FROM guard_steps
  CROSS JOIN clock
  WHERE step IN ('injected', 'proposed', 'settled') AND taken_at <= clock.as_of
),

tried AS (
  SELECT fault_id, COUNT(*) AS drafts, MAX(last_step_at) AS last_tried_at
  FROM drafts
  GROUP BY fault_id
),

called AS (
  SELECT faults.fault_id, COUNT(*) AS pages
  FROM faults
  CROSS JOIN clock
  INNER JOIN pages
    ON
      STRPOS(CONCAT(' ', REPLACE(pages.title, ':', ' '), ' '), CONCAT(' ', faults.error_type, ' ')) > 0
      AND STRPOS(pages.title, LEFT(faults.message, 40)) > 0
      AND ABS(DATE_DIFF('second', LEAST(GREATEST(pages.called_at, faults.first_seen_at), faults.last_seen_at), pages.called_at)) <= 86400
  WHERE faults.error_type <> '' AND pages.called_at <= clock.as_of
  GROUP BY faults.fault_id
),

told AS (
  SELECT fault_id, MIN(platform) AS platform
  FROM sightings_once
  GROUP BY fault_id
)

SELECT
  faults.fault_id,
  faults.error_type,
  faults.message,
  faults.path,
  faults.function_name,
  COALESCE(told.platform, '') AS platform,
  faults.first_seen_at,
  faults.last_seen_at,
  faults.sightings,
  faults.users,
  CAST(COALESCE(called.pages, 0) AS BIGINT) AS pages,
  CAST(COALESCE(tried.drafts, 0) AS BIGINT) AS drafts,
  tried.last_tried_at
FROM faults
LEFT JOIN guarded ON faults.fault_id = guarded.fault_id
LEFT JOIN tried ON faults.fault_id = tried.fault_id
LEFT JOIN called ON faults.fault_id = called.fault_id
LEFT JOIN told ON faults.fault_id = told.fault_id
WHERE guarded.fault_id IS NULL AND COALESCE(faults.path, '') <> ''
