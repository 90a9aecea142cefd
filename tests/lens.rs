//! The lens answers from the ledger's segments: every view builds over nothing and over a fixture, threads change no answer,
//! damaged files cost only themselves, and a query can touch nothing but the lens.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails, and it writes the files that it reads"
)]

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use titer::ledger::duck::{Lens, Limits, Table};
use titer::ledger::sql::VIEWS;

const AS_OF: &str = "2026-11-22T00:00:00Z";

/// A ledger in a folder of its own, and the place of its lens.
struct Ledger {
    folder: tempfile::TempDir,
}

impl Ledger {
    fn empty() -> Self {
        Self { folder: tempfile::Builder::new().prefix("it's [a] ledger").tempdir().unwrap() }
    }

    /// Three runs of two tests: `t_a` is steady, `t_b` fails once on the tree `I1` on which it also passed.
    fn filled() -> Self {
        let ledger = Self::empty();
        for (number, outcome) in [(1, "passed"), (2, "failed"), (3, "passed")] {
            let run = format!("R{number}");
            let at = format!("2026-11-2{}T05:00:00Z", number - 1);
            ledger.write("runs", &run, &[run_line(&run, &at)]);
            ledger.write(
                "outcomes",
                &run,
                &[
                    outcome_line(&run, &at, "t_a", "passed", 0.01 * f64::from(number)),
                    outcome_line(&run, &at, "t_b", outcome, 1.0),
                ],
            );
        }
        ledger.write("decisions", "R2", &decision_lines());
        ledger.write("edges", "R1", &edge_lines());
        ledger.write("edges", "R0", &(0..6).flat_map(generated_lines).collect::<Vec<_>>());
        let variant = json!({"v":1,"kind":"variant","id":"V","inputs":"{}","configuration":"pyproject.toml"});
        ledger.write("events", "R1", &[variant]);
        ledger.write("changes", "W1", &change_lines());
        ledger.write("sightings", "S1", &sighting_lines());
        ledger.write(
            "guards",
            "G1",
            &[json!({"v":1,"kind":"drafted","draft":"D","fault":"F1","at":"2026-11-05T00:00:00Z"})],
        );
        // A line cut off, as a kill leaves it.
        ledger.write_text("outcomes", "R4", "{\"v\":1,\"run\":\"R4\",\"test\":\"t_c\",\"varia");
        ledger
    }

    /// `t_e` passed in run E1, was left out by E2, and failed in E3, which was asked for it.
    fn with_an_escape(self) -> Self {
        self.with_escapes_at(|day| format!("2026-11-0{day}T05:00:00Z"))
    }

    fn with_escapes_at(self, time: fn(u32) -> String) -> Self {
        // It ran nothing itself, and covers what was loaded for it.
        let footprint = json!({"v":1,"kind":"footprint","run":"E5","at":"2026-11-05T05:00:00Z","test":"t_e","variant":"V","sets":["E1","W1"],"inventory":"E5"});
        self.write("edges", "E5", &[footprint]);
        for (day, outcome) in [(5, Some("passed")), (6, None), (7, Some("failed"))] {
            let (run, at) = (format!("E{day}"), time(day));
            let mut line = run_line(&run, &at);
            line["inventory"] = json!(run);
            self.write("runs", &run, &[line]);
            let outcomes: Vec<Value> = outcome.iter().map(|it| outcome_line(&run, &at, "t_e", it, 0.5)).collect();
            if !outcomes.is_empty() {
                self.write("outcomes", &run, &outcomes);
            }
            let decision = match outcome {
                Some(_) => json!({"verdict":"run","reason":"asked","otherwise":"weekly"}),
                None => json!({"verdict":"left out","reason":"weekly"}),
            };
            let mut line = json!({"v":1,"run":run,"variant":"V","evidence":[],"tests":"S","count":1});
            line.as_object_mut().unwrap().extend(decision.as_object().unwrap().clone());
            self.write("decisions", &run, &[json!({"v":1,"run":run,"set":"S","ids":["t_e"]}), line]);
        }
        self
    }

