//! Messages of errors as templates: what was a value is a typed hole, so that no value of production's is kept and one fault has one message.

use std::borrow::Cow;

/// The longest template that is kept.
const LONGEST: usize = 300;
/// What names a secret, anywhere in a key.
const SECRET_KEYS: [&str; 11] = [
    "passw",
    "secret",
    "token",
    "api_key",
    "apikey",
    "api-key",
    "authorization",
    "cookie",
    "session",
    "credential",
    "private",
];
/// No key is shorter.
const SHORTEST_KEY: usize = 5;
/// From so many characters on, letters and digits mixed are taken for a token.
const TOKEN: usize = 20;

/// A letter of a message: a byte of a plain one.
trait Letter: Copy + Into<char> {}

impl Letter for u8 {}
impl Letter for char {}

/// The template of a message: its first line with holes.
#[must_use]
pub fn template(message: &str) -> String {
    let line = message.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    // Nearly every message is plain, and there are millions: then a letter is a byte.
    let mut out = if line.is_ascii() {
        let letters = &line.as_bytes()[..line.len().min(4 * LONGEST)];
        filled(letters, |from, end| Cow::Borrowed(&line[from..end]))
    } else {
        let letters: Vec<char> = line.chars().take(4 * LONGEST).collect();
        filled(&letters, |from, end| Cow::Owned(letters[from..end].iter().collect()))
    };
    if let Some((end, _)) = out.char_indices().nth(LONGEST) {
        out.truncate(end);
    }
    out.truncate(out.trim_end().len());
    out
}

/// A line with holes; `word` is its text from one letter up to another.
fn filled<'l, L: Letter>(letters: &[L], word: impl Fn(usize, usize) -> Cow<'l, str>) -> String {
    let (mut out, mut at) = (String::with_capacity(letters.len().min(LONGEST) + 16), 0);
    let mut secret = false;
    while at < letters.len() && out.len() < LONGEST {
        if letters[at].into().is_whitespace() {
            out.push(' ');
            at += 1;
            continue;
        }
        if let Some(end) = quoted(letters, at) {
            out.push_str(if secret { "{secret}" } else { "{quoted}" });
            (at, secret) = (end, false);
            continue;
        }
        if let Some(end) = address(letters, at) {
            out.push_str("{url}");
            (at, secret) = (end, false);
            continue;
        }
        let end = end_of_word(letters, at);
        let word = word(at, end);
        at = end;
        if secret && !matches!(&*word, "=" | ":" | "Bearer" | "Basic") {
            out.push_str("{secret}");
            secret = false;
            continue;
        }
        secret = secret || is_secret_key(&word) || matches!(&*word, "Bearer" | "Basic");
        push_with_holes(&word, &mut out);
    }
    out
}

/// The place behind a quoted text that begins here. An apostrophe in a word is no quote.
fn quoted<L: Letter>(letters: &[L], at: usize) -> Option<usize> {
    let quote = letters[at].into();
    let is_name = |at: usize| letters.get(at).is_some_and(|&letter| letter.into().is_alphanumeric());
    if !matches!(quote, '\'' | '"' | '`') || (at > 0 && is_name(at - 1)) {
        return None;
    }
    let close = (at + 1..letters.len())
        .find(|&end| letters[end].into() == quote && letters[end - 1].into() != '\\' && !is_name(end + 1))?;
    Some(close + 1)
}

/// The place behind an address that begins here, with all that it asks for.
fn address<L: Letter>(letters: &[L], at: usize) -> Option<usize> {
    // Before the colon there are only letters and digits.
    let colon = (at..letters.len()).find(|&colon| !letters[colon].into().is_ascii_alphanumeric())?;
    if !letters[colon..].iter().take(3).map(|&letter| letter.into()).eq("://".chars()) {
        return None;
    }
    let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '<' | '>' | ')' | ']' | '}');
    let mut end = (at..letters.len()).find(|&end| ends(letters[end].into())).unwrap_or(letters.len());
    while end > at && matches!(letters[end - 1].into(), '.' | ',' | ';' | ':') {
        end -= 1;
    }
    (end >= colon + 3).then_some(end)
}

/// Words end at blanks; signs that only part words are words of their own.
fn end_of_word<L: Letter>(letters: &[L], at: usize) -> usize {
    let parts = |letter: L| {
        let c = letter.into();
        let is_sign =
            matches!(c, '(' | ')' | '[' | ']' | '{' | '}' | '<' | '>' | ',' | ';' | '=' | '"' | '`' | '|' | '!' | '?');
        is_sign || c.is_whitespace()
    };
    if parts(letters[at]) {
        return at + 1;
    }
    let end = (at..letters.len()).find(|&end| parts(letters[end])).unwrap_or(letters.len());
    // `key:` and the end of a sentence are no part of a value; an apostrophe may open a quote.
    let is_name = |at: usize| letters[at].into().is_alphanumeric();
    let quote = (at + 1..end).find(|&here| letters[here].into() == '\'' && !is_name(here - 1));
    let mut end = quote.unwrap_or(end);
    while end > at + 1 && matches!(letters[end - 1].into(), '.' | ':' | '\'') {
        end -= 1;
    }
    end
}

