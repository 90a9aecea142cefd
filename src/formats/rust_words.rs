//! The words of a Rust file, comments aside: names, string literals, modules that are files of their own.

use std::collections::BTreeSet;
use std::str::FromStr;

use proc_macro2::{TokenStream, TokenTree};

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
    let mut found = Words::default();
    collect(TokenStream::from_str(text).ok()?, &mut found);
    Some(found)
}

fn collect(tokens: TokenStream, found: &mut Words) {
    let mut before = [String::new(), String::new()];
    for token in tokens {
        let word = match token {
            TokenTree::Group(group) => {
                collect(group.stream(), found);
                String::new()
            }
            TokenTree::Ident(name) => {
                let name = name.to_string();
                found.names.insert(name.clone());
                name
            }
            TokenTree::Literal(literal) => {
                found.literals.insert(literal.to_string());
                String::new()
            }
            TokenTree::Punct(mark) => mark.to_string(),
        };
        if word == ";" && before[0] == "mod" {
            found.modules.insert(before[1].clone());
        }
        let [_, last] = before;
        before = [last, word];
    }
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
