//! How long a placement takes over a large ledger, from daily rollups and from Parquet facts, beside the floor: bare scans of the same files.
//!
//! `TITER_BENCH=tenth cargo bench --bench placement` makes a tenth of the full size (100 million sightings on 1,826 days, 50 million edges of 200
//! thousand tests, 1.8 million changes of 243 thousand functions, all with skew), `TITER_BENCH=full` first that and then all of it (about 4 GB of
//! disk, under `TITER_BENCH_FOLDER` or the system's temporary folder, deleted at the end); without it a thousandth, as a check that it works.
//! Each figure is of a process of its own; there is no lens yet when it starts. `TITER_BENCH_KEEP=1` keeps the ledgers and takes up kept ones,
//! `TITER_BENCH_STEPS=1` tells what each view takes.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::panic,
    clippy::too_many_lines,
    clippy::format_collect,
    clippy::cast_precision_loss,
    reason = "a bench is no library; it stops at what goes wrong, reads the clock and writes files"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use duckdb::Connection;
use serde_json::{Value, json};
use titer::commands::evidence::AsOf;
use titer::decide::placement::{Given, place};
use titer::ledger::duck::{Lens, Limits};
use titer::ledger::sql::SHARED;
use titer::model::evidence::Thresholds;
use titer::model::suite::Suites;

const DAYS: u32 = 1826;
const TODAY: &str = "2026-11-21";
const MEMORY: &str = "4GB";

fn main() {
    let words: Vec<String> = std::env::args().collect();
    if let [_, what, ledger] = words.as_slice() {
        return measure(what, Path::new(ledger));
    }
    let asked = std::env::var("TITER_BENCH").unwrap_or_default();
    let sizes: &[u32] = match asked.as_str() {
        "full" => &[10, 1],
        "tenth" => &[10],
        // Where a tenth has been measured already.
        "only" => &[1],
        _ => &[1000],
    };
    let room = std::env::var_os("TITER_BENCH_FOLDER").map_or_else(std::env::temp_dir, Into::into);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    println!("{cores} cores, memory_limit {MEMORY}; load before: {}", load());
    let mut before: Vec<Figures> = Vec::new();
    for &part in sizes {
        let folder = tempfile::Builder::new().prefix("titer-bench-").tempdir_in(&room).unwrap();
        let began = Instant::now();
        let is_kept = std::env::var_os("TITER_BENCH_KEEP").is_some();
        let kept = room.join(format!("titer-bench-of-{part}"));
        let ledger = if is_kept { kept.join("ledger") } else { folder.path().join("ledger") };
        let is_there = ledger.join("log").is_dir();
        let made = if is_there { "kept from before".to_owned() } else { generate(&ledger, part) };
        println!("\n1/{part} of the full size, made in {:.0} s: {made}", began.elapsed().as_secs_f64());
        println!("{:<34}{:>9}{:>9}{:>9}{:>9}", "", "wall s", "CPU s", "peak MB", "growth");
        let mut told = Vec::new();
        for (what, title) in [
            ("place", "placement from daily rollups"),
            ("scan-rollups", "  floor: a scan of the same files"),
            ("place", "placement from Parquet facts"),
            ("scan-facts", "  floor: a scan of the same files"),
        ] {
            if told.len() == 2 {
                fs::rename(ledger.join("rollups"), folder.path().join("rollups")).unwrap();
            }
            let figures = figures(what, &ledger);
            let growth = before.get(told.len()).map_or_else(String::new, |it| format!("{:.1}x", figures.cpu / it.cpu));
            let Figures { wall, cpu, peak, said } = &figures;
            println!("{title:<34}{wall:>9.2}{cpu:>9.2}{peak:>9}{growth:>9}  {said}");
            told.push(figures);
        }
        fs::rename(folder.path().join("rollups"), ledger.join("rollups")).unwrap();
        before = told;
    }
}

fn load() -> String {
    fs::read_to_string("/proc/loadavg").unwrap_or_default().split(' ').take(1).collect()
}

