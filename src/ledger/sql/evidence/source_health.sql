-- One row per source, project and service that errors were watched for with.
-- Why: silence is health only of a source that was listened to long enough without a break, and whose frames can be found. What was watched before a break of more than `behind_days` does not count.
-- Reads: observations, sightings_by_place, thresholds, clock.
WITH numbers AS (
  SELECT COALESCE(MAX(CASE WHEN name = 'behind_days' THEN value END), 8) AS behind_days
  FROM thresholds
),

periods AS (
  SELECT
    observations.source,
    observations.project,
    observations.service,
    observations.observed_since,
    -- Nobody has watched the future.
    LEAST(observations.observed_to, clock.as_of) AS observed_to
  FROM observations
  CROSS JOIN clock
  WHERE observations.observed_since <= clock.as_of
),

told AS (
  SELECT
    source,
    project,
    service,
    observed_since,
    observed_to,
    MAX(observed_to) OVER (
      PARTITION BY source, project, service
      ORDER BY observed_since ASC, observed_to ASC
      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS told_until
  FROM periods
),

-- Where the newest stretch without a break begins.
begun AS (
  SELECT told.source, told.project, told.service, MAX(told.observed_since) AS begun_at
  FROM told
  CROSS JOIN numbers
  WHERE told.told_until IS NULL OR DATE_DIFF('second', told.told_until, told.observed_since) > numbers.behind_days * 86400
  GROUP BY told.source, told.project, told.service
),

watched AS (
  SELECT
    periods.source,
    periods.project,
    periods.service,
    MIN(periods.observed_since) AS observed_since,
    MAX(periods.observed_to) AS observed_to
  FROM periods
  INNER JOIN begun
    ON periods.source = begun.source AND periods.project = begun.project AND periods.service = begun.service
  WHERE periods.observed_since >= begun.begun_at
  GROUP BY periods.source, periods.project, periods.service
),

counted AS (
  SELECT
    source,
    project,
    service,
    SUM(sightings) AS sightings,
    SUM(frames_in_repository) AS frames_in_repository,
    SUM(frames_mapped) AS frames_mapped
  FROM sightings_by_place
  GROUP BY source, project, service
)

SELECT
  watched.source,
  watched.project,
  watched.service,
  watched.observed_since,
  watched.observed_to,
  CAST(FLOOR(EXTRACT(EPOCH FROM (watched.observed_to - watched.observed_since)) / 86400) AS BIGINT) AS days_observed,
  CAST(COALESCE(counted.sightings, 0) AS BIGINT) AS sightings,
  CAST(COALESCE(counted.frames_in_repository, 0) AS BIGINT) AS frames_in_repository,
  CAST(COALESCE(counted.frames_mapped, 0) AS BIGINT) AS frames_mapped,
  -- A source that told of no frame has mapped all of them.
  CAST(
    CASE
      WHEN COALESCE(counted.frames_in_repository, 0) = 0 THEN 10000
      ELSE FLOOR(CAST(counted.frames_mapped * 10000 AS DECIMAL(38, 4)) / counted.frames_in_repository)
    END AS BIGINT
  ) AS mapped_basis_points
FROM watched
LEFT JOIN counted
  ON watched.source = counted.source AND watched.project = counted.project AND watched.service = counted.service
