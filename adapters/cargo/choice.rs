//! How a test program is told what to run.

use std::collections::BTreeSet;
use std::ffi::OsString;

use crate::listing::{self, Listing};
use crate::options::Options;
use crate::plan::{Harness, Plan, Program};
use crate::start::Start;

/// The system takes two, with the environment.
const MOST_BYTES: usize = 1 << 20;

/// What a program gets instead of the user's arguments.
#[derive(Debug)]
pub(crate) struct Choice {
    pub(crate) how: &'static str,
    pub(crate) asked: Vec<String>,
    /// None: the user's own.
    pub(crate) arguments: Option<Vec<OsString>>,
}

impl Choice {
    /// The user's own arguments.
    pub(crate) fn everything(how: &'static str, listing: &Listing) -> Self {
        Self { how, asked: listing.listed.clone(), arguments: None }
    }

    /// Fewest words first: the user's own, names, names to skip; and everything where neither fits.
    pub(crate) fn make(plan: &Plan, program: &Program, start: &Start, options: &Options, listing: &Listing) -> Self {
        let (out, asked): (Vec<String>, Vec<String>) =
            listing.listed.iter().cloned().partition(|name| plan.leaves_out(&program.unit, name));
        if out.is_empty() {
            return Self::everything("all", listing);
        }
        if listing.has_namesakes() {
            return Self::everything("whole", listing);
        }
        let kept = options.without_names();
        if asked.is_empty() {
            let arguments = [kept, vec!["--exact".into(), nobody(listing).into()]].concat();
            return Self { how: "none", asked, arguments: Some(arguments) };
        }
        if program.harness == Harness::Libtest && weight(&asked) <= MOST_BYTES {
            let mut arguments = kept;
            arguments.push("--exact".into());
            arguments.extend(asked.iter().map(OsString::from));
            return Self { how: "exact", asked, arguments: Some(arguments) };
        }
        match complement(program, start, options, listing, &asked) {
            Some(arguments) => Self { how: "skip", asked, arguments: Some(arguments) },
            None => Self::everything("whole", listing),
        }
    }
}

/// A name that no test has: the program then says that it ran none. One of Rust has no space in it.
fn nobody(listing: &Listing) -> String {
    let mut name = "nothing to run".to_owned();
    while listing.listed.iter().chain(&listing.ignored).any(|other| *other == name) {
        name.push('.');
    }
    name
}

fn weight<T: AsRef<str>>(names: &[T]) -> usize {
    // Each ends in a zero, and a pointer points at it.
    names.iter().map(|name| name.as_ref().len() + 1 + size_of::<usize>()).sum()
}

/// All that is not asked for, as words to skip. The user's filters are gone from these arguments, so what they had left out is
/// named too.
fn complement(
    program: &Program,
    start: &Start,
    options: &Options,
    listing: &Listing,
    asked: &[String],
) -> Option<Vec<OsString>> {
    let whole = options.of_whole_listing();
    let all = if options.has_filters() {
        listing::considered(start, &whole)?
    } else {
        listing.listed.iter().chain(&listing.ignored).cloned().collect()
    };
    let wanted: BTreeSet<&String> = asked.iter().collect();
    // Those that are only shown as ignored are shown as ever.
    let shown: BTreeSet<&String> = listing.ignored.iter().collect();
    let skipped = all.iter().filter(|name| !wanted.contains(name) && !shown.contains(name));
    let skipped: Vec<String> = skipped.map(|name| format!("--skip={name}")).collect();
    if weight(&skipped) > MOST_BYTES {
        return None;
    }
    let ours = || std::iter::once(OsString::from("--exact")).chain(skipped.iter().map(OsString::from));
    if program.harness == Harness::Mimic {
        // What a name means differs from version to version: without the kind of the test, or with it.
        let left = listing::considered(start, &whole.into_iter().chain(ours()).collect::<Vec<_>>())?;
        let left: Vec<&String> = left.iter().filter(|name| !shown.contains(name)).collect();
        if left.len() != asked.len() || left.iter().zip(asked).any(|(one, other)| *one != other) {
            return None;
        }
    }
    Some(options.without_names().into_iter().chain(ours()).collect())
}
