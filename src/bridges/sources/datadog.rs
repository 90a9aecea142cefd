//! Datadog: issues of Error Tracking for the logs of a service, and the logs of each.
//!
//! Issues come a hundred at most and without a next page: where there are as many, the time that was asked for is halved, and each half is
//! asked for by itself. Logs have a next page.

use serde_json::{Value, json};

use super::web::Web;
use super::{Asked, Group, Listing, Told, Tracker, number_or_word, things};
use crate::formats::datadog_log::log;
use crate::formats::instant::{self, instant};
use crate::model::failure::Failure;

/// The most issues of one answer.
const MOST_ISSUES: usize = 100;
/// The most logs of one answer.
const MOST_LOGS: usize = 1000;
/// How far back the first question goes, in milliseconds: longer than logs are kept for nearly all.
const FIRST: i64 = 400 * 86_400 * 1000;
/// A shorter time is not halved.
const SHORTEST: i64 = 2000;

/// Datadog.
#[derive(Debug)]
pub(super) struct Datadog;

impl Tracker for Datadog {
    fn name(&self) -> &'static str {
        "datadog"
    }

    fn variables(&self) -> &'static [&'static str] {
        &["DD_API_KEY", "DD_APP_KEY"]
    }

    fn url(&self) -> Option<&'static str> {
        Some("https://api.datadoghq.com")
    }

    /// A site, `datadoghq.eu`, is enough.
    fn address(&self, given: &str) -> String {
        let given = given.trim_end_matches('/');
        if given.contains("://") { given.to_owned() } else { format!("https://api.{given}") }
    }

    fn headers(&self, keys: &[String]) -> Vec<(&'static str, String)> {
        ["dd-api-key", "dd-application-key"].into_iter().zip(keys.iter().cloned()).collect()
    }

    fn list(&self, web: &Web, asked: &Asked, from: Option<&str>) -> Result<Listing, Failure> {
        let end = milliseconds(&asked.now) + 1000;
        let begin = if asked.known.is_empty() { end - FIRST } else { milliseconds(&asked.known) };
        let mut times = from.map_or_else(|| vec![(begin, end)], times);
        let Some((from, to)) = times.pop() else { return Ok(Listing::default()) };
        let query = format!("service:{}", asked.project);
        let attributes = json!({"query": query, "from": from, "to": to, "track": "logs"});
        let body = json!({"data": {"type": "search_request", "attributes": attributes}});
        let address = format!("{}/api/v2/error-tracking/issues/search?include=issue", asked.url);
        let answer = web.post(&address, &body)?;
        let found = things(&answer.value, "data");
        if found.len() >= MOST_ISSUES && to - from > SHORTEST {
            let middle = from + (to - from) / 2;
            times.extend([(from, middle), (middle, to)]);
        }
        let issues = things(&answer.value, "included");
        let groups = found.iter().filter_map(|found| group(found, issues)).collect();
        Ok(Listing { groups, next: (!times.is_empty()).then(|| spelled(&times)), unordered: true })
    }

    fn events(&self, web: &Web, asked: &Asked, group: &Group, after: &str) -> Result<Told, Failure> {
        let address = format!("{}/api/v2/logs/events/search", asked.url);
        let since = if group.first_seen.as_str() > after { &group.first_seen } else { after };
        let ask = |sort: &str, limit: usize, cursor: Option<&str>| {
            let filter = json!({"query": format!("@issue.id:{}", group.id), "from": since, "to": asked.now});
            let mut page = json!({"limit": limit});
            if let Some(cursor) = cursor {
                page["cursor"] = json!(cursor);
            }
            web.post(&address, &json!({"filter": filter, "sort": sort, "page": page}))
        };
        let place = format!("a log of issue {}", group.id);
        let is_new = |one: &&Value| at(one).is_none_or(|at| at.as_str() > after);
        let (mut told, mut taken, mut cursor) = (Told::default(), 0, None::<String>);
        loop {
            let answer = ask("-timestamp", (asked.most - taken).min(MOST_LOGS), cursor.as_deref())?;
            let found = things(&answer.value, "data");
            for one in found.iter().filter(is_new).take(asked.most - taken) {
                told.take_held(one, log(one), &place, &group.id);
                taken += 1;
            }
            let next = answer.value.pointer("/meta/page/after").and_then(Value::as_str).map(str::to_owned);
            // A page that names itself as the next one would be asked for without end.
            if found.is_empty() || taken >= asked.most || next.is_none() || next == cursor {
                break;
            }
            cursor = next;
        }
        if group.first_seen.as_str() > after && group.count > taken as u64 {
            let answer = ask("timestamp", 1, None)?;
            for one in things(&answer.value, "data").iter().take(1) {
                told.take_held(one, log(one), &place, &group.id);
            }
        }
        Ok(told)
    }
}

fn at(log: &Value) -> Option<String> {
    instant(log.pointer("/attributes/timestamp")?)
}

fn milliseconds(at: &str) -> i64 {
    instant::seconds(at).unwrap_or(0) * 1000
}

/// `1-2,2-3`: times that are still to be asked for, the next one last.
fn spelled(times: &[(i64, i64)]) -> String {
    let times: Vec<String> = times.iter().map(|(from, to)| format!("{from}-{to}")).collect();
    times.join(",")
}

fn times(text: &str) -> Vec<(i64, i64)> {
    let time = |part: &str| part.split_once('-').and_then(|(from, to)| Some((from.parse().ok()?, to.parse().ok()?)));
    text.split(',').filter_map(time).collect()
}

/// What was found has the count, and the issue beside it the times.
fn group(found: &Value, issues: &[Value]) -> Option<Group> {
    let id = found.get("id")?;
    let issue = issues.iter().find(|issue| issue.get("id") == Some(id))?.get("attributes")?;
    let time = |name: &str| issue.get(name).and_then(instant);
    let last_seen = time("last_seen")?;
    Some(Group {
        id: number_or_word(id)?,
        first_seen: time("first_seen").unwrap_or_else(|| last_seen.clone()),
        last_seen,
        count: found.pointer("/attributes/total_count").and_then(Value::as_u64).unwrap_or(1),
        class: String::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_survive_being_written_and_a_site_is_an_address() {
        let some = [(1, 5), (5, 9)];
        assert_eq!(times(&spelled(&some)), some);
        for (given, whole) in [
            ("datadoghq.eu", "https://api.datadoghq.eu"),
            ("us3.datadoghq.com/", "https://api.us3.datadoghq.com"),
            ("http://127.0.0.1:9/", "http://127.0.0.1:9"),
        ] {
            assert_eq!(Datadog.address(given), whole);
        }
    }
}
