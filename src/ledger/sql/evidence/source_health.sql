-- One row per source, project and service that errors were watched for with.
-- Why: silence is health only of a source that was listened to long enough and whose frames can be found.
-- Reads: observations, sightings_by_place, clock.
WITH watched AS (
  SELECT
    observations.source,
    observations.project,
    observations.service,
    MIN(observations.observed_since) AS observed_since,
    -- Nobody has watched the future.
    MAX(LEAST(observations.observed_to, clock.as_of)) AS observed_to
  FROM observations
  CROSS JOIN clock
  WHERE observations.observed_since <= clock.as_of
  GROUP BY observations.source, observations.project, observations.service
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
