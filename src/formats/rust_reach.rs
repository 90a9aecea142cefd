//! Bodies of Rust functions that are noticed by code which never ran them.

use super::rust_attributes::{Attribute, attribute};
use super::rust_tokens::{Kind, Tokens};

/// Macros of the standard library and of wide-spread crates that are expressions wherever they stand.
const MAKING_NOTHING: &[&str] = &[
    "anyhow",
    "bail",
    "cfg",
    "column",
    "compile_error",
    "concat",
    "dbg",
    "debug",
    "ensure",
    "env",
    "eprint",
    "eprintln",
    "error",
    "event",
    "file",
    "format",
    "format_args",
    "include_bytes",
    "include_str",
    "info",
    "join",
    "line",
    "log",
    "matches",
    "module_path",
    "option_env",
    "panic",
    "pin",
    "print",
    "println",
    "prop_assert",
    "prop_assert_eq",
    "prop_assert_ne",
    "quote",
    "ready",
    "select",
    "stringify",
    "todo",
    "trace",
    "try",
    "try_join",
    "unimplemented",
    "unreachable",
    "vec",
    "warn",
    "write",
    "writeln",
];

/// Methods that leave a constant or a static as it is.
const READING: &[&str] = &[
    "as_bytes",
    "as_ref",
    "as_str",
    "chars",
    "clone",
    "contains",
    "find",
    "first",
    "get",
    "is_empty",
    "iter",
    "last",
    "len",
    "load",
    "max",
    "min",
    "pow",
    "split",
    "to_owned",
    "to_string",
    "to_vec",
];

/// Whether a body holds what can be noticed by code that never ran it: `impl`, constants, statics, macros, tests; or changes what
/// the whole process has.
pub(super) fn reaches_out(tokens: &Tokens, from: usize, to: usize) -> bool {
    (from..to).any(|at| match tokens.text(at) {
        "impl" | "mod" | "macro_rules" | "global_asm" => true,
        "static" => tokens.before(at, 1) != "'",
        "const" => !matches!(tokens.before(at, 1), "*" | "raw"),
        "macro" => tokens.is(at + 1, Kind::Word),
        "set_var"
        | "remove_var"
        | "set_current_dir"
        | "set_hook"
        | "store"
        | "fetch_add"
        | "fetch_sub"
        | "fetch_or"
        | "fetch_and"
        | "fetch_xor"
        | "fetch_max"
        | "fetch_min"
        | "fetch_update"
        | "compare_exchange"
        | "compare_exchange_weak"
            if tokens.text(at + 1) == "(" =>
        {
            true
        }
        "." => changes_a_static(tokens, at),
        "!" => tokens.is(at + 1, Kind::Open) && is_an_item(tokens, from, at),
        "fn" => tokens.is(at + 1, Kind::Word) && has_attribute(tokens, from, at),
        _ => false,
    })
}

/// `LEVEL.0.get_or_init(..)`, `global().lock()`: whether something is taken hold of that the whole process may share.
fn changes_a_static(tokens: &Tokens, dot: usize) -> bool {
    let name = tokens.before(dot, 1);
    let is_static = name.len() > 1 && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
    let is_named = is_static && tokens.is(dot - 1, Kind::Word) && !READING.contains(&tokens.text(dot + 1));
    let is_taken = matches!(tokens.text(dot + 1), "lock" | "get_or_init" | "with_borrow_mut" | "call_once");
    is_named || (is_taken && tokens.text(dot + 2) == "(")
}

/// Whether the macro whose `!` stands there may make items: it is a statement, and not one of those that are known to make none.
fn is_an_item(tokens: &Tokens, from: usize, mark: usize) -> bool {
    let mut start = mark - 1;
    while start >= from + 3 && tokens.says(start - 2, &[":", ":"]) {
        start -= 3;
    }
    let is_statement = start <= from || matches!(tokens.before(start, 1), "{" | "}" | ";");
    let name = tokens.text(mark - 1);
    is_statement && tokens.is(mark - 1, Kind::Word) && !is_plain_macro(name)
}

/// Whether a macro of this name is an expression, and names nothing but what it is given.
pub(super) fn is_plain_macro(name: &str) -> bool {
    name.starts_with("assert") || name.starts_with("debug_assert") || MAKING_NOTHING.contains(&name)
}

/// Whether an attribute, documentation apart, stands before the `fn` inside a body that begins at `from`.
fn has_attribute(tokens: &Tokens, from: usize, function: usize) -> bool {
    let mut at = function;
    while at > from {
        let before = at - 1;
        match tokens.text(before) {
            "pub" | "async" | "unsafe" | "extern" | "default" | "safe" | "gen" => at = before,
            ")" if tokens.before(tokens.partner(before), 1) == "pub" => at = tokens.partner(before) - 1,
            "]" if tokens.before(tokens.partner(before), 1) == "#" => {
                let open = tokens.partner(before);
                if attribute(tokens, open) != Attribute::Doc {
                    return true;
                }
                at = open - 1;
            }
            _ if tokens.is(before, Kind::Literal) => at = before,
            _ => return false,
        }
    }
    false
}
