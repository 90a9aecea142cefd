//! The words of a Rust file, comments aside: names, string literals, modules that are files of their own.

use std::collections::BTreeSet;

use super::rust_tokens::{Kind, Tokens};

/// Words of a file, wherever they stand in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Words {
    /// Names and keywords.
    pub names: BTreeSet<String>,
    /// Literals as they are written.
    pub literals: BTreeSet<String>,
    /// What `mod NAME;` names.
    pub modules: BTreeSet<String>,
}

/// Reads the words of a file; `None` if it is not Rust.
#[must_use]
pub fn words(text: &str) -> Option<Words> {
    let tokens = Tokens::read(text.as_bytes())?;
    let mut found = Words::default();
    for at in 0..tokens.len() {
        let word = || tokens.text(at).to_owned();
        if tokens.is(at, Kind::Literal) {
            found.literals.insert(word());
        } else if tokens.is(at, Kind::Word) {
            found.names.insert(word());
            if tokens.before(at, 1) == "mod" && tokens.text(at + 1) == ";" {
                found.modules.insert(word());
            }
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_in_code_and_not_in_comments() {
        let words = words("// hidden\nmod a;\nmod b { mod c; fn f() { g(\"x.rs\"); } }\n/* h */").unwrap();
        assert_eq!(words.modules.into_iter().collect::<Vec<_>>(), ["a", "c"]);
        assert!(words.names.contains("g") && !words.names.contains("hidden") && !words.names.contains("h"));
        assert_eq!(words.literals.into_iter().collect::<Vec<_>>(), ["\"x.rs\""]);
        assert_eq!(super::words("fn ("), None);
    }
}