    /// Of two tests that run P left out `t_p` was drawn to see what it misses; `t_o` ran what stands in its own file.
    fn with_a_probe(self) -> Self {
        let footprint = json!({"v":1,"kind":"footprint","run":"P","at":"2026-11-09T05:00:00Z","test":"pytest::a.py::t_o","variant":"V","sets":["N1"],"inventory":"I1"});
        self.write("edges", "P", &[footprint]);
        self.write("runs", "P", &[run_line("P", "2026-11-09T05:00:00Z")]);
        let decision = json!({"v":1,"run":"P","variant":"V","verdict":"run","reason":"probe","otherwise":"untouched","evidence":[],"tests":"D","count":1});
        self.write("decisions", "P", &[json!({"v":1,"run":"P","set":"D","ids":["t_p"]}), decision]);
        self
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("ledger")
    }

    fn lens_file(&self) -> PathBuf {
        self.folder.path().join("cache/lens.duckdb")
    }

    fn write(&self, kind: &str, run: &str, lines: &[Value]) -> PathBuf {
        let text = lines.iter().fold(String::new(), |text, line| text + &format!("{line}\n"));
        self.write_text(kind, run, &text)
    }

    fn write_text(&self, kind: &str, run: &str, text: &str) -> PathBuf {
        self.write_bytes(kind, run, &zstd::encode_all(text.as_bytes(), 3).unwrap())
    }

    fn write_bytes(&self, kind: &str, run: &str, bytes: &[u8]) -> PathBuf {
        let folder = self.root().join("segments").join(kind).join("dt=2026-11-21");
        fs::create_dir_all(&folder).unwrap();
        let file = folder.join(format!("{run}-1-1-1-{:016x}.jsonl.zst", bytes.len()));
        fs::write(&file, bytes).unwrap();
        file
    }

    fn lens(&self) -> Lens {
        self.lens_with(AS_OF, 2)
    }

    fn lens_with(&self, as_of: &str, threads: u8) -> Lens {
        let lens =
            Lens::open(&self.root(), &self.lens_file(), as_of, &Limits { threads, ..Limits::default() }).unwrap();
        let numbers =
            [("quiet_days", 180), ("fault_days", 0), ("watched_days", 180), ("behind_days", 8), ("mapped_percent", 0)];
        lens.with_policy(&numbers, &[("billing".to_owned(), "services/billing".to_owned())]).unwrap()
    }
}

fn run_line(run: &str, at: &str) -> Value {
    json!({"v":1,"run":run,"attempt":1,"shard":"1-1","started":at,"seconds":1.5,"runner":"pytest","command":["pytest","-q"],"cwd":".",
        "commit":null,"branch":"main","dirty":false,"recorded":true,"health":"ok","exit":0,"titer":"0.1.0","tests_run":2,
        "tests_left_out":3,"inventory":"I1"})
}

fn outcome_line(run: &str, at: &str, test: &str, outcome: &str, seconds: f64) -> Value {
    json!({"v":1,"run":run,"at":at,"test":test,"variant":"V","outcome":outcome,"seconds":seconds,"attempt":1,"worker":""})
}

fn decision_lines() -> Vec<Value> {
    vec![
        json!({"v":1,"run":"R2","set":"S","ids":["t_c","t_d","t_e"]}),
        json!({"v":1,"run":"R2","variant":"V","verdict":"left out","reason":"untouched","evidence":["src/a.py f"],"tests":"S","count":3}),
    ]
}

