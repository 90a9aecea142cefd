//! The layout stays as `src/README.md` and the floors say. Every rule is a function from files to complaints: one test holds it
//! against the repository, and one shows on a sample that it can complain.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Path from the repository's root to text.
type Files = BTreeMap<String, String>;

/// What a room may import besides itself. `roof` rooms may import everything.
const FLOORS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("formats", &["model"]),
    ("decide", &["model"]),
    ("report", &["model", "formats"]),
    ("settings", &["model"]),
    ("ledger", &["model", "formats"]),
    ("bridges", &["model", "formats"]),
    ("commands", &["model", "formats", "decide", "report", "settings", "ledger", "bridges"]),
];
const ROOF: &[&str] = &["main", "lib", "cli"];

/// What may be written in one place only: words of the code, where, why.
const ONLY_IN: &[(&[&str], &[&str], &str)] = &[
    (&["duckdb::", "use duckdb", "extern crate duckdb"], &["src/ledger/duck.rs"], "one file names the engine"),
    (&["Command::new"], &["src/bridges/process.rs", "src/bridges/process/"], "one file starts programs"),
    (
        &["SystemTime::now", "Instant::now", "Timestamp::now", "Zoned::now"],
        &["src/bridges/clock.rs"],
        "there is one clock",
    ),
    (&["env::var", "env::var_os", "env::vars", "env::vars_os"], &["src/settings/"], "one floor reads the environment"),
    (
        &["HashMap", "HashSet"],
        &["src/ledger/", "src/bridges/", "src/settings/", "src/commands/", "src/cli"],
        "pure rooms must not have an order that changes from run to run",
    ),
];

const LONGEST_FILE: usize = 500;
const SHORTEST_CAPTION: usize = 3;
const EMPTY_NAMES: &[&str] = &["util", "helper", "common", "manager", "misc"];

/// The files of this repository that the rules speak about.
fn repository() -> Files {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tops = ["src", "tests", "benches", "adapters", ".ci", "testdata", "build.rs", "Cargo.toml"];
    let ours = |path: &str| !path.contains("__pycache__") && !path.contains("/.");
    let mut files = Files::new();
    for entry in tops.iter().flat_map(|top| walkdir::WalkDir::new(root.join(top))).flatten() {
        let path = entry.path().strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
        if entry.file_type().is_file() && ours(&path) {
            // What is not text has no lines to complain about.
            files.insert(path, std::fs::read_to_string(entry.path()).unwrap_or_default());
        }
    }
    files
}

fn has_extension(path: &str, extensions: &[&str]) -> bool {
    Path::new(path).extension().is_some_and(|own| extensions.iter().any(|extension| own == *extension))
}

fn rust(files: &Files, top: &str) -> Vec<(String, String)> {
    let inside = files.iter().filter(|(path, _)| path.starts_with(top) && has_extension(path, &["rs"]));
    inside.map(|(path, text)| (path.clone(), text.clone())).collect()
}

/// Rust text taken apart: the code with comments and the insides of literals blanked out, and the string literals.
struct Taken {
    code: String,
    literals: Vec<String>,
}

fn take_apart(text: &str) -> Taken {
    let letters: Vec<char> = text.chars().collect();
    let starts = |at: usize, what: &str| what.chars().enumerate().all(|(i, c)| letters.get(at + i) == Some(&c));
    let mut taken = Taken { code: String::new(), literals: Vec::new() };
    let mut at = 0;
    while at < letters.len() {
        let end = if starts(at, "//") {
            (at..letters.len()).find(|&i| letters[i] == '\n').unwrap_or(letters.len())
        } else if starts(at, "/*") {
            end_of_comment(&letters, at)
        } else if let Some((from, to, end)) = string(&letters, at) {
            taken.literals.push(letters[from..to].iter().collect());
            end
        } else if let Some(end) = character(&letters, at) {
            end
        } else {
            taken.code.push(letters[at]);
            at += 1;
            continue;
        };
        taken.code.push(' ');
        taken.code.extend(letters[at..end].iter().filter(|&&letter| letter == '\n'));
        at = end;
    }
    taken
}

