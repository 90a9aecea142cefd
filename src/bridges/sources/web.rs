//! Asking over HTTP: a token, a limit of time, and patience with servers that are busy.

use std::time::Duration;

use reqwest::Url;
use reqwest::blocking::{Client, Response};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue, LINK, RETRY_AFTER};
use reqwest::redirect::Policy;
use serde_json::Value;

use crate::bridges::clock;
use crate::model::digest::Digest;
use crate::model::failure::Failure;

/// How often a question is asked before it is given up.
const TRIES: u32 = 6;
/// The longest that titer waits for a server that asks to be left alone.
const PATIENCE: Duration = Duration::from_mins(5);
/// How long one answer may take.
const SLOWEST: Duration = Duration::from_mins(1);
/// A longer answer is none.
const LONGEST: u64 = 64 << 20;

/// A client of one tracker.
#[derive(Debug)]
pub struct Web {
    client: Client,
    base: Url,
    name: &'static str,
    variables: String,
}

/// A page as it came.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The bytes.
    pub raw: Vec<u8>,
    /// What they say.
    pub value: Value,
    /// Where the next page is, if the `Link` header says that there is one.
    pub next: Option<String>,
}

/// Why one try did not succeed.
enum Trouble {
    /// Asked again, it may answer; it may have said when.
    Passing(String, Option<Duration>),
    /// It will not.
    Lasting(Failure),
}