/// `t_a` ran `f` itself and loaded `b.py`, whose set includes that of `c.py`; what its process remembers read `d.txt`.
fn edge_lines() -> Vec<Value> {
    let edge = |set: &str, kind: &str, path: &str, name: &str| json!({"v":1,"set":set,"kind":kind,"path":path,"name":name,"hash":"H"});
    vec![
        edge("W2", "loaded", "c.py", "<module>"),
        edge("W1", "loaded", "b.py", "<module>"),
        edge("W1", "includes", "", "W2"),
        edge("N1", "ran", "a.py", "f"),
        edge("M1", "read", "d.txt", ""),
        edge("E1", "empty", "", ""),
        json!({"v":1,"kind":"tree","set":"I1","path":"a.py","name":"100644","hash":"H"}),
        json!({"v":1,"kind":"footprint","run":"R1","at":"2026-11-20T05:00:00Z","test":"t_a","variant":"V","sets":["N1","W1"],"memory":"M1","inventory":"I1"}),
        json!({"v":1,"kind":"footprint","run":"R0","at":"2026-11-19T05:00:00Z","test":"t_a","variant":"V","sets":["E1"],"inventory":"I1"}),
    ]
}

/// One walk over two commits, of which the second moved the file that the first added.
fn change_lines() -> Vec<Value> {
    let line = |kind: &str, number: u32| json!({"v":1,"kind":kind,"walk":"W1","commit":format!("C{number}"),"at":format!("2026-11-1{number}T05:00:00Z"),"number":number,"author":"A"});
    let with = |mut line: Value, more: &[(&str, &str)]| {
        for (name, value) in more {
            line[*name] = json!(value);
        }
        line
    };
    vec![
        line("commit", 1),
        with(line("added", 1), &[("path", "a.py"), ("function", "f")]),
        line("commit", 2),
        with(line("renamed", 2), &[("was", "a.py"), ("path", "b.py")]),
        with(line("changed", 2), &[("path", "b.py"), ("function", "f")]),
        line("history", 2),
    ]
}

/// A source watched for 200 days that told of two faults, one of them twice and without a code path at first, and of one to come.
fn sighting_lines() -> Vec<Value> {
    let line = |event: &str, at: &str, more: Value| {
        let mut line = json!({"v":1,"kind":"sighting","source":"file","at":at,"event":event,"fault":"F1","type":"E","count":1,
            "frames_in_repository":2,"frames_mapped":2,"raw":"R","frames":[{"file":"a.py"}]});
        line.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        line
    };
    let watched = |since: &str, at: &str| json!({"v":1,"kind":"observed","source":"file","since":since,"at":at});
    let mapped = json!({"path":"a.py","function":"f","confidence":"line","commit":"C","commit_confidence":"tag"});
    let unmapped = json!({"confidence":"none","unmapped":"no frames","frames_mapped":0,"fault":"F2"});
    let foreign = json!({"confidence":"none","unmapped":"no frame in the repository","blocks":"-","fault":"F3"});
    vec![
        line("e1", "2026-11-01T00:00:00Z", mapped.clone()),
        line("e1", "2026-11-01T00:00:00Z", unmapped.clone()),
        line("e2", "2026-11-02T00:00:00.5Z", mapped.clone()),
        line("e3", "2026-11-03T00:00:00Z", unmapped),
        line("e4", "2026-11-04T00:00:00Z", foreign),
        line("e5", "2026-12-24T00:00:00Z", mapped),
        watched("2026-05-06T00:00:00Z", "2026-11-20T00:00:00Z"),
        watched("2026-10-01T00:00:00Z", "2027-11-22T00:00:00Z"),
        json!({"v":1,"kind":"page","source":"pagerduty","project":"P","at":"2026-11-03T00:00:00Z","event":"Q1","message":"E: m"}),
        json!({"v":1,"kind":"mark","source":"bugsink","project":"1","at":"2026-11-20T00:00:00Z","mark":"{}"}),
    ]
}