struct Figures {
    wall: f64,
    cpu: f64,
    peak: u64,
    said: String,
}

/// What a process of its own tells of itself.
fn figures(what: &str, ledger: &Path) -> Figures {
    let began = Instant::now();
    let done = Command::new(std::env::current_exe().unwrap()).arg(what).arg(ledger).output().unwrap();
    let wall = began.elapsed().as_secs_f64();
    let text = String::from_utf8_lossy(&done.stdout).into_owned();
    eprint!("{}", String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{text}");
    let told: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    let said = told["said"].as_str().unwrap().to_owned();
    Figures { wall, cpu: told["cpu"].as_f64().unwrap(), peak: told["peak"].as_u64().unwrap(), said }
}

fn measure(what: &str, ledger: &Path) {
    let said = if what == "place" { placed(ledger) } else { scanned(what, ledger) };
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    println!("{}", json!({"said": said, "cpu": cpu(), "peak": peak.unwrap_or(0) / 1024}));
}

/// What this process has used so far, in seconds of all cores.
fn cpu() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Of the fields after the name: user and system time, in hundredths of a second.
    let fields: Vec<f64> =
        stat.rsplit(") ").next().unwrap_or_default().split(' ').filter_map(|it| it.parse().ok()).collect();
    (fields.get(10).unwrap_or(&0.0) + fields.get(11).unwrap_or(&0.0)) / 100.0
}

/// The numbers that `titer init` writes.
const NUMBERS: [(&str, i64); 5] =
    [("quiet_days", 180), ("fault_days", 0), ("watched_days", 180), ("behind_days", 8), ("mapped_percent", 95)];

fn thresholds(as_of: i64) -> Thresholds {
    Thresholds {
        as_of,
        quiet_days: 180,
        fault_days: 0,
        failure_days: 90,
        young_days: 30,
        flaky_trees: 2,
        quarantine_days: 30,
        quarantine_owner: String::new(),
        slow_ms: 10_000,
        watched_days: 180,
        behind_days: 8,
        mapped_percent: 95,
        most_moves: 1000,
        crowded_percent: 20,
        removal_days: 180,
    }
}

/// What `titer place` does between opening the ledger and writing its batch.
fn placed(ledger: &Path) -> String {
    let cache = tempfile::tempdir_in(ledger.parent().unwrap()).unwrap();
    let as_of = AsOf::parse(TODAY).unwrap();
    let limits = Limits { memory: MEMORY.to_owned(), threads: 0 };
    let steps = std::env::var_os("TITER_BENCH_STEPS").is_some();
    let began = Instant::now();
    let step = |what: &str| {
        if steps {
            eprintln!("{:>8.2} s wall {:>8.2} s CPU  {what}", began.elapsed().as_secs_f64(), cpu());
        }
    };
    let lens = Lens::open(ledger, &cache.path().join("lens.duckdb"), &as_of.end(), &limits).unwrap();
    step("opened");
    let lens = lens.with_policy(&NUMBERS, &[]).unwrap();
    for view in SHARED {
        lens.hold(&[view]).unwrap();
        step(view);
    }
    let evidence = titer::commands::evidence::all(&lens).unwrap();
    step("test_evidence, as rows");
    let text: String = evidence.iter().map(|row| serde_json::to_string(row).unwrap() + "\n").collect();
    let digest = titer::model::digest::Digest::of(text.as_bytes()).to_string();
    step("(its digest, for this bench)");
    let pins = titer::commands::evidence::pins(&lens).unwrap().len();
    step("pinning_paths");
    let thresholds = thresholds(as_of.start);
    let given = Given {
        suites: &Suites::default(),
        thresholds: &thresholds,
        pinned: &globset::GlobSet::empty(),
        today: &as_of.day,
        quarantine_until: &as_of.plus(thresholds.quarantine_days),
        by_file: |_| false,
        instant: titer::formats::instant::seconds,
    };
    let decided = place(&evidence, given);
    step("decided");
    let weekly: BTreeSet<&str> = decided.moves.iter().map(|step| step.ground.rule).collect();
    format!(
        "{} tests, {} moves ({}), {pins} pinning paths, evidence {}",
        evidence.len(),
        decided.moves.len(),
        Vec::from_iter(weekly).join(", "),
        &digest[..8]
    )
}

