//! `titer learn git` on real repositories: which commit touched which code path, by meaning, once each, and resumed wherever it was stopped.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    missing_docs,
    reason = "a test may stop at once; it starts programs and writes files"
)]

mod support;

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Stdio;

use nix::sys::signal::Signal;
use serde_json::Value;
use support::{Interpreter, Repository};
use titer::ledger::duck::{Lens, Limits};

/// A repository whose commits have given dates.
struct History {
    repository: Repository,
}

impl History {
    fn new() -> Self {
        // No interpreter is asked anything here.
        let repository = Repository::bare(Interpreter { programs: PathBuf::from("/usr/bin") });
        repository.git(&["init", "-q", "-b", "main"]);
        Self { repository }
    }

    /// Runs git as if it were noon of that day.
    fn git(&mut self, day: &str, arguments: &[&str]) {
        for name in ["GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"] {
            self.repository.variables.insert(name.to_owned(), format!("{day}T12:00:00Z"));
        }
        self.repository.git(arguments);
    }

    /// Commits everything on that day.
    fn commit(&mut self, day: &str) {
        self.repository.commit_at(&format!("{day}T12:00:00Z"), "x");
    }

    /// Writes one file and commits everything.
    fn write(&mut self, day: &str, path: &str, text: &str) {
        self.repository.write(path, text);
        self.commit(day);
    }

    fn learn(&self) -> String {
        let told = self.repository.titer(&["learn", "git"]);
        assert_eq!((told.code, told.stderr.as_str()), (Some(0), ""), "{}", told.stdout);
        told.stdout
    }

    /// The one column `line` of a query, asked with `titer sql --json`.
    fn lines(&self, query: &str) -> Vec<String> {
        let told = self.repository.titer(&["sql", "--json", query]);
        assert_eq!(told.code, Some(0), "{}", told.stderr);
        let rows: Vec<Value> = serde_json::from_str(&told.stdout).unwrap();
        rows.iter().map(|row| row["line"].as_str().unwrap().to_owned()).collect()
    }

    /// What every commit that counts did: `3 changed app.py f`.
    fn changes(&self) -> Vec<String> {
        self.lines(
            "SELECT CONCAT_WS(' ', commit_number, kind, path, function_name) AS line FROM named_changes \
             ORDER BY commit_number, path, function_name",
        )
    }

    /// What the commit of that number did.
    fn changes_of(&self, number: usize) -> Vec<String> {
        let start = format!("{number} ");
        self.changes().iter().filter_map(|line| line.strip_prefix(&start).map(str::to_owned)).collect()
    }

    fn as_of(&self, time: &str, query: &str) -> Vec<Vec<Value>> {
        let ledger = self.repository.path(".titer/ledger");
        let lens = Lens::open(&ledger, &self.repository.beside("lens.duckdb"), time, &Limits::default()).unwrap();
        lens.query(query).unwrap().rows
    }

    fn log_entries(&self) -> usize {
        fs::read_dir(self.repository.path(".titer/ledger/log")).map_or(0, Iterator::count)
    }
}

const APP: &str = "import os\n\n\ndef f():\n    return 1\n\n\nclass Shop:\n    def pay(self):\n        return f()\n\n    def open(self):\n        return 2\n";

