//! What cargo says of a build that did not work, by its own JSON and its last words.

use serde::Deserialize;

/// Codes of errors of the compiler's that say that something is private: E0603 an item, E0616 a field, E0624 a method, E0451 a field that is
/// set, E0446 and E0365 a re-export. <https://doc.rust-lang.org/error_codes/error-index.html>
const PRIVATE: [&str; 6] = ["E0603", "E0616", "E0624", "E0451", "E0446", "E0365"];

/// The first error of the compiler.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Error {
    /// `E0603`; empty where it has none.
    pub code: String,
    /// As the compiler names it.
    pub file: String,
    /// Counted from 1.
    pub line: u32,
    /// In a sentence.
    pub message: String,
}

impl Error {
    /// Whether it says that something is not public.
    #[must_use]
    pub fn is_private(&self) -> bool {
        PRIVATE.contains(&self.code.as_str())
    }

    /// On one line.
    #[must_use]
    pub fn told(&self) -> String {
        let code = if self.code.is_empty() { String::new() } else { format!("[{}]", self.code) };
        format!("error{code}: {} ({}:{})", self.message, self.file, self.line)
    }
}

#[derive(Deserialize)]
struct Line {
    reason: String,
    message: Option<Message>,
}

#[derive(Deserialize)]
struct Message {
    level: String,
    #[serde(rename = "message")]
    sentence: String,
    code: Option<Code>,
    spans: Vec<Span>,
}

#[derive(Deserialize)]
struct Code {
    code: String,
}

#[derive(Deserialize)]
struct Span {
    file_name: String,
    line_start: u32,
    is_primary: bool,
}

/// The first error of the compiler in cargo's messages; those about what is private come before others, which often follow from them.
#[must_use]
pub fn first_error(messages: &[u8]) -> Option<Error> {
    let lines = messages.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice::<Line>(line).ok());
    let errors: Vec<Error> = lines
        .filter(|line| line.reason == "compiler-message")
        .filter_map(|line| line.message)
        .filter(|message| message.level == "error")
        .filter_map(|message| {
            let span = message.spans.iter().find(|span| span.is_primary)?;
            Some(Error {
                code: message.code.map(|code| code.code).unwrap_or_default(),
                file: span.file_name.clone(),
                line: span.line_start,
                message: message.sentence.lines().next().unwrap_or_default().chars().take(200).collect(),
            })
        })
        .collect();
    errors.iter().find(|error| error.is_private()).or(errors.first()).cloned()
}

/// Why cargo did not even start to build, in a sentence; the last of its own words where it is not one of the known reasons.
#[must_use]
pub fn why(stderr: &str) -> String {
    let has = |words: &[&str]| words.iter().any(|word| stderr.contains(word));
    if has(&["--locked was passed", "needs to be updated but", "cannot update the lock file"]) {
        return "Cargo.lock of this commit does not fit its Cargo.toml files, and cannot be made anew without network"
            .to_owned();
    }
    if has(&[
        "no matching package named",
        "--offline was specified",
        "without the offline flag",
        "can't be found in the vendored",
        "failed to download",
        "Unable to update",
        "unable to get packages",
    ]) {
        let which =
            stderr.lines().find(|line| line.contains("no matching package") || line.contains("failed to download"));
        let which = which.map(|line| format!(" ({})", line.trim().trim_start_matches("error: "))).unwrap_or_default();
        return format!("its dependencies are not all downloaded{which}");
    }
    if has(&["SIGXFSZ", "File too large"]) {
        return "a file of the build is larger than the sandbox lets a file be".to_owned();
    }
    if has(&["no test target named"]) {
        return "cargo does not find the test's file: the package says `autotests = false`, and no [[test]] of its names the file".to_owned();
    }
    if has(&["is not installed", "no default toolchain", "component download failed"]) {
        return "its toolchain is not installed".to_owned();
    }
    let errors = stderr.lines().map(str::trim).filter(|line| line.starts_with("error"));
    let last =
        errors.clone().find(|line| !line.starts_with("error: could not compile")).or_else(|| errors.clone().next());
    last.or_else(|| stderr.lines().rfind(|line| !line.trim().is_empty()))
        .unwrap_or("cargo said nothing")
        .chars()
        .take(300)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_private_comes_before_what_follows_from_it() {
        let line = |code: &str, level: &str| {
            format!(
                r#"{{"reason":"compiler-message","message":{{"level":"{level}","message":"m {code}","code":{{"code":"{code}"}},"spans":[{{"file_name":"tests/a.rs","line_start":3,"is_primary":true}}]}}}}"#
            )
        };
        let all =
            format!("cut\n{}\n{}\n{}\n", line("E0599", "warning"), line("E0425", "error"), line("E0603", "error"));
        let error = first_error(all.as_bytes()).unwrap();
        assert!(error.is_private());
        assert_eq!(error.told(), "error[E0603]: m E0603 (tests/a.rs:3)");
        assert_eq!(first_error(b"{}"), None);
    }

    #[test]
    fn why_cargo_did_not_build_is_a_sentence() {
        for (said, expected) in [
            (
                "error: the lock file x needs to be updated but --locked was passed to prevent this",
                "Cargo.lock of this commit",
            ),
            (
                "error: no matching package named `serde` found\nAs a reminder, you're using offline mode (--offline was specified)",
                "its dependencies are not all downloaded (no matching package named `serde` found)",
            ),
            ("error: no test target named `guard_x`", "cargo does not find the test's file"),
            ("error: could not compile `x`\nerror: linker `cc` not found", "error: linker"),
            ("", "cargo said nothing"),
        ] {
            assert!(why(said).starts_with(expected), "{}", why(said));
        }
    }
}
