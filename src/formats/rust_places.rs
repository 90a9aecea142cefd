//! Which Rust source can tell where code stands in a file: its own code, or that of any file of the same program.

use super::rust_tokens::{Kind, Tokens};

/// Macros that tell or use the line they stand on, beside those of `assert_…_snapshot`.
const PLACE_MACROS: &[&str] = &[
    "caller_location",
    "code_location",
    "column",
    "dbg",
    "expect",
    "expect_file",
    "here",
    "inline_snapshot",
    "line",
    "location",
    "panic_location",
    "snapshot",
    "source_location",
    "str",
];

/// Words that only stand where a place in another file is asked for: of a panic, of a macro's argument, of a compiler's error.
const ASKING: &[&str] = &[
    "LineColumn",
    "PanicHookInfo",
    "PanicInfo",
    "compiletest_rs",
    "lineno",
    "set_hook",
    "source_text",
    "trybuild",
    "ui_test",
];

/// Methods and fields that tell a place if there is one to tell.
const TELLING: &[&str] = &["byte_range", "column", "line"];
/// Where these are spoken of, it may have: spans, records of a log.
const PLACED: &[&str] = &["log", "proc_macro", "proc_macro2", "tracing"];

/// Whether the file's code can tell on which line or column it stands.
pub(super) fn looks_at_its_places(tokens: &Tokens) -> bool {
    let words = || (0..tokens.len()).filter(|&at| tokens.is(at, Kind::Word));
    let says = |word: &str| words().any(|at| tokens.text(at) == word);
    words().any(|at| matches!(tokens.text(at), "track_caller" | "expect_test") || is_place_macro(tokens, at))
        || (says("Location") && says("caller"))
}

/// Whether the code in a file can be told where code in other files stands: then the place of every token there counts.
/// `is_source` tells whether a file of that name is among them.
#[must_use]
pub fn asks_for_places(source: &[u8], is_source: &dyn Fn(&str) -> bool) -> bool {
    let text = String::from_utf8_lossy(source);
    let telling = [".location(", "Location", "macro_rules", ".rs:"].iter().chain(ASKING);
    let hinted = telling.into_iter().any(|word| text.contains(word))
        || TELLING.iter().any(|word| text.contains(&format!(".{word}")));
    hinted && Tokens::read(source).is_none_or(|tokens| asks(&tokens, is_source))
}

fn asks(tokens: &Tokens, is_source: &dyn Fn(&str) -> bool) -> bool {
    let (mut location, mut caller, mut tells, mut placed) = (false, false, false, false);
    let mut by_example_until = 0;
    for at in 0..tokens.len() {
        let text = tokens.text(at);
        if tokens.is(at, Kind::Literal) && lines_in(text).any(|name| is_source(&name)) {
            return true;
        }
        if !tokens.is(at, Kind::Word) {
            continue;
        }
        // What a macro by example says stands where it is used.
        if text == "macro_rules" && tokens.text(at + 1) == "!" {
            by_example_until = tokens.partner(at + 3).max(by_example_until);
        }
        let is_method = |name: &str| text == name && tokens.before(at, 1) == "." && tokens.says(at + 1, &["(", ")"]);
        if ASKING.contains(&text) || is_method("location") || (at < by_example_until && is_place_macro(tokens, at)) {
            return true;
        }
        location |= text == "Location";
        caller |= text == "caller";
        placed |= PLACED.contains(&text);
        tells |= TELLING.contains(&text) && tokens.before(at, 1) == ".";
    }
    (location && caller) || (tells && placed)
}

/// The names of files in which a text names a line: `lib.rs` in `at src/lib.rs:3`.
fn lines_in(text: &str) -> impl Iterator<Item = String> {
    let numbered = |at: &usize| text[at + 4..].starts_with(|letter: char| letter.is_ascii_digit());
    let named = text.match_indices(".rs:").map(|(at, _)| at).filter(numbered).map(|at| &text[..at]);
    named.map(|before| {
        let start = before.rfind(|letter: char| !(letter.is_alphanumeric() || "_-".contains(letter)));
        let start = start.map_or(0, |at| at + before[at..].chars().next().map_or(1, char::len_utf8));
        format!("{}.rs", &before[start..])
    })
}

/// Whether a text names a line of a file: what a program is expected to say.
#[must_use]
pub fn names_a_line(text: &[u8], is_source: &dyn Fn(&str) -> bool) -> bool {
    let text = String::from_utf8_lossy(text);
    text.contains(".rs:") && lines_in(&text).any(|name| is_source(&name))
}

/// Whether a macro is called there that tells its place.
fn is_place_macro(tokens: &Tokens, at: usize) -> bool {
    let word = tokens.text(at);
    let snapshot = word.starts_with("assert_") && word.contains("snapshot");
    (snapshot || PLACE_MACROS.contains(&word)) && tokens.text(at + 1) == "!" && tokens.is(at + 2, Kind::Open)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_that_asks_where_other_code_stands_is_told_from_code_that_does_not() {
        for (source, asks) in [
            ("fn f() { line!() }", false),
            ("macro_rules! m { () => { line!() } }", true),
            ("macro_rules! m { () => { 1 } } fn f() { line!() }", false),
            ("#[track_caller] fn f() {}", false),
            ("#[track_caller] fn f() { Location::caller(); }", true),
            ("use std::panic::{self, Location as L}; fn f() { L::caller(); }", true),
            ("fn f() { set_hook(Box::new(|info| g(info))) }", true),
            ("fn f(info: &Info) { info.location().unwrap(); }", true),
            ("fn f() { response.location(\"/\") }", false),
            ("fn f() { group.span().source_text() }", true),
            ("fn f(span: Span) { span.line() }", false),
            ("use log::Record; fn f(record: &Record) { record.line() }", true),
            ("#[test] fn f() { assert_eq!(g(), \"panicked at src/lib.rs:3:9\") }", true),
            ("#[test] fn f() { assert_eq!(g(), \" --> file.rs:2:2\") }", false),
            ("// set_hook\nfn f() {}", false),
            ("fn f() { trybuild::TestCases::new() }", true),
            ("fn f( set_hook", true),
        ] {
            assert_eq!(asks_for_places(source.as_bytes(), &|name| name == "lib.rs"), asks, "{source}");
        }
    }
}