impl Web {
    /// A client for the tracker at `url`, which gets `headers` with every question.
    ///
    /// # Errors
    /// The address is none, or the token cannot stand in a header.
    pub fn new(
        name: &'static str,
        variables: &[&str],
        url: &str,
        headers: &[(&'static str, String)],
    ) -> Result<Self, Failure> {
        let base = Url::parse(url).ok().filter(|url| ["http", "https"].contains(&url.scheme()) && url.has_host());
        let base = base.ok_or_else(|| {
            Failure::usage(format!("--url {url} is no address")).hint("write it whole: https://errors.example.org")
        })?;
        let headers = headers.iter().map(|(header, text)| {
            let mut value = HeaderValue::from_str(text).map_err(|_| {
                Failure::input(format!("the token for {name} holds what no token holds"))
                    .hint("a token is one line of plain characters")
            })?;
            value.set_sensitive(true);
            Ok((HeaderName::from_static(header), value))
        });
        let headers = headers.collect::<Result<HeaderMap, Failure>>()?;
        // The first provider that was chosen stays: it can only be this one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .default_headers(headers)
            .user_agent(concat!("titer/", env!("CARGO_PKG_VERSION")))
            // A token goes nowhere but where it was meant to go.
            .redirect(Policy::none())
            .timeout(SLOWEST)
            .build()
            .map_err(|error| Failure::world("no HTTPS client can be made").because(error))?;
        Ok(Self { client, base, name, variables: variables.join(" and ") })
    }

    /// Asks for `address`, whole or from the tracker's own, and reads the answer as JSON.
    ///
    /// # Errors
    /// The tracker refuses, cannot be reached for long, or answers something else.
    pub fn get(&self, address: &str) -> Result<Answer, Failure> {
        self.ask(address, None)
    }

    /// The same with a question in JSON. It may be asked again: it changes nothing there.
    ///
    /// # Errors
    /// As for [`Self::get`].
    pub fn post(&self, address: &str, question: &Value) -> Result<Answer, Failure> {
        self.ask(address, Some(question))
    }

    fn ask(&self, address: &str, question: Option<&Value>) -> Result<Answer, Failure> {
        let url = self.whole(address)?;
        let mut tried = 0;
        loop {
            tried += 1;
            let (why, wish) = match self.once(&url, question) {
                Ok(answer) => return Ok(answer),
                Err(Trouble::Lasting(failure)) => return Err(failure),
                Err(Trouble::Passing(why, wish)) => (why, wish),
            };
            let wait = wish.unwrap_or_else(|| back_off(tried, &url));
            if tried == TRIES || wait > PATIENCE {
                let when = if wait > PATIENCE { format!(", and asks for {} s", wait.as_secs()) } else { String::new() };
                let sentence = format!("{} at {} does not answer: {why}{when}", self.name, self.base);
                return Err(Failure::world(sentence).hint("what came is kept: the same command goes on there"));
            }
            std::thread::sleep(wait);
        }
    }

    /// An address of this tracker's; one that leads elsewhere would be given the token.
    fn whole(&self, address: &str) -> Result<Url, Failure> {
        let url = self.base.join(address).ok().filter(|url| url.origin() == self.base.origin());
        url.ok_or_else(|| Failure::input(format!("{} names a next page outside of {}", self.name, self.base)))
    }

    fn once(&self, url: &Url, question: Option<&Value>) -> Result<Answer, Trouble> {
        let request = match question {
            Some(question) => {
                let request = self.client.post(url.clone()).header("content-type", "application/json");
                request.body(question.to_string())
            }
            None => self.client.get(url.clone()),
        };
        let request = request.header("accept", "application/json");
        let response = request.send().map_err(|error| Trouble::Passing(plain(&error), None))?;
        let status = response.status();
        if status.as_u16() == 429 || status.is_server_error() {
            return Err(Trouble::Passing(format!("it says {status}"), retry_after(&response)));
        }
        if !status.is_success() {
            return Err(Trouble::Lasting(self.refused(status.as_u16(), url)));
        }
        let next = response.headers().get(LINK).and_then(|link| next_page(link.to_str().ok()?));
        let mut raw = Vec::new();
        let read = std::io::Read::read_to_end(&mut std::io::Read::take(response, LONGEST), &mut raw);
        read.map_err(|_| Trouble::Passing("its answer broke off".to_owned(), None))?;
        match serde_json::from_slice(&raw) {
            Ok(value) => Ok(Answer { raw, value, next }),
            Err(error) if error.is_eof() => Err(Trouble::Passing("its answer broke off".to_owned(), None)),
            Err(error) => {
                let sentence = format!("{} at {} answers what is not JSON", self.name, self.base);
                Err(Trouble::Lasting(
                    Failure::input(sentence).because(error).hint("--url is the tracker's own address"),
                ))
            }
        }
    }

    fn refused(&self, status: u16, url: &Url) -> Failure {
        let who = format!("{} at {}", self.name, self.base);
        match status {
            401 | 403 => Failure::input(format!("{who} refuses the token ({status})"))
                .hint(format!("{} or --token-file holds it; it must be allowed to read events", self.variables)),
            404 => Failure::input(format!("{who} has nothing at {} (404)", url.path()))
                .hint("--project is the tracker's own name or number of it"),
            300..=399 => Failure::input(format!("{who} says that it is elsewhere ({status})"))
                .hint("give its new address: --url"),
            _ => Failure::input(format!("{who} does not take the question ({status})")),
        }
    }
}

/// Twice as long each time, and never at the same moment as others who wait.
fn back_off(tried: u32, url: &Url) -> Duration {
    let seed = format!("{} {tried} {url}", std::process::id());
    let jitter = u64::try_from(Digest::of(seed.as_bytes()).0 % 250).unwrap_or(0);
    Duration::from_millis((250 << tried.min(7)) + jitter)
}

/// The seconds to wait, or, where it is so many, since 1970; of the header that all have, or else of Datadog's. A date in words is none.
fn retry_after(response: &Response) -> Option<Duration> {
    let told = |name: &str| response.headers().get(name)?.to_str().ok()?.trim().parse::<f64>().ok();
    wait(told(RETRY_AFTER.as_str()).or_else(|| told("x-ratelimit-reset"))?, clock::now())
}

fn wait(seconds: f64, now: Duration) -> Option<Duration> {
    let is_moment = (1e9..1e10).contains(&seconds);
    let seconds = if is_moment { (seconds - now.as_secs_f64()).max(0.0) } else { seconds };
    (0.0..1e6).contains(&seconds).then(|| Duration::from_secs_f64(seconds))
}

/// `<https://…>; rel="next"; results="true"; …`: Sentry names a next page always, and says whether there is anything on it.
fn next_page(link: &str) -> Option<String> {
    let is_next = |part: &&str| part.contains("rel=\"next\"") && !part.contains("results=\"false\"");
    let part = link.split(", <").find(is_next)?;
    let address = part.trim_start().trim_start_matches('<').split('>').next()?;
    (!address.is_empty()).then(|| address.to_owned())
}

/// Without the address, which the sentence around it has.
fn plain(error: &reqwest::Error) -> String {
    let reason = if error.is_timeout() {
        "it took too long"
    } else if error.is_connect() {
        "no connection"
    } else {
        "the connection broke off"
    };
    reason.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_the_one_that_has_something_on_it() {
        let link = |results: &str| {
            format!(
                "<https://a/x?cursor=0>; rel=\"previous\"; results=\"false\"; cursor=\"0\", <https://a/x?cursor=1>; rel=\"next\"; results=\"{results}\"; cursor=\"1\""
            )
        };
        assert_eq!(next_page(&link("true")).as_deref(), Some("https://a/x?cursor=1"));
        assert_eq!(next_page(&link("false")), None);
        assert_eq!(next_page("<https://b/y>; rel=\"next\"").as_deref(), Some("https://b/y"));
        assert_eq!(next_page(""), None);
    }

    #[test]
    fn a_token_is_sent_to_nobody_else() {
        let header = [("authorization", "Bearer x".to_owned())];
        let web = Web::new("bugsink", &["X"], "https://errors.example.org/a/", &header).unwrap();
        assert_eq!(web.whole("/api/0").unwrap().as_str(), "https://errors.example.org/api/0");
        assert!(web.whole("https://errors.example.org/b").is_ok());
        for elsewhere in
            ["https://other.example.org/b", "http://errors.example.org/b", "//other.example.org", "file:///etc/passwd"]
        {
            assert!(web.whole(elsewhere).is_err(), "{elsewhere}");
        }
        assert!(Web::new("bugsink", &["X"], "errors.example.org", &header).is_err());
        assert!(!format!("{web:?}").contains("Bearer"), "the token is not printed");
    }

    #[test]
    fn a_wish_is_so_many_seconds_or_a_moment() {
        let now = Duration::from_millis(1_795_237_200_500);
        for (told, seconds) in [
            (3.0, Some(3)),
            (0.0, Some(0)),
            (1_795_237_260.0, Some(59)),
            (1_795_237_000.0, Some(0)),
            (-1.0, None),
            (5e6, None),
        ] {
            assert_eq!(wait(told, now).map(|wait| wait.as_secs()), seconds, "{told}");
        }
    }

    #[test]
    fn waiting_doubles() {
        let url = Url::parse("https://a").unwrap();
        let waits: Vec<u128> = (1..5).map(|tried| back_off(tried, &url).as_millis()).collect();
        assert!(waits.windows(2).all(|pair| pair[0] < pair[1]), "{waits:?}");
    }
}
