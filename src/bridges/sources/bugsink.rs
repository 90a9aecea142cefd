//! Bugsink: a tracker to run oneself, whose interface is Sentry's for events and its own for lists.

use serde_json::Value;

use super::web::Web;
use super::{Asked, Group, Listing, Told, Tracker, bearer, number_or_word, things};
use crate::formats::instant::instant;
use crate::model::failure::Failure;

/// The interface's root.
const ROOT: &str = "api/canonical/0";

/// Bugsink.
#[derive(Debug)]
pub(super) struct Bugsink;

impl Tracker for Bugsink {
    fn name(&self) -> &'static str {
        "bugsink"
    }

    fn variables(&self) -> &'static [&'static str] {
        &["BUGSINK_TOKEN"]
    }

    fn url(&self) -> Option<&'static str> {
        None
    }

    fn headers(&self, keys: &[String]) -> Vec<(&'static str, String)> {
        vec![bearer("Bearer", keys)]
    }

    fn list(&self, web: &Web, asked: &Asked, from: Option<&str>) -> Result<Listing, Failure> {
        let first = format!("{}/{ROOT}/issues/?project={}&sort=last_seen&order=desc", asked.url, asked.project);
        let answer = web.get(from.unwrap_or(&first))?;
        let groups = things(&answer.value, "results").iter().filter_map(group).collect();
        let next = answer.value.get("next").and_then(Value::as_str).map(str::to_owned);
        Ok(Listing { groups, next, unordered: false })
    }

    fn events(&self, web: &Web, asked: &Asked, group: &Group, after: &str) -> Result<Told, Failure> {
        let list = |order: &str| web.get(&format!("{}/{ROOT}/events/?issue={}&order={order}", asked.url, group.id));
        let newest = list("desc")?;
        let is_new = |event: &&Value| event.get("ingested_at").and_then(instant).is_none_or(|at| at.as_str() > after);
        let mut ids: Vec<String> =
            things(&newest.value, "results").iter().filter(is_new).filter_map(id).take(asked.most).collect();
        if group.first_seen.as_str() > after && group.count > ids.len() as u64 {
            let oldest = list("asc")?;
            ids.extend(things(&oldest.value, "results").first().and_then(id).filter(|oldest| !ids.contains(oldest)));
        }
        let mut told = Told::default();
        for id in ids {
            let answer = web.get(&format!("{}/{ROOT}/events/{id}/", asked.url))?;
            let place = format!("event {id}");
            match answer.value.get("data") {
                Some(event) => told.take(&answer.raw, event, &place, &group.id),
                None => told.decoded.refuse(place, "no data"),
            }
        }
        Ok(told)
    }
}

fn id(value: &Value) -> Option<String> {
    number_or_word(value.get("id")?)
}

fn group(value: &Value) -> Option<Group> {
    let time = |name: &str| value.get(name).and_then(instant);
    let last_seen = time("last_seen")?;
    Some(Group {
        id: id(value)?,
        first_seen: time("first_seen").unwrap_or_else(|| last_seen.clone()),
        last_seen,
        count: value.get("stored_event_count").and_then(Value::as_u64).unwrap_or(1),
        class: String::new(),
    })
}