fn end_of_comment(letters: &[char], start: usize) -> usize {
    let (mut depth, mut at) = (0, start);
    while at + 1 < letters.len() {
        match (letters[at], letters[at + 1]) {
            ('/', '*') => (depth, at) = (depth + 1, at + 2),
            ('*', '/') => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    letters.len()
}

/// A string literal at this place: where its text starts and ends, and where the literal ends.
fn string(letters: &[char], at: usize) -> Option<(usize, usize, usize)> {
    let is_name = |i: usize| letters.get(i).is_some_and(|c| c.is_alphanumeric() || *c == '_');
    if letters[at] == '"' {
        let mut end = at + 1;
        while end < letters.len() && letters[end] != '"' {
            end += if letters[end] == '\\' { 2 } else { 1 };
        }
        return Some((at + 1, end.min(letters.len()), (end + 1).min(letters.len())));
    }
    if letters[at] != 'r' || (at > 0 && is_name(at - 1) && !['b', 'c'].contains(&letters[at - 1])) {
        return None;
    }
    let hashes = letters[at + 1..].iter().take_while(|&&c| c == '#').count();
    let from = at + 2 + hashes;
    if letters.get(from - 1) != Some(&'"') {
        return None;
    }
    let closes = |i: usize| letters[i] == '"' && letters[i + 1..].iter().take_while(|&&c| c == '#').count() >= hashes;
    let to = (from..letters.len()).find(|&i| closes(i)).unwrap_or(letters.len());
    Some((from, to, (to + 1 + hashes).min(letters.len())))
}

/// The end of a character literal at this place; a lifetime is none.
fn character(letters: &[char], at: usize) -> Option<usize> {
    match (letters[at], letters.get(at + 1)?, letters.get(at + 2)) {
        ('\'', '\\', Some(_)) => (at + 3..letters.len()).find(|&i| letters[i] == '\'').map(|i| i + 1),
        ('\'', _, Some('\'')) => Some(at + 3),
        _ => None,
    }
}

/// Code without the unit tests at its end.
fn without_tests(code: &str) -> &str {
    let module = |after: &str| {
        let next = after.lines().skip(1).find(|line| !line.trim_start().starts_with("#["));
        next.is_some_and(|line| line.starts_with("mod ") && line.trim_end().ends_with('{'))
    };
    let found = code.match_indices("\n#[cfg(test)]").find(|(at, _)| module(&code[at + 1..]));
    found.map_or(code, |(at, _)| &code[..at])
}

fn says(code: &str, word: &str) -> bool {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = code[at + word.len()..].chars().next();
        let open = word.ends_with(':');
        !before.is_some_and(is_name) && (open || !after.is_some_and(is_name))
    })
}

/// The top folder or file below `src/`: `decide` for `src/decide/plan.rs`, `cli` for `src/cli.rs`.
fn room(path: &str) -> &str {
    let inside = path.trim_start_matches("src/");
    inside.split('/').next().unwrap_or(inside).trim_end_matches(".rs")
}

/// The first names after `crate::`, also of `crate::{a, b::c}`.
fn rooms_named(code: &str) -> BTreeSet<String> {
    let name =
        |text: &str| text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut names = BTreeSet::new();
    for (at, found) in code.match_indices("crate::") {
        let rest = code[at + found.len()..].trim_start();
        let Some(group) = rest.strip_prefix('{') else {
            names.insert(name(rest));
            continue;
        };
        let mut depth = 0;
        let mut item = String::new();
        for letter in group.chars() {
            match letter {
                '}' if depth == 0 => break,
                ',' if depth == 0 => names.insert(name(&std::mem::take(&mut item))),
                other => {
                    depth += i32::from(other == '{') - i32::from(other == '}');
                    item.push(other);
                    false
                }
            };
        }
        names.insert(name(&item));
    }
    names.remove("");
    names
}