#[test]
fn what_a_commit_touched_is_decided_by_meaning() {
    let mut history = History::new();
    history.write("2023-01-01", "app.py", APP);
    let mut text = APP.to_owned();
    let mut edit = |history: &mut History, day: &str, old: &str, new: &str| {
        assert!(text.contains(old), "{old}");
        text = text.replacen(old, new, 1);
        history.write(day, "app.py", &text);
    };
    edit(&mut history, "2023-02-01", "def f():\n", "# why\ndef f():  # what\n\n");
    edit(&mut history, "2023-03-01", "return 2", "return 3");
    edit(&mut history, "2023-04-01", "import os", "import sys");
    edit(&mut history, "2023-05-01", "class Shop", "def g():\n    return 4\n\n\nclass Shop");
    edit(&mut history, "2023-06-01", "def g():\n    return 4\n\n\n", "");
    edit(&mut history, "2023-07-01", "return f()", "return f(");
    edit(&mut history, "2023-08-01", "return f(\n", "return f()\n");
    history.write("2023-09-01", "lib.rs", "fn a() { 1; }\nimpl B { fn c() { 2; } }\n");
    history.write("2023-09-02", "lib.rs", "fn a() { 1; } // x\nimpl B {\n fn c() { 3; } }\n");
    history.write("2023-10-01", "x.ts", "export const a: number = 1;\n");
    history.write("2023-10-02", "x.ts", "// no code\nexport const a: number = 1\n");
    history.write("2023-10-03", "x.ts", "export const a: number = 2;\n");
    history.repository.delete("app.py");
    history.commit("2023-11-01");
    assert_eq!(history.learn(), "learned 14 commits (2023-01-01 to 2023-11-01): 28 changes of 9 code paths\n");
    let wanted = "\
        1 added app.py <module>\n1 added app.py Shop.open\n1 added app.py Shop.pay\n1 added app.py f\n\
        3 changed app.py Shop.open\n\
        4 changed app.py <module>\n\
        5 changed app.py <module>\n5 added app.py g\n\
        6 changed app.py <module>\n6 removed app.py g\n\
        7 changed app.py <module>\n7 changed app.py Shop.open\n7 changed app.py Shop.pay\n7 changed app.py f\n\
        8 changed app.py <module>\n8 changed app.py Shop.open\n8 changed app.py Shop.pay\n8 changed app.py f\n\
        9 added lib.rs <module>\n9 added lib.rs B::c\n9 added lib.rs a\n\
        10 changed lib.rs B::c\n\
        11 added x.ts <module>\n\
        13 changed x.ts <module>\n\
        14 removed app.py <module>\n14 removed app.py Shop.open\n14 removed app.py Shop.pay\n14 removed app.py f";
    assert_eq!(history.changes().join("\n"), wanted);
}

#[test]
fn files_that_are_no_source_have_one_code_path() {
    let mut history = History::new();
    history.repository.write("notes \"é\"\n.md", "1");
    history.repository.write("x.bin", [0, 159, 146, 150]);
    history.repository.write("large.py", format!("def f():\n    return 1\n{}", "# much\n".repeat(400_000)));
    history.repository.write("tool.py", "def f():\n    return 1\n");
    history.commit("2023-01-01");
    history.repository.write("notes \"é\"\n.md", "2");
    history.repository.write("x.bin", [0, 159, 146, 151]);
    history.repository.write("large.py", format!("def f():\n    return 2\n{}", "# much\n".repeat(400_000)));
    history.repository.mode("tool.py", 0o755);
    history.commit("2023-02-01");
    history.repository.link("tool.py", "large.py");
    history.commit("2023-03-01");
    history.learn();
    let named = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
    let every = ["large.py <module>", "notes \"é\"\n.md <module>", "tool.py <module>", "x.bin <module>"];
    assert_eq!(history.changes_of(2), every.map(|path| format!("changed {path}")));
    // Whatever called it calls something else now.
    assert_eq!(history.changes_of(3), named(&["changed tool.py <module>", "changed tool.py f"]));
}

#[test]
fn a_merge_counts_as_one_commit_by_what_it_brought_and_a_squash_likewise() {
    let mut history = History::new();
    history.write("2023-01-01", "app.py", APP);
    history.git("2023-01-02", &["checkout", "-q", "-b", "topic"]);
    history.write("2023-01-03", "app.py", &APP.replace("return 1", "return 7"));
    history.write("2023-01-04", "app.py", &APP.replace("return 1", "return 8"));
    history.git("2023-01-05", &["checkout", "-q", "main"]);
    history.write("2023-01-06", "other.py", "x = 1\n");
    history.git("2023-01-07", &["merge", "-q", "--no-ff", "-m", "merge", "topic"]);
    history.git("2023-01-08", &["checkout", "-q", "-b", "second"]);
    history.write("2023-01-09", "other.py", "x = 2\n");
    history.write("2023-01-10", "other.py", "x = 3\n");
    history.git("2023-01-11", &["checkout", "-q", "main"]);
    history.git("2023-01-12", &["merge", "-q", "--squash", "second"]);
    history.commit("2023-01-12");
    assert_eq!(history.learn(), "learned 4 commits (2023-01-01 to 2023-01-12): 7 changes of 5 code paths\n");
    assert_eq!(history.changes_of(3), ["changed app.py f"]);
    assert_eq!(history.changes_of(4), ["changed other.py <module>"]);
    let days =
        history.lines("SELECT CAST(last_changed_at AS VARCHAR) AS line FROM path_changes WHERE function_name = 'f'");
    assert_eq!(days, ["2023-01-07 12:00:00"]);
}

