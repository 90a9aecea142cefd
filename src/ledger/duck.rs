//! The lens: a `DuckDB` database built from the segments, asked with SQL. The only file that names the engine.
//!
//! The ledger is the truth, and a lens may be deleted at any time. It is built in a private folder beside its place, opened there, and only
//! then renamed, so a second process never sees half a lens and never waits for a lock: each reads the file that it has open.
#![allow(clippy::disallowed_methods, reason = "a lens is a file that this floor makes and replaces")]

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;

use duckdb::types::{TimeUnit, Value};
use duckdb::{AccessMode, Config, Connection};

use super::sql::packed::{self, Files};
use super::sql::{self, KINDS, Source, State, VIEWS, View, literal};
use crate::model::digest::Digest;
use crate::model::failure::Failure;

/// The engine and its version, as decisions name it.
pub const ENGINE: &str = "duckdb 1.5.6";

/// What is wrong with a file that nobody took out of the ledger by its log.
const GONE: &str = "the log names it and it is not there";

/// What is wrong with a packed file that is there and not whole.
const DAMAGED: &str = "it is damaged";

/// What the engine may use.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Memory, as `DuckDB` writes it: `1GB`.
    pub memory: String,
    /// Worker threads; 0 is the engine's own choice.
    pub threads: u8,
}

impl Default for Limits {
    fn default() -> Self {
        Self { memory: "1GB".to_owned(), threads: 0 }
    }
}

/// The answer to a query.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// The names of the columns.
    pub columns: Vec<String>,
    /// The rows, each as long as `columns`. Times are text in UTC, integers beyond 64 bits are text.
    pub rows: Vec<Vec<serde_json::Value>>,
}

/// An open lens. It reads one state of the ledger; a lens opened later may see more.
#[derive(Debug)]
pub struct Lens {
    connection: Connection,
    /// Views that are worked out.
    held: RefCell<BTreeSet<String>>,
    /// The packed files that it reads, by their full names.
    packed: Vec<String>,
    /// Holds spilled data, and the database itself where it could not be put in its place.
    _private: tempfile::TempDir,
}

impl Table {
    /// The rows by the names of their columns.
    pub fn by_name(&self) -> impl Iterator<Item = serde_json::Map<String, serde_json::Value>> + '_ {
        self.rows.iter().map(|row| self.columns.iter().cloned().zip(row.iter().cloned()).collect())
    }
}

impl Lens {
    /// Opens the lens over the ledger in `ledger`, building it where `file` is missing, foreign or older than the ledger.
    ///
    /// `as_of` is the time that views take for now, in UTC: `2026-11-21 05:00:00` or `2026-11-21T05:00:00Z`.
    ///
    /// # Errors
    /// When no folder can be written to at all, or `as_of` is no time.
    pub fn open(ledger: &Path, file: &Path, as_of: &str, limits: &Limits) -> Result<Self, Failure> {
        // The engine resolves a relative path against the process's folder at its own time; we say which.
        let ledger = std::path::absolute(ledger).unwrap_or_else(|_| ledger.to_owned());
        let state = sql::state(&ledger);
        let key = key(&state);
        let private = private_folder(file)?;
        let connection = match open_kept(file, &key, private.path(), limits) {
            Some(connection) => connection,
            None => build(&ledger, &state, &key, file, private.path(), limits)
                .map_err(|cause| Failure::world("the lens over the ledger cannot be built").because(cause))?,
        };
        // A temporary table stands before the stored one of the same name, so a lens need not be rebuilt because time passes.
        connection
            .execute_batch(&format!("CREATE TEMP TABLE clock AS SELECT CAST({} AS TIMESTAMP) AS as_of", literal(as_of)))
            .map_err(|cause| Failure::world(format!("the lens cannot be asked as of `{as_of}`")).because(cause))?;
        let rooms = ["facts", "rollups"].map(|room| literal(&format!("{}/{room}/", ledger.display()))).join(", ");
        show_packed(&connection, &Files::new(&ledger, &state))
            .and_then(|()| {
                // Only what was packed stays readable, for queries that can do no more than read.
                connection.execute_batch(&format!(
                    "SET allowed_directories = [{rooms}]; SET enable_external_access = false; SET lock_configuration = true"
                ))
            })
            .map_err(|cause| Failure::world("the lens cannot see what the ledger has packed").because(cause))?;
        let there = state.facts.iter().filter(|fact| fact.is_there);
        let packed = there.map(|fact| ledger.join(&fact.path).to_string_lossy().into_owned()).collect();
        Ok(Self { connection, held: RefCell::default(), packed, _private: private })
    }

