//! Which code paths of a file a commit touched, by what the file means before and after, and from where a walk over commits goes on.

use std::collections::BTreeMap;

use crate::model::code_path::MODULE;
use crate::model::commit::{Act, Walk};
use crate::model::digest::Digest;
use crate::model::shape::Shape;

/// What is known of a file on one side of a commit.
#[derive(Debug, Clone, Copy)]
pub enum Side<'a> {
    /// It is not there.
    Absent,
    /// It is there, and is no source that can be parsed.
    Unread,
    /// What it means.
    Source(&'a Shape),
}

impl Side<'_> {
    fn functions(&self) -> BTreeMap<&str, Digest> {
        match self {
            Self::Absent | Self::Unread => BTreeMap::new(),
            Self::Source(shape) => shape.functions.iter().map(|f| (f.name.as_str(), f.body)).collect(),
        }
    }
}

/// The functions of a file that a commit touched, each with what happened to it, in the order of their names after the module-level code.
///
/// Comments and layout are no part of a shape, so they touch nothing. A file that could be parsed on one side only may hide any change:
/// all functions of the other side count as changed.
#[must_use]
pub fn touched(before: Side<'_>, after: Side<'_>) -> Vec<(Act, String)> {
    let module = match (before, after) {
        (Side::Absent, Side::Absent) => None,
        (Side::Absent, _) => Some(Act::Added),
        (_, Side::Absent) => Some(Act::Removed),
        (Side::Source(before), Side::Source(after)) => (before.module != after.module).then_some(Act::Changed),
        (Side::Unread, _) | (_, Side::Unread) => Some(Act::Changed),
    };
    let is_half_read = matches!((before, after), (Side::Unread, Side::Source(_)) | (Side::Source(_), Side::Unread));
    let (older, newer) = (before.functions(), after.functions());
    let mut found: Vec<(Act, String)> = module.map(|act| (act, MODULE.to_owned())).into_iter().collect();
    let mut names: Vec<&str> = older.keys().chain(newer.keys()).copied().collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let act = match (older.get(name), newer.get(name)) {
            _ if is_half_read => Some(Act::Changed),
            (None, _) => Some(Act::Added),
            (_, None) => Some(Act::Removed),
            (Some(older), Some(newer)) => (older != newer).then_some(Act::Changed),
        };
        found.extend(act.map(|act| (act, name.to_owned())));
    }
    found
}

/// From which of the kept walks, newest first, a walk to the end of `history` (oldest first) goes on, and how many commits of `history` it has
/// behind it. The newest may have ended at a commit that a force push took away: then an older one that is still part of the history. Where a
/// clone is deeper than the one that was walked, what lay before it has to be learned too, so nothing is gone on from.
#[must_use]
pub fn go_on<'a>(history: &[String], kept: &'a [Walk]) -> Option<(&'a Walk, usize)> {
    let places: BTreeMap<&str, usize> = history.iter().enumerate().map(|(at, commit)| (commit.as_str(), at)).collect();
    let newest = kept.iter().find_map(|walk| places.get(walk.commit.as_str()).map(|&at| (walk, at + 1)));
    newest.filter(|(walk, behind)| *behind as u64 <= walk.number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::shape::FunctionShape;

    /// `f=1 g=2 =7`: two functions with their bodies, and the module-level code.
    fn shape(text: &str) -> Shape {
        let mut shape = Shape { parsed: true, ..Shape::default() };
        for (name, hash) in text.split_whitespace().filter_map(|part| part.split_once('=')) {
            let body = Digest(hash.parse().unwrap());
            match name {
                "" => shape.module = body,
                name => shape.functions.push(FunctionShape {
                    name: name.to_owned(),
                    lines: Vec::new(),
                    body,
                    remembers: false,
                    fills: false,
                }),
            }
        }
        shape
    }

    /// `-` is absent, `?` cannot be parsed.
    fn told(before: &str, after: &str) -> String {
        let shapes = [shape(before), shape(after)];
        let side = |text: &str, at: usize| match text {
            "-" => Side::Absent,
            "?" => Side::Unread,
            _ => Side::Source(&shapes[at]),
        };
        let found = touched(side(before, 0), side(after, 1));
        found.iter().map(|(act, name)| format!("{} {name}", act.word())).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn what_a_commit_touched_is_said_by_meaning() {
        for (before, after, wanted) in [
            ("f=1 =7", "f=1 =7", ""),
            ("f=1 =7", "f=2 =7", "changed f"),
            ("f=1 =7", "f=1 =8", "changed <module>"),
            ("f=1 g=1 =7", "g=2 h=1 =8", "changed <module>, removed f, changed g, added h"),
            ("-", "f=1 =7", "added <module>, added f"),
            ("f=1 =7", "-", "removed <module>, removed f"),
            ("-", "?", "added <module>"),
            ("?", "-", "removed <module>"),
            ("?", "?", "changed <module>"),
            // What happened while it could not be parsed is not known.
            ("f=1 =7", "?", "changed <module>, changed f"),
            ("?", "f=1 g=1 =7", "changed <module>, changed f, changed g"),
        ] {
            assert_eq!(told(before, after), wanted, "{before} -> {after}");
        }
    }

    #[test]
    fn a_walk_goes_on_at_the_newest_kept_commit_that_is_still_part_of_the_history() {
        let names = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        for (history, kept, wanted) in [
            ("a b c d", "b2 a1", Some(("b", 2))),
            ("a b c d", "d4 b2", Some(("d", 4))),
            ("a b x y", "d4 b2", Some(("b", 2))),
            ("x y z", "d4 b2", None),
            ("a b", "", None),
            // A clone that ends later, and one that ends earlier, than what was walked.
            ("c d e", "d4 b2", Some(("d", 2))),
            ("0 1 a b c", "b2", None),
        ] {
            let walk = |text: String| Walk { commit: text[..1].to_owned(), number: text[1..].parse().unwrap() };
            let kept: Vec<Walk> = names(kept).into_iter().map(walk).collect();
            let found = go_on(&names(history), &kept);
            assert_eq!(found.map(|(walk, behind)| (walk.commit.as_str(), behind)), wanted, "{history}");
        }
    }
}
