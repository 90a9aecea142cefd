//! Sentry: issues of a project and their events, page by page as the `Link` header says.

use serde_json::Value;

use super::web::Web;
use super::{Asked, Group, Listing, Told, Tracker, bearer, number_or_word, things};
use crate::formats::instant::instant;
use crate::model::failure::Failure;

/// Sentry.
#[derive(Debug)]
pub(super) struct Sentry;

impl Tracker for Sentry {
    fn name(&self) -> &'static str {
        "sentry"
    }

    fn variables(&self) -> &'static [&'static str] {
        &["SENTRY_AUTH_TOKEN"]
    }

    fn url(&self) -> Option<&'static str> {
        Some("https://sentry.io")
    }

    fn headers(&self, keys: &[String]) -> Vec<(&'static str, String)> {
        vec![bearer("Bearer", keys)]
    }

    fn list(&self, web: &Web, asked: &Asked, from: Option<&str>) -> Result<Listing, Failure> {
        if asked.organization.is_empty() {
            return Err(
                Failure::usage("Sentry's projects belong to organizations").hint("name it: --organization NAME")
            );
        }
        let Asked { url, organization, project, .. } = asked;
        // Without a query of its own Sentry lists only what is unresolved.
        let first =
            format!("{url}/api/0/projects/{organization}/{project}/issues/?query=&statsPeriod=&sort=date&limit=100");
        let answer = web.get(from.unwrap_or(&first))?;
        Ok(Listing {
            groups: things(&answer.value, "").iter().filter_map(group).collect(),
            next: answer.next,
            unordered: false,
        })
    }

    fn events(&self, web: &Web, asked: &Asked, group: &Group, after: &str) -> Result<Told, Failure> {
        let issue = format!("{}/api/0/organizations/{}/issues/{}/events", asked.url, asked.organization, group.id);
        let newest = web.get(&format!("{issue}/?full=true"))?;
        let is_new = |event: &&Value| received(event).is_none_or(|at| at.as_str() > after);
        let chosen: Vec<&Value> = things(&newest.value, "").iter().filter(is_new).take(asked.most).collect();
        let mut told = Told::default();
        for event in &chosen {
            told.take(event.to_string().as_bytes(), event, &format!("an event of issue {}", group.id), &group.id);
        }
        if group.first_seen.as_str() > after && group.count > chosen.len() as u64 {
            let oldest = web.get(&format!("{issue}/oldest/"))?;
            told.take(&oldest.raw, &oldest.value, &format!("the oldest event of issue {}", group.id), &group.id);
        }
        Ok(told)
    }
}

fn received(event: &Value) -> Option<String> {
    event.get("dateReceived").and_then(instant).or_else(|| event.get("dateCreated").and_then(instant))
}

fn group(value: &Value) -> Option<Group> {
    let time = |name: &str| value.get(name).and_then(instant);
    let last_seen = time("lastSeen")?;
    let id = number_or_word(value.get("id")?)?;
    let count = value.get("count").and_then(|count| count.as_u64().or_else(|| count.as_str()?.parse().ok()));
    Some(Group {
        id,
        first_seen: time("firstSeen").unwrap_or_else(|| last_seen.clone()),
        last_seen,
        count: count.unwrap_or(1),
        class: String::new(),
    })
}
