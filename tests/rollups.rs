//! What is packed answers as before: Parquet facts and daily rollups in place of segments change no evidence, whoever is stopped in between.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails, and it writes the files that it reads"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};
use titer::commands::evidence;
use titer::decide::placement::{Given, place};
use titer::formats::instant;
use titer::ledger::duck::{Lens, Limits, Table};
use titer::ledger::packing::pack;
use titer::ledger::sql::{SHARED, VIEWS, state};
use titer::ledger::store::Store;
use titer::model::evidence::Thresholds;
use titer::model::suite::Suites;

const THRESHOLDS: Thresholds = Thresholds {
    as_of: 0,
    quiet_days: 0,
    fault_days: 0,
    failure_days: 1,
    young_days: 0,
    flaky_trees: 2,
    quarantine_days: 30,
    quarantine_owner: String::new(),
    slow_ms: 10_000,
    watched_days: 3,
    behind_days: 800,
    mapped_percent: 0,
    most_moves: 0,
    crowded_percent: 20,
    removal_days: 180,
};

/// A ledger whose log names every segment, as those of real runs are.
struct Ledger {
    folder: tempfile::TempDir,
}

impl Ledger {
    fn new() -> Self {
        Self { folder: tempfile::Builder::new().prefix("a ledger").tempdir().unwrap() }
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("ledger")
    }

    fn write(&self, kind: &str, day: &str, run: &str, lines: &[Value]) -> String {
        let text = lines.iter().fold(String::new(), |text, line| text + &format!("{line}\n"));
        let bytes = zstd::encode_all(text.as_bytes(), 3).unwrap();
        let path = format!("segments/{kind}/dt={day}/{run}-1-1-{:016x}.jsonl.zst", bytes.len());
        let file = self.root().join(&path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, bytes).unwrap();
        self.log(
            &json!({"v":1,"add":[{"path":path,"kind":kind,"rows":lines.len(),"format":"segment_v1"}],"remove":[]}),
        );
        path
    }

    fn log(&self, entry: &Value) {
        let log = self.root().join("log");
        fs::create_dir_all(&log).unwrap();
        let next = fs::read_dir(&log).unwrap().count() + 1;
        fs::write(log.join(format!("{next:020}.json")), entry.to_string()).unwrap();
    }

    /// Tests over files, each with sets of its own and of others, and sightings on many days, some of them told twice.
    fn filled() -> Self {
        let ledger = Self::new();
        for run in 1..=4 {
            let (run, day) = (format!("R{run}"), format!("2026-11-{:02}", 10 + run));
            ledger.write(
                "runs",
                &day,
                &run,
                &[json!({"v":1,"run":run,"attempt":1,"shard":"1","started":format!("{day}T05:00:00Z"),
                "seconds":1.0,"runner":"pytest","command":[],"cwd":".","health":"ok","exit":0,"inventory":"I"})],
            );
            ledger.write("outcomes", &day, &run, &outcomes(&run, &day));
            ledger.write("edges", &day, &run, &edges(&run, &day));
        }
        ledger.write("changes", "2026-11-11", "W1", &changes());
        for file in 0..6 {
            ledger.write("sightings", &format!("2026-11-{:02}", 1 + file), &format!("S{file}"), &sightings(file));
        }
        ledger
    }

    fn pack(&self, before: &str) -> usize {
        pack(&Store::open(&self.root()).unwrap(), before, &Limits::default()).unwrap()
    }

    /// Every view as of a time, rows in one order; views that tell where rows lie are left out.
    fn answers(&self, as_of: &str, threads: u8) -> Vec<(&'static str, Table)> {
        let file = self.folder.path().join("lens.duckdb");
        let _ = fs::remove_file(&file);
        let lens = Lens::open(&self.root(), &file, as_of, &Limits { threads, ..Limits::default() }).unwrap();
        let numbers =
            [("quiet_days", 180), ("fault_days", 0), ("watched_days", 3), ("behind_days", 8), ("mapped_percent", 0)];
        let lens = lens.with_policy(&numbers, &[]).unwrap();
        lens.hold(SHARED).unwrap();
        let internal = [
            "sightings",
            "sightings_by_place",
            "sightings_once",
            "segment_problems",
            "touched_code",
            "code_history",
            "coverages",
            "covering_sets",
        ];
        VIEWS
            .iter()
            .filter(|view| !internal.contains(&view.name))
            .map(|view| (view.name, whole(&lens, view.name)))
            .collect()
    }