    /// The same lens, whose views hold what they see against the owners' numbers and know which service lives in which folder.
    ///
    /// # Errors
    /// When the engine refuses.
    pub fn with_policy(self, thresholds: &[(&str, i64)], services: &[(String, String)]) -> Result<Self, Failure> {
        let numbers = thresholds.iter().map(|(name, value)| format!("({}, {value})", literal(name)));
        let folders = services.iter().map(|(service, folder)| format!("({}, {})", literal(service), literal(folder)));
        let table = |name: &str, columns: &str, rows: Vec<String>| {
            let filled = if rows.is_empty() {
                String::new()
            } else {
                format!("INSERT INTO temp.{name} VALUES {};", rows.join(", "))
            };
            format!("CREATE TEMP TABLE {name} ({columns}); {filled}")
        };
        let text = table("thresholds", "name VARCHAR, value BIGINT", numbers.collect())
            + &table("services", "service VARCHAR, folder VARCHAR", folders.collect());
        let made = self.connection.execute_batch(&text);
        made.map_err(|cause| Failure::world("the lens cannot be told the policy").because(cause))?;
        Ok(self)
    }

    /// Works views out once for all that read them from now on; those that are need not be.
    ///
    /// # Errors
    /// When the engine cannot finish one of them.
    pub fn hold(&self, views: &[&str]) -> Result<(), Failure> {
        for view in views {
            if self.held.borrow().contains(*view) {
                continue;
            }
            // A temporary table stands before the view of the same name, also where another view reads it.
            let made = self.connection.execute_batch(&format!("CREATE TEMP TABLE {view} AS SELECT * FROM main.{view}"));
            made.map_err(|cause| {
                self.damaged()
                    .unwrap_or_else(|| Failure::world(format!("the view {view} cannot be worked out")).because(cause))
            })?;
            self.held.borrow_mut().insert((*view).to_owned());
        }
        Ok(())
    }

    /// The packed file that cannot be read to its end, if there is one: asked only when something has failed.
    fn damaged(&self) -> Option<Failure> {
        let cannot_be_read = |file: &&String| {
            let every = format!("SELECT COUNT(COLUMNS(*)) FROM read_parquet({})", literal(file));
            self.ask(&every).is_err()
        };
        let file = self.packed.iter().find(cannot_be_read)?;
        let failure = Failure::input(format!("the ledger's file {file} is damaged, and what it told would be silence"));
        Some(failure.hint("restore the file, or learn again into a new ledger (`--ledger`)"))
    }

    /// Answers one query. The lens is read-only and cannot reach files or the network, so any text is safe to try.
    ///
    /// # Errors
    /// When the engine does not understand the query or cannot finish it.
    pub fn query(&self, query: &str) -> Result<Table, Failure> {
        if !self.only_reads(query) {
            return Err(Failure::input("the query was not answered: the lens answers queries and does nothing else")
                .hint("`SELECT`, `FROM`, `WITH`, `VALUES`, `DESCRIBE` and `SHOW` are answered, one at a time"));
        }
        let shared = sql::held_for(query, |view| self.held.borrow().contains(view));
        self.hold(&shared)?;
        self.ask(query).map_err(|cause| {
            let said = cause.to_string();
            Failure::input(format!("the query was not answered: {}", said.lines().next().unwrap_or("no reason given")))
                .hint(format!("the views are {}", VIEWS.iter().map(|view| view.name).collect::<Vec<_>>().join(", ")))
                .hint("`titer sql` without a query says what one row of each is")
        })
    }

    /// All rows of a view.
    ///
    /// # Errors
    /// As for [`Lens::query`].
    pub fn view(&self, name: &str) -> Result<Table, Failure> {
        self.query(&format!("SELECT * FROM {name}"))
    }

    /// The first rows of a view in an order that the columns named give them.
    ///
    /// # Errors
    /// As for [`Lens::query`].
    pub fn first(&self, name: &str, columns: &str, count: u32) -> Result<Table, Failure> {
        self.ordered(name, &format!("{columns} LIMIT {count}"))
    }

    /// All rows of a view in an order that the columns named give them.
    ///
    /// # Errors
    /// As for [`Lens::query`].
    pub fn ordered(&self, name: &str, columns: &str) -> Result<Table, Failure> {
        let told = self.query(&format!("SELECT * FROM {name} ORDER BY {columns}"));
        told.map_err(|failure| self.damaged().unwrap_or(failure))
    }

