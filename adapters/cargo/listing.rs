//! Which tests a program has, as it says itself.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::process::{Child, Stdio};

use crate::options::Options;
use crate::start::Start;

/// The tests that the user's own filters leave, in the program's order, and those of them that are only shown as ignored.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    pub(crate) listed: Vec<String>,
    pub(crate) ignored: Vec<String>,
    /// Whether the program took the option for a file of results.
    pub(crate) logs: bool,
}

impl Listing {
    /// Asks the program; none where the answer is no list of tests. With `log` it is asked whether it knows the option for it.
    pub(crate) fn ask(start: &Start, options: &Options, log: Option<&OsStr>) -> Option<Self> {
        let narrowed = options.of_listing();
        let with_log = log.map(|log| [vec!["--logfile".into(), log.to_owned()], narrowed.clone()].concat());
        let wants_ignored = options.has("ignored") || options.has("include-ignored");
        let ignored = if wants_ignored { None } else { Some(begin(start, &narrowed, true)?) };
        let first = begin(start, with_log.as_ref().unwrap_or(&narrowed), false);
        let all = first.and_then(finish);
        let logs = log.is_some() && all.is_some();
        let ignored = ignored.map(finish);
        let all = if all.is_none() && log.is_some() { finish(begin(start, &narrowed, false)?) } else { all }?;
        let ignored = match ignored {
            Some(answer) => answer?,
            None => Vec::new(),
        };
        let dropped: BTreeSet<&String> = ignored.iter().collect();
        let listed = all.iter().filter(|name| !dropped.contains(name)).cloned().collect();
        Some(Self { listed, ignored, logs })
    }

    /// Names that stand for several tests cannot be asked for.
    pub(crate) fn has_namesakes(&self) -> bool {
        let all: BTreeSet<&String> = self.listed.iter().chain(&self.ignored).collect();
        all.len() < self.listed.len() + self.ignored.len()
    }
}

/// The tests that a run with these arguments would consider.
pub(crate) fn considered(start: &Start, arguments: &[OsString]) -> Option<Vec<String>> {
    finish(begin(start, arguments, false)?)
}

fn begin(start: &Start, arguments: &[OsString], only_ignored: bool) -> Option<Child> {
    let ours: &[&str] =
        if only_ignored { &["--list", "--format", "terse", "--ignored"] } else { &["--list", "--format", "terse"] };
    // Before the user's: behind `--` nothing is an option.
    let words: Vec<OsString> = ours.iter().map(OsString::from).chain(arguments.iter().cloned()).collect();
    let mut command = start.untraced(&words);
    // A listing of an instrumented program is no run of a test.
    command.env("LLVM_PROFILE_FILE", "/dev/null");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()
}

fn finish(child: Child) -> Option<Vec<String>> {
    let output = child.wait_with_output().ok()?;
    if !output.status.success() {
        return None;
    }
    let text = String::from_utf8(output.stdout).ok()?;
    let name = |line: &str| {
        let ends = [": test", ": benchmark", ": bench"];
        let name = ends.iter().find_map(|end| line.strip_suffix(end))?;
        (!name.is_empty() && !name.chars().any(char::is_control)).then(|| name.to_owned())
    };
    text.lines().map(name).collect()
}
