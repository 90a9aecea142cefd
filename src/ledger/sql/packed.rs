//! Statements over what segments were packed into: how a lens sees it, and how it is made.
//!
//! Sightings are packed by the day on which they were seen, and a day is made as a whole; all other kinds by when they were packed. What is
//! joined by the million has 64-bit keys, and small files (`sets`, `paths`, `places`) say once what each key stands for.

use std::collections::BTreeSet;

use super::{Fact, KINDS, Kind, State, literal};

/// The rollup's place in the ledger; a change of what it holds is another number.
pub(in crate::ledger) const DAILY: &str = "rollups/sightings_daily/v=1";

/// What a lens has in place of packed files that there are none of.
pub(in crate::ledger) const TABLES: &str =
    "CREATE TABLE packed_sets (set_key UBIGINT, tells_functions INTEGER, first_file VARCHAR, last_file VARCHAR);
     CREATE TABLE packed_paths (path_key UBIGINT, file VARCHAR, function VARCHAR);
     CREATE TABLE packed_places (place_key UBIGINT, source VARCHAR, project VARCHAR, service VARCHAR, fault_id VARCHAR, error_type VARCHAR,
       path VARCHAR, function_name VARCHAR, is_mapped BOOLEAN, unmapped_reason VARCHAR, blocks VARCHAR);
     CREATE TABLE sealed_sightings (place_key UBIGINT, first_seen_at TIMESTAMP, last_seen_at TIMESTAMP, sightings BIGINT,
       frames_in_repository BIGINT, frames_mapped BIGINT);";

/// Days that unpacked sightings fall on: the days that have to be looked at sighting by sighting.
pub(in crate::ledger) const LIVE_DAYS: &str = "SELECT DISTINCT STRFTIME(TRY_CAST(\"at\" AS TIMESTAMP), '%Y-%m-%d') FROM live_sightings WHERE kind = 'sighting' AND v = 1 \
     AND TRY_CAST(\"at\" AS TIMESTAMP) IS NOT NULL";

const PLACE: &str = "place_key, source, project, service, fault_id, error_type, path, function_name, is_mapped, unmapped_reason, blocks";

const DAY_OF_PLACE: &str = "place_key, MIN(seen_at) AS first_seen_at, MAX(seen_at) AS last_seen_at, SUM(COALESCE(\"count\", 1))::BIGINT AS sightings, \
     SUM(COALESCE(frames_in_repository, 0))::BIGINT AS frames_in_repository, SUM(COALESCE(frames_mapped, 0))::BIGINT AS frames_mapped";

/// Of a day that more is told of, which of several sightings counts is found anew by every question.
pub(super) const UNSEALED: &str = "FALSE AS is_sealed, CAST(NULL AS BOOLEAN) AS is_counted";

/// The packed files of one ledger, by their full names.
#[derive(Debug)]
pub(in crate::ledger) struct Files<'a> {
    ledger: String,
    state: &'a State,
}

impl<'a> Files<'a> {
    pub(in crate::ledger) fn new(ledger: &std::path::Path, state: &'a State) -> Self {
        Self { ledger: ledger.to_string_lossy().into_owned(), state }
    }