#[test]
fn a_file_keeps_its_history_under_its_next_names_and_a_new_file_of_the_old_name_is_another() {
    let mut history = History::new();
    history.write("2023-01-01", "a.py", APP);
    history.git("2023-02-01", &["mv", "a.py", "b.py"]);
    history.commit("2023-02-01");
    history.write("2023-03-01", "a.py", "def new():\n    return 9\n");
    history.git("2023-04-01", &["mv", "b.py", "c.py"]);
    history.write("2023-04-01", "c.py", &APP.replace("return 1", "return 5"));
    history.write("2023-05-01", "a.py", "def new():\n    return 10\n");
    history.git("2023-06-01", &["mv", "a.py", "d.py"]);
    history.commit("2023-06-01");
    // Replaced, not moved: the name stays, the meaning goes.
    history.repository.write("c.py", "def only():\n    return 'another'\n");
    history.commit("2023-07-01");
    history.learn();
    assert_eq!(history.changes_of(2), [""; 0]);
    assert_eq!(history.changes_of(3), ["added d.py <module>", "added d.py new"]);
    assert_eq!(history.changes_of(4), ["changed c.py f"]);
    assert_eq!(history.changes_of(5), ["changed d.py new"]);
    let replaced = ["<module>", "Shop.open", "Shop.pay", "f", "only"].map(|name| {
        let act = if name == "only" {
            "added"
        } else if name == "<module>" {
            "changed"
        } else {
            "removed"
        };
        format!("{act} c.py {name}")
    });
    assert_eq!(history.changes_of(7), replaced);
    let names = "SELECT CONCAT_WS(' ', path, since_commit, until_commit, present_path) AS line FROM path_names ORDER BY path, since_commit";
    assert_eq!(
        history.lines(names),
        ["a.py 0 2 c.py", "a.py 2 6 d.py", "a.py 6 a.py", "b.py 0 4 c.py", "b.py 4 b.py", "c.py 0 c.py", "d.py 0 d.py"]
    );
    let first = "SELECT CONCAT_WS(' ', first_added_at, last_changed_at, changes, is_removed) AS line FROM path_changes WHERE path = 'c.py' AND function_name = 'f'";
    assert_eq!(history.lines(first), ["2023-01-01 12:00:00 2023-07-01 12:00:00 3 true"]);
    // As of a day before the second rename, nothing of it is known.
    let query = "SELECT path, changes FROM path_changes WHERE function_name = 'f'";
    assert_eq!(history.as_of("2023-03-15T00:00:00Z", query), [[Value::from("b.py"), Value::from(1)]]);
    assert_eq!(history.as_of("2022-12-31T00:00:00Z", query).len(), 0);
}

#[test]
fn what_a_force_push_took_away_does_not_count_and_what_it_left_is_not_learned_twice() {
    let mut history = History::new();
    history.write("2023-01-01", "app.py", APP);
    history.learn();
    history.write("2023-01-02", "app.py", &APP.replace("return 1", "return 5"));
    history.learn();
    history.git("2023-01-03", &["reset", "-q", "--hard", "HEAD~1"]);
    history.write("2023-01-03", "app.py", &APP.replace("return 2", "return 6"));
    assert_eq!(history.learn(), "learned 1 commit (2023-01-03 to 2023-01-03): 1 change of 1 code path\n");
    assert_eq!(history.changes().split_off(4), ["2 changed app.py Shop.open"]);
    // Another history altogether.
    history.git("2023-02-01", &["checkout", "-q", "--orphan", "fresh"]);
    history.write("2023-02-01", "app.py", "def g():\n    return 1\n");
    history.learn();
    assert_eq!(history.changes(), ["1 added app.py <module>", "1 added app.py g"]);
    // And back: what was learned of it is still there, and counts again once a walk goes on from it.
    history.git("2023-02-02", &["checkout", "-q", "main"]);
    history.learn();
    assert_eq!(history.changes().split_off(4), ["2 changed app.py Shop.open"]);
}

