//! Bugsnag (Insight Hub): errors of a project and their events, page by page as the `Link` header says.

use serde_json::Value;

use super::web::Web;
use super::{Asked, Group, Listing, Told, Tracker, bearer, number_or_word, things};
use crate::formats::bugsnag_event::event;
use crate::formats::instant::instant;
use crate::model::failure::Failure;

/// Bugsnag.
#[derive(Debug)]
pub(super) struct Bugsnag;

impl Tracker for Bugsnag {
    fn name(&self) -> &'static str {
        "bugsnag"
    }

    fn variables(&self) -> &'static [&'static str] {
        &["BUGSNAG_AUTH_TOKEN"]
    }

    fn url(&self) -> Option<&'static str> {
        Some("https://api.bugsnag.com")
    }

    fn headers(&self, keys: &[String]) -> Vec<(&'static str, String)> {
        // The first version of the interface has other pages.
        vec![bearer("token", keys), ("x-version", "2".to_owned())]
    }

    fn list(&self, web: &Web, asked: &Asked, from: Option<&str>) -> Result<Listing, Failure> {
        let first =
            format!("{}/projects/{}/errors?sort=last_seen&direction=desc&per_page=100", asked.url, asked.project);
        let answer = web.get(from.unwrap_or(&first))?;
        Ok(Listing {
            groups: things(&answer.value, "").iter().filter_map(group).collect(),
            next: answer.next,
            unordered: false,
        })
    }

    fn events(&self, web: &Web, asked: &Asked, group: &Group, after: &str) -> Result<Told, Failure> {
        let Asked { url, project, most, .. } = asked;
        let address =
            format!("{url}/projects/{project}/errors/{}/events?full_reports=true&per_page={}", group.id, most.min(&30));
        let answer = web.get(&address)?;
        let is_new = |event: &&Value| event.get("received_at").and_then(instant).is_none_or(|at| at.as_str() > after);
        let mut told = Told::default();
        for one in things(&answer.value, "").iter().filter(is_new).take(*most) {
            told.take_held(one, event(one), &format!("an event of error {}", group.id), &group.id);
        }
        Ok(told)
    }
}

fn group(value: &Value) -> Option<Group> {
    let time = |name: &str| value.get(name).and_then(instant);
    let last_seen = time("last_seen")?;
    let first_seen = time("first_seen").unwrap_or_else(|| last_seen.clone());
    let count = value.get("events").and_then(Value::as_u64).unwrap_or(1);
    Some(Group { id: number_or_word(value.get("id")?)?, first_seen, last_seen, count, class: String::new() })
}
