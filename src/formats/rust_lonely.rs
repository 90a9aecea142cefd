//! Tests that nothing else in their program can tell of: one more, or one less, is nothing to the others.
//!
//! A function is visible in its module and in the modules within. If all of these stand in the same file, and its name stands there
//! once, then no path and no glob leads to it; the harness alone calls it.

use std::collections::BTreeMap;

use super::rust_reach::is_plain_macro;
use super::rust_spelling::macro_name;
use super::rust_tokens::{Kind, Tokens};

/// Attributes of a test that say nothing to anything else.
const OWN: [&str; 5] = ["test", "should_panic", "ignore", "doc", "allow"];
/// Words by which text comes into a module from elsewhere, or names are put together.
/// A test may also look at its own program.
const FOREIGN: [&str; 8] =
    ["concat_idents", "current_exe", "include", "include_str", "macro_rules", "macro_use", "paste", "proc"];

/// What a file says about who may know of its functions.
pub(super) struct Lonely<'a> {
    tokens: &'a Tokens,
    /// How often each word stands in the file.
    count: BTreeMap<&'a str, u32>,
    /// Nobody gave the word `test` another meaning.
    test_is_the_compilers: bool,
    /// Up to each token: modules in files of their own, and what else brings in text.
    doors: Vec<u32>,
}

impl<'a> Lonely<'a> {
    pub(super) fn new(tokens: &'a Tokens) -> Self {
        let mut count = BTreeMap::new();
        let mut doors = Vec::with_capacity(tokens.len() + 1);
        let mut so_far = 0;
        for at in 0..tokens.len() {
            doors.push(so_far);
            if tokens.is(at, Kind::Word) {
                *count.entry(plain(tokens.text(at))).or_insert(0) += 1;
                let module = tokens.text(at) == "mod" && tokens.text(at + 2) == ";";
                // A macro may name what its text does not, and bring modules in.
                let called = macro_name(tokens, at + 2).is_some_and(|name| !is_plain_macro(name));
                so_far += u32::from(module || called || FOREIGN.contains(&tokens.text(at)));
            }
        }
        doors.push(so_far);
        Self { tokens, count, doors, test_is_the_compilers: !imports_test(tokens) }
    }

    /// Whether the function whose attributes begin at `start` and whose keyword is at `key` is such a test, in a module (or file)
    /// that reaches from one token to another.
    pub(super) fn is_test(&self, (start, key): (usize, usize), (from, to): (usize, usize)) -> bool {
        let tokens = self.tokens;
        let (mut at, mut is_test) = (start, false);
        while tokens.says(at, &["#", "["]) {
            let (name, after) = (tokens.text(at + 2), tokens.after(at + 1));
            // `[test]`, `[should_panic(..)]`, `[ignore = ".."]`: a name, not the beginning of a path.
            if !OWN.contains(&name) || tokens.text(at + 3) == ":" {
                return false;
            }
            is_test |= name == "test" && tokens.text(at + 3) == "]";
            at = after;
        }
        let name = plain(tokens.text(key + 1));
        is_test
            && self.test_is_the_compilers
            && at == key
            && tokens.says(key + 2, &["(", ")"])
            && self.count.get(name) == Some(&1)
            && self.doors.get(from) == self.doors.get(to)
    }
}

/// A name without the mark that makes it one.
fn plain(name: &str) -> &str {
    name.strip_prefix("r#").unwrap_or(name)
}

/// Whether `use` brings something of that name: `use a::test;`, `use a::{b, test};`, `use a as test;`.
fn imports_test(tokens: &Tokens) -> bool {
    let ends = |at: usize| matches!(tokens.text(at + 1), ";" | "," | "}") || tokens.text(at + 1) == "as";
    (0..tokens.len())
        .filter(|&at| tokens.text(at) == "test")
        .any(|at| matches!(tokens.before(at, 1), ":" | "{" | "," | "as") && ends(at))
}