#[test]
fn learning_twice_adds_nothing_and_new_commits_are_all_that_is_added() {
    let mut history = History::new();
    history.write("2023-01-01", "app.py", APP);
    history.learn();
    let (before, entries) = (history.changes(), history.log_entries());
    assert_eq!(history.learn(), "nothing new: 1 commit known already\n");
    assert_eq!((history.changes(), history.log_entries()), (before.clone(), entries));
    history.write("2023-01-02", "app.py", &APP.replace("return 1", "return 5"));
    assert_eq!(history.learn(), "learned 1 commit (2023-01-02 to 2023-01-02): 1 change of 1 code path\n");
    assert_eq!(history.changes(), [before, vec!["2 changed app.py f".to_owned()]].concat());
    assert_eq!(history.lines("SELECT segment AS line FROM segment_problems"), [""; 0]);
    let told = history.repository.titer(&["-q", "learn", "git"]);
    assert_eq!((told.code, told.stdout.as_str(), told.stderr.as_str()), (Some(0), "", ""));
}

#[test]
fn a_lost_walk_is_learned_again() {
    let mut history = History::new();
    history.write("2023-01-01", "app.py", APP);
    history.learn();
    history.write("2023-01-02", "app.py", &APP.replace("return 1", "return 5"));
    history.learn();
    let before = history.changes();
    let segments = walkdir::WalkDir::new(history.repository.path(".titer/ledger/segments/changes"));
    let mut files: Vec<PathBuf> =
        segments.into_iter().map(|entry| entry.unwrap().into_path()).filter(|path| path.is_file()).collect();
    files.sort();
    fs::remove_file(&files[0]).unwrap();
    assert!(history.learn().starts_with("learned 2 commits"));
    assert_eq!(history.changes(), before);
}

#[test]
fn authors_count_once_whatever_address_they_used() {
    let mut history = History::new();
    let text = |number: u32| format!("def f():\n    return {number}\n");
    for (number, address) in [(1, "ann@old.org"), (2, "Ann@New.org"), (3, "bob@new.org"), (4, "ANN@new.org")] {
        history.repository.write("app.py", text(number));
        history.git("2023-01-01", &["add", "-A"]);
        let author = format!("--author=x <{address}>");
        history.git(&format!("2023-01-0{number}"), &["commit", "-q", "-m", "x", &author]);
    }
    history.write("2023-01-05", ".mailmap", "Ann <ann@new.org> <ann@old.org>\n");
    history.learn();
    let query = "SELECT CONCAT_WS(' ', changes, authors) AS line FROM path_changes WHERE function_name = 'f'";
    assert_eq!(history.lines(query), ["4 2"]);
    let ids = history.lines("SELECT DISTINCT author_id AS line FROM changes WHERE path = 'app.py'");
    assert!(ids.iter().all(|id| id.len() == 16 && !id.contains('@')), "{ids:?}");
}

