//! Honeybadger: faults of a project and their notices, page by page as each page says.

use serde_json::Value;

use super::web::Web;
use super::{Asked, Group, Listing, Told, Tracker, number_or_word, things};
use crate::formats::honeybadger_notice::notice;
use crate::formats::instant::instant;
use crate::model::failure::Failure;

/// Honeybadger.
#[derive(Debug)]
pub(super) struct Honeybadger;

impl Tracker for Honeybadger {
    fn name(&self) -> &'static str {
        "honeybadger"
    }

    fn variables(&self) -> &'static [&'static str] {
        &["HONEYBADGER_AUTH_TOKEN"]
    }

    fn url(&self) -> Option<&'static str> {
        Some("https://app.honeybadger.io")
    }

    fn headers(&self, keys: &[String]) -> Vec<(&'static str, String)> {
        // The token is the name, and there is no password.
        vec![("authorization", format!("Basic {}", base64(format!("{}:", keys.concat()).as_bytes())))]
    }

    fn list(&self, web: &Web, asked: &Asked, from: Option<&str>) -> Result<Listing, Failure> {
        let first = format!("{}/v2/projects/{}/faults?order=recent", asked.url, asked.project);
        let answer = web.get(from.unwrap_or(&first))?;
        let next = answer.value.get("links").and_then(|links| links.get("next")).and_then(Value::as_str);
        let groups = things(&answer.value, "results").iter().filter_map(group).collect();
        Ok(Listing { groups, next: next.map(str::to_owned), unordered: false })
    }

    fn events(&self, web: &Web, asked: &Asked, group: &Group, after: &str) -> Result<Told, Failure> {
        let address = format!("{}/v2/projects/{}/faults/{}/notices?limit=25", asked.url, asked.project, group.id);
        let answer = web.get(&address)?;
        let is_new = |event: &&Value| event.get("created_at").and_then(instant).is_none_or(|at| at.as_str() > after);
        let mut told = Told::default();
        for one in things(&answer.value, "results").iter().filter(is_new).take(asked.most) {
            told.take_held(one, notice(one, &group.class), &format!("a notice of fault {}", group.id), &group.id);
        }
        Ok(told)
    }
}

fn group(value: &Value) -> Option<Group> {
    let time = |name: &str| value.get(name).and_then(instant);
    let last_seen = time("last_notice_at")?;
    let first_seen = time("created_at").unwrap_or_else(|| last_seen.clone());
    let count = value.get("notices_count").and_then(Value::as_u64).unwrap_or(1);
    let class = value.get("klass").and_then(Value::as_str).unwrap_or_default().chars().take(200).collect();
    Some(Group { id: number_or_word(value.get("id")?)?, first_seen, last_seen, count, class })
}

/// A header is all that is ever written so here: not worth a dependency.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let bits =
            three.iter().enumerate().fold(0_usize, |bits, (at, byte)| bits | usize::from(*byte) << (16 - 8 * at));
        for at in 0..4 {
            let letter = char::from(LETTERS[bits >> (18 - 6 * at) & 63]);
            text.push(if at <= three.len() { letter } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_what_others_write() {
        for (text, expected) in [("", ""), ("a", "YQ=="), ("ab", "YWI="), ("abc", "YWJj"), ("token:", "dG9rZW46")] {
            assert_eq!(base64(text.as_bytes()), expected);
        }
    }
}