/// A recording on the tree before which `gen.py` was made anew: of a test that touched nothing.
fn generated_lines(number: u32) -> Vec<Value> {
    let (tree, at) = (format!("T{number}"), format!("2026-11-21T0{number}:00:00Z"));
    vec![
        json!({"v":1,"kind":"tree","set":tree,"path":"gen.py","name":"100644","hash":format!("H{number}")}),
        json!({"v":1,"kind":"tree","set":tree,"path":"steady.py","name":"100644","hash":"H"}),
        json!({"v":1,"kind":"footprint","run":format!("Q{number}"),"at":at,"test":"t_v","variant":"V","sets":["E1"],"inventory":tree}),
    ]
}

/// A whole view, rows in one order whatever the engine's was.
fn whole(lens: &Lens, view: &str) -> Table {
    let mut table = lens.query(&format!("SELECT * FROM {view}")).unwrap();
    table.rows.sort_by_key(|row| format!("{row:?}"));
    table
}

fn rows(lens: &Lens, query: &str) -> Value {
    Value::from(lens.query(query).unwrap().rows.into_iter().map(Value::from).collect::<Vec<_>>())
}

#[test]
fn every_view_builds_over_a_ledger_that_is_not_there() {
    let lens = Ledger::empty().lens();
    for view in VIEWS {
        assert_eq!(whole(&lens, view.name).rows, [] as [Vec<Value>; 0], "{}", view.name);
    }
}

#[test]
fn every_view_answers_the_same_at_one_thread_and_at_eight() {
    let ledger = Ledger::filled().with_an_escape().with_a_probe();
    let one = ledger.lens_with(AS_OF, 1);
    fs::remove_file(ledger.lens_file()).unwrap();
    let eight = ledger.lens_with(AS_OF, 8);
    for view in VIEWS {
        assert_eq!(whole(&one, view.name), whole(&eight, view.name), "{}", view.name);
        // Its source speaks for everything.
        let is_empty = view.name == "unwatched_code";
        assert_eq!(whole(&one, view.name).rows.is_empty(), is_empty, "what the fixture shows of {}", view.name);
    }
}

#[test]
fn who_depends_on_a_path_is_found_through_included_sets_and_the_memory_of_a_process() {
    let lens = Ledger::filled().lens();
    let found = rows(&lens, "SELECT path, kind, name, test_id FROM dependents ORDER BY path");
    assert_eq!(
        found,
        json!([
            ["a.py", "ran", "f", "t_a"],
            ["b.py", "loaded", "<module>", "t_a"],
            ["c.py", "loaded", "<module>", "t_a"],
            ["d.txt", "read", "", "t_a"]
        ])
    );
}

#[test]
fn sets_that_include_each_other_in_a_circle_are_walked_once() {
    let ledger = Ledger::empty();
    let line = |set: &str, to: &str| json!({"v":1,"set":set,"kind":"includes","path":"","name":to,"hash":""});
    ledger.write("edges", "R1", &[line("A", "B"), line("B", "A")]);
    assert_eq!(rows(&ledger.lens(), "SELECT count(*) FROM reached_sets"), json!([[4]]));
}

#[test]
fn a_test_that_passed_and_failed_on_one_tree_is_a_flake() {
    let found = rows(&Ledger::filled().lens(), "SELECT test_id, passes, failures FROM flakes");
    assert_eq!(found, json!([["t_b", 2, 1]]));
}

#[test]
fn durations_have_a_middle_an_end_and_a_last_and_look_back_from_the_given_time() {
    let ledger = Ledger::filled();
    let query = "SELECT runs, median_us, p95_us, last_us FROM durations WHERE test_id = 't_a'";
    assert_eq!(rows(&ledger.lens(), query), json!([[3, 20_000, 30_000, 30_000]]));
    assert_eq!(rows(&ledger.lens_with("2027-06-01T00:00:00Z", 2), query), json!([]));
}

