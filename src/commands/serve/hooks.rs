//! Webhooks: signed over the bytes as they came, not old, each once.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;

use super::house::Refusal;
use super::keys::Keys;
use super::look::word;
use crate::bridges::clock;
use crate::bridges::door::Head;
use crate::settings::serve::is_id;

/// Older ones are refused, and those from further ahead.
const OLDEST: i64 = 5 * 60;
/// So many ids are remembered. Beyond that, and after a restart, the ledger still counts every event once.
const REMEMBERED: usize = 10_000;

/// Which ones came already.
#[derive(Debug, Default)]
pub(super) struct Hooks(Mutex<(BTreeSet<String>, VecDeque<String>)>);

impl Hooks {
    /// Checks a webhook: its id and its project, or `None` if there is nothing in it to be kept.
    pub(super) fn check(
        &self,
        keys: &Keys,
        head: &Head,
        kind: &'static str,
        body: &[u8],
        now: Duration,
    ) -> Result<Option<(String, String)>, Refusal> {
        let is_sentry = kind == "sentry";
        let given = head.header(if is_sentry { "sentry-hook-signature" } else { "x-pagerduty-signature" });
        let given = given.unwrap_or_default().split(',').map(str::trim);
        // PagerDuty names the version of each signature, Sentry has but one.
        let given = given.filter_map(|one| if is_sentry { Some(one) } else { one.strip_prefix("v1=") });
        if !keys.signed(kind, body, given) {
            return Err(("signature", 401, "the signature is not that of this body"));
        }
        let told: Value = serde_json::from_slice(body).map_err(|_| ("json", 400, "the body is not JSON"))?;
        let at = if is_sentry { head.header("sentry-hook-timestamp").and_then(of_text) } else { of_page(&told) };
        let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        if at.is_none_or(|at| (now - at).abs() > OLDEST) {
            return Err(("stale", 401, "the webhook says no time, or one that is more than 5 minutes from now"));
        }
        let text = |pointer: &str| told.pointer(pointer).and_then(Value::as_str);
        let id = word(if is_sentry { head.header("request-id") } else { text("/event/id") });
        if self.is_known(kind, &id) {
            return Ok(None);
        }
        if !is_sentry {
            return Ok(Some((id, String::new())));
        }
        let event = told.pointer("/data/event").or_else(|| told.pointer("/data/error"));
        let project = event.and_then(|event| event.get("project")).map(|project| match project {
            Value::String(text) => text.clone(),
            other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                other.to_string()
            }
        });
        Ok(event.map(|_| (id, project.filter(|project| is_id(project)).unwrap_or_default())))
    }

    /// Remembers one that was kept.
    pub(super) fn known(&self, kind: &str, id: &str) {
        if id.is_empty() {
            return;
        }
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (ids, order) = &mut *all;
        let id = format!("{kind} {id}");
        if ids.insert(id.clone()) {
            order.push_back(id);
        }
        if order.len() > REMEMBERED
            && let Some(oldest) = order.pop_front()
        {
            ids.remove(&oldest);
        }
    }

    fn is_known(&self, kind: &str, id: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0.contains(&format!("{kind} {id}"))
    }
}

/// Seconds since 1970, or thousandths of them, or a time in text.
fn of_text(text: &str) -> Option<i64> {
    match text.trim().parse::<i64>() {
        Ok(number) if number > 100_000_000_000 => Some(number / 1000),
        Ok(number) => Some(number),
        Err(_) => clock::seconds_of(text.trim()),
    }
}

/// When what the page tells of happened: the only time in what is signed.
fn of_page(told: &Value) -> Option<i64> {
    clock::seconds_of(told.pointer("/event/occurred_at")?.as_str()?)
}
