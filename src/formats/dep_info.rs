//! What the compiler and build scripts tell cargo about their inputs.

use std::collections::{BTreeMap, BTreeSet};

/// What one call of the compiler read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DepInfo {
    /// Files, as the compiler names them: the crate's root first.
    pub sources: Vec<String>,
    /// Variables that the source asked for while it was compiled, and what they held.
    pub variables: BTreeMap<String, Option<String>>,
}

/// What a build script told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BuildScript {
    /// Files and folders whose change runs it again.
    pub changed_paths: Vec<String>,
    /// Variables whose change runs it again.
    pub changed_variables: Vec<String>,
}

impl BuildScript {
    /// Whether it said what its inputs are. If not, cargo takes every file of the package for one.
    #[must_use]
    pub fn names_inputs(&self) -> bool {
        !self.changed_paths.is_empty() || !self.changed_variables.is_empty()
    }
}

/// Reads a `.d` file of the compiler's.
#[must_use]
pub fn read(text: &str) -> DepInfo {
    let mut info = DepInfo::default();
    let mut seen = BTreeSet::new();
    for line in text.lines() {
        if let Some(variable) = line.strip_prefix("# env-dep:") {
            let (name, value) = variable.split_once('=').map_or((variable, None), |(name, value)| (name, Some(value)));
            info.variables.insert(unescaped(name), value.map(unescaped));
        } else if !line.starts_with('#')
            // A blank in a name is escaped, so this one ends the rule's target.
            && let Some((_, prerequisites)) = line.split_once(": ")
        {
            let paths = words(prerequisites).into_iter();
            info.sources.extend(paths.filter(|path| seen.insert(path.clone())));
        }
    }
    info
}

/// The words of a rule; a blank behind a backslash belongs to the word.
fn words(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut parts = text.split(' ');
    while let Some(part) = parts.next() {
        let mut word = part.to_owned();
        while word.ends_with('\\') {
            let Some(next) = parts.next() else { break };
            word.pop();
            word.push(' ');
            word.push_str(next);
        }
        if !word.is_empty() {
            found.push(word);
        }
    }
    found
}

/// A variable's name or value, as the compiler escapes it.
fn unescaped(text: &str) -> String {
    let mut letters = text.chars();
    let mut plain = String::new();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some('n') => plain.push('\n'),
                Some('r') => plain.push('\r'),
                Some(other) => plain.push(other),
                None => plain.push('\\'),
            },
            other => plain.push(other),
        }
    }
    plain
}

/// Reads what a build script printed.
#[must_use]
pub fn build_script(text: &str) -> BuildScript {
    let mut told = BuildScript::default();
    let instructions = text.lines().filter_map(|line| line.strip_prefix("cargo:"));
    for instruction in instructions.map(|line| line.strip_prefix(':').unwrap_or(line)) {
        match instruction.split_once('=') {
            Some(("rerun-if-changed", path)) => told.changed_paths.push(path.trim().to_owned()),
            Some(("rerun-if-env-changed", name)) => told.changed_variables.push(name.trim().to_owned()),
            _ => {}
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prerequisites_are_read_once_and_in_order_with_their_blanks() {
        let text = "target/debug/deps/a-1.d: src/lib.rs src/../data/my\\ file.txt\n\n\
            target/debug/deps/liba.rmeta: src/lib.rs src/../data/my\\ file.txt b.rs\n\n\
            src/lib.rs:\nsrc/../data/my\\ file.txt:\nb.rs:\n";
        assert_eq!(read(text).sources, ["src/lib.rs", "src/../data/my file.txt", "b.rs"]);
    }

    #[test]
    fn variables_are_read_with_what_they_held() {
        let info = read("# env-dep:UNSET\n# env-dep:SET=one\\ntwo\\\\\n# checksum:blake3=0 file_len:1 a.rs\n");
        let set = Some("one\ntwo\\".to_owned());
        assert_eq!(info.variables, BTreeMap::from([("SET".to_owned(), set), ("UNSET".to_owned(), None)]));
        assert!(info.sources.is_empty());
    }

    #[test]
    fn a_build_script_names_its_inputs_in_both_ways_of_writing() {
        let told = build_script(
            "noise\ncargo:rerun-if-changed=a b.txt\ncargo::rerun-if-changed=dir\ncargo:rustc-env=X=1\n\
             cargo::rerun-if-env-changed=VAR\n cargo:rerun-if-changed=indented\n",
        );
        assert_eq!(told.changed_paths, ["a b.txt", "dir"]);
        assert_eq!(told.changed_variables, ["VAR"]);
        assert!(told.names_inputs() && !build_script("cargo:rustc-cfg=x\n").names_inputs());
    }
}