#[test]
fn what_was_left_out_is_counted_by_reason_and_named_test_by_test() {
    let lens = Ledger::filled().lens();
    assert_eq!(rows(&lens, "SELECT run_id, reason, tests FROM left_out"), json!([["R2", "untouched", 3]]));
    let named = rows(&lens, "SELECT test_id FROM test_decisions WHERE verdict = 'left out' ORDER BY test_id");
    assert_eq!(named, json!([["t_c"], ["t_d"], ["t_e"]]));
}

#[test]
fn what_production_told_counts_once_as_it_is_known_best_and_not_before_its_time() {
    let lens = Ledger::filled().lens();
    let faults = "SELECT fault_id, path, function_name, sightings, CAST(first_seen_at AS DATE), blocks FROM faults ORDER BY fault_id";
    assert_eq!(
        rows(&lens, faults),
        json!([
            ["F1", "a.py", "f", 2, "2026-11-01", ""],
            ["F2", null, null, 1, "2026-11-03", ""],
            ["F3", null, null, 1, "2026-11-04", "-"]
        ])
    );
    assert_eq!(
        rows(&lens, "SELECT path, function_name, faults, sightings FROM path_faults"),
        json!([["a.py", "f", 1, 2]])
    );
    assert_eq!(
        rows(&lens, "SELECT fault_id, unmapped_reason, blocks FROM unmapped_faults"),
        json!([["F2", "no frames", ""]])
    );
    let health = "SELECT days_observed, frames_in_repository, frames_mapped, mapped_basis_points, observed_to FROM source_health";
    assert_eq!(rows(&lens, health), json!([[200, 8, 6, 7500, "2026-11-22 00:00:00"]]));
    let later = Ledger::filled().lens_with("2026-12-25T00:00:00Z", 2);
    assert_eq!(rows(&later, "SELECT sightings FROM path_faults"), json!([[3]]));
}

#[test]
fn a_path_that_differs_in_all_of_the_last_five_pairs_of_recordings_is_volatile() {
    let ledger = Ledger::empty();
    ledger.write("edges", "R0", &(0..6).flat_map(generated_lines).collect::<Vec<_>>());
    let query = "SELECT path, changes, tests, all_tests FROM volatile_paths";
    assert_eq!(rows(&ledger.lens(), query), json!([["gen.py", 5, 0, 1]]));
    let ledger = Ledger::empty();
    ledger.write("edges", "R0", &(1..6).flat_map(generated_lines).collect::<Vec<_>>());
    assert_eq!(rows(&ledger.lens(), query), json!([]));
}

#[test]
fn a_line_that_cannot_be_read_is_listed_and_the_others_count() {
    let ledger = Ledger::filled();
    let text =
        format!("{}\nnot json\n{}\n", outcome_line("R5", AS_OF, "t_x", "passed", 1.0), json!({"v":2,"run":"R5"}));
    ledger.write_text("outcomes", "R5", &text);
    let lens = ledger.lens();
    assert_eq!(rows(&lens, "SELECT test_id FROM outcomes WHERE run_id = 'R5'"), json!([["t_x"]]));
    let query = "SELECT kind, unreadable_lines, newer_lines FROM segment_problems WHERE segment LIKE '%/R5-%'";
    assert_eq!(rows(&lens, query), json!([["outcomes", 1, 1]]));
    assert_eq!(rows(&lens, "SELECT count(*) FROM segment_problems"), json!([[2]]), "this one and the one cut off");
}

#[test]
fn a_segment_that_is_no_compressed_file_costs_only_itself() {
    let ledger = Ledger::filled();
    ledger.write_bytes("outcomes", "R6", b"this is not zstd");
    let lens = ledger.lens();
    assert_eq!(rows(&lens, "SELECT count(*) FROM outcomes"), json!([[6]]));
    assert_eq!(
        rows(&lens, "SELECT kind, lines FROM segment_problems WHERE segment LIKE '%/R6-%'"),
        json!([["outcomes", 0]])
    );
}