#[test]
fn nothing_in_a_users_configuration_changes_what_is_learned() {
    let make = |settings: &[(&str, &str)]| {
        let mut history = History::new();
        history.write("2023-01-01", "dir/b é.py", APP);
        history.git("2023-01-02", &["mv", "dir/b é.py", "dir/a.py"]);
        history.write("2023-01-02", "z.py", "x = 1\n");
        history.git("2023-01-03", &["checkout", "-q", "-b", "topic"]);
        history.write("2023-01-03", "dir/a.py", &APP.replace("return 1", "return 5"));
        history.git("2023-01-04", &["checkout", "-q", "main"]);
        history.git("2023-01-05", &["merge", "-q", "--no-ff", "-m", "merge", "topic"]);
        for (name, value) in settings {
            history.repository.git(&["config", name, value]);
        }
        history.repository.write("order", "z*\n");
        let told = history.repository.titer(&["-C", "dir", "learn", "git"]);
        assert_eq!((told.code, told.stderr.as_str()), (Some(0), ""));
        let raw = "SELECT CONCAT_WS(' ', commit_id, author_id, old_path, kind, path, function_name) AS line FROM named_changes ORDER BY line";
        (history.lines(raw), history.lines("SELECT CONCAT_WS(' ', old_path, new_path) AS line FROM renames"))
    };
    let plain = make(&[]);
    assert_eq!(plain.1, ["dir/b é.py dir/a.py"]);
    let hostile = make(&[
        ("diff.renames", "false"),
        ("diff.renameLimit", "1"),
        ("diff.orderFile", "order"),
        ("diff.relative", "true"),
        ("diff.noprefix", "true"),
        ("diff.external", "false"),
        ("log.showSignature", "true"),
        ("log.showRoot", "false"),
        ("log.diffMerges", "off"),
        ("log.follow", "true"),
        ("log.date", "relative"),
        ("log.decorate", "full"),
        ("log.mailmap", "false"),
        ("log.abbrevCommit", "true"),
        ("core.abbrev", "5"),
        ("core.quotePath", "true"),
        ("color.ui", "always"),
        ("format.pretty", "fuller"),
        ("i18n.logOutputEncoding", "ISO-8859-1"),
    ]);
    assert_eq!(hostile, plain);
}

#[test]
fn a_shallow_clone_says_so_and_is_learned_anew_when_it_is_deeper() {
    let mut history = History::new();
    for (day, number) in (1..=5).zip(1..) {
        history.write(&format!("2023-01-0{day}"), "app.py", &format!("def f():\n    return {number}\n"));
    }
    let origin = format!("file://{}", history.repository.root().display());
    let clone = History { repository: Repository::bare(Interpreter { programs: PathBuf::from("/usr/bin") }) };
    clone.repository.git(&["clone", "-q", "--depth", "2", &origin, "."]);
    let told = clone.repository.titer(&["learn", "git"]);
    assert_eq!(told.code, Some(0));
    assert_eq!(told.stdout, "learned 2 commits (2023-01-04 to 2023-01-05): 3 changes of 2 code paths\n");
    assert!(told.stderr.starts_with("titer: warning: this clone is shallow"), "{}", told.stderr);
    assert!(told.stderr.contains("`git fetch --unshallow`") && told.stderr.lines().count() == 1, "{}", told.stderr);
    let walks = "SELECT CONCAT_WS(' ', commit_number, is_shallow) AS line FROM counted_walks ORDER BY commit_number";
    assert_eq!(clone.lines(walks), ["2 true"]);
    // Still shallow, and one commit further: that one is added.
    history.write("2023-01-06", "app.py", "def f():\n    return 6\n");
    clone.repository.git(&["pull", "-q"]);
    let told = clone.repository.titer(&["learn", "git"]);
    assert_eq!(told.stdout, "learned 1 commit (2023-01-06 to 2023-01-06): 1 change of 1 code path\n");
    assert_eq!(clone.lines(walks), ["2 true", "3 false"]);
    clone.repository.git(&["fetch", "-q", "--unshallow"]);
    assert!(clone.learn().starts_with("learned 6 commits (2023-01-01 to 2023-01-06)"));
    assert_eq!(clone.lines(walks), ["6 false"]);
    history.learn();
    assert_eq!(clone.changes(), history.changes());
}