fn imports_go_down(files: &Files) -> Vec<String> {
    let mut complaints = Vec::new();
    let rooms: BTreeSet<String> = rust(files, "src/").iter().map(|(path, _)| room(path).to_owned()).collect();
    for (path, text) in rust(files, "src/") {
        let own = room(&path);
        let code = take_apart(&text).code;
        if code.contains("super::super::") {
            complaints.push(format!("{path}: `super::super::` may leave the room unseen; write `crate::…`"));
        }
        if ROOF.contains(&own) {
            continue;
        }
        let Some((_, below)) = FLOORS.iter().find(|(name, _)| *name == own) else {
            complaints.push(format!(
                "{path}: `{own}` stands on no floor; the floors are in tests/house.rs and in src/README.md"
            ));
            continue;
        };
        let mut named = rooms_named(&code);
        if path.matches('/').count() == 1 || path.trim_start_matches("src/").trim_start_matches(own) == "/mod.rs" {
            // At the top of a room `super::x` is `crate::x`.
            named.extend(rooms.iter().filter(|room| code.contains(&format!("super::{room}::"))).cloned());
        }
        let wrong = named.iter().filter(|name| *name != own && !below.contains(&name.as_str()));
        complaints.extend(wrong.map(|name| format!("{path}: `{own}` may not import `{name}`, only {below:?}")));
    }
    complaints
}

fn every_file_has_a_caption(files: &Files) -> Vec<String> {
    let Some(plan) = files.get("src/README.md") else { return vec!["src/README.md is not there".to_owned()] };
    let captions: Vec<(&str, &str)> = plan
        .lines()
        .filter_map(|line| line.strip_prefix("- `")?.split_once('`'))
        .filter(|(path, _)| has_extension(path, &["rs", "sql"]))
        .collect();
    let mut complaints = Vec::new();
    for (path, caption) in &captions {
        if !files.contains_key(&format!("src/{path}")) {
            complaints.push(format!("src/README.md: `{path}` has a caption and is not there"));
        }
        if caption.split_whitespace().count() < SHORTEST_CAPTION {
            complaints.push(format!("src/README.md: the caption of `{path}` says too little"));
        }
        if captions.iter().filter(|(other, _)| other == path).count() > 1 {
            complaints.push(format!("src/README.md: `{path}` has two captions"));
        }
    }
    let there =
        files.keys().filter_map(|path| path.strip_prefix("src/")).filter(|path| has_extension(path, &["rs", "sql"]));
    let without = there.filter(|path| !captions.iter().any(|(captioned, _)| captioned == path));
    complaints.extend(without.map(|path| format!("src/README.md: a line \"- `{path}` what it is\" is missing")));
    complaints
}

fn no_file_is_too_long(files: &Files) -> Vec<String> {
    let counted = |path: &str| {
        path.starts_with(".ci/")
            || (has_extension(path, &["rs", "sql", "py", "js", "mjs", "cjs", "ts", "c"])
                && !path.starts_with("testdata/"))
    };
    let long = files.iter().map(|(path, text)| (path, text.lines().count()));
    let long = long.filter(|(path, lines)| counted(path) && *lines > LONGEST_FILE);
    long.map(|(path, lines)| format!("{path}: {lines} lines, {LONGEST_FILE} are the most")).collect()
}

fn names_say_something(files: &Files) -> Vec<String> {
    let empty = |path: &&String| {
        let mut parts = path.split('/').map(|part| part.split('.').next().unwrap_or(part).trim_end_matches('s'));
        !path.starts_with("testdata/") && parts.any(|part| EMPTY_NAMES.contains(&part))
    };
    files.keys().filter(empty).map(|path| format!("{path}: the name does not say what is in it")).collect()
}

fn queries_live_in_the_ledger(files: &Files) -> Vec<String> {
    let elsewhere = rust(files, "src/").into_iter().filter(|(path, _)| !path.starts_with("src/ledger/"));
    let query =
        |literal: &String| literal.split_whitespace().collect::<Vec<_>>().windows(2).any(|pair| pair[0] == "SELECT");
    let found = elsewhere.filter(|(_, text)| take_apart(text).literals.iter().any(query));
    found.map(|(path, _)| format!("{path}: SQL is written in src/ledger/ only")).collect()
}

fn some_things_have_one_place(files: &Files) -> Vec<String> {
    let mut complaints = Vec::new();
    for (path, text) in rust(files, "src/") {
        let code = take_apart(&text).code;
        let code = without_tests(&code);
        for (words, places, why) in ONLY_IN {
            let elsewhere = !places.iter().any(|place| path.starts_with(place));
            let said = words.iter().filter(|word| elsewhere && says(code, word));
            complaints.extend(said.map(|word| format!("{path}: `{word}` belongs in {places:?}: {why}")));
        }
    }
    complaints
}