#[test]
fn a_segment_shorter_than_its_log_entry_or_missing_is_listed() {
    let ledger = Ledger::empty();
    let file = ledger.write("runs", "R1", &[run_line("R1", AS_OF)]);
    let path = file.strip_prefix(ledger.root()).unwrap();
    let entry = json!({"v":1,"add":[{"path":path,"kind":"runs","rows":2},{"path":"segments/runs/dt=2026-11-21/R9-1-1-1-00.jsonl.zst","rows":1}]});
    fs::create_dir_all(ledger.root().join("log")).unwrap();
    fs::write(ledger.root().join("log/00000000000000000001.json"), entry.to_string()).unwrap();
    let problems = rows(&ledger.lens(), "SELECT problem FROM segment_problems ORDER BY segment");
    assert_eq!(problems, json!([["lines are missing at its end"], ["the log names it and it is not there"]]));
}

#[test]
fn a_run_written_twice_counts_once() {
    let ledger = Ledger::empty();
    ledger.write("runs", "R1", &[run_line("R1", AS_OF)]);
    ledger.write("runs", "R1", &[run_line("R1", "2026-11-21T05:00:00.5Z")]);
    assert_eq!(rows(&ledger.lens(), "SELECT count(*) FROM runs"), json!([[1]]));
}

#[test]
fn a_kept_lens_is_used_again_until_the_ledger_changes() {
    let ledger = Ledger::filled();
    drop(ledger.lens());
    let made = |file: &Path| std::os::unix::fs::MetadataExt::ino(&fs::metadata(file).unwrap());
    let first = made(&ledger.lens_file());
    assert_eq!(rows(&ledger.lens(), "SELECT count(*) FROM runs"), json!([[3]]));
    assert_eq!(made(&ledger.lens_file()), first);
    ledger.write("runs", "R7", &[run_line("R7", AS_OF)]);
    assert_eq!(rows(&ledger.lens(), "SELECT count(*) FROM runs"), json!([[4]]));
    let left: Vec<_> = fs::read_dir(ledger.lens_file().parent().unwrap()).unwrap().collect();
    assert_eq!(left.len(), 1, "building leaves nothing beside the lens: {left:?}");
}

#[test]
fn a_lens_that_is_torn_foreign_or_gone_is_built_again() {
    let ledger = Ledger::filled();
    drop(ledger.lens());
    let bytes = fs::read(ledger.lens_file()).unwrap();
    for broken in [b"".as_slice(), b"no database", &bytes[..bytes.len() / 2]] {
        fs::write(ledger.lens_file(), broken).unwrap();
        assert_eq!(rows(&ledger.lens(), "SELECT count(*) FROM runs"), json!([[3]]));
    }
    fs::remove_file(ledger.lens_file()).unwrap();
    assert_eq!(rows(&ledger.lens(), "SELECT count(*) FROM runs"), json!([[3]]));
}

#[test]
fn where_no_lens_can_be_kept_a_private_one_answers() {
    let ledger = Ledger::filled();
    // A file stands where the folder of the lens would have to be, and a folder where the lens itself would.
    fs::write(ledger.folder.path().join("cache"), "").unwrap();
    assert_eq!(rows(&ledger.lens(), "SELECT count(*) FROM runs"), json!([[3]]));
    fs::remove_file(ledger.folder.path().join("cache")).unwrap();
    fs::create_dir_all(ledger.lens_file().join("full")).unwrap();
    assert_eq!(rows(&ledger.lens(), "SELECT count(*) FROM runs"), json!([[3]]));
}

#[test]
fn two_lenses_over_one_ledger_are_open_at_once() {
    let ledger = Ledger::filled();
    let first = ledger.lens();
    ledger.write("runs", "R8", &[run_line("R8", AS_OF)]);
    let second = ledger.lens();
    assert_eq!(rows(&first, "SELECT count(*) FROM runs"), json!([[3]]));
    assert_eq!(rows(&second, "SELECT count(*) FROM runs"), json!([[4]]));
}

