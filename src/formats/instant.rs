//! Times as sources of errors write them, in one spelling: RFC 3339 in UTC with six digits behind the second, so that what is earlier is
//! also less as text.

use std::time::Duration;

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
    // Nearly all times come in nearly the one spelling, and there are millions.
    if let Some(at) = nearly_spelled(text) {
        return Some(at);
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

/// Whether a time is surely written in the one spelling already.
pub(super) fn is_spelled(text: &str) -> bool {
    text.len() == "2026-11-21T05:00:00.000000Z".len() && plain_seconds(text).is_some()
}

/// `2026-11-21T05:00:00Z`, or with one to six digits behind the second, is only filled up; anything else is for a calendar.
fn nearly_spelled(text: &str) -> Option<String> {
    plain_seconds(text)?;
    let digits = text.get(19..text.len() - 1)?;
    let digits = digits.strip_prefix('.').unwrap_or(digits);
    let mut spelled = String::with_capacity(27);
    spelled.push_str(&text[..19]);
    spelled.push('.');
    spelled.push_str(digits);
    spelled.extend(std::iter::repeat_n('0', 6 - digits.len()));
    spelled.push('Z');
    Some(spelled)
}

/// Seconds since 1970 of a time that is written so, without a calendar's help.
fn plain_seconds(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let behind = bytes.get(19..)?;
    let fits = match behind {
        [b'Z'] => true,
        [b'.', digits @ .., b'Z'] => (1..=6).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    let signs = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if !fits || signs.iter().any(|&(at, sign)| bytes[at] != sign) {
        return None;
    }
    let number = |from: usize, to: usize| {
        bytes[from..to]
            .iter()
            .try_fold(0_i64, |all, byte| byte.is_ascii_digit().then(|| all * 10 + i64::from(byte - b'0')))
    };
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let longest = match month {
        2 => 28 + i64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1970..9999).contains(&year) || !(1..=longest).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    // Years are counted from March: then the leap day is the last one.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 719_469;
    Some(((days * 24 + hour) * 60 + minute) * 60 + second)
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

/// The time since 1970, in whole seconds, of a time as people and reports write it: `2026-11-21`, `2026-11-21T05:00:00`,
/// `2026-11-21 05:00:00.5+01:00`. Without an offset it is UTC; a number alone is none, it may be a year.
#[must_use]
pub fn read(text: &str) -> Option<Duration> {
    let text = Some(text).filter(|text| text.trim().parse::<f64>().is_err())?;
    u64::try_from(seconds(&of_text(text)?)?).ok().map(Duration::from_secs)
}

/// Seconds since 1970 of a time in the one spelling.
#[must_use]
pub fn seconds(at: &str) -> Option<i64> {
    plain_seconds(at).or_else(|| at.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_second))
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
    fn what_is_read_without_a_calendar_is_what_a_calendar_reads() {
        let days = ["1970-01-01", "2000-02-29", "2026-03-01", "2026-12-31", "2100-02-28", "9998-12-31", "2024-02-29"];
        for at in days
            .iter()
            .flat_map(|day| ["00:00:00Z", "23:59:59.9Z", "12:34:56.123456Z"].map(|time| format!("{day}T{time}")))
        {
            let calendar: jiff::Timestamp = at.parse().unwrap();
            assert_eq!(plain_seconds(&at), Some(calendar.as_second()), "{at}");
            assert_eq!(of_text(&at), spelled(calendar), "{at}");
            assert_eq!(is_spelled(&at), spelled(calendar) == Some(at.clone()), "{at}");
        }
        for at in [
            "2026-02-29T00:00:00Z",
            "2100-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-01-00T00:00:00Z",
            "1969-01-01T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:00:60Z",
            "2026-01-01 00:00:00Z",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00.1234567Z",
            "2026-01-01T00:00:00+00:00",
            "é026-01-01T00:00:00Z",
        ] {
            assert_eq!(plain_seconds(at), None, "{at}");
        }
    }

    #[test]
    fn times_are_read_as_people_and_reports_write_them() {
        for (text, wanted) in [
            ("2026-11-21", 1_795_219_200),
            ("2026-11-21T05:00:00", 1_795_237_200),
            ("2026-11-21T05:00:00Z", 1_795_237_200),
            (" 2026-11-21T05:00:00.083127+00:00", 1_795_237_200),
            ("2026-11-21 05:00:00.5+01:00", 1_795_233_600),
        ] {
            assert_eq!(read(text), Some(Duration::from_secs(wanted)), "{text}");
        }
        for text in ["", "yesterday", "2026-13-01", "21.11.2026", "1960-01-01", "2026", "1795237200"] {
            assert_eq!(read(text), None, "{text}");
        }
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