    /// A lens that may have been kept, told the policy.
    fn lens(&self) -> Lens {
        let file = self.folder.path().join("lens.duckdb");
        let lens = Lens::open(&self.root(), &file, LATE, &Limits::default()).unwrap();
        let numbers =
            [("quiet_days", 2), ("fault_days", 1), ("watched_days", 3), ("behind_days", 800), ("mapped_percent", 0)];
        lens.with_policy(&numbers, &[]).unwrap()
    }

    /// What a placement over it is decided on, and what it comes to.
    fn placement(&self) -> String {
        let lens = self.lens();
        lens.hold(SHARED).unwrap();
        let evidence = evidence::all(&lens).unwrap();
        let as_of = instant::seconds(LATE).unwrap();
        let thresholds =
            Thresholds { as_of, quiet_days: 2, fault_days: 1, young_days: 1, most_moves: 1000, ..THRESHOLDS };
        let given = Given {
            suites: &Suites::default(),
            thresholds: &thresholds,
            pinned: &globset::GlobSet::empty(),
            today: "2027-11-22",
            quarantine_until: "2027-12-22",
            by_file: |_| false,
            instant: instant::seconds,
        };
        format!("{evidence:#?}{:#?}{:?}", place(&evidence, given), evidence::pins(&lens).unwrap())
    }

    /// The same files made in the opposite order, which the log names in the opposite order too.
    fn turned(&self) -> Self {
        let (turned, mut files) = (Self::new(), self.files(""));
        files.sort();
        for file in files.iter().rev() {
            let to = turned.root().join(file.strip_prefix(self.root()).unwrap());
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(file, &to).unwrap();
            if to.parent().unwrap().ends_with("log") {
                let mut entry: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
                entry["add"].as_array_mut().unwrap().reverse();
                entry["remove"].as_array_mut().unwrap().reverse();
                fs::write(to, entry.to_string()).unwrap();
            }
        }
        turned
    }

    fn files(&self, room: &str) -> Vec<PathBuf> {
        let found = walkdir::WalkDir::new(self.root().join(room)).into_iter().flatten();
        found.filter(|it| it.file_type().is_file()).map(walkdir::DirEntry::into_path).collect()
    }
}

fn whole(lens: &Lens, view: &str) -> Table {
    let mut table = lens.view(view).unwrap();
    table.rows.sort_by_key(|row| format!("{row:?}"));
    table
}

fn outcomes(run: &str, day: &str) -> Vec<Value> {
    let line = |test: usize| {
        let outcome = if test == 3 && run == "R2" { "failed" } else { "passed" };
        json!({"v":1,"run":run,"at":format!("{day}T05:00:00Z"),"test":id(test),"variant":"V","outcome":outcome,"seconds":0.5,"attempt":1,
            "worker":""})
    };
    (0..12).map(line).collect()
}

fn id(test: usize) -> String {
    format!("pytest::tests/test_{}.py::test_{test}", test / 4)
}

/// Test 0 ran nothing and covers what its file loaded; the others ran functions of shared sets, of sets that include others, and their own.
fn edges(run: &str, day: &str) -> Vec<Value> {
    let edge = |set: &str, kind: &str, path: &str, name: &str| json!({"v":1,"set":set,"kind":kind,"path":path,"name":name,"hash":"H"});
    let mut lines = vec![
        edge("L2", "loaded", "app/deep.py", "<module>"),
        edge("L1", "loaded", "app/wide.py", "<module>"),
        edge("L1", "includes", "", "L2"),
        edge("P1", "ran", "app/shared.py", "f"),
        edge("P1", "ran", "app/deep.py", "g"),
        edge("E0", "empty", "", ""),
    ];
    for test in 0..12 {
        let (set, own) = (format!("N{}", test % 5), format!("tests/test_{}.py", test / 4));
        if test < 5 {
            lines.push(edge(&set, "ran", &format!("app/m{test}.py"), "h"));
            lines.push(edge(&set, "ran", "app/shared.py", &format!("f{}", test % 2)));
            lines.push(edge(&set, "ran", &own, &format!("test_{test}")));
            lines.push(edge(&set, "includes", "", "P1"));
        }
        let sets = if test == 0 { ["E0", "L1"] } else { [set.as_str(), "L1"] };
        let variant = if test == 7 && run == "R4" { "V2" } else { "V" };
        lines.push(json!({"v":1,"kind":"footprint","run":run,"at":format!("{day}T05:00:00Z"),"test":id(test),"variant":variant,"sets":sets,
            "inventory":"I","bounded":test == 11}));
    }
    lines
}

