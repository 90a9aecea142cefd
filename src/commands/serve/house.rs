//! What the door asks before it lets anything in, and what it answers.

use std::sync::Arc;

use super::hooks::Hooks;
use super::keys::{HOOKS, Keys};
use super::look;
use super::pages::Pages;
use super::routes::{Route, is_own, is_own_origin};
use super::told::Told;
use crate::bridges::door::journal::Journal;
use crate::bridges::door::{Answer, Fate, Greeting, Head, House, Look};
use crate::formats::journal_v1::Header;

/// After so many seconds OpenTelemetry's senders come again.
const SOON: &str = "5";
/// And after so many where the disk fails.
const LATER: &str = "30";

/// A browser runs and loads nothing but what is in the page, and speaks with nobody but this server.
const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Who lives behind the door.
#[derive(Debug)]
pub(super) struct Receiver {
    pub(super) keys: Keys,
    pub(super) pages: Pages,
    pub(super) told: Arc<Told>,
    pub(super) hooks: Hooks,
    pub(super) journal: Journal,
}

/// A refusal: its code, its status, its sentence.
pub(super) type Refusal = (&'static str, u16, &'static str);

impl Receiver {
    /// Refuses, counts and says so.
    pub(super) fn refuse(&self, (code, status, why): Refusal) -> Answer {
        self.told.refused(code, why);
        let mut answer = plain(status, &serde_json::json!({ "detail": why }));
        if status == 401 {
            answer.headers.push(("www-authenticate", "Basic realm=\"titer\", charset=\"UTF-8\"".to_owned()));
        }
        answer
    }

    fn accept(&self, route: Route<'_>) {
        *self.told.seen().accepted.entry(route.door()).or_default() += 1;
    }

    /// What stands in the way of any request.
    fn barrier(&self, head: &Head) -> Option<Refusal> {
        if !self.keys.is_open() {
            return None;
        }
        // Without a token, another site's page must not come in under a name of its own that leads here.
        if !head.header("host").is_some_and(is_own) {
            return Some(("host", 421, "without a token only this machine's own names are served"));
        }
        let is_foreign = head.header("origin").is_some_and(|origin| !is_own_origin(origin));
        (is_foreign && head.method == "POST").then_some(("origin", 403, "another site's page may not send here"))
    }

    fn knocking(&self, head: &Head, route: Route<'_>) -> Result<bool, Refusal> {
        match route {
            Route::Page | Route::Nothing | Route::Otherwise => Ok(false),
            Route::Sentry { kind, .. } => match look::key_of_head(head) {
                Some(key) if !self.keys.knows_key(&key) => Err(("key", 403, "the DSN's key is not this server's")),
                // An envelope may hold its DSN.
                None if kind == "store" && !self.keys.is_open() => Err(("key", 401, "there is no key")),
                _ => Ok(true),
            },
            Route::Otlp { .. } if self.keys.has_either(head) => Ok(false),
            Route::Otlp { .. } => {
                Err(("token", 401, "OpenTelemetry's exporters need the header `Authorization: Bearer KEY`"))
            }
            Route::Hook { kind } if self.keys.expects(kind) => Ok(false),
            Route::Hook { kind } => Err(if kind == HOOKS[0].0 {
                ("secret", 403, "there is no TITER_SENTRY_WEBHOOK_SECRET, so nothing can be checked")
            } else {
                ("secret", 403, "there is no TITER_PAGERDUTY_WEBHOOK_SECRET, so nothing can be checked")
            }),
        }
    }
}

impl House for Receiver {
    fn greet(&self, head: &Head) -> Greeting {
        if let Some(refusal) = self.barrier(head) {
            return Greeting::Answer(self.refuse(refusal));
        }
        let route = Route::of(head);
        match route {
            Route::Page if head.path == "/healthz" => Greeting::Answer(text(200, "open\n")),
            Route::Page if self.keys.has_token(head) => Greeting::Page,
            Route::Page => Greeting::Answer(self.refuse(("token", 401, "this needs the token"))),
            Route::Nothing => Greeting::Answer(self.refuse(("path", 404, "there is nothing under this address"))),
            Route::Otherwise => Greeting::Answer(self.refuse(("method", 405, "this address takes only POST"))),
            Route::Sentry { .. } | Route::Otlp { .. } | Route::Hook { .. } => match self.knocking(head, route) {
                Ok(is_patient) => Greeting::Body { is_patient },
                Err(refusal) => Greeting::Answer(self.refuse(refusal)),
            },
        }
    }