    fn of(&self, kind: &str) -> impl Iterator<Item = &'a Fact> {
        self.state.facts.iter().filter(move |fact| fact.kind == kind && fact.is_there)
    }

    fn read<'b>(&self, facts: impl IntoIterator<Item = &'b Fact>) -> Option<String> {
        let files: Vec<String> =
            facts.into_iter().map(|fact| literal(&format!("{}/{}", self.ledger, fact.path))).collect();
        // A name with a bracket is a name here: the engine takes patterns, but a single file that is there as it is.
        (!files.is_empty()).then(|| format!("read_parquet([{}], hive_partitioning = false)", files.join(", ")))
    }

    fn replaced(&self) -> Option<String> {
        let names: Vec<String> = self.state.replaced.iter().map(|path| literal(path)).collect();
        (!names.is_empty()).then(|| format!("({})", names.join(", ")))
    }

    /// The days of which some packed sightings count no more, as a query; none where all do.
    pub(in crate::ledger) fn replaced_days(&self) -> Option<String> {
        let (read, replaced) = (self.read(self.of("sightings"))?, self.replaced()?);
        Some(format!("SELECT DISTINCT dt FROM {read} WHERE segment IN {replaced}"))
    }

    /// The statements that let a lens see what is packed. A day is sealed when it was over at `as_of` (`2026-11-21`) and nothing but its
    /// own files tells of it; `open` are days of which more is told.
    pub(in crate::ledger) fn views(&self, as_of: &str, open: &BTreeSet<String>) -> Vec<String> {
        let mut made = Vec::new();
        let view = |name: &str, text: String| format!("CREATE TEMP VIEW {name} AS {text}");
        let less =
            |and: &str| self.replaced().map_or(String::new(), |names| format!(" WHERE segment NOT IN {names}{and}"));
        for kind in KINDS.iter().filter(|kind| ["outcomes", "changes", "edges"].contains(&kind.folder)) {
            let Some(read) = self.read(self.of(kind.folder)) else { continue };
            // Sets are named by their content: they stay true whoever wrote them.
            let (more, and) =
                if kind.folder == "edges" { (", set_key, path_key", " OR kind <> 'footprint'") } else { ("", "") };
            let text = format!("SELECT segment, {}{more} FROM {read}{}", kind.names(), less(and));
            made.push(view(&format!("packed_{}", kind.folder), text));
        }
        let dimensions = [
            ("sets", "packed_sets", "set_key, tells_functions, first_file, last_file"),
            ("paths", "packed_paths", "path_key, file, function"),
            ("places", "packed_places", PLACE),
        ];
        for (kind, name, columns) in dimensions {
            made.extend(self.read(self.of(kind)).map(|read| view(name, format!("SELECT {columns} FROM {read}"))));
        }
        let is_sealed = |fact: &&Fact| fact.day() < as_of && !open.contains(fact.day());
        made.extend(self.sightings(&is_sealed).map(|text| view("packed_sightings", text)));
        made.extend(self.sealed(&is_sealed).map(|text| view("sealed_sightings", text)));
        made
    }

    fn sightings(&self, is_sealed: &dyn Fn(&&Fact) -> bool) -> Option<String> {
        let names = KINDS.iter().find(|kind| kind.folder == "sightings").map(Kind::names)?;
        // As a constant it tells the engine which files it need not open.
        let events = names.replace("\"kind\"", "'sighting' AS \"kind\"");
        let less = self.replaced().map_or(String::new(), |names| format!(" WHERE segment NOT IN {names}"));
        let (sealed, open): (Vec<&Fact>, Vec<&Fact>) = self.of("sightings").partition(is_sealed);
        let parts = [
            self.read(sealed)
                .map(|read| format!("SELECT segment, {events}, TRUE AS is_sealed, is_counted FROM {read}")),
            self.read(open).map(|read| format!("SELECT segment, {events}, {UNSEALED} FROM {read}{less}")),
            self.read(self.of("watches")).map(|read| format!("SELECT segment, {names}, {UNSEALED} FROM {read}{less}")),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join(" UNION ALL "))
    }

    /// Sealed days by their rollup, and where that is not there by the sightings themselves.
    fn sealed(&self, is_sealed: &dyn Fn(&&Fact) -> bool) -> Option<String> {
        let lost: BTreeSet<&str> =
            self.state.facts.iter().filter(|it| is_daily(it) && !it.is_there).map(Fact::day).collect();
        let rolled: BTreeSet<&str> =
            self.of("sightings_daily").map(Fact::day).filter(|day| !lost.contains(day)).collect();
        let daily = self.of("sightings_daily").filter(is_sealed).filter(|fact| rolled.contains(fact.day()));
        let rest = self.of("sightings").filter(is_sealed).filter(|fact| !rolled.contains(fact.day()));
        let columns = "place_key, first_seen_at, last_seen_at, sightings, frames_in_repository, frames_mapped";
        let parts = [
            self.read(daily).map(|read| format!("SELECT {columns} FROM {read}")),
            self.read(rest).map(|read| {
                format!("SELECT {DAY_OF_PLACE} FROM {read} WHERE is_counted GROUP BY place_key, CAST(seen_at AS DATE)")
            }),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join(" UNION ALL "))
    }

    /// The statement that makes days of sightings anew in the folder `to`: what is not packed yet, and what had been packed of the same days.
    pub(in crate::ledger) fn pack_days(&self, days: &BTreeSet<String>, to: &str, name: &str) -> Option<String> {
        let names = KINDS.iter().find(|kind| kind.folder == "sightings").map(Kind::names)?;
        let less = self.replaced().map_or(String::new(), |names| format!(" WHERE segment NOT IN {names}"));
        let old = self.read(self.of("sightings").filter(|fact| days.contains(fact.day())));
        let old = old.map_or(String::new(), |read| {
            format!(" UNION ALL SELECT segment, {names}, seen_at, place_key, dt FROM {read}{less}")
        });
        Some(format!(
            "COPY (WITH known AS (SELECT segment, {names}, seen_at, place_key, dt FROM fresh_sightings{old})
               SELECT segment, {names}, seen_at, place_key,
                 event IS NOT NULL AND seen_at IS NOT NULL AND ROW_NUMBER() OVER (
                   PARTITION BY dt, source, COALESCE(project, ''), event ORDER BY seen_at IS NULL,
                   CASE COALESCE(confidence, 'none') WHEN 'line' THEN 1 WHEN 'moved' THEN 2 WHEN 'path' THEN 3 ELSE 4 END,
                   CASE COALESCE(commit_confidence, 'none') WHEN 'exact' THEN 1 WHEN 'tag' THEN 2 WHEN 'inferred' THEN 3 ELSE 4 END,
                   CASE WHEN COALESCE(blocks, '') = '' THEN 2 ELSE 1 END, COALESCE(\"count\", 1) DESC, segment DESC, fault) = 1 AS is_counted,
                 dt
               FROM known ORDER BY dt, place_key, seen_at, event)
             TO {} ({PARTED}, FILENAME_PATTERN {})",
            literal(to),
            literal(&format!("{name}-{{i}}")),
        ))
    }
}

