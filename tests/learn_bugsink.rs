//! Production errors pulled from a real Bugsink, to which the real sentry-sdk sent them: each once, however often it is asked, busy or broken.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails, and it starts programs"
)]

mod support;

use support::interpreters::of_sources;
use support::shop::{rows, shop};
use support::tracker::{Bugsink, Way, way_to};
use support::{Ending, Repository, says};

const SENDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/sightings/capture/sentry_python.py");
/// One more error, of a sort that was not there before.
const ONE_MORE: &str = "import sys, sentry_sdk
sentry_sdk.init(dsn=sys.argv[1], release='1.4.0', default_integrations=False)
from shop import orders
try:
    orders.checkout({})
except KeyError as error:
    sentry_sdk.capture_exception(error)
sentry_sdk.flush(5)
";
const SEEN: &str = "SELECT error_type, path, function_name, confidence FROM sightings_once ORDER BY 1, 2";
const ALL: [&str; 3] =
    [" null null none", "JSONDecodeError shop/orders.py parse line", "LookupError shop/billing.py price line"];

fn pull(repository: &mut Repository, port: u16, token: &str, more: &[&str]) -> Ending {
    repository.variables.insert("BUGSINK_TOKEN".to_owned(), token.to_owned());
    let url = format!("http://127.0.0.1:{port}");
    repository.titer(&[&["learn", "bugsink", "--url", &url, "--project", "1"], more].concat())
}

#[test]
fn errors_that_an_sdk_sent_to_a_tracker_are_learned_once_and_new_ones_the_next_time() {
    let mut repository = shop();
    let bugsink = Bugsink::start(&repository, of_sources());
    bugsink.send(&repository, SENDS, 4, 4);
    let token = bugsink.token.clone();
    says(
        &pull(&mut repository, bugsink.port, &"0".repeat(40), &[]),
        3,
        &["bugsink at", "refuses the token (401)", "BUGSINK_TOKEN"],
    );
    says(&pull(&mut repository, bugsink.port, "", &[]), 2, &["there is no token for bugsink", "--token-file"]);
    says(
        &pull(&mut repository, bugsink.port, &token, &[]),
        0,
        &["bugsink 1: 3 sightings of 3 faults; 1 record that tell", "2 the line is the same"],
    );
    assert_eq!(rows(&repository, SEEN), ALL);
    says(&pull(&mut repository, bugsink.port, &token, &[]), 0, &["0 sightings of 0 faults"]);
    std::fs::write(repository.beside("one_more.py"), ONE_MORE).unwrap();
    let one_more = repository.beside("one_more.py").display().to_string();
    bugsink.send(&repository, &one_more, 5, 5);
    says(&pull(&mut repository, bugsink.port, &token, &[]), 0, &["1 sighting of 1 fault"]);
    // An error of a sort that is known: only the new event of it.
    bugsink.send(&repository, &one_more, 5, 6);
    std::fs::write(repository.beside("token"), format!("{token}\n")).unwrap();
    let file = repository.beside("token").display().to_string();
    says(&pull(&mut repository, bugsink.port, "", &["--token-file", &file]), 0, &["1 sighting of 1 fault"]);
    assert_eq!(rows(&repository, "SELECT sightings FROM faults WHERE error_type = 'KeyError'"), ["2"]);
    assert_eq!(rows(&repository, "SELECT COUNT(*) FROM sightings"), ["5"]);
    let health = "SELECT source, project, mapped_basis_points, days_observed FROM source_health WHERE service = ''";
    assert_eq!(rows(&repository, health), ["bugsink 1 10000 0"]);
}

#[test]
fn a_tracker_that_is_busy_is_waited_for_and_one_that_breaks_off_costs_only_what_is_asked_again() {
    let mut repository = shop();
    let bugsink = Bugsink::start(&repository, of_sources());
    bugsink.send(&repository, SENDS, 4, 4);
    let token = bugsink.token.clone();
    // The list, the list of the first group's events, that event, the second group's: then nothing whole comes any more.
    let (port, asked) =
        way_to(bugsink.port, &[Way::Busy(1), Way::Open, Way::Down, Way::Open, Way::Open, Way::Open, Way::Broken]);
    let broken = pull(&mut repository, port, &token, &[]);
    says(&broken, 3, &["1 sighting of 1 fault", "its answer broke off", "the same command goes on there"]);
    assert!(asked.lock().unwrap().len() > 10, "it was not asked again: {:?}", asked.lock().unwrap());
    assert_eq!(rows(&repository, "SELECT COUNT(*) FROM sightings_once"), ["1"]);
    let (port, asked) = way_to(bugsink.port, &[Way::Open]);
    says(&pull(&mut repository, port, &token, &[]), 0, &["2 sightings of 2 faults"]);
    let asked = asked.lock().unwrap().clone();
    assert_eq!(rows(&repository, SEEN), ALL);
    // What was kept is not asked for again: a list, and for three groups a list and an event.
    assert_eq!(asked.len(), 7, "{asked:?}");
    let (port, _) = way_to(bugsink.port, &[Way::Busy(100_000)]);
    says(&pull(&mut repository, port, &token, &[]), 3, &["429", "asks for 100000 s", "the same command goes on there"]);
}
