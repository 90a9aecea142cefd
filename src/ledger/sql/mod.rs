//! The list of views, in the order they are built. A view is one file and one line here; its first line states its grain.
//!
//! `facts/` alone sees how segments are laid out (rename, cast, spread lists, nothing else), `shaped/` answers one question each, `evidence/` has
//! one row per test, path or run. Everything above `facts/` keeps to SQL that other engines read too.

use crate::model::digest::Digest;

pub(super) mod packed;
mod shared;
mod sources;

pub use shared::SHARED;
pub(super) use shared::held_for;
pub(super) use sources::PACKED_FORMAT;
pub use sources::{Fact, Source, State, fingerprint, sources, state};

/// One view: its name and the text of its file.
#[derive(Debug, Clone, Copy)]
pub struct View {
    /// What a query calls it.
    pub name: &'static str,
    /// The whole file.
    pub text: &'static str,
}

impl View {
    /// What one row is, from the first line of the file: `One row per run.`
    #[must_use]
    pub fn grain(&self) -> &'static str {
        self.text.lines().next().unwrap_or_default().trim_start_matches("-- ")
    }

    /// What it reads, as often as it says so after a `FROM` or a `JOIN`; what it calls so itself is left out.
    fn reads(&self) -> impl Iterator<Item = &'static str> {
        let text = self.text;
        let words: Vec<&str> = text.split(|c: char| !(c.is_alphanumeric() || c == '_')).collect();
        let pairs = words.windows(2).map(|pair| (pair[0], pair[1])).collect::<Vec<_>>();
        pairs
            .into_iter()
            .filter(move |(before, name)| ["FROM", "JOIN"].contains(before) && !text.contains(&format!("{name} AS (")))
            .map(|(_, name)| name)
    }
}

macro_rules! views {
    ($($folder:literal / $name:literal),+ $(,)?) => {
        &[$(View { name: $name, text: include_str!(concat!($folder, "/", $name, ".sql")) }),+]
    };
}

/// Every view; each reads only tables and views above it.
pub const VIEWS: &[View] = views![
    "facts" / "runs",
    "facts" / "outcomes",
    "facts" / "decisions",
    "facts" / "test_sets",
    "facts" / "edges",
    "facts" / "inclusions",
    "facts" / "footprints",
    "facts" / "ran_code",
    "facts" / "code_sets",
    "facts" / "code_paths",
    "facts" / "touched_code",
    "facts" / "trees",
    "facts" / "variants",
    "facts" / "sightings",
    "facts" / "observations",
    "facts" / "source_marks",
    "facts" / "pages",
    "facts" / "segment_problems",
    "facts" / "walks",
    "facts" / "commits",
    "facts" / "changes",
    "facts" / "renames",
    "facts" / "guard_steps",
    "shaped" / "test_outcomes",
    "shaped" / "test_outcomes_daily",
    "shaped" / "test_decisions",
    "shaped" / "newest_footprints",
    "shaped" / "reached_sets",
    "shaped" / "counted_walks",
    "shaped" / "counted_commits",
    "shaped" / "former_names",
    "shaped" / "path_names",
    "shaped" / "named_changes",
    "shaped" / "sightings_once",
    "shaped" / "sightings_by_place",
    "evidence" / "runs_overview",
    "evidence" / "verdicts",
    "evidence" / "flakes",
    "evidence" / "durations",
    "evidence" / "dependents",
    "evidence" / "left_out",
    "evidence" / "volatile_paths",
    "evidence" / "faults",
    "evidence" / "fault_commits",
    "evidence" / "fault_weeks",
    "evidence" / "drafts",
    "evidence" / "fault_events",
    "evidence" / "unguarded_faults",
    "evidence" / "guard_totals",
    "evidence" / "path_changes",
    "evidence" / "path_faults",
    "evidence" / "unmapped_faults",
    "evidence" / "source_health",
    "shaped" / "watched_folders",
    "shaped" / "numbered_paths",
    "shaped" / "surroundings",
    "shaped" / "code_history",
    "shaped" / "unwatched_code",
    "shaped" / "own_reach",
    "shaped" / "telling_runs",
    "shaped" / "covering_sets",
    "shaped" / "test_coverages",
    "shaped" / "coverages",
    "shaped" / "mixed_coverages",
    "shaped" / "mixed_reach",
    "shaped" / "mixed_code",
    "shaped" / "coverage_code",
    "shaped" / "covers",
    "shaped" / "coverage_heads",
    "shaped" / "own_code",
    "shaped" / "path_tests",
    "shaped" / "noted_code",
    "evidence" / "coverage_evidence",
    "evidence" / "test_history",
    "evidence" / "escapes",
    "shaped" / "test_births",
    "evidence" / "pinning_paths",
    "evidence" / "test_evidence",
    "evidence" / "run_recall",
    "evidence" / "probes",
    "evidence" / "checked_skips",
];