    /// The rows of a view whose column holds this text, in an order that the columns named give them.
    ///
    /// # Errors
    /// As for [`Lens::query`].
    pub fn matching(&self, name: &str, column: &str, text: &str, columns: &str) -> Result<Table, Failure> {
        let text = literal(text);
        let told = self.query(&format!("SELECT * FROM {name} WHERE {column} = {text} ORDER BY {columns}"));
        told.map_err(|failure| self.damaged().unwrap_or(failure))
    }

    /// Whether a text asks something and does nothing, by the engine's own parser: packed files are within reach of what can write.
    fn only_reads(&self, query: &str) -> bool {
        let first: String = query.trim_start().chars().take_while(char::is_ascii_alphabetic).collect();
        if ["DESCRIBE", "SHOW", "SUMMARIZE"].contains(&first.to_ascii_uppercase().as_str()) {
            return !query.trim_end().trim_end_matches(';').contains(';');
        }
        let told: duckdb::Result<String> = self.connection.query_row(
            "SELECT CAST(json_serialize_sql(CAST(? AS VARCHAR)) AS VARCHAR)",
            [query],
            |row| row.get(0),
        );
        told.is_ok_and(|told| {
            let told: serde_json::Value = serde_json::from_str(&told).unwrap_or_default();
            // What the engine cannot parse it says itself, better.
            told["error"] == false || told["error_type"] == "parser"
        })
    }

    fn ask(&self, query: &str) -> duckdb::Result<Table> {
        let mut statement = self.connection.prepare(query)?;
        let mut rows = Vec::new();
        let mut found = statement.query([])?;
        let columns = found.as_ref().map(duckdb::Statement::column_names).unwrap_or_default();
        while let Some(row) = found.next()? {
            let cells = (0..columns.len()).map(|at| row.get::<_, Value>(at).map(|value| cell(&value)));
            rows.push(cells.collect::<duckdb::Result<_>>()?);
        }
        Ok(Table { columns, rows })
    }
}

/// An empty database with the lens's tables, in which what is not packed yet is packed.
#[derive(Debug)]
pub(super) struct Workbench {
    connection: Connection,
}

impl Workbench {
    /// Makes it in the folder `scratch`.
    pub(super) fn new(ledger: &Path, state: &State, scratch: &Path, limits: &Limits) -> Result<Self, Failure> {
        let made =
            connect(&scratch.join("bench.duckdb"), AccessMode::ReadWrite, scratch, limits).and_then(|connection| {
                fill(&connection, ledger, state, "")?;
                let views = Files::new(ledger, state).views("9999-12-31", &BTreeSet::new());
                views.iter().try_for_each(|text| connection.execute_batch(text))?;
                Ok(connection)
            });
        Ok(Self { connection: made.map_err(|cause| Failure::world("segments cannot be packed").because(cause))? })
    }

    /// Runs statements.
    pub(super) fn execute(&self, text: &str) -> Result<(), Failure> {
        let done = self.connection.execute_batch(text);
        done.map_err(|cause| Failure::world("segments cannot be packed").because(cause))
    }

    /// The first column of the answer to a query, as text.
    pub(super) fn words(&self, query: &str) -> Result<Vec<String>, Failure> {
        let asked = || -> duckdb::Result<Vec<String>> {
            let mut statement = self.connection.prepare(query)?;
            statement.query_map([], |row| row.get(0))?.collect()
        };
        asked().map_err(|cause| Failure::world("segments cannot be packed").because(cause))
    }
}

/// What a kept lens must say for it to be this ledger's as it is now.
fn key(state: &State) -> String {
    let schema = sql::schema();
    let mut told: Vec<String> = state.segments.iter().map(|source| format!("{source:?}")).collect();
    // What was packed is looked at where it lies; a lens keeps only which of it is lost.
    told.extend(state.facts.iter().filter(|fact| !fact.is_there).map(|fact| format!("{fact:?}")));
    Digest::of_parts(std::iter::once(&schema).chain(&told).map(String::as_bytes)).to_string()
}

/// A folder beside the lens, so that a rename puts it in place; elsewhere if that folder cannot be written to.
fn private_folder(file: &Path) -> Result<tempfile::TempDir, Failure> {
    let beside = || {
        let folder = file.parent()?;
        std::fs::create_dir_all(folder).ok()?;
        tempfile::Builder::new().prefix(".lens-").tempdir_in(folder).ok()
    };
    match beside() {
        Some(folder) => Ok(folder),
        None => tempfile::Builder::new()
            .prefix("titer-lens-")
            .tempdir()
            .map_err(|cause| Failure::world("no temporary folder can be made for the lens").because(cause)),
    }
}