/// The columns that a placement needs, read once and added up.
fn scanned(what: &str, ledger: &Path) -> String {
    let connection = engine(MEMORY);
    let ask = |query: String| -> i64 { connection.query_row(&query, [], |row| row.get(0)).unwrap() };
    let folder = ledger.display();
    let sightings = if what == "scan-rollups" {
        ask(format!(
            "SELECT COUNT(DISTINCT place_key) + CAST(SUM(sightings) % 2 AS BIGINT) FROM '{folder}/rollups/*/*/*/*.parquet'"
        ))
    } else {
        ask(format!(
            "SELECT COUNT(DISTINCT place_key) + CAST(SUM(epoch_us(seen_at) % 7) % 2 AS BIGINT) FROM '{folder}/facts/sightings/*/*.parquet'"
        ))
    };
    let edges = ask(format!(
        "SELECT CAST(SUM((set_key % 7) + (path_key % 7)) AS BIGINT) FROM '{folder}/facts/edges/*/*.parquet' WHERE kind = 'ran'"
    ));
    let changes = ask(format!("SELECT COUNT(DISTINCT path) FROM '{folder}/facts/changes/*/*.parquet'"));
    format!("checks {}", sightings ^ edges ^ changes)
}

/// DuckDB with so much memory.
fn engine(memory: &str) -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch(&format!("SET memory_limit = '{memory}'; SET preserve_insertion_order = false")).unwrap();
    connection
}