fn changes() -> Vec<Value> {
    let mut lines = Vec::new();
    for number in 1..=6_usize {
        let line = |kind: &str| {
            json!({"v":1,"kind":kind,"walk":"W1","commit":format!("C{number}"),"at":format!("2026-0{number}-10T05:00:00Z"),
            "number":number,"author":format!("A{}", number % 3)})
        };
        let touched = |kind: &str, path: String, function: &str| {
            let mut line = line(kind);
            line["path"] = json!(path);
            line["function"] = json!(function);
            line
        };
        lines.push(line("commit"));
        lines.push(touched("added", format!("app/m{}.py", number % 5), "h"));
        lines.push(touched("changed", "app/shared.py".to_owned(), &format!("f{}", number % 2)));
        lines.push(touched("changed", "app/wide.py".to_owned(), "<module>"));
    }
    lines.push(json!({"v":1,"kind":"history","walk":"W1","commit":"C6","at":"2026-06-10T05:00:00Z","number":6}));
    lines
}

/// Each file tells of three days; what two files tell of they tell differently, and one event is told of on two days.
fn sightings(file: u32) -> Vec<Value> {
    let mut lines = Vec::new();
    for day in file + 1..file + 4 {
        for event in 0..5 {
            let at = format!("2026-11-{day:02}T0{event}:00:00.25Z");
            let mut line = json!({"v":1,"kind":"sighting","source":"file","at":at,"event":format!("e{day}.{event}"),
                "fault":format!("F{}", event % 3),"type":"E","count":1 + file,"frames_in_repository":2,"frames_mapped":1});
            let more = if (file + event) % 4 == 3 {
                json!({"confidence":"none","unmapped":"no frames","blocks":if event == 3 { "app/deep.py" } else { "-" }})
            } else {
                json!({"path":format!("app/m{event}.py"),"function":"h","confidence":"path","commit_confidence":"tag"})
            };
            line.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            lines.push(line);
        }
    }
    lines.push(json!({"v":1,"kind":"observed","source":"file","since":"2026-05-06T00:00:00Z","at":format!("2026-11-{:02}T00:00:00Z", file + 4)}));
    lines
}

const LATE: &str = "2026-11-22T00:00:00Z";
const TIMES: [&str; 4] = [LATE, "2026-11-05T23:59:59Z", "2026-11-05T02:30:00Z", "2026-11-01T00:00:00Z"];

fn all(ledger: &Ledger) -> Vec<Vec<(&'static str, Table)>> {
    TIMES.iter().map(|as_of| ledger.answers(as_of, 2)).collect()
}

fn assert_same(one: &[Vec<(&str, Table)>], other: &[Vec<(&str, Table)>], what: &str) {
    for (at, (one, other)) in one.iter().zip(other).enumerate() {
        for (one, other) in one.iter().zip(other) {
            assert_eq!(one, other, "{what}, as of {}", TIMES[at]);
        }
    }
}

#[test]
fn packed_or_not_with_and_without_rollups_at_one_and_eight_threads_every_view_answers_the_same() {
    let ledger = Ledger::filled();
    let before = all(&ledger);
    let evidence = before[0].iter().find(|(name, _)| *name == "test_evidence").unwrap();
    assert_eq!(evidence.1.rows.len(), 12);
    // First only some days, then the rest: late segments make days again that had been packed.
    assert_eq!(ledger.pack("2026-11-04"), 3);
    assert_same(&before, &all(&ledger), "some days packed");
    assert!(ledger.pack("2026-11-22") > 8);
    assert_eq!(ledger.pack("2026-11-22"), 0);
    assert_same(&before, &all(&ledger), "all days packed");
    assert_eq!(ledger.answers(LATE, 1), ledger.answers(LATE, 8));
    assert!(!ledger.files("rollups").is_empty());
    fs::remove_dir_all(ledger.root().join("rollups")).unwrap();
    assert_same(&before, &all(&ledger), "rollups deleted");
}