fn is_secret_key(word: &str) -> bool {
    if !word.is_ascii() {
        let word = word.to_lowercase();
        return SECRET_KEYS.iter().any(|key| word.contains(key)) && !word.contains("tokenize");
    }
    // There are millions of words, and hardly any names a secret.
    let begins = |at: usize, key: &str| word.get(at..at + key.len()).is_some_and(|part| part.eq_ignore_ascii_case(key));
    let is_first = |byte: u8| matches!(byte.to_ascii_lowercase(), b'p' | b's' | b'a' | b'c' | b't');
    let last = (word.len() + 1).saturating_sub(SHORTEST_KEY);
    let mut places = word.bytes().take(last).enumerate().filter(|(_, byte)| is_first(*byte));
    places.any(|(at, _)| SECRET_KEYS.iter().any(|key| begins(at, key)))
        && !(0..word.len()).any(|at| begins(at, "tokenize"))
}

fn push_with_holes(word: &str, out: &mut String) {
    // Every hole but a long identifier's takes a sign or a digit.
    if word.len() < TOKEN && !word.bytes().any(|b| b.is_ascii_digit() || matches!(b, b':' | b'@' | b'\\' | b'/')) {
        return out.push_str(word);
    }
    if let Some((key, _)) = word.split_once(':').filter(|(key, value)| is_secret_key(key) && !value.is_empty()) {
        out.push_str(key);
        return out.push_str(":{secret}");
    }
    let hole = if word.split_once('@').is_some_and(|(who, at)| !who.is_empty() && at.contains('.')) {
        "{email}"
    } else if is_uuid(word) {
        "{uuid}"
    } else if is_hexadecimal(word) {
        "{hex}"
    } else if word.contains('\\') || word.starts_with('/') || word.matches('/').count() > 1 {
        "{path}"
    } else if is_token(word) {
        "{token}"
    } else {
        return push_numbers(word, out);
    };
    out.push_str(hole);
}

fn is_uuid(word: &str) -> bool {
    word.len() == 36
        && word.split('-').map(str::len).eq([8, 4, 4, 4, 12])
        && word.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit())
}

fn is_hexadecimal(word: &str) -> bool {
    let digits = word.strip_prefix("0x").unwrap_or(word);
    let long = word.starts_with("0x") || digits.len() >= 8;
    let mixed = digits.bytes().any(|b| b.is_ascii_digit())
        && (word.starts_with("0x") || digits.bytes().any(|b| b.is_ascii_alphabetic()));
    long && !digits.is_empty() && mixed && digits.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Keys, signatures, base64: long, of letters and digits.
fn is_token(word: &str) -> bool {
    word.len() >= TOKEN
        && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/_-=.".contains(&b))
        && word.bytes().filter(u8::is_ascii_digit).count() >= 2
        && word.bytes().any(|b| b.is_ascii_alphabetic())
}

/// Every run of digits, with what belongs to it, is a hole.
fn push_numbers(word: &str, out: &mut String) {
    let mut rest = word;
    while let Some(from) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, digits) = rest.split_at(from);
        let end = digits.find(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | '_' | ':')).unwrap_or(digits.len());
        let number = digits[..end].trim_end_matches(['.', '_', ':']);
        let is_sign = before == "-" && rest.len() == word.len();
        out.push_str(if is_sign { "" } else { before });
        out.push_str("{number}");
        rest = &digits[number.len()..];
    }
    out.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_become_holes_of_their_type() {
        for (message, expected) in [
            ("no price for 'plum' of order 1234", "no price for {quoted} of order {number}"),
            (
                "Expecting value: line 1 column 12 (char 11)",
                "Expecting value: line {number} column {number} (char {number})",
            ),
            ("can't open /srv/a/b.txt, it's gone", "can't open {path}, it's gone"),
            ("user ann@example.org not found", "user {email} not found"),
            ("id 4c738e18-27d3-4245-81f0-f9b641024587 at 0x7f66", "id {uuid} at {hex}"),
            ("commit deadbeef12 is gone.", "commit {hex} is gone."),
            ("GET https://a.example/x?y=1 took 12.5ms", "GET {url} took {number}ms"),
            ("item42 of -3", "item{number} of {number}"),
            ("password=hunter2 was wrong", "password={secret} was wrong"),
            ("api_key: 'abc', rest", "api_key: {secret}, rest"),
            ("Authorization: Bearer abc.def", "Authorization: Bearer {secret}"),
            ("key AKIAIOSFODNN7EXAMPLE42 refused", "key {token} refused"),
            ("first\nsecond 5", "first"),
            ("", ""),
            ("'unclosed", "'unclosed"),
            ("Ünïcode 5€", "Ünïcode {number}€"),
        ] {
            assert_eq!(template(message), expected, "{message}");
        }
    }

    #[test]
    fn a_key_of_a_secret_is_known_anywhere_in_a_word_and_in_any_case() {
        for key in SECRET_KEYS {
            assert!(b"psact".contains(&key.as_bytes()[0]), "{key} begins with another letter");
            assert!(key.len() >= SHORTEST_KEY, "{key} is shorter");
            for word in [key.to_owned(), format!("x_{}", key.to_uppercase()), format!("my{key}s"), format!("é{key}")] {
                assert!(is_secret_key(&word), "{word}");
            }
        }
        for word in ["", "pass", "tokenizer", "Tokenize", "keys", "author"] {
            assert!(!is_secret_key(word), "{word}");
        }
    }

    #[test]
    fn messages_that_differ_in_values_only_have_one_template() {
        assert_eq!(template("no price for 'plum' of order 1"), template("no price for 'fig tree' of order 99"));
        assert!(template(&"long word ".repeat(1000)).len() <= LONGEST);
    }
}
