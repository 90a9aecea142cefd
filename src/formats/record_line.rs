//! The line of a record, read strictly: `{"sig":[{"keyid":"…","sig":"…"}],"statement":{…}}` and nothing else. What a parser would forgive (a
//! member twice, spaces, bytes behind the end) is refused, so that two readers of one line cannot see two records.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::dsse::Signature;

/// The longest line, in bytes.
pub const LONGEST: usize = 1 << 20;
/// How deep a statement may nest.
const DEEPEST: usize = 64;
const HEAD: &str = "{\"sig\":[";
const MIDDLE: &str = "],\"statement\":";
const SHAPE: &str = "{\"sig\":[{\"keyid\":\"…\",\"sig\":\"…\"}],\"statement\":{…}}";

/// A record as it stands in its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line<'a> {
    /// Who signed it; nobody yet, perhaps.
    pub signatures: Vec<Signature>,
    /// The exact text that is signed.
    pub statement: &'a str,
}

/// The line of a statement, with its end.
#[must_use]
pub fn write(signatures: &[Signature], statement: &str) -> String {
    let signatures = serde_json::to_string(signatures).unwrap_or_default();
    format!("{{\"sig\":{signatures},\"statement\":{statement}}}\n")
}

/// Reads a line, without the line break at its end.
///
/// # Errors
/// It is not written as a record must be; the sentence says what is wrong with it.
pub fn read(line: &[u8]) -> Result<Line<'_>, String> {
    if line.len() > LONGEST {
        return Err(format!("it is longer than {LONGEST} bytes"));
    }
    if line.ends_with(b"\r") {
        let why = "it ends with CR LF: something has rewritten the line ends (a git without `.titer/** -text` in .gitattributes does)";
        return Err(why.to_owned());
    }
    let text =
        std::str::from_utf8(line).map_err(|error| format!("it is not UTF-8 at byte {}", error.valid_up_to() + 1))?;
    let end = Scan { text, at: 0 }.value(0)?;
    if end != text.len() {
        return Err(format!("bytes follow its end at byte {}", end + 1));
    }
    let read = split(text).ok_or_else(|| format!("it is not of the shape {SHAPE}"))?;
    // With this, a line and its envelope determine each other.
    let is_plain = |one: &Signature| {
        let bytes = STANDARD.decode(&one.sig).map_or(0, |bytes| bytes.len());
        bytes == 64 && one.keyid.bytes().all(|byte| byte > b' ' && byte != b'"' && byte != b'\\' && byte != 0x7f)
    };
    if !read.signatures.iter().all(is_plain) {
        return Err("a signature in it is not 64 bytes in base64 with the name of a key".to_owned());
    }
    let mut names: Vec<&str> = read.signatures.iter().map(|one| one.keyid.as_str()).collect();
    names.sort_unstable();
    if names.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err("a key has signed it twice".to_owned());
    }
    Ok(read)
}

/// Signatures and statement of a line that was read strictly before, and is the same bytes.
#[must_use]
pub fn split(text: &str) -> Option<Line<'_>> {
    let rest = text.strip_prefix(HEAD)?;
    let at = rest.find(MIDDLE)?;
    let (inside, statement) = (&rest[..at], &rest[at + MIDDLE.len()..]);
    let statement = statement.strip_suffix('}').filter(|it| it.starts_with('{') && it.ends_with('}'))?;
    let signatures: Vec<Signature> = serde_json::from_str(&format!("[{inside}]")).ok()?;
    // What was read is exactly what stands there: no other member, no other order.
    let again = serde_json::to_string(&signatures).ok()?;
    (again.len() == inside.len() + 2 && &again[1..again.len() - 1] == inside).then_some(Line { signatures, statement })
}