/// The lens in its place, if it is whole and says the right key. Anything else (torn, locked, foreign) is no lens.
fn open_kept(file: &Path, key: &str, scratch: &Path, limits: &Limits) -> Option<Connection> {
    if !file.is_file() {
        return None;
    }
    let connection = connect(file, AccessMode::ReadOnly, scratch, limits).ok()?;
    let kept: String = connection.query_row("SELECT key FROM lens", [], |row| row.get(0)).ok()?;
    (kept == key).then_some(connection)
}

fn connect(file: &Path, mode: AccessMode, scratch: &Path, limits: &Limits) -> duckdb::Result<Connection> {
    let mut config = Config::default()
        .access_mode(mode)?
        .max_memory(&limits.memory)?
        .with("temp_directory", scratch.join("spilled").to_string_lossy())?
        .with("max_temp_directory_size", "10GB")?
        .with("preserve_insertion_order", "false")?
        .with("autoinstall_known_extensions", "false")?
        .with("autoload_known_extensions", "false")?
        .with("allow_community_extensions", "false")?;
    if limits.threads > 0 {
        config = config.threads(i64::from(limits.threads))?;
    }
    Connection::open_with_flags(file, config)
}

/// Builds the lens in `scratch`, opens it there, and puts it in its place if that can be done.
fn build(
    ledger: &Path,
    state: &State,
    key: &str,
    file: &Path,
    scratch: &Path,
    limits: &Limits,
) -> duckdb::Result<Connection> {
    let made = scratch.join("lens.duckdb");
    let writer = connect(&made, AccessMode::ReadWrite, scratch, limits)?;
    fill(&writer, ledger, state, key)?;
    // Closing writes everything into the one file; nothing beside it has to be moved.
    writer.close().map_err(|(_, error)| error)?;
    let reader = connect(&made, AccessMode::ReadOnly, scratch, limits)?;
    // The reader keeps its file open whatever name it has. A lens that cannot be put in place is only built again next time.
    if std::fs::rename(&made, file).is_err() && std::fs::remove_file(file).is_ok() {
        let _ = std::fs::rename(&made, file);
    }
    Ok(reader)
}

/// Lets a lens see packed files, which temporary views name in place of empty tables.
fn show_packed(connection: &Connection, files: &Files<'_>) -> duckdb::Result<()> {
    let days = |query: &str| -> duckdb::Result<BTreeSet<String>> {
        let mut statement = connection.prepare(query)?;
        statement.query_map([], |row| row.get(0))?.collect()
    };
    let mut open = days(packed::LIVE_DAYS)?;
    if let Some(query) = files.replaced_days() {
        open.extend(days(&query)?);
    }
    let day: String =
        connection.query_row("SELECT STRFTIME(as_of, '%Y-%m-%d') FROM temp.clock", [], |row| row.get(0))?;
    files.views(&day, &open).iter().try_for_each(|text| connection.execute_batch(text))
}

fn fill(writer: &Connection, ledger: &Path, state: &State, key: &str) -> duckdb::Result<()> {
    let sources = &state.segments;
    writer.execute_batch(packed::TABLES)?;
    writer.execute_batch(
        "CREATE TABLE clock AS SELECT CAST(NULL AS TIMESTAMP) AS as_of;
         CREATE TABLE thresholds (name VARCHAR, value BIGINT);
         CREATE TABLE services (service VARCHAR, folder VARCHAR);
         CREATE TABLE segments (segment VARCHAR, kind VARCHAR, lines_written BIGINT, trouble VARCHAR)",
    )?;
    let mut segments = writer.appender("segments")?;
    for kind in KINDS {
        writer.execute_batch(&kind.table())?;
        let wanted: Vec<&Source> = sources.iter().filter(|source| source.kind == kind.folder).collect();
        for (source, trouble) in load(writer, ledger, kind, &wanted) {
            segments.append_row(duckdb::params![source.path, source.kind, source.rows, trouble])?;
        }
    }
    for lost in state.facts.iter().filter(|fact| !fact.is_there && !fact.path.starts_with("rollups/")) {
        let trouble = if ledger.join(&lost.path).is_file() { DAMAGED } else { GONE };
        segments.append_row(duckdb::params![lost.path, lost.kind, lost.rows, trouble])?;
    }
    segments.flush()?;
    drop(segments);
    // Whenever the engine meets a view it works through all that this reads, down to the tables: with an empty table in its place each view
    // is worked through once, and not once for every way that leads to it.
    for View { name, text } in VIEWS {
        writer.execute_batch(&format!(
            "CREATE VIEW {name} AS {text}; CREATE TEMP TABLE {name} AS SELECT * FROM main.{name} LIMIT 0"
        ))?;
    }
    for View { name, .. } in VIEWS {
        writer.execute_batch(&format!("DROP TABLE temp.{name}"))?;
    }
    writer.execute_batch(&format!("CREATE TABLE lens AS SELECT {} AS key", literal(key)))
}