fn every_view_states_its_grain_and_is_listed(files: &Files) -> Vec<String> {
    let mut complaints = Vec::new();
    let list = files.get("src/ledger/sql/mod.rs").cloned().unwrap_or_default();
    for (path, text) in files.iter().filter(|(path, _)| path.starts_with("src/") && has_extension(path, &["sql"])) {
        let heads = ["-- One row per ", "-- Why: ", "-- Reads: "];
        for (line, head) in text.lines().chain(std::iter::repeat("")).zip(heads) {
            if !line.starts_with(head) || line.len() == head.len() {
                complaints.push(format!("{path}: its first lines are `{}`, in this order", heads.join("…`, `")));
                break;
            }
        }
        let mut parts = path.trim_end_matches(".sql").rsplit('/');
        let (name, folder) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        if !list.contains(&format!("\"{folder}\" / \"{name}\"")) {
            complaints.push(format!("{path}: not in the list in src/ledger/sql/mod.rs"));
        }
    }
    complaints
}

fn no_file_is_an_orphan(files: &Files) -> Vec<String> {
    let mut complaints = Vec::new();
    let manifest = files.get("Cargo.toml").cloned().unwrap_or_default();
    if manifest.contains("autotests = false") || manifest.contains("autobenches = false") {
        complaints.push("Cargo.toml: tests and benches are found by themselves, so that none is forgotten".to_owned());
    }
    for (path, _) in files.iter().filter(|(path, _)| has_extension(path, &["rs"])) {
        let Some((folder, file)) = path.rsplit_once('/') else { continue };
        let stem = file.trim_end_matches(".rs");
        if folder == "benches" && !manifest.contains(&format!("[[bench]]\nname = \"{stem}\"\nharness = false")) {
            complaints.push(format!("{path}: Cargo.toml has no [[bench]] with its name and `harness = false`"));
        }
        if ["tests", "benches", "src"].contains(&folder) && (folder != "src" || ["lib", "main"].contains(&stem)) {
            continue;
        }
        if !["src/", "tests/", "benches/"].iter().any(|top| path.starts_with(top)) || declared(files, folder, stem) {
            continue;
        }
        complaints.push(format!("{path}: no `mod {stem};` names it, so nothing compiles it"));
    }
    let data: BTreeSet<&str> =
        files.keys().filter_map(|path| path.strip_prefix("testdata/")?.split_once('/')).map(|it| it.0).collect();
    let said = files.get("testdata/README.md").cloned().unwrap_or_default();
    let silent = data
        .into_iter()
        .filter(|name| !says(&said, name) && !files.contains_key(&format!("testdata/{name}/README.md")));
    complaints.extend(silent.map(|name| format!("testdata/{name}: testdata/README.md does not say why it exists")));
    complaints
}

/// Whether the module above names a file as its own.
fn declared(files: &Files, folder: &str, stem: &str) -> bool {
    let (above, name) = if stem == "mod" { folder.rsplit_once('/').unwrap_or(("", folder)) } else { (folder, stem) };
    let mut parents: Vec<String> = ["mod.rs", "main.rs", "lib.rs"].map(|file| format!("{above}/{file}")).to_vec();
    parents.push(format!("{above}.rs"));
    if above == "tests" || above == "benches" {
        parents.extend(files.keys().filter(|path| path.starts_with(above) && path.matches('/').count() == 1).cloned());
    }
    let names = |text: &String| says(&take_apart(text).code, &format!("mod {name};"));
    parents.iter().filter_map(|parent| files.get(parent)).any(names)
}

macro_rules! rule {
    ($rule:ident, sample: [$(($path:literal, $text:expr)),+ $(,)?], complains: $complaint:literal) => {
        mod $rule {
            #[test]
            fn holds_for_this_repository() {
                let complaints = super::$rule(&super::repository());
                assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
            }

            #[test]
            fn can_complain() {
                let files = super::Files::from([$(($path.to_owned(), $text.to_owned())),+]);
                let complaints = super::$rule(&files);
                assert!(complaints.iter().any(|complaint| complaint.contains($complaint)), "{complaints:?}");
            }
        }
    };
}