fn is_daily(fact: &Fact) -> bool {
    fact.kind == "sightings_daily"
}

/// Days as folders; the day also stays a column.
const PARTED: &str =
    "FORMAT parquet, COMPRESSION zstd, PARTITION_BY (dt), WRITE_PARTITION_COLUMNS true, OVERWRITE_OR_IGNORE true";

/// The statement that rolls up days that were just packed into the folder `from`.
pub(in crate::ledger) fn roll_up(from: &str, to: &str, name: &str) -> String {
    format!(
        "COPY (SELECT {DAY_OF_PLACE}, dt FROM read_parquet({}, hive_partitioning = false) WHERE is_counted GROUP BY dt, place_key
           ORDER BY dt, place_key) TO {} ({PARTED}, FILENAME_PATTERN {})",
        literal(&format!("{from}/*/*.parquet")),
        literal(to),
        literal(&format!("{name}-{{i}}")),
    )
}

/// What has to be there before [`Files::pack_days`]: unpacked sightings with their keys and days.
pub(in crate::ledger) const FRESH_SIGHTINGS: &str = "CREATE TEMP VIEW fresh_sightings AS SELECT *, TRY_CAST(\"at\" AS TIMESTAMP) AS seen_at,
       COALESCE(STRFTIME(TRY_CAST(\"at\" AS TIMESTAMP), '%Y-%m-%d'), REGEXP_EXTRACT(segment, 'dt=([^/]*)', 1)) AS dt,
       MD5_NUMBER_LOWER(CONCAT_WS(CHR(31), source, COALESCE(project, ''), COALESCE(service, ''), COALESCE(fault, CHR(30)), COALESCE(\"type\", ''),
         COALESCE(path, CHR(30)), COALESCE(\"function\", CHR(30)), CASE WHEN COALESCE(confidence, 'none') <> 'none' THEN '1' ELSE '0' END,
         COALESCE(unmapped, CHR(30)), COALESCE(blocks, ''))) AS place_key
     FROM live_sightings WHERE kind = 'sighting'";

/// What places are: each new one once, into a file.
pub(in crate::ledger) const NEW_PLACES: &str = "SELECT DISTINCT place_key, source, COALESCE(project, '') AS project,
       COALESCE(service, '') AS service, fault AS fault_id, COALESCE(\"type\", '') AS error_type, path, \"function\" AS function_name,
       COALESCE(confidence, 'none') <> 'none' AS is_mapped, unmapped AS unmapped_reason, COALESCE(blocks, '') AS blocks
     FROM fresh_sightings WHERE place_key NOT IN (SELECT place_key FROM packed_places) ORDER BY place_key";

/// Which edges are packed: a set that is known is not written again, and of two segments that bring it one does.
pub(in crate::ledger) const FRESH_EDGES: &str = "CREATE TEMP TABLE fresh_sets AS SELECT set, MIN(segment) AS segment FROM live_edges
       WHERE set IS NOT NULL AND MD5_NUMBER_LOWER(set) NOT IN (SELECT set_key FROM packed_sets) GROUP BY set;
     CREATE TEMP VIEW fresh_edges AS SELECT live_edges.*, MD5_NUMBER_LOWER(live_edges.set) AS set_key,
       CASE WHEN kind = 'ran' AND live_edges.set IS NOT NULL AND ROW_NUMBER() OVER (PARTITION BY live_edges.set, kind, path, name ORDER BY hash) = 1
         THEN MD5_NUMBER_LOWER(CONCAT(path, CHR(31), name)) END AS path_key
     FROM live_edges LEFT JOIN fresh_sets ON live_edges.set = fresh_sets.set AND live_edges.segment = fresh_sets.segment
     WHERE live_edges.set IS NULL OR fresh_sets.set IS NOT NULL";

/// What is asked of sets as a whole.
pub(in crate::ledger) const NEW_SETS: &str =
    "SELECT set_key, MAX(CASE WHEN kind = 'ran' THEN CASE WHEN name <> '*' THEN 1 ELSE 0 END END) AS tells_functions,
       MIN(CASE WHEN kind = 'ran' THEN path END) AS first_file, MAX(CASE WHEN kind = 'ran' THEN path END) AS last_file
     FROM fresh_edges WHERE set_key IS NOT NULL GROUP BY set_key ORDER BY set_key";

/// What paths are: each new one once.
pub(in crate::ledger) const NEW_PATHS: &str = "SELECT path_key, file, function FROM (
       SELECT path_key, path AS file, name AS function FROM fresh_edges WHERE path_key IS NOT NULL
       UNION SELECT MD5_NUMBER_LOWER(CONCAT(path, CHR(31), function)), path, function FROM (
         SELECT DISTINCT path FROM fresh_edges WHERE kind IN ('ran', 'loaded') AND path <> '' AND set_key IS NOT NULL) AS files
         CROSS JOIN (VALUES ('<module>'), ('*')) AS whole (function))
     WHERE path_key NOT IN (SELECT path_key FROM packed_paths) ORDER BY path_key";

/// The rows of a kind whose order asks nothing more of them.
pub(in crate::ledger) fn rows(kind: &Kind) -> String {
    let order = match kind.folder {
        "outcomes" => "test, run",
        "changes" => "kind, path, \"number\"",
        _ => "segment",
    };
    format!("SELECT segment, {} FROM live_{} ORDER BY {order}", kind.names(), kind.folder)
}

/// Edges in the order in which they are looked for.
pub(in crate::ledger) fn edges() -> String {
    let names = KINDS.iter().find(|kind| kind.folder == "edges").map(Kind::names).unwrap_or_default();
    format!("SELECT segment, {names}, set_key, path_key FROM fresh_edges ORDER BY kind, set_key, path_key")
}

/// What sources were watched, and how far pulls had come; the frames stay in their segments.
pub(in crate::ledger) fn watches() -> String {
    let names = KINDS.iter().find(|kind| kind.folder == "sightings").map(Kind::names).unwrap_or_default();
    format!(
        "SELECT segment, {names} FROM live_sightings WHERE kind NOT IN ('sighting', 'stack') OR kind IS NULL ORDER BY segment"
    )
}

/// The statement that writes the answer to a query into one file.
pub(in crate::ledger) fn write(query: &str, to: &str) -> String {
    format!("COPY ({query}) TO {} (FORMAT parquet, COMPRESSION zstd)", literal(to))
}

/// The query for how many rows a file has.
pub(in crate::ledger) fn count(file: &str) -> String {
    format!("SELECT CAST(COUNT(*) AS VARCHAR) FROM read_parquet({})", literal(file))
}
