//! From a release, as a source spells it, to the commit that it was built from.

use std::collections::BTreeMap;

/// How sure the commit of a release is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sureness {
    /// A commit was named.
    Exact,
    /// A tag was named.
    Tag,
    /// By the date: the default branch as it was.
    Inferred,
    /// There is none.
    None,
}

impl Sureness {
    /// As it is written.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Tag => "tag",
            Self::Inferred => "inferred",
            Self::None => "none",
        }
    }
}

/// What is known of a repository's commits.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Commits {
    /// Tags and the commits they point at.
    pub tags: BTreeMap<String, String>,
    /// Beginnings of commits' names that were looked up, and the whole names of those that are there.
    pub named: BTreeMap<String, String>,
    /// The default branch's own line, newest first: when, in seconds since 1970, and which. No commit is said to be younger than one that
    /// came after it ([`in_order`]).
    pub line: Vec<(i64, String)>,
}

/// A line of commits, newest first, whose times never go back: clocks of committers differ, and a commit was there at the latest when the
/// one after it was made.
#[must_use]
pub fn in_order(mut line: Vec<(i64, String)>) -> Vec<(i64, String)> {
    let mut next = i64::MAX;
    for (at, _) in &mut line {
        *at = next.min(*at);
        next = *at;
    }
    line
}

/// The parts of a release that may be the beginning of a commit's name.
#[must_use]
pub fn names(release: &str) -> Vec<String> {
    let parts = release.split(|c: char| !c.is_ascii_hexdigit() && !c.is_ascii_alphanumeric());
    let parts = parts.map(|part| part.strip_prefix('g').unwrap_or(part));
    let fits = |part: &&str| (7..=40).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    parts.filter(fits).map(str::to_lowercase).collect()
}

/// The commit of a release that failed at `at`, in seconds since 1970; empty with [`Sureness::None`].
#[must_use]
pub fn commit(release: &str, revision: &str, at: i64, commits: &Commits) -> (String, Sureness) {
    if let Some(found) = told(release, revision, commits) {
        return found;
    }
    match commits.line.get(by_date(at, commits)) {
        Some((_, commit)) => (commit.clone(), Sureness::Inferred),
        None => (String::new(), Sureness::None),
    }
}

/// The commit that a release itself tells, whenever it failed.
#[must_use]
pub fn told(release: &str, revision: &str, commits: &Commits) -> Option<(String, Sureness)> {
    let named = [revision, release].iter().flat_map(|text| names(text)).find_map(|name| commits.named.get(&name));
    if let Some(commit) = named {
        return Some((commit.clone(), Sureness::Exact));
    }
    let tag = spellings(release).iter().find_map(|tag| commits.tags.get(tag));
    tag.map(|commit| (commit.clone(), Sureness::Tag))
}

/// The place in the line of the newest commit that was there at `at`; behind its end where there was none.
#[must_use]
pub fn by_date(at: i64, commits: &Commits) -> usize {
    commits.line.partition_point(|(when, _)| *when > at)
}

/// The tags that a release may mean: `shop@1.4.0+3` is `v1.4.0`, too.
fn spellings(release: &str) -> Vec<String> {
    let (name, version) = release.rsplit_once(['@', '/']).unwrap_or(("", release));
    let bare = version.split('+').next().unwrap_or(version);
    let mut all = vec![release.to_owned()];
    for version in [version, bare] {
        let number = version.trim_start_matches(['v', 'V']);
        all.extend([version.to_owned(), format!("v{number}"), number.to_owned()]);
        if !name.is_empty() {
            all.extend(["-", "-v", "@", "@v", "/", "/v"].map(|sign| format!("{name}{sign}{number}")));
        }
    }
    all.retain(|tag| !tag.is_empty() && tag != "v");
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_is_a_commit_a_tag_or_the_branch_as_it_was() {
        let sha = "0123456789abcdef0123456789abcdef01234567";
        let commits = Commits {
            tags: [("v1.4.0", "T"), ("web-2.0", "W")].map(|(tag, commit)| (tag.to_owned(), commit.to_owned())).into(),
            named: [("0123456".to_owned(), sha.to_owned()), (sha.to_owned(), sha.to_owned())].into(),
            line: vec![(300, "C".to_owned()), (200, "B".to_owned()), (100, "A".to_owned())],
        };
        for (release, revision, at, expected, sureness) in [
            (sha, "", 0, sha, Sureness::Exact),
            ("shop@0123456", "", 0, sha, Sureness::Exact),
            ("1.0-5-g0123456", "", 0, sha, Sureness::Exact),
            ("v1.4.0", sha, 0, sha, Sureness::Exact),
            ("shop@1.4.0", "", 0, "T", Sureness::Tag),
            ("1.4.0+build.7", "", 0, "T", Sureness::Tag),
            ("v1.4.0", "", 0, "T", Sureness::Tag),
            ("web@2.0", "", 0, "W", Sureness::Tag),
            ("9.9", "", 250, "B", Sureness::Inferred),
            ("", "", 300, "C", Sureness::Inferred),
            ("fffffff", "", 100, "A", Sureness::Inferred),
            ("9.9", "", 99, "", Sureness::None),
        ] {
            assert_eq!(commit(release, revision, at, &commits), (expected.to_owned(), sureness), "{release}");
        }
    }

    #[test]
    fn a_commit_was_there_when_the_one_after_it_was_made_whatever_its_clock_said() {
        let line = [(300, "C"), (900, "B"), (100, "A")].map(|(at, commit)| (at, commit.to_owned())).to_vec();
        let commits = Commits { line: in_order(line), ..Commits::default() };
        for (at, expected) in [(99, ""), (100, "A"), (299, "A"), (300, "C"), (1000, "C")] {
            assert_eq!(commit("", "", at, &commits).0, expected, "{at}");
        }
    }

    #[test]
    fn only_what_can_be_the_beginning_of_a_commit_is_looked_up() {
        assert_eq!(names("shop@1.4.0-DEADBEEF"), ["deadbeef"]);
        assert_eq!(names("--output=/tmp/x; rm -rf abc123"), [""; 0]);
    }
}
