//! GitHub: a pull request is opened, and, where the owners say so, merged by GitHub itself once its checks are green.

use std::time::Duration;

use reqwest::Url;
use reqwest::blocking::{Client, Response};
use reqwest::redirect::Policy;
use serde_json::{Value, json};

use crate::model::failure::Failure;

/// The variable that holds the token.
pub const TOKEN: &str = "GITHUB_TOKEN";
/// The variable that says where the interface is, as GitHub's own CI sets it.
pub const ADDRESS: &str = "GITHUB_API_URL";
/// Where it is for most.
pub const USUAL: &str = "https://api.github.com";
/// The interface's version that is asked for.
const VERSION: &str = "2022-11-28";
/// How long one answer may take.
const SLOWEST: Duration = Duration::from_mins(1);
/// What a pull request is merged by, once it may be: there is no other interface for it.
const MERGE: &str =
    "mutation($id: ID!) { enablePullRequestAutoMerge(input: {pullRequestId: $id}) { clientMutationId } }";

/// One repository there.
#[derive(Debug)]
pub struct Github {
    client: Client,
    base: Url,
    token: String,
    slug: String,
}

/// A pull request that was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// Its page.
    pub url: String,
    /// What GraphQL calls it.
    node: String,
}

impl Github {
    /// The repository `OWNER/NAME` at `address`.
    ///
    /// # Errors
    /// The address is none.
    pub fn new(address: &str, token: &str, slug: &str) -> Result<Self, Failure> {
        let address = format!("{}/", address.trim_end_matches('/'));
        let base = Url::parse(&address).ok().filter(|url| ["http", "https"].contains(&url.scheme()) && url.has_host());
        let base = base.ok_or_else(|| Failure::usage(format!("{ADDRESS} is {address}, and that is no address")))?;
        // The first provider that was chosen stays: it can only be this one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .user_agent(concat!("titer/", env!("CARGO_PKG_VERSION")))
            // A token goes nowhere but where it was meant to go.
            .redirect(Policy::none())
            .timeout(SLOWEST)
            .build()
            .map_err(|error| Failure::world("no HTTPS client can be made").because(error))?;
        Ok(Self { client, base, token: token.to_owned(), slug: slug.to_owned() })
    }

    /// Opens a pull request from one branch to another.
    ///
    /// # Errors
    /// GitHub refuses or does not answer.
    pub fn open(&self, head: &str, base: &str, title: &str, body: &str) -> Result<Opened, Failure> {
        let told = self.post(
            &format!("repos/{}/pulls", self.slug),
            &json!({"title": title, "head": head, "base": base, "body": body, "maintainer_can_modify": true}),
        )?;
        let word = |name: &str| told.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok(Opened { url: word("html_url"), node: word("node_id") })
    }

    /// Lets GitHub merge it once all that the branch asks for is green.
    ///
    /// # Errors
    /// GitHub refuses, mostly as the repository does not allow it, or does not answer.
    pub fn merge_when_green(&self, opened: &Opened) -> Result<(), Failure> {
        let told = self.post("graphql", &json!({"query": MERGE, "variables": {"id": opened.node}}))?;
        match told.pointer("/errors/0/message").and_then(Value::as_str) {
            Some(why) => Err(Failure::input(format!("GitHub does not merge {} by itself: {}", opened.url, plain(why)))
                .hint("the repository's settings allow auto-merge, and its branch asks for checks")),
            None => Ok(()),
        }
    }

    fn post(&self, path: &str, question: &Value) -> Result<Value, Failure> {
        let url =
            self.base.join(path).map_err(|error| Failure::usage(format!("{path} is no address")).because(error))?;
        let request = self.client.post(url).bearer_auth(&self.token).header("content-type", "application/json");
        let request = request.header("accept", "application/vnd.github+json").header("x-github-api-version", VERSION);
        let response = request.body(question.to_string()).send();
        let response = response.map_err(|error| {
            Failure::world(format!("GitHub at {} does not answer", self.base)).because(error.without_url())
        })?;
        let status = response.status().as_u16();
        if (200..300).contains(&status) {
            return read(response).ok_or_else(|| Failure::input(format!("{} answers what is not JSON", self.base)));
        }
        let why = read(response).map(|told| said(&told)).unwrap_or_default();
        let who = format!("GitHub at {}", self.base);
        Err(match status {
            401 | 403 => Failure::input(format!("{who} refuses the token ({status}): {why}"))
                .hint(format!("{TOKEN} holds one that may write contents and pull requests")),
            404 => Failure::input(format!("{who} has no repository {}, or the token may not see it (404)", self.slug)),
            422 => Failure::input(format!("{who} does not take the pull request (422): {why}")),
            _ => Failure::world(format!("{who} says {status}: {why}")),
        })
    }
}

fn read(response: Response) -> Option<Value> {
    serde_json::from_slice(&response.bytes().ok()?).ok()
}

/// What an answer says went wrong.
fn said(told: &Value) -> String {
    let first = told.pointer("/errors/0/message").or_else(|| told.get("message"));
    plain(first.and_then(Value::as_str).unwrap_or_default())
}

fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}