/// Makes a ledger of a part of the full size, in the ledger's own formats; says what is in it.
fn generate(ledger: &Path, part: u32) -> String {
    // What is measured gets less than what makes it: sorting 50 million edges is no part of a placement.
    let db = engine("10GB");
    let full = |number: u64| number / u64::from(part);
    let (functions, tests, faults, per_day) =
        (full(243_000), full(200_000), full(20_000).max(50), full(100_000_000) / u64::from(DAYS));
    let folder = ledger.display().to_string();
    let run = |text: String| db.execute_batch(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    // A number between 0 and 1 from any words, the same every time.
    run("CREATE MACRO chance(word) AS (hash(word) % 1000003) / 1000003.0".to_owned());
    run("CREATE MACRO day_of(before) AS STRFTIME(CAST('2026-11-20' AS DATE) - CAST(before AS INTEGER), '%Y-%m-%d')"
        .to_owned());
    run(format!(
        "CREATE TABLE paths AS SELECT i, 'app/part' || (i // 1200) || '/module' || (i // 12) || '.py' AS file, 'Class' || (i % 12 // 4) || '.method_' || i AS function,
           md5_number_lower(concat(file, chr(31), function)) AS path_key FROM range({functions}) AS t(i)"
    ));
    let mut add = Vec::new();
    let mut write = |kind: &str, day: &str, room: &str, query: &str| {
        let path = format!("{room}/dt={day}/bench.parquet");
        fs::create_dir_all(ledger.join(&path).parent().unwrap()).unwrap();
        run(format!("COPY ({query}) TO '{folder}/{path}' (FORMAT parquet, COMPRESSION zstd)"));
        add.push(json!({"path": path, "kind": kind, "rows": 1, "format": "facts_v1"}));
    };
    let fact = |kind: &str| format!("facts/{kind}");
    write("paths", TODAY, &fact("paths"), "SELECT path_key, file, function FROM paths UNION ALL SELECT md5_number_lower(concat(file, chr(31), f)), file, f
        FROM (SELECT DISTINCT file FROM paths) CROSS JOIN (VALUES ('<module>'), ('*')) AS v(f)");
    // Few functions are run by most tests, most by few; some tests run many times more than others.
    run(format!(
        "CREATE TABLE tests AS SELECT t, 'pytest::tests/test_' || (t // 20) || '.py::test_' || t AS test, md5(t::VARCHAR) AS set, md5_number_lower(set) AS set_key,
           100 + CAST(450 * pow(chance('n' || t), 2) AS INTEGER) AS size FROM range({tests}) AS t(t)"
    ));
    run(format!(
        "CREATE VIEW ran AS SELECT tests.set, tests.set_key, paths.file, paths.function, paths.path_key
         FROM (SELECT t, size, UNNEST(range(size)) AS k FROM tests) AS drawn JOIN tests USING (t)
         JOIN paths ON paths.i = k + CAST(floor({} * pow((k + chance(t * 1000 + k)) / drawn.size, 3)) AS BIGINT)",
        functions.saturating_sub(600)
    ));
    let edge = "'bench' AS segment, 1::BIGINT AS v";
    let none = "NULL::VARCHAR AS run, NULL::VARCHAR AS at, NULL::VARCHAR AS test, NULL::VARCHAR AS variant, NULL::VARCHAR[] AS sets, NULL::VARCHAR AS memory,
        NULL::VARCHAR AS inventory, NULL::BOOLEAN AS walker, NULL::BOOLEAN AS traced, NULL::BOOLEAN AS bounded";
    write("edges", TODAY, &fact("edges"), &format!(
        "SELECT {edge}, 'footprint' AS kind, NULL::VARCHAR AS set, '' AS path, '' AS name, '' AS hash, 'R5' AS run, '2026-11-20T05:00:00Z' AS at, test, 'V' AS variant, [set] AS sets,
           NULL::VARCHAR AS memory, 'I5' AS inventory, FALSE AS walker, TRUE AS traced, FALSE AS bounded, NULL::UBIGINT AS set_key, NULL::UBIGINT AS path_key FROM tests"
    ));
    // As many files as a ledger has that was folded from time to time, each in order: sorting all of it at once takes more than a machine has.
    let files = full(10).max(1);
    for file in 0..files {
        write(
            "edges",
            &format!("2026-11-{:02}", 20 - file),
            &fact("edges"),
            &format!(
                "SELECT {edge}, 'ran' AS kind, set, file AS path, function AS name, left(md5(file), 8) AS hash, {none}, set_key, path_key FROM ran WHERE hash(set) % {files} = {file} ORDER BY kind, set_key, path_key"
            ),
        );
    }
    write(
        "sets",
        TODAY,
        &fact("sets"),
        "SELECT set_key, 1 AS tells_functions, MIN(file) AS first_file, MAX(file) AS last_file FROM ran GROUP BY set_key",
    );
    write("outcomes", TODAY, &fact("outcomes"), "SELECT 'bench' AS segment, 1::BIGINT AS v, 'R' || r AS run, '2026-1' || (r // 3) || '-2' || r || 'T05:00:00Z' AS at, test, 'V' AS variant,
        CASE WHEN chance(test || r) < 0.0005 THEN 'failed' ELSE 'passed' END AS outcome, round(5 * pow(chance(test), 6), 3)::DOUBLE AS seconds, 1::BIGINT AS attempt, '' AS worker
        FROM tests CROSS JOIN range(1, 6) AS r(r)");
    // Most functions have been quiet for years; a few change every week, and these are not those that most tests run.
    let change = "'bench' AS segment, 1::BIGINT AS v";
    write("changes", TODAY, &fact("changes"), &format!(
        "WITH drawn AS (SELECT 'added' AS kind, i, CAST(1826 - 400 * chance('b' || i) AS INTEGER) AS before FROM paths
           UNION ALL SELECT 'changed', {functions} - 1 - CAST(floor({functions} * pow(chance('c' || h), 4)) AS BIGINT) AS i, CAST(1400 * (1 - pow(1 - chance('d' || h), 2)) AS INTEGER) FROM range({}) AS t(h)),
         dated AS (SELECT *, 1826 - before AS number FROM drawn)
         SELECT {change}, kind, 'W1' AS walk, md5(number::VARCHAR) AS commit, number::BIGINT AS number, day_of(before) || 'T12:00:00Z' AS at, 'A' || (number % 200) AS author,
           file AS path, function, NULL::VARCHAR AS was, NULL::BOOLEAN AS shallow FROM dated JOIN paths USING (i)
         UNION ALL SELECT {change}, 'commit', 'W1', md5(number::VARCHAR), number, day_of(1826 - number) || 'T12:00:00Z', 'A' || (number % 200), NULL, NULL, NULL, NULL FROM range(1, 1827) AS n(number)
         UNION ALL SELECT {change}, 'history', 'W1', md5('1826'), 1826, day_of(0) || 'T12:00:00Z', '', NULL, NULL, NULL, NULL ORDER BY kind, path, number", full(1_557_000)
    ));
    sightings(&db, &mut write, faults, functions, per_day);
    fs::create_dir_all(ledger.join("log")).unwrap();
    let runs: String = (1..6).map(|r| format!("{}\n", json!({"v":1,"run":format!("R{r}"),"attempt":1,"shard":"1","started":format!("2026-1{}-2{r}T05:00:00Z", r / 3),
        "seconds":1.0,"runner":"pytest","command":[],"cwd":".","health":"ok","exit":0,"inventory":format!("I{r}")}))).collect();
    let place = format!("segments/runs/dt={TODAY}/R-1-1-0.jsonl.zst");
    fs::create_dir_all(ledger.join(&place).parent().unwrap()).unwrap();
    fs::write(ledger.join(&place), zstd::encode_all(runs.as_bytes(), 3).unwrap()).unwrap();
    fs::write(ledger.join("log/00000000000000000001.json"), json!({"v": 1, "add": add, "remove": []}).to_string())
        .unwrap();
    let count = |glob: &str| -> i64 {
        db.query_row(&format!("SELECT COUNT(*) FROM '{folder}/{glob}'"), [], |row| row.get(0)).unwrap()
    };
    let files = walkdir::WalkDir::new(ledger)
        .into_iter()
        .flatten()
        .filter_map(|it| it.metadata().ok())
        .filter(fs::Metadata::is_file);
    let bytes: u64 = files.map(|it| it.len()).sum();
    format!(
        "{} sightings ({} rows of rollup), {} edges, {tests} tests, {} changes of {functions} functions, {:.1} GB",
        count("facts/sightings/*/*.parquet"),
        count("rollups/*/*/*/*.parquet"),
        count("facts/edges/*/*.parquet"),
        count("facts/changes/*/*.parquet"),
        bytes as f64 / 1e9
    )
}

/// One file a day of the sightings of few faults over and over and many seldom, and its rollup.
fn sightings(
    db: &Connection,
    write: &mut dyn FnMut(&str, &str, &str, &str),
    faults: u64,
    functions: u64,
    per_day: u64,
) {
    db.execute_batch(&format!(
        "CREATE TABLE faults AS SELECT f, 'F' || f AS fault, md5_number_lower('F' || f) AS place_key, chance('m' || f) >= 0.01 AS is_mapped, file, function
         FROM range({faults}) AS t(f) JOIN paths ON paths.i = CAST(floor({functions} * (0.9 + 0.1 * pow(chance('p' || f), 2))) AS BIGINT)"
    ))
    .unwrap();
    write("places", TODAY, "facts/places", "SELECT place_key, 'sentry' AS source, '1' AS project, '' AS service, fault AS fault_id, 'ValueError' AS error_type, CASE WHEN is_mapped THEN file END AS path,
        CASE WHEN is_mapped THEN function END AS function_name, is_mapped, CASE WHEN NOT is_mapped THEN 'no frames' END AS unmapped_reason, CASE WHEN is_mapped THEN '' ELSE '-' END AS blocks FROM faults");
    let watch = "SELECT 'bench' AS segment, 1::BIGINT AS v, 'observed' AS kind, 'sentry' AS source, '1' AS project, '' AS service, '2026-11-21T00:00:00Z' AS at, '2021-11-21T00:00:00Z' AS since,
        NULL::VARCHAR AS received_at, NULL::VARCHAR AS event, NULL::VARCHAR AS issue, NULL::VARCHAR AS fault, NULL::VARCHAR AS type, NULL::VARCHAR AS message, NULL::BOOLEAN AS handled, NULL::VARCHAR AS level,
        NULL::VARCHAR AS platform, NULL::VARCHAR AS environment, NULL::VARCHAR AS release, NULL::VARCHAR AS commit, NULL::VARCHAR AS commit_confidence, NULL::BIGINT AS count, NULL::VARCHAR AS path,
        NULL::VARCHAR AS function, NULL::VARCHAR AS confidence, NULL::VARCHAR AS unmapped, NULL::VARCHAR AS blocks, NULL::VARCHAR AS \"user\", NULL::VARCHAR AS tenant, NULL::BIGINT AS frames_in_repository,
        NULL::BIGINT AS frames_mapped, NULL::VARCHAR AS mark, NULL::VARCHAR AS raw";
    write("watches", TODAY, "facts/watches", watch);
    // On any day a tenth of all faults is alive, and few of these are most of what is seen.
    let alive = faults / 10;
    for before in 0..DAYS {
        let first = (faults - alive) * u64::from(DAYS - before) / u64::from(DAYS);
        let day: String = db.query_row("SELECT day_of(?)", [before], |row| row.get(0)).unwrap();
        db.execute_batch(&format!(
            "CREATE OR REPLACE TEMP TABLE day AS SELECT 'bench' AS segment, 1::BIGINT AS v, 'sighting' AS kind, 'sentry' AS source, '1' AS project, '' AS service,
               STRFTIME(seen_at, '%Y-%m-%dT%H:%M:%SZ') AS at, NULL::VARCHAR AS since, NULL::VARCHAR AS received_at, md5(({before}::BIGINT * {per_day} + n)::VARCHAR) AS event, NULL::VARCHAR AS issue, fault, 'ValueError' AS type,
               'no ' || fault AS message, FALSE AS handled, 'error' AS level, 'python' AS platform, 'production' AS environment, 'r' || ({before} // 7) AS release, NULL::VARCHAR AS commit,
               'tag' AS commit_confidence, 1::BIGINT AS count, CASE WHEN is_mapped THEN file END AS path, CASE WHEN is_mapped THEN function END AS function,
               CASE WHEN is_mapped THEN 'line' ELSE 'none' END AS confidence, CASE WHEN NOT is_mapped THEN 'no frames' END AS unmapped, CASE WHEN is_mapped THEN '' ELSE '-' END AS blocks,
               NULL::VARCHAR AS \"user\", NULL::VARCHAR AS tenant, 3::BIGINT AS frames_in_repository, 3::BIGINT AS frames_mapped, NULL::VARCHAR AS mark, NULL::VARCHAR AS raw,
               seen_at, place_key, TRUE AS is_counted, '{day}' AS dt
             FROM (SELECT n, {first} + CAST(floor({alive} * pow(chance({before} * 1000003 + n), 4)) AS BIGINT) AS f, TIMESTAMP '{day} 00:00:00' + to_seconds(hash(n) % 86400) AS seen_at
               FROM range({per_day}) AS t(n)) AS drawn JOIN faults USING (f) ORDER BY place_key, seen_at"
        ))
        .unwrap();
        write("sightings", &day, "facts/sightings", "SELECT * FROM day");
        write("sightings_daily", &day, "rollups/sightings_daily/v=1", "SELECT place_key, MIN(seen_at) AS first_seen_at, MAX(seen_at) AS last_seen_at, SUM(count)::BIGINT AS sightings,
            SUM(frames_in_repository)::BIGINT AS frames_in_repository, SUM(frames_mapped)::BIGINT AS frames_mapped, dt FROM day GROUP BY place_key, dt ORDER BY place_key");
    }
}