#[test]
fn where_there_is_no_history_one_sentence_says_so() {
    let empty = History::new();
    let told = empty.repository.titer(&["learn", "git"]);
    assert_eq!((told.code, told.stdout.as_str()), (Some(3), ""));
    assert!(told.stderr.contains("has no commit yet") && told.stderr.contains("\nhint: "), "{}", told.stderr);
    let bare = Repository::bare(Interpreter { programs: PathBuf::from("/usr/bin") });
    let told = bare.titer(&["learn", "git"]);
    assert_eq!(told.code, Some(3));
    assert!(told.stderr.contains("there is no git repository at or above"), "{}", told.stderr);
    assert!(!bare.path(".titer").exists());
    let mut broken = History::new();
    broken.write("2023-01-01", "app.py", APP);
    broken.write("2023-01-02", "app.py", "x = 1\n");
    for entry in walkdir::WalkDir::new(broken.repository.path(".git/objects")).into_iter().map(Result::unwrap) {
        if entry.file_type().is_file() {
            fs::remove_file(entry.path()).unwrap();
        }
    }
    let told = broken.repository.titer(&["learn", "git"]);
    assert_eq!(told.code, Some(3), "{}", told.stderr);
    assert!(told.stderr.starts_with("titer: error: "), "{}", told.stderr);
}

#[test]
fn a_date_in_the_future_is_said_and_counts_from_its_day_on() {
    let mut history = History::new();
    history.write("2023-01-01", "app.py", APP);
    history.write("2099-01-01", "app.py", &APP.replace("return 1", "return 5"));
    let told = history.repository.titer(&["learn", "git"]);
    assert_eq!(told.code, Some(0));
    assert!(told.stderr.contains("1 commit dated in the future (the last: 2099-01-01)"), "{}", told.stderr);
    assert_eq!(history.changes().len(), 4);
    assert_eq!(history.as_of("2100-01-01T00:00:00Z", "SELECT * FROM named_changes").len(), 5);
}

#[test]
fn what_was_learned_is_no_recording() {
    let mut history = History::new();
    history.write("2023-01-01", "app.py", APP);
    history.learn();
    let told = history.repository.titer(&["run", "--", "true"]);
    assert_eq!(told.code, Some(0));
    assert!(!told.stderr.contains("snapshot"), "{}", told.stderr);
    let told = history.repository.titer(&["doctor"]);
    assert!(!told.stdout.contains("no snapshot"), "{}", told.stdout);
}

/// Imports `commits` commits, each of which changes one of three functions.
fn import(history: &History, commits: usize) {
    let mut stream = String::new();
    for number in 1..=commits {
        let text = |name: usize| format!("def f{name}():\n    return {}\n", (number + 2 - name) / 3);
        let text = text(0) + &text(1) + &text(2);
        let at = 1_600_000_000 + number * 3600;
        let _ = write!(
            stream,
            "commit refs/heads/main\ncommitter x <a@b> {at} +0000\ndata 1\nx\nM 644 inline app.py\ndata {}\n{text}\n",
            text.len()
        );
    }
    let mut git = history.repository.command("git", &history.repository.root());
    let mut child = git.args(["fast-import", "--quiet"]).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(stream.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
    history.repository.git(&["reset", "-q", "--hard"]);
}

#[test]
fn who_is_killed_between_two_steps_goes_on_with_the_next() {
    let whole = History::new();
    import(&whole, 6_500);
    assert!(whole.learn().starts_with("learned 6,500 commits"));
    assert_eq!(whole.log_entries(), 4);
    let wanted = whole.changes();
    assert!(wanted.len() > 6_500, "{}", wanted.len());
    let killed = History::new();
    import(&killed, 6_500);
    let mut going = killed.repository.start_titer(&["learn", "git"]);
    going.until(&killed.repository.path(".titer/ledger/log/00000000000000000001.json"));
    going.signal(Signal::SIGKILL);
    assert_eq!(going.wait().signal, Some(9));
    let kept = killed.lines("SELECT CAST(MAX(commit_number) AS VARCHAR) AS line FROM counted_walks")[0]
        .parse::<usize>()
        .unwrap();
    assert!((2_000..6_500).contains(&kept), "{kept}");
    let told = killed.learn();
    let rest = 6_500 - kept;
    assert!(told.starts_with(&format!("learned {},{:03} commits", rest / 1000, rest % 1000)), "{kept}: {told}");
    assert_eq!(killed.changes(), wanted);
}
