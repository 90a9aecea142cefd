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
use support::tracker::{body_of, head_of};

/// Serves pages by the beginning of what is asked; what is asked with its headers, and nothing else, is kept.
struct Pages {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Pages {
    fn serve(pages: impl Fn(u16) -> Vec<(&'static str, String, Value)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut pages = pages(port);
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        spawn(move || {
            for mut client in listener.incoming().flatten() {
                let head = head_of(&mut client);
                let asked = format!("{head}{}", body_of(&mut client, &head));
                let line = asked.lines().next().unwrap_or_default().to_owned();
                // A question in JSON is answered by what it asks; a page that is given once is gone then.
                let question = asked.rsplit("\r\n").next().unwrap_or_default().to_owned();
                let fits = |(start, _, _): &(&str, String, Value)| match start.strip_prefix("POST ") {
                    Some(words) => {
                        line.starts_with("POST ")
                            && words.split('&').all(|word| line.contains(word) || question.contains(word))
                    }
                    None => line.starts_with(start),
                };
                let page = pages.iter().position(fits);
                let (status, headers, body) = match page {
                    Some(at) if pages[at].1.contains("Reset") => {
                        ("429 Too Many Requests", pages.remove(at).1, String::new())
                    }
                    Some(at) if pages[at].1.contains("Once") => {
                        ("200 OK", String::new(), pages.remove(at).2.to_string())
                    }
                    Some(at) => ("200 OK", pages[at].1.clone(), pages[at].2.to_string()),
                    None => ("404 Not Found", String::new(), "{}".to_owned()),
                };
                seen.lock().unwrap().push(asked);
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

/// Learns the same project of a tracker twice: what is asked the first time, and that the second time only lists are.
#[track_caller]
fn learns(tracker: &str, variable: &str, header: &str, lists: &str, pages: &Pages, expected: &[&str]) {
    let mut repository = shop();
    let said = learn(&mut repository, tracker, variable, pages.port, &["--project", "42"]);
    assert!(said.contains(&format!("{tracker} 42: {} sightings of 1 fault", expected.len())), "{said}");
    assert!(
        pages.asked.lock().unwrap().iter().all(|head| head.to_lowercase().contains(header)),
        "{:#?}",
        pages.asked.lock().unwrap()
    );
    pages.asked();
    let seen = "SELECT event_id, issue_id, error_type, path, function_name, confidence, commit_confidence, environment FROM sightings_once ORDER BY 1";
    assert_eq!(rows(&repository, seen), expected);
    let people = "SELECT COUNT(DISTINCT user_hash) FROM sightings_once WHERE user_hash <> 'user-42'";
    assert_eq!(rows(&repository, people), ["1"]);
    let said = learn(&mut repository, tracker, variable, pages.port, &["--project", "42"]);
    assert!(said.contains("0 sightings"), "{said}");
    let asked = pages.asked();
    assert!(!asked.is_empty() && asked.iter().all(|asked| asked.starts_with(lists)), "{asked:#?}");
}

#[test]
fn rollbar_is_asked_for_all_pages_as_it_promises_no_order() {
    let item = |id: u32, last: u64| {
        json!({"id":id,"project_id":42,"counter":15,"environment":"production","level":"error","title":"LookupError: no price",
        "first_occurrence_timestamp":1_790_000_000,"last_occurrence_timestamp":last,"total_occurrences":1})
    };
    let occurrence = |id: u64, at: u64| {
        json!({"id":id,"project_id":42,"timestamp":at,"data":{"environment":"production","level":"error","language":"python",
        "code_version":"v1.4.0","person":{"id":"user-42"},"body":{"trace":{"exception":{"class":"LookupError","message":"no price for 'plum'"},"frames":[
            {"filename":"/srv/shop/shop/orders.py","lineno":9,"method":"checkout","code":"    return Invoice(order[\"items\"]).total()"},
            {"filename":"/srv/shop/shop/billing.py","lineno":16,"method":"price","code":"        return PRICES[item]","locals":{"item":"plum"}}]}}}})
    };
    let pages = Pages::serve(|_| {
        let page = |items: Value| json!({"err":0,"result":{"page":1,"items":items}});
        vec![
            ("GET /api/1/items/?page=1 ", String::new(), page(json!([item(7, 1_790_000_100)]))),
            ("GET /api/1/items/?page=2 ", String::new(), page(json!([item(9, 1_790_000_200)]))),
            ("GET /api/1/items/?page=3 ", String::new(), page(json!([]))),
            (
                "GET /api/1/item/7/instances/",
                String::new(),
                json!({"err":0,"result":{"instances":[occurrence(71, 1_790_000_100)]}}),
            ),
            (
                "GET /api/1/item/9/instances/",
                String::new(),
                json!({"err":0,"result":{"instances":[occurrence(91, 1_790_000_200)]}}),
            ),
        ]
    });
    let row = |ids: &str| format!("{ids} LookupError shop/billing.py price line tag production");
    let (first, second) = (row("71 7"), row("91 9"));
    learns(
        "rollbar",
        "ROLLBAR_ACCESS_TOKEN",
        "x-rollbar-access-token: the-token",
        "GET /api/1/items/",
        &pages,
        &[&first, &second],
    );
}

#[test]
fn bugsnag_has_the_newest_frame_first_and_the_lines_around_it_by_number() {
    let event = |id: &str, at: &str| {
        json!({"id":id,"received_at":at,"severity":"error","unhandled":true,"user":{"id":"user-42"},
        "app":{"version":"1.4.0","release_stage":"production"},"exceptions":[{"error_class":"RangeError","message":"no price","type":"nodejs","stacktrace":[
            {"file":"src/billing.js","line_number":7,"column_number":11,"method":"price","in_project":true,"code":{"6":"  if (!(item in PRICES)) {","7":"    throw new RangeError(`no price for ${item} of order 1234`);"}},
            {"file":"node_modules/express/lib/router.js","line_number":1,"method":"next","in_project":false}]}]})
    };
    let pages = Pages::serve(|_| {
        let error = json!([{"id":"5f","first_seen":"2026-09-01T00:00:00Z","last_seen":"2026-10-01T00:00:00Z","events":2,"error_class":"RangeError"}]);
        let events = json!([event("e2", "2026-10-01T00:00:00Z"), event("e1", "2026-09-01T00:00:00Z")]);
        vec![
            ("GET /projects/42/errors?sort=last_seen&direction=desc", String::new(), error),
            ("GET /projects/42/errors/5f/events?full_reports=true", String::new(), events),
        ]
    });
    let row = |id: &str| format!("{id} 5f RangeError src/billing.js <module> line tag production");
    let (first, second) = (row("e1"), row("e2"));
    learns(
        "bugsnag",
        "BUGSNAG_AUTH_TOKEN",
        "authorization: token the-token\r\nx-version: 2",
        "GET /projects/42/errors?",
        &pages,
        &[&first, &second],
    );
}

#[test]
fn honeybadger_says_the_sort_of_error_with_the_fault_and_the_next_page_with_each() {
    let fault = |id: u32, last: &str| json!({"id":id,"klass":"LookupError","message":"no price","created_at":"2026-09-01T00:00:00Z","last_notice_at":last,"notices_count":1});
    let notice = |id: &str, at: &str| {
        json!({"id":id,"created_at":at,"message":"LookupError: no price for 'plum'","environment_name":"production",
        "deploy":{"revision":"v1.4.0"},"request":{"context":{"user_id":"user-42"}},"backtrace":[
            {"number":"16","file":"[PROJECT_ROOT]/shop/billing.py","method":"price"},{"number":"9","file":"[PROJECT_ROOT]/shop/orders.py","method":"checkout"}]})
    };
    let pages = Pages::serve(|port| {
        let next = format!("http://127.0.0.1:{port}/v2/projects/42/faults?page=2");
        vec![
            (
                "GET /v2/projects/42/faults?order=recent",
                String::new(),
                json!({"results":[fault(9, "2026-10-02T00:00:00Z")],"links":{"next":next}}),
            ),
            (
                "GET /v2/projects/42/faults?page=2",
                String::new(),
                json!({"results":[fault(7, "2026-10-01T00:00:00Z")],"links":{}}),
            ),
            (
                "GET /v2/projects/42/faults/9/notices",
                String::new(),
                json!({"results":[notice("aa-9", "2026-10-02T00:00:00Z")]}),
            ),
            (
                "GET /v2/projects/42/faults/7/notices",
                String::new(),
                json!({"results":[notice("aa-7", "2026-10-01T00:00:00Z")]}),
            ),
        ]
    });
    let row = |ids: &str| format!("{ids} LookupError shop/billing.py price path tag production");
    let (first, second) = (row("aa7 7"), row("aa9 9"));
    // `the-token:` in base64.
    learns(
        "honeybadger",
        "HONEYBADGER_AUTH_TOKEN",
        "authorization: basic dghllxrva2vuog==",
        "GET /v2/projects/42/faults?",
        &pages,
        &[&first, &second],
    );
}

#[test]
fn datadog_is_asked_with_two_keys_and_for_all_pages_of_logs_and_says_itself_how_long_to_wait() {
    let issue = |id: String, last: i64| {
        let found = json!({"id":id,"type":"error_tracking_search_result","attributes":{"impacted_users":1,"total_count":3},
            "relationships":{"issue":{"data":{"id":id,"type":"issue"}}}});
        let seen = json!({"id":id,"type":"issue","attributes":{"error_type":"LookupError","error_message":"no price","first_seen":1_790_000_000_000_i64,
            "last_seen":last,"service":"shop","state":"OPEN"}});
        (found, seen)
    };
    let issues = |some: Vec<(Value, Value)>| {
        let (found, seen): (Vec<Value>, Vec<Value>) = some.into_iter().unzip();
        json!({"data":found,"included":seen})
    };
    let log = |id: &str, at: &str| {
        let stack = "Traceback (most recent call last):\n  File \"/srv/shop/shop/orders.py\", line 9, in checkout\n    return Invoice(order[\"items\"]).total()\n  \
                     File \"/srv/shop/shop/billing.py\", line 16, in price\n    return PRICES[item]\nLookupError: no price for 'plum'";
        json!({"id":id,"type":"log","attributes":{"service":"shop","status":"error","timestamp":at,"message":"no price for 'plum'",
            "tags":["env:production","version:1.4.0","source:python"],"attributes":{"usr":{"id":"user-42"},"issue":{"id":"x"},
            "error":{"kind":"LookupError","message":"no price for 'plum'","stack":stack}}}})
    };
    let pages = Pages::serve(|_| {
        let some = issue("0a-1b".to_owned(), 1_790_000_300_000);
        let logs = |some: Value, after: Value| json!({"data":some,"meta":{"page":{"after":after},"status":"done"}});
        let first = logs(json!([log("AQ-3", "2026-09-21T14:18:20.000Z")]), json!("next"));
        let second = logs(json!([log("AQ-2", "2026-09-21T14:16:40.000Z")]), Value::Null);
        let oldest = logs(json!([log("AQ-1", "2026-09-21T14:13:20.000Z")]), Value::Null);
        let too_many = "X-RateLimit-Limit: 1\r\nX-RateLimit-Reset: 1\r\n".to_owned();
        vec![
            ("POST issues/search&service:42", too_many, Value::Null),
            ("POST logs/events/search&\"cursor\":\"next\"", String::new(), second),
            ("POST logs/events/search&@issue.id:0a-1b&\"-timestamp\"", String::new(), first),
            ("POST logs/events/search&@issue.id:0a-1b&\"timestamp\"", String::new(), oldest),
            ("POST issues/search?include=issue&service:42&\"track\":\"logs\"", String::new(), issues(vec![some])),
        ]
    });
    let mut repository = shop();
    repository.variables.insert("DD_APP_KEY".to_owned(), "the-other".to_owned());
    let said = learn(&mut repository, "datadog", "DD_API_KEY", pages.port, &["--project", "42", "--most", "3"]);
    assert!(said.contains("datadog 42: 3 sightings of 1 fault"), "{said}");
    let asked = std::mem::take(&mut *pages.asked.lock().unwrap());
    for head in &asked {
        assert!(head.contains("dd-api-key: the-token") && head.contains("dd-application-key: the-other"), "{head}");
    }
    // Told to wait, the list, two pages of logs, the oldest one.
    assert_eq!(asked.len(), 5, "{asked:#?}");
    let seen = "SELECT event_id, issue_id, error_type, path, function_name, confidence, commit_confidence, environment, service FROM sightings_once ORDER BY 1";
    let row = |id: &str| format!("{id} 0a-1b LookupError shop/billing.py price line tag production shop");
    assert_eq!(rows(&repository, seen), [row("aq1"), row("aq2"), row("aq3")]);
    let said = learn(&mut repository, "datadog", "DD_API_KEY", pages.port, &["--project", "42"]);
    assert!(said.contains("0 sightings"), "{said}");
    let asked = pages.asked();
    assert!(!asked.is_empty() && asked.iter().all(|asked| asked.contains("/issues/search")), "{asked:#?}");
}

#[test]
fn datadog_is_asked_for_the_halves_of_a_time_of_which_it_does_not_tell_all_and_misses_no_key() {
    let found =
        |id: usize| json!({"id":format!("n{id}"),"type":"error_tracking_search_result","attributes":{"total_count":1}});
    let issue = |id: usize| json!({"id":format!("n{id}"),"type":"issue","attributes":{"first_seen":1_790_000_000_000_i64,"last_seen":1_790_000_000_000_i64}});
    let pages = Pages::serve(|_| {
        let issues = |ids: std::ops::Range<usize>| json!({"data":ids.clone().map(found).collect::<Vec<_>>(),"included":ids.map(issue).collect::<Vec<_>>()});
        vec![
            // The whole time, once; then its halves.
            ("POST issues/search&service:42", "Once: 1\r\n".to_owned(), issues(0..100)),
            ("POST issues/search&service:42", "Once: 1\r\n".to_owned(), issues(50..110)),
            ("POST issues/search&service:42", String::new(), issues(0..60)),
            ("POST logs/events/search", String::new(), json!({"data":[],"meta":{"page":{}}})),
        ]
    });
    let mut repository = shop();
    let url = format!("http://127.0.0.1:{}", pages.port);
    let arguments = ["learn", "datadog", "--url", &url, "--project", "42"];
    repository.variables.insert("DD_API_KEY".to_owned(), "the-token".to_owned());
    let told = repository.titer(&arguments);
    assert!(told.code == Some(2) && told.stderr.contains("DD_API_KEY and DD_APP_KEY"), "{}", told.stderr);
    std::fs::write(repository.beside("keys"), "the-token\n").unwrap();
    let file = repository.beside("keys").display().to_string();
    let told = repository.titer(&[&arguments[..], &["--token-file", &file]].concat());
    assert!(told.code == Some(3) && told.stderr.contains("has 1 lines, not 2"), "{}", told.stderr);
    std::fs::write(repository.beside("keys"), "the-token\nthe-other\n").unwrap();
    let told = repository.titer(&[&arguments[..], &["--token-file", &file]].concat());
    assert_eq!(told.code, Some(0), "{}", told.stderr);
    let asked = std::mem::take(&mut *pages.asked.lock().unwrap());
    let time = |asked: &String| {
        let question: Value = serde_json::from_str(asked.rsplit("\r\n").next().unwrap()).unwrap();
        let of = |name: &str| question.pointer(&format!("/data/attributes/{name}")).and_then(Value::as_i64);
        Some((of("from")?, of("to")?))
    };
    let times: Vec<(i64, i64)> = asked.iter().filter_map(time).collect();
    let [whole, newer, older] = times[..] else { panic!("{times:?}") };
    assert!(older.1 == newer.0 && (older.0, newer.1) == whole, "{times:?}");
    // Every issue once, and an issue that told nothing more is no reason to stop.
    assert_eq!(asked.iter().filter(|asked| asked.contains("\"-timestamp\"")).count(), 110);
}
