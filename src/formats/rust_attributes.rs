//! Attributes of Rust items: which the compiler understands itself, and which are somebody's macro.

use super::rust_tokens::{Kind, Tokens};

/// What an attribute means for the function or the item that carries it. The greater one prevails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Attribute {
    /// Documentation.
    Doc,
    /// The compiler's own, or a tool's: it sees neither documentation nor body.
    Known,
    /// A macro that wraps a function and does nothing else with its documentation.
    Wrapping,
    /// A macro that may do anything with what it sees.
    Foreign,
    /// The function runs where no test is seen to run it.
    Barring,
}

const KNOWN: &[&str] = &[
    "allow",
    "bench",
    "cfg",
    "cfg_attr",
    "clippy",
    "cold",
    "crate_name",
    "crate_type",
    "default_lib_allocator",
    "deny",
    "deprecated",
    "derive",
    "diagnostic",
    "expect",
    "export_name",
    "feature",
    "forbid",
    "global_allocator",
    "ignore",
    "inline",
    "link",
    "link_name",
    "link_section",
    "macro_export",
    "macro_use",
    "miri",
    "must_use",
    "no_builtins",
    "no_implicit_prelude",
    "no_link",
    "no_main",
    "no_mangle",
    "no_std",
    "non_exhaustive",
    "path",
    "recursion_limit",
    "repr",
    "rust_analyzer",
    "rustfmt",
    "should_panic",
    "target_feature",
    "test",
    "track_caller",
    "type_length_limit",
    "used",
    "warn",
    "windows_subsystem",
];

/// Macros that call the function as it stands, and leave it where it stands: crate and name. Documentation of the functions is lost
/// on them. Other people's macros may build the body anew, where nobody is told that it ran.
const WRAPPING: &[(&str, &str)] = &[
    ("actix_rt", "main"),
    ("actix_rt", "test"),
    ("actix_web", "main"),
    ("actix_web", "test"),
    ("async_std", "main"),
    ("async_std", "test"),
    ("tokio", "main"),
    ("tokio", "test"),
    ("tracing", "instrument"),
];

/// Run before `main`, by the compiler, or without leaving a trace in the counters of coverage.
const BARRING: &[&str] = &[
    "alloc_error_handler",
    "coverage",
    "ctor",
    "dtor",
    "naked",
    "no_coverage",
    "panic_handler",
    "proc_macro",
    "proc_macro_attribute",
    "proc_macro_derive",
];

/// More conditions around an attribute nobody writes.
const DEEPEST: u8 = 8;

/// The attribute whose bracket opens at `open`.
pub(super) fn attribute(tokens: &Tokens, open: usize) -> Attribute {
    item(tokens, open + 1, tokens.partner(open), 0)
}

/// Whether what the brackets of an attribute hold is read by the compiler alone.
pub(super) fn is_plain(tokens: &Tokens, open: usize) -> bool {
    let name = tokens.text(open + 1);
    name != "cfg_attr" && (name == "doc" || KNOWN.contains(&name))
}

fn item(tokens: &Tokens, from: usize, to: usize, depth: u8) -> Attribute {
    if depth > DEEPEST {
        return Attribute::Barring;
    }
    let mut at = from;
    while tokens.text(at) == ":" {
        at += 1;
    }
    let first = tokens.text(at);
    match first {
        "doc" => return Attribute::Doc,
        "unsafe" => return item(tokens, at + 2, tokens.partner(at + 1), depth + 1),
        "cfg_attr" => return conditional(tokens, at + 1, depth),
        _ => {}
    }
    let mut last = at;
    while last + 3 < to && tokens.says(last + 1, &[":", ":"]) && tokens.is(last + 3, Kind::Word) {
        last += 3;
    }
    let tool = matches!(first, "clippy" | "diagnostic" | "miri" | "rust_analyzer" | "rustfmt");
    let name = tokens.text(last);
    if BARRING.contains(&name) {
        Attribute::Barring
    } else if (last == at || tool) && KNOWN.contains(&first) {
        Attribute::Known
    } else if WRAPPING.contains(&(first, name)) {
        Attribute::Wrapping
    } else {
        Attribute::Foreign
    }
}

/// `cfg_attr(condition, attribute, attribute)`: the one that means most, at least `Known`.
fn conditional(tokens: &Tokens, open: usize, depth: u8) -> Attribute {
    let close = tokens.partner(open);
    let mut worst = Attribute::Known;
    let mut at = open + 1;
    while at < close {
        if tokens.text(at) == "," && at + 1 < close {
            worst = worst.max(item(tokens, at + 1, close, depth + 1));
        }
        at = tokens.after(at);
    }
    worst
}