#[test]
fn what_is_told_late_of_days_that_are_packed_counts_as_if_it_had_been_there() {
    let (early, late) = (Ledger::filled(), Ledger::filled());
    late.pack("2026-11-22");
    for ledger in [&early, &late] {
        // The fourth file again, as it is mapped now, and one that nobody knew.
        let mut lines = sightings(3);
        lines.truncate(7);
        ledger.write("sightings", "2026-11-04", "S3", &lines);
        ledger.write("sightings", "2026-11-02", "S9", &sightings(1)[..4]);
        ledger.write("edges", "2026-11-14", "R9", &edges("R9", "2026-11-14")[..9]);
    }
    let before = all(&early);
    assert_same(&before, &all(&late), "late segments beside packed days");
    late.pack("2026-11-22");
    assert_same(&before, &all(&late), "late segments packed, too");
}

#[test]
fn a_packing_that_was_stopped_at_any_moment_loses_and_doubles_nothing() {
    let ledger = Ledger::filled();
    let before = all(&ledger);
    ledger.pack("2026-11-22");
    // Stopped before the log named the files: they lie there and nobody counts them.
    let log: BTreeSet<PathBuf> = ledger.files("log").into_iter().collect();
    fs::remove_file(log.last().unwrap()).unwrap();
    assert!(state(&ledger.root()).facts.is_empty());
    fs::create_dir_all(ledger.root().join(".packing-left/days")).unwrap();
    assert_same(&before, &all(&ledger), "stopped before the log");
    // Stopped within them: a file is half there.
    let torn = ledger.files("facts/sightings").into_iter().next().unwrap();
    fs::write(&torn, "PAR1").unwrap();
    assert_same(&before, &all(&ledger), "a torn file that no log names");
    assert!(ledger.pack("2026-11-22") > 10, "the next one does it again");
    assert_same(&before, &all(&ledger), "done again");
}

#[test]
fn of_two_that_pack_at_once_one_counts() {
    let ledger = Ledger::filled();
    let before = all(&ledger);
    let packed: usize = std::thread::scope(|scope| {
        let both = [scope.spawn(|| ledger.pack("2026-11-22")), scope.spawn(|| ledger.pack("2026-11-22"))];
        both.into_iter().filter(|_| true).map(|it| usize::from(it.join().unwrap() > 0)).sum()
    });
    assert_eq!(packed, 1);
    assert_same(&before, &all(&ledger), "packed by one of two");
}

#[test]
fn a_day_that_is_not_over_and_a_segment_that_is_not_whole_stay_as_they_are() {
    let ledger = Ledger::filled();
    let path =
        ledger.write("sightings", "2026-11-07", "S7", &[json!({"v":2}), json!({"v":1,"kind":"mark","source":"x"})]);
    ledger.pack("2026-11-13");
    let left: Vec<String> = state(&ledger.root()).segments.into_iter().map(|it| it.path).collect();
    assert!(left.contains(&path) && left.iter().any(|it| it.contains("dt=2026-11-13")), "{left:?}");
    assert!(left.iter().all(|it| !it.contains("edges/dt=2026-11-12")), "{left:?}");
}

#[test]
fn a_packed_file_that_is_gone_is_listed() {
    let ledger = Ledger::filled();
    ledger.pack("2026-11-22");
    fs::remove_file(&ledger.files("facts/edges")[0]).unwrap();
    let file = ledger.folder.path().join("lens.duckdb");
    let lens = Lens::open(&ledger.root(), &file, LATE, &Limits::default()).unwrap();
    let found = lens.query("SELECT kind, problem FROM segment_problems").unwrap().rows;
    assert_eq!(found, [[json!("edges"), json!("the log names it and it is not there")]]);
}

#[test]
fn a_placement_is_the_same_to_the_byte_whatever_is_packed_and_in_whatever_order_files_came() {
    let ledger = Ledger::filled();
    let before = ledger.placement();
    assert!(before.contains("last_sighted: Some"), "{before}");
    assert_eq!(ledger.turned().placement(), before, "segments that came in another order");
    ledger.pack("2026-11-13");
    assert_eq!(ledger.placement(), before, "packed in part");
    ledger.pack("2027-11-22");
    assert_eq!(ledger.placement(), before, "packed");
    assert_eq!(ledger.turned().placement(), before, "packed files that came in another order");
}