/// Loads segments of one kind; each comes back with what was wrong with it. All at once is many times faster, and one that is not even a
/// compressed file makes that fail as a whole, so then they are loaded one by one.
fn load<'a>(
    writer: &Connection,
    ledger: &Path,
    kind: &sql::Kind,
    sources: &[&'a Source],
) -> Vec<(&'a Source, Option<String>)> {
    let folder = ledger.to_string_lossy();
    let take = |sources: &[&Source]| -> duckdb::Result<()> {
        let full: Vec<String> = sources.iter().map(|source| format!("{folder}/{}", source.path)).collect();
        if full.is_empty() { Ok(()) } else { writer.execute_batch(&kind.load(&folder, &full)) }
    };
    let (there, missing): (Vec<&Source>, Vec<&Source>) = sources.iter().partition(|source| source.is_there);
    let all = take(&there).is_ok();
    let trouble = |source: &Source| {
        let error = if all { None } else { take(&[source]).err() };
        error.map(|error| error.to_string().lines().next().unwrap_or_default().to_owned())
    };
    let missing = missing.into_iter().map(|source| (source, Some(GONE.to_owned())));
    there.into_iter().map(|source| (source, trouble(source))).chain(missing).collect()
}

/// A value as JSON has it.
fn cell(value: &Value) -> serde_json::Value {
    use serde_json::Value as Json;
    let list = |items: &[Value]| Json::Array(items.iter().map(cell).collect());
    match value {
        Value::Null => Json::Null,
        Value::Boolean(it) => Json::from(*it),
        Value::TinyInt(it) => Json::from(*it),
        Value::SmallInt(it) => Json::from(*it),
        Value::Int(it) => Json::from(*it),
        Value::BigInt(it) => Json::from(*it),
        Value::HugeInt(it) => i64::try_from(*it).map_or_else(|_| Json::from(it.to_string()), Json::from),
        Value::UHugeInt(it) => u64::try_from(*it).map_or_else(|_| Json::from(it.to_string()), Json::from),
        Value::UTinyInt(it) => Json::from(*it),
        Value::USmallInt(it) => Json::from(*it),
        Value::UInt(it) => Json::from(*it),
        Value::UBigInt(it) => Json::from(*it),
        Value::Float(it) => Json::from(*it),
        Value::Double(it) => Json::from(*it),
        // A number where JSON's own reading of it is exact enough to print the same digits, else the digits.
        Value::Decimal(it) => {
            let text = it.to_string();
            serde_json::from_str::<serde_json::Number>(&text).map_or(Json::from(text), Json::Number)
        }
        Value::Text(it) | Value::Enum(it) => Json::from(it.as_str()),
        Value::Timestamp(unit, it) => Json::from(moment(*unit, *it).join(" ").trim()),
        Value::Date32(days) => Json::from(moment(TimeUnit::Second, i64::from(*days) * 86_400)[0].as_str()),
        Value::Time64(unit, it) => Json::from(moment(*unit, *it)[1].as_str()),
        Value::Blob(bytes) | Value::Geometry(bytes) => Json::from(hexadecimal(bytes)),
        Value::List(items) | Value::Array(items) => list(items),
        Value::Struct(fields) => Json::Object(fields.iter().map(|(name, it)| (name.clone(), cell(it))).collect()),
        Value::Map(entries) => {
            Json::Array(entries.iter().map(|(name, it)| list(&[name.clone(), it.clone()])).collect())
        }
        Value::Union(it) => cell(it),
        Value::Interval { months, days, nanos } => {
            Json::from(format!("{months} months {days} days {} us", nanos / 1000))
        }
        // A sort of value that a later engine brings is not worth failing the whole answer for.
        _ => Json::from("not shown"),
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |text, byte| text + &format!("{byte:02x}"))
}

/// Day and time of day in UTC, with a fraction only where there is one: `2026-11-21` and `05:00:00`. The engine's infinities and years of
/// five digits are no day here.
fn moment(unit: TimeUnit, value: i64) -> [String; 2] {
    let at = jiff::Timestamp::from_microsecond(unit.to_micros(value));
    let text = at.map_or_else(|_| "out of rangeT".to_owned(), |at| at.to_string());
    let (day, time) = text.split_once('T').unwrap_or((&text, ""));
    [day.to_owned(), time.trim_end_matches('Z').to_owned()]
}
