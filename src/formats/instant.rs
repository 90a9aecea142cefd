//! Times as sources of errors write them, in one spelling: RFC 3339 in UTC with six digits behind the second, so that what is earlier is
//! also less as text.

use serde_json::Value;

/// A moment as text, seconds since 1970, or milliseconds or nanoseconds since then where the number is so large that it can be nothing
/// else; `None` if it is no time.
#[must_use]
pub fn instant(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => of_text(text),
        Value::Number(number) => number.as_i64().map_or_else(|| of_seconds(number.as_f64()?), of_integer),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A moment in nanoseconds since 1970; 0 is none.
#[must_use]
pub fn of_nanoseconds(nanoseconds: u64) -> Option<String> {
    let microseconds = i64::try_from(nanoseconds / 1000).ok()?;
    if nanoseconds == 0 { None } else { spelled(jiff::Timestamp::from_microsecond(microseconds).ok()?) }
}

/// A moment as text: RFC 3339 with or without a zone (then UTC), or a number.
#[must_use]
pub fn of_text(text: &str) -> Option<String> {
    let text = text.trim();
    if text.len() > 64 {
        return None;
    }
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return spelled(at);
    }
    // Python's `isoformat()` of a naive time, and days.
    let at = text.parse::<jiff::civil::DateTime>().ok().and_then(|at| at.to_zoned(jiff::tz::TimeZone::UTC).ok());
    match at {
        Some(at) => spelled(at.timestamp()),
        None => text.parse::<i64>().ok().map_or_else(|| of_seconds(text.parse::<f64>().ok()?), of_integer),
    }
}

fn of_integer(number: i64) -> Option<String> {
    // Seconds reach the year 5138 at 10^11, milliseconds at 10^14.
    let at = match number {
        ..=0 => return None,
        1..=99_999_999_999 => jiff::Timestamp::from_second(number),
        100_000_000_000..=99_999_999_999_999 => jiff::Timestamp::from_millisecond(number),
        100_000_000_000_000..=99_999_999_999_999_999 => jiff::Timestamp::from_microsecond(number),
        100_000_000_000_000_000.. => jiff::Timestamp::from_microsecond(number / 1000),
    };
    spelled(at.ok()?)
}

fn of_seconds(seconds: f64) -> Option<String> {
    if !(0.0..1e11).contains(&seconds) {
        return None;
    }
    #[allow(clippy::cast_possible_truncation, reason = "the range was looked at")]
    let microseconds = (seconds * 1e6).round() as i64;
    spelled(jiff::Timestamp::from_microsecond(microseconds).ok()?)
}

/// Times before 1970 or after 9999 are a mistake of whoever wrote them.
fn spelled(at: jiff::Timestamp) -> Option<String> {
    (at.as_second() >= 0).then(|| at.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string())
}

/// Seconds since 1970 of a time in the one spelling.
#[must_use]
pub fn seconds(at: &str) -> Option<i64> {
    at.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_second)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_spelling_of_a_time_is_the_same_time() {
        for value in [
            json!("2026-11-21T05:00:00Z"),
            json!("2026-11-21T06:00:00+01:00"),
            json!("2026-11-21T05:00:00"),
            json!("2026-11-21 05:00:00Z"),
            json!(1_795_237_200),
            json!(1_795_237_200.0),
            json!(1_795_237_200_000_i64),
            json!(1_795_237_200_000_000_i64),
            json!(1_795_237_200_000_000_000_i64),
            json!("1795237200"),
            json!("1795237200000000000"),
        ] {
            assert_eq!(instant(&value).as_deref(), Some("2026-11-21T05:00:00.000000Z"), "{value}");
        }
        assert_eq!(instant(&json!("2026-11-21T05:00:00.25Z")).as_deref(), Some("2026-11-21T05:00:00.250000Z"));
        assert_eq!(instant(&json!("2026-11-21")).as_deref(), Some("2026-11-21T00:00:00.000000Z"));
    }

    #[test]
    fn what_is_earlier_is_less_as_text() {
        let times =
            ["2026-11-21T05:00:00Z", "2026-11-21T05:00:00.5Z", "2026-11-21T05:00:00.51Z", "2026-11-21T05:00:01Z"];
        let spelled: Vec<_> = times.iter().map(|at| of_text(at)).collect();
        assert!(spelled.is_sorted() && spelled.iter().all(Option::is_some), "{spelled:?}");
    }

    #[test]
    fn what_is_no_time_is_none() {
        for value in [json!(null), json!(true), json!(""), json!("soon"), json!(-1), json!(0), json!(1e300), json!([])]
        {
            assert_eq!(instant(&value), None, "{value}");
        }
        assert_eq!(of_nanoseconds(0), None);
    }
}
