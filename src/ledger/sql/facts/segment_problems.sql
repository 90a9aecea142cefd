-- One row per segment that could not be read whole.
-- Why: unreadable lines are left out of every other view, never silently. Lines of a newer format count as `newer_lines`.
-- Reads: segments, raw_runs, live_outcomes, raw_decisions, live_edges, raw_events, live_changes, live_sightings, raw_guards.
WITH lines AS (
  SELECT segment, v FROM raw_runs
  UNION ALL
  SELECT segment, v FROM live_outcomes
  UNION ALL
  SELECT segment, v FROM raw_decisions
  UNION ALL
  SELECT segment, v FROM live_edges
  UNION ALL
  SELECT segment, v FROM raw_events
  UNION ALL
  SELECT segment, v FROM live_changes
  UNION ALL
  SELECT segment, v FROM live_sightings
  UNION ALL
  SELECT segment, v FROM raw_guards
),

counted AS (
  SELECT
    segment,
    COUNT(*) AS lines,
    SUM(CASE WHEN v IS NULL THEN 1 ELSE 0 END) AS unreadable_lines,
    SUM(CASE WHEN v <> 1 THEN 1 ELSE 0 END) AS newer_lines
  FROM lines
  GROUP BY segment
),

judged AS (
  SELECT
    segments.segment,
    segments.kind,
    segments.trouble,
    segments.lines_written,
    CAST(COALESCE(counted.lines, 0) AS BIGINT) AS lines,
    CAST(COALESCE(counted.unreadable_lines, 0) AS BIGINT) AS unreadable_lines,
    CAST(COALESCE(counted.newer_lines, 0) AS BIGINT) AS newer_lines
  FROM segments
  LEFT JOIN counted ON segments.segment = counted.segment
)

SELECT
  segment,
  kind,
  CASE
    WHEN trouble IS NOT NULL THEN trouble
    WHEN lines < lines_written THEN 'lines are missing at its end'
    WHEN lines = 0 THEN 'nothing in it could be read'
    WHEN unreadable_lines > 0 THEN 'some lines are not JSON objects of this format'
    ELSE 'some lines are of a newer format'
  END AS problem,
  lines_written,
  lines,
  unreadable_lines,
  newer_lines
FROM judged
WHERE trouble IS NOT NULL OR lines < lines_written OR lines = 0 OR unreadable_lines > 0 OR newer_lines > 0