/// Reads JSON without spaces, whole numbers only, and no member twice.
#[derive(Clone, Copy)]
struct Scan<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scan<'a> {
    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn wrong(&self, what: &str) -> String {
        match self.byte() {
            Some(b' ' | b'\t' | b'\r' | b'\n') => format!("a space stands outside of strings at byte {}", self.at + 1),
            Some(_) => format!("{what} at byte {}", self.at + 1),
            None => "it ends too early".to_owned(),
        }
    }

    /// Reads the value here and returns where it ends.
    fn value(mut self, depth: usize) -> Result<usize, String> {
        if depth > DEEPEST {
            return Err(format!("it nests deeper than {DEEPEST} levels"));
        }
        match self.byte() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => self.string().map(|(_, end)| end),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't' | b'f' | b'n') => {
                let word = ["true", "false", "null"].into_iter().find(|word| self.text[self.at..].starts_with(word));
                self.at += word.ok_or_else(|| self.wrong("no value stands"))?.len();
                Ok(self.at)
            }
            _ => Err(self.wrong("no value stands")),
        }
    }

    fn array(mut self, depth: usize) -> Result<usize, String> {
        self.at += 1;
        if self.byte() == Some(b']') {
            return Ok(self.at + 1);
        }
        loop {
            self.at = self.value(depth + 1)?;
            match self.byte() {
                Some(b',') => self.at += 1,
                Some(b']') => return Ok(self.at + 1),
                _ => return Err(self.wrong("no comma and no end of a list stands")),
            }
        }
    }

    fn object(mut self, depth: usize) -> Result<usize, String> {
        let mut names: Vec<std::borrow::Cow<'a, str>> = Vec::new();
        self.at += 1;
        if self.byte() == Some(b'}') {
            return Ok(self.at + 1);
        }
        loop {
            if self.byte() != Some(b'"') {
                return Err(self.wrong("no name of a member stands"));
            }
            let (name, end) = self.string()?;
            names.push(name);
            self.at = end;
            if self.byte() != Some(b':') {
                return Err(self.wrong("no colon stands"));
            }
            self.at += 1;
            self.at = self.value(depth + 1)?;
            match self.byte() {
                Some(b',') => self.at += 1,
                Some(b'}') => break,
                _ => return Err(self.wrong("no comma and no end of an object stands")),
            }
        }
        names.sort_unstable();
        match names.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(format!("the member \"{}\" stands twice in one object", pair[0].escape_debug())),
            None => Ok(self.at + 1),
        }
    }

    /// A string's meaning and where it ends.
    fn string(self) -> Result<(std::borrow::Cow<'a, str>, usize), String> {
        let bytes = self.text.as_bytes();
        let (mut at, mut is_plain) = (self.at + 1, true);
        loop {
            match bytes.get(at) {
                Some(b'"') => break,
                Some(b'\\') => (at, is_plain) = (at + 2, false),
                Some(0..=0x1f) => return Err(format!("a control character stands in a string at byte {}", at + 1)),
                Some(_) => at += 1,
                None => return Err("it ends within a string".to_owned()),
            }
        }
        let whole = &self.text[self.at..=at];
        if is_plain {
            return Ok((std::borrow::Cow::Borrowed(&whole[1..whole.len() - 1]), at + 1));
        }
        let meant = serde_json::from_str::<String>(whole);
        let meant =
            meant.map_err(|_| format!("the string at byte {} has an escape that means nothing", self.at + 1))?;
        Ok((std::borrow::Cow::Owned(meant), at + 1))
    }

    fn number(self) -> Result<usize, String> {
        let rest = &self.text[self.at..];
        let end =
            rest.find(|letter: char| !matches!(letter, '0'..='9' | '-' | '+' | '.' | 'e' | 'E')).unwrap_or(rest.len());
        let digits = rest[..end].strip_prefix('-').unwrap_or(&rest[..end]);
        let is_whole = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let is_shortest = is_whole && (digits.len() == 1 || !digits.starts_with('0')) && &rest[..end] != "-0";
        if is_shortest && digits.len() <= 18 {
            return Ok(self.at + end);
        }
        Err(format!(
            "the number at byte {} is not a whole one of at most 18 digits; others are written as strings",
            self.at + 1
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::{dsse, note::Signer};

    fn good() -> String {
        let statement = "{\"a\":[1,-2,true,null,\"x\\n\u{e4}\"],\"b\":{\"a\":{}},\"c\":[]}";
        let signer = Signer::new("ci", [1; 32]).unwrap();
        let other = Signer::new("other", [1; 32]).unwrap();
        write(&[dsse::sign(&signer, statement.as_bytes()), dsse::sign(&other, b"")], statement)
    }

    fn keyid(name: &str) -> String {
        dsse::keyid(&Signer::new(name, [1; 32]).unwrap().public())
    }

    #[test]
    fn what_was_written_is_read_byte_for_byte() {
        let line = good();
        let read = read(line.trim_end().as_bytes()).unwrap();
        assert_eq!(write(&read.signatures, read.statement), line);
        assert_eq!(split(line.trim_end()), Some(read));
        let unsigned = write(&[], "{}");
        assert_eq!(super::read(unsigned.trim_end().as_bytes()), Ok(Line { signatures: Vec::new(), statement: "{}" }));
    }

    #[test]
    fn what_a_parser_would_forgive_is_refused_with_its_place() {
        let line = good().trim_end().to_owned();
        let long = format!("{{\"sig\":[],\"statement\":{{\"a\":\"{}\"}}}}", "x".repeat(LONGEST));
        let deep = format!("{{\"sig\":[],\"statement\":{{\"a\":{}{}}}}}", "[".repeat(70), "]".repeat(70));
        let of = |statement: &str| format!("{{\"sig\":[],\"statement\":{statement}}}");
        for (wrong, why) in [
            (line.clone() + "\r", "CR LF"),
            (line.clone() + "x", "bytes follow its end"),
            (line.clone() + "}", "bytes follow its end"),
            (line.clone() + &line, "bytes follow its end"),
            (line.replace(":[1,", ": [1,"), "a space stands outside of strings at byte "),
            (line.replace("\"keyid\"", "\"kid\""), "not of the shape"),
            (line.replacen("{\"keyid\"", "{\"x\":1,\"keyid\"", 1), "not of the shape"),
            (line.replacen("\"sig\":\"", "\"sig\":\"AAAA", 1), "64 bytes in base64"),
            (line.replacen(&keyid("other"), &keyid("ci"), 1), "signed it twice"),
            (line.replacen("{\"sig\":", "{\"v\":1,\"sig\":", 1), "not of the shape"),
            (of("{\"a\":1,\"a\":2}"), "\"a\" stands twice"),
            (of("{\"b\":[{\"a\":1,\"\\u0061\":2}]}"), "\"a\" stands twice"),
            (of("{\"a\":01}"), "not a whole one"),
            (of("{\"a\":1.5}"), "not a whole one"),
            (of("{\"a\":-0}"), "not a whole one"),
            (of("{\"a\":\"\u{1}\"}"), "a control character"),
            (of("{\"a\":\"\\ud800\"}"), "an escape that means nothing"),
            (of("{\"a\":tru}"), "no value"),
            (of("{\"a\":1"), "too early"),
            (of("{\"a\":1;}"), "no comma and no end"),
            (of("[]"), "not of the shape"),
            ("{\"sig\":[],\"statement\":{}".to_owned(), "too early"),
            (String::new(), "too early"),
            ("\u{feff}{}".to_owned(), "no value"),
            (deep, "nests deeper"),
            (long, "longer than"),
        ] {
            let told = read(wrong.as_bytes()).unwrap_err();
            assert!(told.contains(why), "{wrong:.200}: {told}");
        }
        assert!(
            read(b"{\"sig\":[],\"statement\":{\"a\":\"\xff\"}}").is_err_and(|why| why.contains("UTF-8 at byte 29"))
        );
    }
}