    fn page(&self, head: &Head) -> Answer {
        let mut seen = self.told.seen().clone();
        seen.spool_bytes = self.journal.used();
        let mut answer = match self.pages.get(&head.path, &seen) {
            None => text(404, "there is no such page\n"),
            Some(Err(failure)) => {
                self.told.say("page", &format!("{} cannot be shown: {failure}", head.path));
                text(500, &format!("{failure}\n"))
            }
            Some(Ok(page)) => {
                let is_known =
                    |known: &str| known.split(',').any(|one| one.trim().trim_start_matches("W/") == page.tag);
                let is_same = !page.tag.is_empty() && head.header("if-none-match").is_some_and(is_known);
                let mut headers = vec![("content-type", page.kind.to_owned())];
                if !page.tag.is_empty() {
                    headers.push(("etag", page.tag));
                }
                if is_same {
                    Answer { status: 304, headers, body: Vec::new() }
                } else {
                    Answer { status: 200, headers, body: page.body }
                }
            }
        };
        let also = [
            ("content-security-policy", POLICY),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-cache"),
        ];
        answer.headers.extend(also.map(|(name, value)| (name, value.to_owned())));
        answer
    }

    fn look(&self, head: &Head, body: &[u8]) -> Look {
        let route = Route::of(head);
        match look::look(self, head, route, body) {
            Ok(Some(header)) => Look::Keep(header),
            Ok(None) => {
                self.accept(route);
                Look::Answer(done(head, route, ""))
            }
            Err(refusal) => Look::Answer(self.refuse(refusal)),
        }
    }

    fn timed_out(&self) {
        self.told.refused("head", "the head of a request does not come");
    }

    fn answer(&self, head: &Head, header: Option<&Header>, fate: Fate) -> Answer {
        let route = Route::of(head);
        let id = header.map_or("", |header| header.id.as_str());
        match fate {
            Fate::Kept => {
                self.accept(route);
                if let Route::Hook { kind } = route {
                    self.hooks.known(kind, id);
                }
                return done(head, route, id);
            }
            Fate::TooLarge => return self.refuse(("large", 413, "the body is larger than 20 MiB")),
            Fate::TooSlow => return self.refuse(("slow", 408, "the body does not come")),
            Fate::Broken => return self.refuse(("broken", 400, "the body broke off")),
            Fate::NoRoom | Fate::Crowded | Fate::Failed => {}
        }
        let why = match fate {
            Fate::Failed => "the disk does not take it",
            Fate::Crowded => "too many bodies are under way",
            Fate::NoRoom | Fate::Kept | Fate::TooLarge | Fate::TooSlow | Fate::Broken => {
                "what came in before is not read yet: see spool_mb under [serve] in titer.toml"
            }
        };
        if let Route::Sentry { .. } = route {
            // Sentry's SDKs do not come again, and stop sending for a while where they are told off.
            self.told.seen().dropped += 1;
            self.told.say("dropped", &format!("an event is dropped: {why}"));
            return done(head, route, id);
        }
        let (status, wait) = match (fate, route) {
            (Fate::Failed, _) => (503, LATER),
            (_, Route::Otlp { .. }) => (429, SOON),
            _ => (503, SOON),
        };
        let mut answer = self.refuse((if fate == Fate::Failed { "disk" } else { "full" }, status, why));
        answer.headers.push(("retry-after", wait.to_owned()));
        answer
    }
}

/// What senders are told when all is well, as each of them wants it.
fn done(head: &Head, route: Route<'_>, id: &str) -> Answer {
    match route {
        Route::Sentry { .. } => plain(200, &serde_json::json!({ "id": id })),
        Route::Otlp { .. } if head.header("content-type").is_some_and(|kind| kind.contains("json")) => {
            plain(200, &serde_json::json!({}))
        }
        // An answer without members is no bytes.
        Route::Otlp { .. } => Answer {
            status: 200,
            headers: vec![("content-type", "application/x-protobuf".to_owned())],
            body: Vec::new(),
        },
        Route::Hook { .. } | Route::Page | Route::Nothing | Route::Otherwise => plain(200, &serde_json::json!({})),
    }
}

fn plain(status: u16, value: &serde_json::Value) -> Answer {
    let headers = vec![("content-type", "application/json".to_owned())];
    Answer { status, headers, body: format!("{value}\n").into_bytes() }
}

fn text(status: u16, text: &str) -> Answer {
    let headers = vec![("content-type", "text/plain; charset=utf-8".to_owned())];
    Answer { status, headers, body: text.as_bytes().to_vec() }
}