#[test]
fn a_packed_file_that_is_damaged_is_named_by_a_lens_that_was_kept_too_and_a_daily_rollup_is_not_missed() {
    let ledger = Ledger::filled();
    ledger.pack("2026-11-22");
    let before = ledger.placement();
    for rollup in ledger.files("rollups") {
        fs::write(rollup, "PAR1").unwrap();
    }
    assert_eq!(ledger.placement(), before);
    let file = &ledger.files("facts/changes")[0];
    let whole = fs::read(file).unwrap();
    fs::write(file, &whole[..whole.len() / 2]).unwrap();
    let lost = evidence::lost(&ledger.lens()).unwrap();
    assert!(lost.len() == 1 && file.ends_with(&lost[0]), "{lost:?}");
    // All but the footer, which says where everything is.
    let mut torn = whole.clone();
    let end = whole.len() - 8;
    let footer = u32::from_le_bytes(whole[end..end + 4].try_into().unwrap());
    torn[4..end - usize::try_from(footer).unwrap()].fill(0xff);
    fs::write(file, torn).unwrap();
    let failure = ledger.lens().hold(SHARED).unwrap_err();
    let is_named = failure.sentence.contains(file.to_str().unwrap()) && failure.sentence.contains("is damaged");
    assert_eq!((is_named, failure.kind.exit_code(), failure.to_string().lines().count()), (true, 3, 1), "{failure}");
    fs::write(file, whole).unwrap();
    assert_eq!(ledger.placement(), before);
}

#[test]
fn a_query_may_read_what_is_packed_and_never_write_there() {
    let ledger = Ledger::filled();
    ledger.pack("2026-11-22");
    let file = ledger.folder.path().join("lens.duckdb");
    let lens = Lens::open(&ledger.root(), &file, LATE, &Limits::default()).unwrap();
    let target = ledger.root().join("facts/new.parquet").display().to_string();
    for query in [
        format!("COPY (SELECT 1) TO '{target}' (USE_TMP_FILE false)"),
        format!("SELECT 1; COPY (SELECT 1) TO '{target}' (USE_TMP_FILE false)"),
        format!("EXPLAIN ANALYZE COPY (SELECT 1) TO '{target}' (USE_TMP_FILE false)"),
        format!("DESCRIBE runs; COPY (SELECT 1) TO '{target}' (USE_TMP_FILE false); SELECT 1"),
    ] {
        assert!(lens.query(&query).is_err(), "{query}");
    }
    assert!(!ledger.root().join("facts/new.parquet").exists());
    assert_eq!(lens.query("DESCRIBE runs").unwrap().columns[0], "column_name");
    assert_eq!(lens.query("SELECT count(*) FROM outcomes;").unwrap().rows, [[json!(48)]]);
}

#[test]
fn a_path_that_history_does_not_name_changed_when_its_file_did() {
    let lens = Ledger::filled().lens();
    let words = |file: &str, function: &str| {
        let query = format!(
            "SELECT last_changed_at, change_words FROM code_history WHERE file = '{file}' AND function = '{function}'"
        );
        lens.query(&query).unwrap().rows
    };
    assert_eq!(
        words("app/shared.py", "f"),
        [[json!("2026-06-10 05:00:00"), json!("2026-06-10 05:00:00|C6|app/shared.py f")]]
    );
    assert_eq!(words("app/deep.py", "g"), [[Value::Null, Value::Null]]);
    // What has no history is never the last that changed.
    let evidence = evidence::all(&lens).unwrap();
    let told = evidence.iter().filter(|row| row.last_changed.is_some());
    let told: Vec<(&str, &str)> = told.map(|row| (row.changed_by.as_str(), row.changed_path.as_str())).collect();
    assert!(
        told.len() > 6 && told.iter().all(|(by, path)| by.starts_with('C') && path.starts_with("app/")),
        "{told:?}"
    );
}

#[test]
fn a_query_works_out_once_what_many_views_read_and_says_the_same() {
    let ledger = Ledger::filled();
    let (asked, held) = (ledger.lens(), ledger.lens());
    held.hold(SHARED).unwrap();
    for view in ["test_evidence", "pinning_paths", "covers", "run_recall"] {
        assert_eq!(whole(&asked, view), whole(&held, view), "{view}");
    }
    assert_eq!(whole(&asked, "test_evidence"), whole(&ledger.lens(), "Test_Evidence AS one"));
}
