//! Texts that a test must not hold: what looks like a secret, and paths of one machine.

use std::sync::LazyLock;

use regex::Regex;

/// The shapes that issuers give their keys, and credentials in headers and addresses. The same as in `adapters/guard/guard/suspects.py`.
const SECRETS: &str = r"(?i)AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{30,}|github_pat_\w{20,}|xox[abprs]-[\w-]{10,}|sk-[A-Za-z0-9_-]{20,}|[sr]k_(live|test)_[A-Za-z0-9]{16,}|AIza[0-9A-Za-z_-]{30,}|eyJ[\w-]{8,}\.[\w-]{8,}\.|-----BEGIN [A-Z ]*PRIVATE KEY|glpat-[\w-]{16,}|npm_[A-Za-z0-9]{30,}|\b(bearer|basic) +[A-Za-z0-9+/=._~-]{12,}|://[^/\s:@]+:[^/\s:@]{3,}@";
/// Names of what is secret.
const NAMED: &str = r"(?i)pass(wd|word|phrase)?$|secret|token|api_?key|private_?key|access_?key|auth(orization)?$|credential|cookie|session_?(id|key)$|csrf|^dsn$|cvv";
/// Numbers as long as a card's.
const CARD: &str = r"\b[0-9](?:[ -]?[0-9]){12,18}\b";
/// Beginnings of paths that only one machine has.
const ABSOLUTE: &str = r"(^|[^\w:/.<])/(home|Users|root|tmp|var|etc|usr|opt|srv|mnt|private|workspace|builds?|data)/[\w.@-]|^[A-Za-z]:\\[\w.]|^~/|^file:///";
/// Words that stand for a secret and are none.
const PLAIN: [&str; 9] = ["", "x", "***", "password", "secret", "token", "test", "example", "dummy"];
/// A secret has so many characters.
const SHORTEST: usize = 8;

/// The patterns are written above, and a test reads each.
fn pattern(text: &str) -> Option<Regex> {
    Regex::new(text).ok()
}

static SECRET: LazyLock<Option<Regex>> = LazyLock::new(|| pattern(SECRETS));
static NAME: LazyLock<Option<Regex>> = LazyLock::new(|| pattern(NAMED));
static NUMBER: LazyLock<Option<Regex>> = LazyLock::new(|| pattern(CARD));
static PLACE: LazyLock<Option<Regex>> = LazyLock::new(|| pattern(ABSOLUTE));

/// Whether a text holds something that looks like a secret: by its shape, or a card's number by its check digit (Luhn's, ISO/IEC 7812-1).
#[must_use]
pub fn is_secret(text: &str) -> bool {
    let found = |one: &LazyLock<Option<Regex>>| one.as_ref().is_none_or(|one| one.is_match(text));
    let cards = NUMBER.as_ref().is_none_or(|one| one.find_iter(text).any(|found| is_card(found.as_str())));
    found(&SECRET) || cards
}

/// Whether what has this name would be a secret with this value.
#[must_use]
pub fn is_named_secret(name: &str, value: &str) -> bool {
    let is_name = NAME.as_ref().is_none_or(|one| one.is_match(name));
    is_name && value.len() >= SHORTEST && !PLAIN.contains(&value.to_lowercase().as_str())
}

/// Whether a text holds a path of one machine.
#[must_use]
pub fn is_of_one_machine(text: &str) -> bool {
    PLACE.as_ref().is_none_or(|one| one.is_match(text))
}

fn is_card(text: &str) -> bool {
    let digits: Vec<u32> = text.chars().rev().filter_map(|letter| letter.to_digit(10)).collect();
    let doubled = |digit: u32| if digit > 4 { 2 * digit - 9 } else { 2 * digit };
    let sum: u32 = digits.iter().zip(0..).map(|(digit, at)| if at % 2 == 0 { *digit } else { doubled(*digit) }).sum();
    sum.is_multiple_of(10) && digits.iter().any(|digit| Some(digit) != digits.first())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_known_by_their_shape_and_by_their_name() {
        for one in [SECRETS, NAMED, CARD, ABSOLUTE] {
            assert!(pattern(one).is_some(), "{one}");
        }
        for text in [
            "sk_live_4eC39HqLyjWDarjtT1zdp7dc",
            "4111 1111 1111 1111",
            "https://ann:hunter2@x.org",
            "Bearer abcdefghijklmnop",
        ] {
            assert!(is_secret(text), "{text}");
        }
        for text in ["", "a plain text", "1234567890123456", "https://x.org/a@b", "0000000000000000"] {
            assert!(!is_secret(text), "{text}");
        }
        for (name, value, expected) in [
            ("api_key", "abcdefgh", true),
            ("password", "password", false),
            ("name", "abcdefgh", false),
            ("token", "short", false),
        ] {
            assert_eq!(is_named_secret(name, value), expected, "{name} {value}");
        }
    }

    #[test]
    fn paths_of_one_machine_are_known() {
        for (text, expected) in [
            ("/home/ann/x.csv", true),
            ("see /tmp/x", true),
            ("C:\\Users", true),
            ("~/x", true),
            ("https://x.org/home/a", false),
            ("/api/v1/users", false),
            ("a/tmp/b", false),
        ] {
            assert_eq!(is_of_one_machine(text), expected, "{text}");
        }
    }
}
