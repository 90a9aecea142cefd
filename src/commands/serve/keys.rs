//! Who may come in: the token, the key made from it, signatures over bodies. All compared in constant time.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::Request;
use crate::bridges::door::Head;
use crate::model::failure::Failure;
use crate::settings::{self, Settings};

/// The variable that holds the token.
pub(super) const TOKEN: &str = "TITER_SERVE_TOKEN";
/// Those of webhooks, by what stands in the address behind `/hooks/`.
pub(super) const HOOKS: [(&str, &str); 2] =
    [("sentry", "TITER_SENTRY_WEBHOOK_SECRET"), ("pagerduty", "TITER_PAGERDUTY_WEBHOOK_SECRET")];

/// A shorter token could be found by trying: programs that users hold carry a key made from it.
const SHORTEST: usize = 16;
/// What the key is made for: another use of the token would make another one.
const PURPOSE: &[u8] = b"titer door key v1";
/// Where there is no token, programs need some key to be content.
const ANY_KEY: &str = "titer";

type Tag = Hmac<Sha256>;

/// What those who come in have to know.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    token: Option<String>,
    key: String,
    hooks: Vec<(&'static str, String)>,
}

impl Keys {
    /// Reads them from the environment, or from the file that was named.
    ///
    /// # Errors
    /// The file cannot be read, or the token is too short.
    pub(super) fn read(settings: &Settings, request: &Request) -> Result<Self, Failure> {
        let token = match &request.token_file {
            Some(file) => {
                let text = std::fs::read_to_string(settings.folder.join(file)).map_err(|error| {
                    Failure::input(format!("--token-file {} cannot be read", file.display())).because(error)
                })?;
                if text.trim().is_empty() {
                    return Err(Failure::input(format!("--token-file {} holds no token", file.display())));
                }
                Some(text)
            }
            None => settings::variable(TOKEN),
        };
        let token = token.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        if token.as_ref().is_some_and(|token| token.len() < SHORTEST) {
            return Err(Failure::usage(format!("the token is shorter than {SHORTEST} characters"))
                .hint("make one: openssl rand -hex 32"));
        }
        let hooks = HOOKS.iter().filter_map(|(name, variable)| {
            let secret = settings::variable(variable).map(|text| text.trim().to_owned());
            Some((*name, secret.filter(|text| !text.is_empty())?))
        });
        Ok(Self::of(token, hooks.collect()))
    }

    fn of(token: Option<String>, hooks: Vec<(&'static str, String)>) -> Self {
        let key = token.as_ref().map_or_else(|| ANY_KEY.to_owned(), |token| hexadecimal(token.as_bytes(), PURPOSE));
        Self { key: key.chars().take(32).collect(), token, hooks }
    }

    /// Whether anybody on this machine may come in.
    pub(super) fn is_open(&self) -> bool {
        self.token.is_none()
    }

    /// What programs that send errors are given.
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// Whether a sender of errors knows the key.
    pub(super) fn knows_key(&self, given: &str) -> bool {
        self.is_open() || is_same(given, &self.key)
    }

    /// Whether a request has the token, as a bearer or as a browser's password.
    pub(super) fn has_token(&self, head: &Head) -> bool {
        let Some(token) = &self.token else { return true };
        credential(head).is_some_and(|given| is_same(&given, token))
    }

    /// Whether a request has the token or the key.
    pub(super) fn has_either(&self, head: &Head) -> bool {
        self.has_token(head) || credential(head).is_some_and(|given| self.knows_key(&given))
    }

    /// Whether webhooks of that name are expected at all.
    pub(super) fn expects(&self, hook: &str) -> bool {
        self.hooks.iter().any(|(name, _)| *name == hook)
    }

    /// Whether one of some signatures, in hexadecimal, is that of a body.
    pub(super) fn signed<'s>(&self, hook: &str, body: &[u8], signatures: impl Iterator<Item = &'s str>) -> bool {
        let Some((_, secret)) = self.hooks.iter().find(|(name, _)| *name == hook) else { return false };
        let right = hexadecimal(secret.as_bytes(), body);
        signatures.take(8).any(|given| is_same(&given.trim().to_ascii_lowercase(), &right))
    }
}

/// HMAC-SHA256 in hexadecimal.
fn hexadecimal(secret: &[u8], text: &[u8]) -> String {
    // Secrets of every length are taken.
    let Ok(mut tag) = Tag::new_from_slice(secret) else { return String::new() };
    tag.update(text);
    tag.finalize().into_bytes().iter().fold(String::with_capacity(64), |hex, byte| hex + &format!("{byte:02x}"))
}

/// Compares texts so that the time it takes tells nothing: their tags are compared, whose length is always the same.
fn is_same(given: &str, right: &str) -> bool {
    let tag = |text: &str| {
        let mut tag = Tag::new_from_slice(PURPOSE).ok()?;
        tag.update(text.as_bytes());
        Some(tag)
    };
    let (Some(given), Some(right)) = (tag(given), tag(right)) else { return false };
    given.verify(&right.finalize().into_bytes()).is_ok()
}

/// What stands in `Authorization`: a bearer's token, or the password of a user whose name does not matter.
fn credential(head: &Head) -> Option<String> {
    let (scheme, rest) = head.header("authorization")?.trim().split_once(' ')?;
    match scheme.to_ascii_lowercase().as_str() {
        "bearer" => Some(rest.trim().to_owned()),
        "basic" => {
            let text = String::from_utf8(BASE64_STANDARD.decode(rest.trim()).ok()?).ok()?;
            text.split_once(':').map(|(_, password)| password.to_owned())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_made_from_the_token_and_says_nothing_of_it() {
        let keys = Keys::of(Some("correct horse battery".to_owned()), Vec::new());
        assert_eq!(keys.key().len(), 32);
        assert!(keys.knows_key(keys.key()) && !keys.knows_key("correct horse battery") && !keys.knows_key(""));
        assert_ne!(Keys::of(Some("correct horse batterz".to_owned()), Vec::new()).key(), keys.key());
        assert!(Keys::of(None, Vec::new()).knows_key("anything"));
    }

    #[test]
    fn signatures_are_those_of_everybody_elses_tools() {
        let keys = Keys::of(None, vec![("sentry", "secret".to_owned())]);
        let own = hexadecimal(b"secret", b"{\"a\":1}");
        assert!(keys.signed("sentry", b"{\"a\":1}", [own.as_str()].into_iter()));
        assert!(!keys.signed("sentry", b"{\"a\": 1}", [own.as_str()].into_iter()));
        assert!(!keys.signed("pagerduty", b"{\"a\":1}", [own.as_str()].into_iter()));
        assert!(!keys.signed("sentry", b"{\"a\":1}", ["", &own[..63]].into_iter()));
        // RFC 4231, test case 2
        assert_eq!(
            hexadecimal(b"Jefe", b"what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }
}
