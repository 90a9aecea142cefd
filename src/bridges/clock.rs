//! The only clock.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Now, as seconds since 1970-01-01 UTC.
#[must_use]
#[allow(clippy::disallowed_methods, reason = "this is the only clock")]
pub fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// `2026-11-21T05:00:00Z` for seconds since 1970.
#[must_use]
pub fn timestamp(at: Duration) -> String {
    let seconds = i64::try_from(at.as_secs()).unwrap_or(i64::MAX);
    jiff::Timestamp::from_second(seconds).map_or_else(|_| "1970-01-01T00:00:00Z".to_owned(), |t| t.to_string())
}

/// `2026-11-21T05:00:00.120000Z` for a time since 1970, always with six digits: what is earlier is less as text.
#[must_use]
pub fn precise_timestamp(at: Duration) -> String {
    let microseconds = i64::try_from(at.as_micros()).unwrap_or(i64::MAX);
    jiff::Timestamp::from_microsecond(microseconds)
        .map_or_else(|_| timestamp(at), |t| t.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string())
}

/// Seconds since 1970 of a time as RFC 3339 writes it; `None` for another text.
#[must_use]
pub fn seconds_of(text: &str) -> Option<i64> {
    text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_second)
}

/// A new id that sorts by time.
#[must_use]
pub fn new_run_id(at: Duration) -> String {
    ulid::Ulid::from_datetime(UNIX_EPOCH + at).to_string()
}

/// The time that is in an id of [`new_run_id`]; `None` for another text.
#[must_use]
pub fn time_of_run(id: &str) -> Option<Duration> {
    let id = ulid::Ulid::from_string(id).ok()?;
    Some(Duration::from_millis(id.timestamp_ms()))
}

/// Measures how long something takes.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts measuring.
    #[must_use]
    #[allow(clippy::disallowed_methods, reason = "this is the only clock")]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Seconds since the start.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }
}