rule!(imports_go_down, sample: [("src/decide/plan.rs", "use crate::{model::x, ledger::{a, b}};")], complains: "may not import `ledger`");
rule!(every_file_has_a_caption, sample: [("src/README.md", "- `a.rs` what a is"), ("src/a.rs", ""), ("src/b.rs", "")], complains: "`b.rs`");
rule!(no_file_is_too_long, sample: [("src/a.rs", "\n".repeat(501))], complains: "501 lines");
rule!(names_say_something, sample: [("src/decide/helpers.rs", "")], complains: "does not say");
rule!(queries_live_in_the_ledger, sample: [("src/commands/a.rs", r#"let q = "SELECT 1";"#)], complains: "src/ledger/ only");
rule!(some_things_have_one_place, sample: [("src/decide/a.rs", "let now = Instant::now();")], complains: "one clock");
rule!(every_view_states_its_grain_and_is_listed, sample: [("src/ledger/sql/facts/a.sql", "SELECT 1")], complains: "first lines");
rule!(no_file_is_an_orphan, sample: [("src/decide/mod.rs", "mod a;"), ("src/decide/b.rs", "")], complains: "mod b;");

fn sample(path: &str, text: &str) -> Files {
    Files::from([(path.to_owned(), text.to_owned())])
}

#[test]
fn an_import_through_super_or_from_a_room_on_no_floor_is_seen() {
    assert_eq!(imports_go_down(&sample("src/decide/a.rs", "use super::super::ledger;")).len(), 1);
    assert_eq!(imports_go_down(&sample("src/attic/a.rs", "")).len(), 1);
    let files = Files::from(
        [("src/decide/mod.rs", "use super::ledger::map;"), ("src/ledger/mod.rs", "")]
            .map(|(p, t)| (p.to_owned(), t.to_owned())),
    );
    assert_eq!(imports_go_down(&files).len(), 1);
}

#[test]
fn rooms_on_one_floor_do_not_know_each_other_but_report_may_use_formats() {
    assert_eq!(imports_go_down(&sample("src/bridges/a.rs", "fn f() { crate::ledger::g(); }")).len(), 1);
    assert_eq!(imports_go_down(&sample("src/report/a.rs", "use crate::formats::x; use crate::report::y;")), [""; 0]);
    assert_eq!(imports_go_down(&sample("src/formats/a.rs", "use crate::report::x;")).len(), 1);
}

#[test]
fn comments_strings_and_characters_are_not_code() {
    let text = r##"let a = "crate::ledger"; /* crate::cli /* x */ */ let b = r#"duckdb::"#; // Instant::now
        let c = '"'; let d: &'static str = "\"SELECT 1"; let e = '\''; crate::model::f()"##;
    let taken = take_apart(text);
    assert_eq!(rooms_named(&taken.code), BTreeSet::from(["model".to_owned()]));
    assert!(!taken.code.contains("duckdb") && !taken.code.contains("Instant"), "{}", taken.code);
    assert_eq!(taken.literals, ["crate::ledger", "duckdb::", "\\\"SELECT 1"]);
}

#[test]
fn a_file_without_a_caption_a_caption_without_a_file_and_a_bare_caption_are_seen() {
    let files = Files::from(
        [("src/README.md", "- `gone.rs` was here once\n- `a.rs` A"), ("src/a.rs", "")]
            .map(|(p, t)| (p.to_owned(), t.to_owned())),
    );
    assert_eq!(every_file_has_a_caption(&files).len(), 2);
}

#[test]
fn unit_tests_may_start_programs_and_names_that_only_contain_a_word_are_free() {
    let text =
        "fn a() { MyCommand::new(); }\n#[cfg(test)]\n#[allow(x)]\nmod tests {\n fn b() { Command::new(\"a\"); }\n}\n";
    assert_eq!(some_things_have_one_place(&sample("src/decide/a.rs", text)), [""; 0]);
    assert_eq!(some_things_have_one_place(&sample("src/decide/a.rs", "fn a() { process::Command::new(x) }")).len(), 1);
}

#[test]
fn a_test_folder_a_bench_and_test_data_that_nothing_names_are_seen() {
    for path in ["tests/support/a.rs", "benches/plan.rs", "testdata/trees/a.py"] {
        assert_eq!(no_file_is_an_orphan(&sample(path, "")).len(), 1, "{path}");
    }
}
