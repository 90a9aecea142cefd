//! Tests that nothing else in their program can tell of: one more, or one less, is nothing to the others.
//!
//! A function is visible in its module and in the modules within. If all of these stand in the same file, and its name stands there
//! once, then no path and no glob leads to it; the harness alone calls it.

use std::collections::BTreeMap;

use super::rust_tokens::{Kind, Tokens};

/// Attributes of a test that say nothing to anything else.
const OWN: [&str; 5] = ["test", "should_panic", "ignore", "doc", "allow"];
/// Words by which text comes into a module from elsewhere, or names are put together.
const FOREIGN: [&str; 5] = ["include", "include_str", "paste", "concat_idents", "macro_use"];

/// What a file says about who may know of its functions.
pub(super) struct Lonely<'a> {
    tokens: &'a Tokens,
    /// How often each word stands in the file.
    count: BTreeMap<&'a str, u32>,
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
                *count.entry(tokens.text(at)).or_insert(0) += 1;
                let module = tokens.text(at) == "mod" && tokens.text(at + 2) == ";";
                so_far += u32::from(module || FOREIGN.contains(&tokens.text(at)));
            }
        }
        doors.push(so_far);
        Self { tokens, count, doors }
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
        let name = tokens.text(key + 1);
        is_test
            && at == key
            && tokens.says(key + 2, &["(", ")"])
            && self.count.get(name) == Some(&1)
            && self.doors.get(from) == self.doors.get(to)
    }
}
