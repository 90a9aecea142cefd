//! Trackers that nobody can start at home, by pages in the shape that their public interfaces document: what is asked of them, in which order,
//! and what becomes of the answers.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails, and it starts programs"
)]

mod support;

use std::io::Write;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread::spawn;

use serde_json::{Value, json};
use support::Repository;
use support::shop::{rows, shop};
use support::tracker::head_of;

/// Serves pages by the beginning of what is asked; what is asked with its headers, and nothing else, is kept.
struct Pages {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Pages {
    fn serve(pages: impl Fn(u16) -> Vec<(&'static str, String, Value)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let pages = pages(port);
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        spawn(move || {
            for mut client in listener.incoming().flatten() {
                let head = head_of(&mut client);
                let line = head.lines().next().unwrap_or_default().to_owned();
                let page = pages.iter().find(|(start, _, _)| line.starts_with(start));
                let (status, headers, body) = match page {
                    Some((_, headers, body)) => ("200 OK", headers.clone(), body.to_string()),
                    None => ("404 Not Found", String::new(), "{}".to_owned()),
                };
                seen.lock().unwrap().push(head);
                let head = format!(
                    "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n{headers}\r\n",
                    body.len()
                );
                let _ = client.write_all(format!("{head}{body}").as_bytes());
            }
        });
        Self { port, asked }
    }

    fn asked(&self) -> Vec<String> {
        let asked = std::mem::take(&mut *self.asked.lock().unwrap());
        asked.iter().map(|head| head.lines().next().unwrap().to_owned()).collect()
    }
}

fn learn(repository: &mut Repository, tracker: &str, variable: &str, port: u16, more: &[&str]) -> String {
    repository.variables.insert(variable.to_owned(), "the-token".to_owned());
    let url = format!("http://127.0.0.1:{port}");
    let told = repository.titer(&[&["learn", tracker, "--url", &url], more].concat());
    assert_eq!(told.code, Some(0), "{}{}", told.stdout, told.stderr);
    told.stdout
}

fn sentry_event(id: &str, at: &str) -> Value {
    let frame = json!({"filename":"shop/billing.py","absPath":"/srv/shop/shop/billing.py","module":"shop.billing","function":"price","lineNo":16,
        "colNo":null,"inApp":true,"context":[[15,"    try:"],[16,"        return PRICES[item]"],[17,"    except KeyError as missing:"]],"vars":{"item":"'plum'"}});
    json!({"id":id,"eventID":id,"groupID":"7","projectID":"3","dateCreated":at,"dateReceived":at,"platform":"python","type":"error",
        "release":{"version":"shop@1.4.0"},"user":{"id":"user-42"},"tags":[{"key":"environment","value":"production"},{"key":"level","value":"error"}],
        "entries":[{"type":"exception","data":{"values":[{"type":"KeyError","value":"'plum'","stacktrace":{"frames":[frame]}}]}}]})
}

#[test]
fn sentry_is_asked_page_by_page_as_its_link_header_says_and_only_for_what_is_new() {
    let issue = |id: &str, last: &str, count: &str| json!({"id":id,"shortId":"SHOP-1","firstSeen":"2026-09-01T00:00:00Z","lastSeen":last,"count":count});
    let pages = Pages::serve(|port| {
        let at = |page: u8| format!("http://127.0.0.1:{port}/api/0/projects/acme/shop/issues/?cursor={page}");
        let link = |page: u8, results: &str| {
            format!(
                "Link: <{}>; rel=\"previous\"; results=\"false\"; cursor=\"0\", <{}>; rel=\"next\"; results=\"{results}\"; cursor=\"{page}\"\r\n",
                at(0),
                at(page)
            )
        };
        vec![
            (
                "GET /api/0/projects/acme/shop/issues/?query=",
                link(1, "true"),
                json!([issue("9", "2026-10-02T00:00:00Z", "3")]),
            ),
            (
                "GET /api/0/projects/acme/shop/issues/?cursor=1",
                link(2, "false"),
                json!([issue("7", "2026-10-01T00:00:00Z", "1")]),
            ),
            (
                "GET /api/0/organizations/acme/issues/9/events/?full=true",
                String::new(),
                json!([sentry_event("a1", "2026-10-02T00:00:00Z")]),
            ),
            (
                "GET /api/0/organizations/acme/issues/9/events/oldest/",
                String::new(),
                sentry_event("a0", "2026-09-01T00:00:00Z"),
            ),
            (
                "GET /api/0/organizations/acme/issues/7/events/?full=true",
                String::new(),
                json!([sentry_event("b1", "2026-10-01T00:00:00Z"), {"id":"no event"}]),
            ),
        ]
    });
    let mut repository = shop();
    let arguments = ["--project", "shop", "--organization", "acme"];
    let said = learn(&mut repository, "sentry", "SENTRY_AUTH_TOKEN", pages.port, &arguments);
    assert!(said.contains("sentry shop: 3 sightings of 1 fault"), "{said}");
    assert!(pages.asked.lock().unwrap().iter().all(|head| head.contains("authorization: Bearer the-token")));
    let asked = pages.asked();
    assert_eq!(asked.len(), 5, "{asked:#?}");
    // The oldest first, so that the mark is true whenever it is broken off.
    assert!(asked[2].contains("issues/7/") && asked[3].contains("issues/9/"), "{asked:#?}");
    let seen = "SELECT event_id, issue_id, path, function_name, confidence, environment FROM sightings_once ORDER BY 1";
    let row = |event: &str, issue: &str| format!("{event} {issue} shop/billing.py price line production");
    assert_eq!(rows(&repository, seen), [row("a0", "9"), row("a1", "9"), row("b1", "7")]);
    let said = learn(&mut repository, "sentry", "SENTRY_AUTH_TOKEN", pages.port, &arguments);
    assert!(said.contains("0 sightings"), "{said}");
    assert!(pages.asked().iter().all(|asked| asked.contains("/issues/?")), "only lists are asked for again");
    assert_eq!(rows(&repository, "SELECT days_observed > 80 FROM source_health"), ["true"]);
    let told = repository.titer(&[
        "learn",
        "sentry",
        "--project",
        "shop",
        "--url",
        &format!("http://127.0.0.1:{}", pages.port),
    ]);
    assert!(told.code == Some(2) && told.stderr.contains("--organization"), "{}", told.stderr);
    let told = repository.titer(&["learn", "sentry", "--project", "../x", "--organization", "acme"]);
    assert!(told.code == Some(2) && told.stderr.contains("--project holds what no name"), "{}", told.stderr);
}