/// One kind of segment: the folder it lies in and the columns of its lines, by the names that the lines use.
#[derive(Debug)]
pub(super) struct Kind {
    /// `segments/<folder>/`; its table is `raw_<folder>`.
    pub(super) folder: &'static str,
    /// Column and type. Times stay text here: one bad time must not lose its line.
    pub(super) columns: &'static [(&'static str, &'static str)],
}

/// The kinds that the views read.
pub(super) const KINDS: &[Kind] = &[
    Kind {
        folder: "runs",
        columns: &[
            ("v", "BIGINT"),
            ("run", "VARCHAR"),
            ("attempt", "BIGINT"),
            ("shard", "VARCHAR"),
            ("ci_run", "VARCHAR"),
            ("started", "VARCHAR"),
            ("seconds", "DOUBLE"),
            ("runner", "VARCHAR"),
            ("command", "VARCHAR[]"),
            ("cwd", "VARCHAR"),
            ("commit", "VARCHAR"),
            ("branch", "VARCHAR"),
            ("dirty", "BOOLEAN"),
            ("recorded", "BOOLEAN"),
            ("health", "VARCHAR"),
            ("exit", "BIGINT"),
            ("titer", "VARCHAR"),
            ("tests_run", "BIGINT"),
            ("tests_left_out", "BIGINT"),
            ("inventory", "VARCHAR"),
            ("suite", "VARCHAR"),
        ],
    },
    Kind {
        folder: "outcomes",
        columns: &[
            ("v", "BIGINT"),
            ("run", "VARCHAR"),
            ("at", "VARCHAR"),
            ("test", "VARCHAR"),
            ("variant", "VARCHAR"),
            ("outcome", "VARCHAR"),
            ("seconds", "DOUBLE"),
            ("attempt", "BIGINT"),
            ("worker", "VARCHAR"),
        ],
    },
    Kind {
        folder: "decisions",
        columns: &[
            ("v", "BIGINT"),
            ("run", "VARCHAR"),
            ("variant", "VARCHAR"),
            ("verdict", "VARCHAR"),
            ("reason", "VARCHAR"),
            ("otherwise", "VARCHAR"),
            ("evidence", "VARCHAR[]"),
            ("tests", "VARCHAR"),
            ("count", "BIGINT"),
            ("set", "VARCHAR"),
            ("ids", "VARCHAR[]"),
        ],
    },
    Kind {
        folder: "edges",
        columns: &[
            ("v", "BIGINT"),
            ("kind", "VARCHAR"),
            ("set", "VARCHAR"),
            ("path", "VARCHAR"),
            ("name", "VARCHAR"),
            ("hash", "VARCHAR"),
            ("run", "VARCHAR"),
            ("at", "VARCHAR"),
            ("test", "VARCHAR"),
            ("variant", "VARCHAR"),
            ("sets", "VARCHAR[]"),
            ("memory", "VARCHAR"),
            ("inventory", "VARCHAR"),
            ("walker", "BOOLEAN"),
            ("traced", "BOOLEAN"),
            ("bounded", "BOOLEAN"),
        ],
    },
    Kind {
        folder: "events",
        columns: &[
            ("v", "BIGINT"),
            ("kind", "VARCHAR"),
            ("id", "VARCHAR"),
            ("inputs", "VARCHAR"),
            ("configuration", "VARCHAR"),
        ],
    },
    Kind {
        folder: "guards",
        columns: &[
            ("v", "BIGINT"),
            ("kind", "VARCHAR"),
            ("draft", "VARCHAR"),
            ("fault", "VARCHAR"),
            ("at", "VARCHAR"),
            ("runner", "VARCHAR"),
            ("rung", "VARCHAR"),
            ("flags", "VARCHAR[]"),
            ("test", "VARCHAR"),
            ("state", "VARCHAR"),
            ("criterion", "VARCHAR"),
            ("reason", "VARCHAR"),
            ("faulty", "VARCHAR"),
            ("fixed", "VARCHAR"),
            ("characters_before", "BIGINT"),
            ("characters_after", "BIGINT"),
            ("cost", "DOUBLE"),
            ("seconds", "DOUBLE"),
        ],
    },
    Kind {
        folder: "changes",
        columns: &[
            ("v", "BIGINT"),
            ("kind", "VARCHAR"),
            ("walk", "VARCHAR"),
            ("commit", "VARCHAR"),
            ("number", "BIGINT"),
            ("at", "VARCHAR"),
            ("author", "VARCHAR"),
            ("path", "VARCHAR"),
            ("function", "VARCHAR"),
            ("was", "VARCHAR"),
            ("shallow", "BOOLEAN"),
        ],
    },
    Kind {
        folder: "sightings",
        columns: &[
            ("v", "BIGINT"),
            ("kind", "VARCHAR"),
            ("source", "VARCHAR"),
            ("project", "VARCHAR"),
            ("service", "VARCHAR"),
            ("at", "VARCHAR"),
            ("since", "VARCHAR"),
            ("received_at", "VARCHAR"),
            ("event", "VARCHAR"),
            ("issue", "VARCHAR"),
            ("fault", "VARCHAR"),
            ("type", "VARCHAR"),
            ("message", "VARCHAR"),
            ("handled", "BOOLEAN"),
            ("level", "VARCHAR"),
            ("platform", "VARCHAR"),
            ("environment", "VARCHAR"),
            ("release", "VARCHAR"),
            ("commit", "VARCHAR"),
            ("commit_confidence", "VARCHAR"),
            ("count", "BIGINT"),
            ("path", "VARCHAR"),
            ("function", "VARCHAR"),
            ("confidence", "VARCHAR"),
            ("unmapped", "VARCHAR"),
            ("blocks", "VARCHAR"),
            ("user", "VARCHAR"),
            ("tenant", "VARCHAR"),
            ("frames_in_repository", "BIGINT"),
            ("frames_mapped", "BIGINT"),
            ("mark", "VARCHAR"),
            ("raw", "VARCHAR"),
        ],
    },
];