#[test]
fn a_query_reaches_no_file_no_setting_and_cannot_write() {
    let ledger = Ledger::filled();
    let lens = ledger.lens();
    let target = ledger.folder.path().join("stolen.csv");
    fs::write(ledger.folder.path().join("secret.csv"), "a\n1\n").unwrap();
    let folder = ledger.folder.path().display().to_string().replace('\'', "''");
    for query in [
        format!("COPY (SELECT 1) TO '{folder}/stolen.csv'"),
        format!("SELECT * FROM read_csv('{folder}/secret.csv')"),
        format!("ATTACH '{folder}/other.duckdb'"),
        "SET enable_external_access = true".to_owned(),
        "SET memory_limit = '100GB'".to_owned(),
        "CREATE TABLE mine (a INTEGER)".to_owned(),
        "DROP VIEW runs".to_owned(),
        "INSTALL httpfs".to_owned(),
    ] {
        assert!(lens.query(&query).is_err(), "{query}");
    }
    assert!(!target.exists());
}

#[test]
fn a_query_larger_than_memory_spills_and_is_answered() {
    let ledger = Ledger::empty();
    let limits = Limits { memory: "40MB".to_owned(), threads: 1 };
    let lens = Lens::open(&ledger.root(), &ledger.lens_file(), AS_OF, &limits).unwrap();
    let query =
        "SELECT i FROM (SELECT i, md5(i::VARCHAR) AS h FROM range(1500000) AS t(i) ORDER BY h) LIMIT 1 OFFSET 1499999";
    assert_eq!(lens.query(query).unwrap().rows.len(), 1);
}

#[test]
fn a_wrong_query_is_answered_with_one_sentence_and_the_names_of_the_views() {
    let failure = Ledger::empty().lens().query("SELECT * FROM rums").unwrap_err();
    assert_eq!(failure.to_string().lines().count(), 1);
    assert!(failure.to_string().contains("rums"), "{failure}");
    assert!(failure.hints[0].contains("runs, outcomes"), "{:?}", failure.hints);
}

#[test]
fn every_sort_of_value_has_a_form_in_json() {
    let query = "SELECT TIMESTAMP '2026-11-21 05:00:00.25' AS a, DATE '2026-11-21' AS b, TIME '05:06:07' AS c, 1.50 AS d, \
                 170141183460469231731687303715884105727::HUGEINT AS e, [1, NULL] AS f, {'x': 1} AS g, NULL AS h, \
                 '\\x01'::BLOB AS i, 'NaN'::DOUBLE AS j, MAP {'k': 2} AS k, DATE '-0001-01-01' AS l, 'infinity'::TIMESTAMP AS m";
    let found = rows(&Ledger::empty().lens(), query);
    let wanted = json!([[
        "2026-11-21 05:00:00.25", "2026-11-21", "05:06:07", 1.50, "170141183460469231731687303715884105727", [1, null], {"x": 1}, null,
        "01", null, [["k", 2]], "-000001-01-01", "out of range"
    ]]);
    assert_eq!(found, wanted);
}

#[test]
fn runs_of_one_second_are_told_apart_by_their_ids() {
    let ledger = Ledger::filled().with_escapes_at(|_| "2026-11-05T05:00:00Z".to_owned());
    assert_eq!(rows(&ledger.lens(), "SELECT run_id, skipping_run_id FROM escapes"), json!([["E7", "E6"]]));
}

#[test]
fn an_escape_names_the_first_run_that_left_the_test_out() {
    let lens = Ledger::filled().with_an_escape().lens();
    let found = rows(&lens, "SELECT run_id, test_id, skipping_run_id, reason FROM escapes");
    assert_eq!(found, json!([["E7", "t_e", "E6", "weekly"]]));
    let recall = "SELECT run_id, missed_failures FROM run_recall WHERE missed_failures > 0 ORDER BY run_id";
    assert_eq!(rows(&lens, recall), json!([["E6", 1]]));
}
