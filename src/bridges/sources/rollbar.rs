//! Rollbar: items of a project and their occurrences, by numbered pages.

use serde_json::Value;

use super::web::Web;
use super::{Asked, Group, Listing, Told, Tracker, number_or_word};
use crate::formats::instant::instant;
use crate::formats::rollbar_event::occurrence;
use crate::model::failure::Failure;

/// Rollbar.
#[derive(Debug)]
pub(super) struct Rollbar;

impl Tracker for Rollbar {
    fn name(&self) -> &'static str {
        "rollbar"
    }

    fn variables(&self) -> &'static [&'static str] {
        &["ROLLBAR_ACCESS_TOKEN"]
    }

    fn url(&self) -> Option<&'static str> {
        Some("https://api.rollbar.com")
    }

    fn headers(&self, keys: &[String]) -> Vec<(&'static str, String)> {
        vec![("x-rollbar-access-token", keys.concat())]
    }

    fn list(&self, web: &Web, asked: &Asked, from: Option<&str>) -> Result<Listing, Failure> {
        let page: u32 = from.and_then(|page| page.parse().ok()).unwrap_or(1);
        let answer = web.get(&format!("{}/api/1/items/?page={page}", asked.url))?;
        let items = list(&answer.value, "items");
        // The order is not promised, so every page is looked at: the last one is empty.
        let next = (!items.is_empty()).then(|| (page + 1).to_string());
        Ok(Listing { groups: items.iter().filter_map(group).collect(), next, unordered: true })
    }

    fn events(&self, web: &Web, asked: &Asked, group: &Group, after: &str) -> Result<Told, Failure> {
        let answer = web.get(&format!("{}/api/1/item/{}/instances/?page=1", asked.url, group.id))?;
        let is_new = |event: &&Value| event.get("timestamp").and_then(instant).is_none_or(|at| at.as_str() > after);
        let mut told = Told::default();
        for event in list(&answer.value, "instances").iter().filter(is_new).take(asked.most) {
            told.take_held(event, occurrence(event), &format!("an occurrence of item {}", group.id), &group.id);
        }
        Ok(told)
    }
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value
        .get("result")
        .and_then(|result| result.get(name))
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default()
}

fn group(value: &Value) -> Option<Group> {
    let time = |name: &str| value.get(name).and_then(instant);
    let last_seen = time("last_occurrence_timestamp")?;
    let first_seen = time("first_occurrence_timestamp").unwrap_or_else(|| last_seen.clone());
    let count = value.get("total_occurrences").and_then(Value::as_u64).unwrap_or(1);
    Some(Group { id: number_or_word(value.get("id")?)?, first_seen, last_seen, count, class: String::new() })
}