/// Kinds whose segments are packed into Parquet once their day is over: `live_<kind>` is what is not packed yet, `packed_<kind>` what is, and
/// `raw_<kind>` both.
pub(super) const PACKED: &[&str] = &["outcomes", "edges", "changes", "sightings"];

/// Whether segments of a kind are packed.
pub(super) fn is_packed(kind: &str) -> bool {
    PACKED.contains(&kind)
}

impl Kind {
    /// Whether its segments are packed.
    pub(super) fn is_packed(&self) -> bool {
        PACKED.contains(&self.folder)
    }

    /// The names of its columns, as a query lists them.
    pub(super) fn names(&self) -> String {
        self.columns.iter().map(|(name, _)| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
    }

    /// The table that holds its segments.
    fn live(&self) -> String {
        format!("{}_{}", if self.is_packed() { "live" } else { "raw" }, self.folder)
    }

    /// The statements that create its tables.
    pub(super) fn table(&self) -> String {
        let columns: Vec<String> = self.columns.iter().map(|(name, of)| format!("\"{name}\" {of}")).collect();
        let columns = columns.join(", ");
        let live = format!("CREATE TABLE {} (segment VARCHAR, {columns});", self.live());
        if !self.is_packed() {
            return live;
        }
        let (kind, names) = (self.folder, self.names());
        let (more, live_more, packed_more) = match kind {
            "edges" => (", set_key UBIGINT, path_key UBIGINT", String::new(), ""),
            "sightings" => (
                ", is_sealed BOOLEAN, is_counted BOOLEAN",
                format!(", {}", packed::UNSEALED),
                ", is_sealed, is_counted",
            ),
            _ => ("", String::new(), ""),
        };
        format!(
            "{live} CREATE TABLE packed_{kind} (segment VARCHAR, {columns}{more}); \
             CREATE VIEW raw_{kind} AS SELECT segment, {names}{live_more} FROM live_{kind} \
             UNION ALL SELECT segment, {names}{packed_more} FROM packed_{kind};"
        )
    }

    /// The statement that fills its table from whole segments. A line that does not parse becomes a row without a `v`.
    pub(super) fn load(&self, folder: &str, paths: &[String]) -> String {
        let files = paths.iter().map(|path| literal(path)).collect::<Vec<_>>().join(", ");
        format!(
            "INSERT INTO {live} SELECT substr(filename, {from}), * EXCLUDE (filename) FROM read_json([{files}], columns = {{{columns}}}, \
             format = 'newline_delimited', compression = 'zstd', ignore_errors = true, hive_partitioning = false, filename = true)",
            live = self.live(),
            // Segments are called by their path inside the ledger, whose own place may change.
            from = folder.chars().count() + 2,
            columns =
                self.columns.iter().map(|(name, of)| format!("\"{name}\": '{of}'")).collect::<Vec<_>>().join(", "),
        )
    }
}

/// A string as SQL writes it.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// What a lens must have been built by for this program to read it.
pub(super) fn schema() -> String {
    let mut all = String::new();
    for kind in KINDS {
        all.push_str(&kind.load("", &[]));
        all.push_str(&kind.table());
    }
    all.push_str(packed::TABLES);
    for view in VIEWS {
        all.push_str(view.name);
        all.push_str(view.text);
    }
    Digest::of(all.as_bytes()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_view_says_what_one_row_is_why_it_exists_and_what_it_reads() {
        for view in VIEWS {
            let head: Vec<&str> = view.text.lines().take(3).collect();
            assert!(head[0].starts_with("-- One row per ") && head[0].ends_with('.'), "{}: {}", view.name, head[0]);
            assert!(head[1].starts_with("-- Why: "), "{}: {}", view.name, head[1]);
            assert!(head[2].starts_with("-- Reads: "), "{}: {}", view.name, head[2]);
        }
    }

    #[test]
    fn a_view_reads_only_what_is_built_before_it_and_says_all_of_it() {
        let mut known: Vec<String> = KINDS.iter().map(|kind| format!("raw_{}", kind.folder)).collect();
        known.extend(PACKED.iter().flat_map(|kind| [format!("live_{kind}"), format!("packed_{kind}")]));
        known.extend(["packed_sets", "packed_paths", "packed_places", "sealed_sightings"].map(str::to_owned));
        known.extend(["segments", "clock", "thresholds", "services"].map(str::to_owned));
        for view in VIEWS {
            let said =
                view.text.lines().nth(2).unwrap_or_default().trim_start_matches("-- Reads: ").trim_end_matches('.');
            for name in said.split(", ") {
                assert!(
                    known.iter().any(|k| k == name),
                    "{} says that it reads {name}, which is not built before it",
                    view.name
                );
            }
            for read in view.reads() {
                assert!(said.split(", ").any(|name| name == read), "{} does not say that it reads {read}", view.name);
            }
            known.push(view.name.to_owned());
        }
    }

    #[test]
    fn a_segment_of_any_kind_can_be_seen_to_be_whole() {
        let view = VIEWS.iter().find(|view| view.name == "segment_problems").unwrap();
        for kind in KINDS {
            // Else its segments are taken for empty, and nothing moves any more.
            let is_read =
                view.reads().any(|name| name.strip_prefix("raw_").or(name.strip_prefix("live_")) == Some(kind.folder));
            assert!(is_read, "segment_problems does not look at {}", kind.folder);
        }
    }

    #[test]
    fn a_quote_in_a_path_stays_inside_its_literal() {
        assert_eq!(literal("a'b"), "'a''b'");
    }
}
