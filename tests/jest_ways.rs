//! The ways in which people start jest: each is entered, selects, and ends as it would without titer.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails, and it starts programs"
)]

mod support;

use std::collections::BTreeSet;
use std::fs;

use support::jest_project::{Packages, Project, Seen};

const PACKAGE: &str = r#"{"name":"shop","version":"1.0.0","scripts":{
    "test":"jest","twice":"TZ=UTC jest && TZ=Asia/Tokyo jest","own":"NODE_OPTIONS=--no-warnings jest",
    "mixed":"node tools/lint.js && jest"},"jest":{"transform":{}}}"#;

/// Three modules with a test file each; one module is shared by two.
fn shop(packages: Packages) -> Project {
    let project = Project::new(packages);
    let repository = &project.repository;
    repository.write("package.json", PACKAGE);
    repository.write("tools/lint.js", "console.log('linted');\n");
    repository.write("src/add.js", "exports.add = (a, b) => a + b;\n");
    repository.write("src/twice.js", "const {add} = require('./add');\nexports.twice = a => add(a, a);\n");
    repository.write("src/cut.js", "exports.cut = a => a.slice(1);\n");
    for (name, test) in [
        ("add", "expect(require('../src/add').add(1, 2)).toBe(3)"),
        ("twice", "expect(require('../src/twice').twice(2)).toBe(4)"),
        ("cut", "expect(require('../src/cut').cut('abc')).toBe('bc')"),
    ] {
        repository.write(&format!("test/{name}.test.js"), format!("test('{name} works', () => {test});\n"));
    }
    repository.commit("first");
    project
}

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}

fn files(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| format!("test/{name}.test.js")).collect()
}

/// Records, runs nothing, then runs what an edit of `src/cut.js` breaks; the ending of that.
fn entered(project: &Project, line: &str) -> Seen {
    let command = words(line);
    let first = project.titer(&command);
    assert_eq!((first.code, first.ran()), (Some(0), files(&["add", "cut", "twice"])), "{line}: {}", first.text);
    assert!(first.warnings().is_empty(), "{line}: {}", first.text);
    let again = project.titer(&command);
    assert_eq!((again.code, again.ran()), (Some(0), files(&[])), "{line}: {}", again.text);
    project.repository.replace("src/cut.js", "slice(1)", "slice(2)");
    let broken = project.titer(&command);
    assert_eq!((broken.code, broken.ran()), (Some(1), files(&["cut"])), "{line}: {}", broken.text);
    project.repository.replace("src/cut.js", "slice(2)", "slice(1)");
    let mended = project.titer(&command);
    assert_eq!((mended.code, mended.ran()), (Some(0), files(&["cut"])), "{line}: {}", mended.text);
    mended
}

#[test]
fn jest_itself_behind_npx_and_behind_node_is_entered() {
    for packages in [Packages::Jest29, Packages::Jest30, Packages::Newest] {
        entered(&shop(packages), "node_modules/.bin/jest");
    }
    entered(&shop(Packages::Newest), "npx jest");
    entered(&shop(Packages::Newest), "node --no-warnings node_modules/jest/bin/jest.js");
}

#[test]
fn a_script_of_the_package_is_entered_even_if_it_sets_the_options_of_node_itself() {
    entered(&shop(Packages::Newest), "npm test --");
    entered(&shop(Packages::Jest29), "npm run own --");
    entered(&shop(Packages::Newest), "npm run mixed --");
}

#[test]
fn a_shell_and_make_are_entered() {
    for line in [["sh", "-c", "node_modules/.bin/jest"], ["make", "-s", "check"]] {
        let project = shop(Packages::Newest);
        project.repository.write("Makefile", "check:\n\t@node_modules/.bin/jest\n");
        project.repository.commit("make");
        let first = project.repository.run(&line);
        first.exits(0).warns_never();
        assert!(first.stderr.contains("Tests:       3 passed"), "{}", first.stderr);
        let again = project.repository.run(&line);
        again.exits(0).warns_never();
        assert!(again.stderr.contains("left out 3"), "{}", again.stderr);
    }
}

#[test]
fn two_calls_in_one_script_have_a_variant_and_a_plan_each() {
    let project = shop(Packages::Newest);
    let line = ["npm", "run", "twice"];
    let first = project.repository.run(&line);
    first.exits(0).warns_never();
    assert!(first.stderr.contains("ran 6 of 6 tests"), "{}", first.stderr);
    // One that fails in the second call alone runs again in the second call alone.
    let zone = "test('zone', () => expect(new Date(0).getHours()).toBe(0));\n";
    project.repository.write("test/zone.test.js", zone);
    let second = project.repository.run(&line);
    second.exits(1);
    assert!(second.stderr.contains("ran 2 of 8 tests"), "{}", second.stderr);
    let third = project.repository.run(&line);
    third.exits(1);
    assert!(third.stderr.contains("ran 1 of 8 tests"), "{}", third.stderr);
}

#[test]
fn workers_and_threads_record_as_well() {
    for (packages, more) in [
        (Packages::Jest29, ""),
        (Packages::Newest, ""),
        (Packages::Jest29, " --workerThreads"),
        (Packages::Newest, " --workerThreads"),
    ] {
        let project = shop(packages);
        // So many, and so slow, that jest starts workers.
        for number in 0..12 {
            let text = format!("test('n{number}', done => {{ require('../src/add'); setTimeout(done, 120); }});\n");
            project.repository.write(&format!("test/n{number:02}.test.js"), text);
        }
        project
            .repository
            .write("test/who.test.js", "test('who', () => expect(process.env.JEST_WORKER_ID).toBe('1'));\n");
        let line = words(&format!("node_modules/.bin/jest -w 2{more}"));
        let first = project.titer(&line);
        assert_eq!(first.ran().len(), 16, "{}", first.text);
        let again = project.titer(&line);
        let rest: BTreeSet<String> = again.ran().difference(&files(&["who"])).cloned().collect();
        assert_eq!(rest, files(&[]), "{}", again.text);
        project.repository.replace("src/cut.js", "slice(1)", "slice(2)");
        let broken = project.titer(&line);
        assert!(broken.ran().contains("test/cut.test.js") && broken.ran().len() <= 2, "{}", broken.text);
    }
}

#[test]
fn what_the_user_narrows_stays_narrow_and_says_nothing_about_the_rest() {
    let project = shop(Packages::Newest);
    let all = words("node_modules/.bin/jest");
    project.titer(&all);
    project.repository.replace("src/add.js", "a + b", "b + a");
    for (line, ran, code) in [
        ("node_modules/.bin/jest -t add", &["add", "twice"][..], 0),
        ("node_modules/.bin/jest test/twice", &["twice"][..], 0),
        ("node_modules/.bin/jest test/nothing", &[][..], 1),
        ("node_modules/.bin/jest test/nothing --passWithNoTests", &[][..], 0),
    ] {
        let seen = project.titer(&words(line));
        assert_eq!((seen.code, seen.ran()), (Some(code), files(ran)), "{line}: {}", seen.text);
    }
    // `-t add` ran one test of one file, which vouches for nothing; the path ran all of its file.
    assert_eq!(project.titer(&all).ran(), files(&["add"]));
}

#[test]
fn shards_agree_and_one_that_is_left_with_nothing_passes() {
    let project = shop(Packages::Newest);
    let shard = |number: u32| project.titer(&words(&format!("node_modules/.bin/jest --shard={number}/2")));
    let (first, second) = (shard(1), shard(2));
    assert_eq!((first.code, second.code), (Some(0), Some(0)));
    assert_eq!(first.ran().union(&second.ran()).count(), 3);
    let (first, second) = (shard(1), shard(2));
    assert_eq!(
        (first.code, second.code, first.ran().len() + second.ran().len()),
        (Some(0), Some(0), 0),
        "{}",
        first.text
    );
    project.repository.replace("src/cut.js", "slice(1)", "slice(2)");
    let (first, second) = (shard(1), shard(2));
    let codes: BTreeSet<Option<i32>> = [first.code, second.code].into();
    assert_eq!((codes, first.ran().len() + second.ran().len()), ([Some(0), Some(1)].into(), 1), "{}", second.text);
}

#[test]
fn a_coverage_threshold_runs_everything_and_coverage_alone_does_not() {
    for provider in ["babel", "v8"] {
        let project = shop(Packages::Newest);
        let coverage = format!("node_modules/.bin/jest --coverage --coverageProvider={provider}");
        let first = project.titer(&words(&coverage));
        assert_eq!((first.code, first.ran().len()), (Some(0), 3), "{}", first.text);
        let again = project.titer(&words(&coverage));
        assert_eq!((again.code, again.ran().len()), (Some(0), 0), "{}", again.text);
        assert!(again.text.contains("of a part of the suite"), "{}", again.text);
        let gated = project.titer(&words(&format!("{coverage} --coverageThreshold={{\"global\":{{\"lines\":50}}}}")));
        assert_eq!((gated.code, gated.ran().len()), (Some(0), 3), "{}", gated.text);
        assert!(gated.text.contains("threshold"), "{}", gated.text);
    }
}

#[test]
fn several_projects_and_workspaces_are_one_call() {
    for packages in [Packages::Jest29, Packages::Newest] {
        let project = Project::new(packages);
        let repository = &project.repository;
        repository.write("package.json", r#"{"name":"root","private":true,"workspaces":["packages/*"]}"#);
        repository.write("jest.config.js", "module.exports = {projects: ['<rootDir>/packages/*']};\n");
        for (name, text) in
            [("core", "exports.core = 1;\n"), ("app", "exports.app = require('@shop/core').core + 1;\n")]
        {
            let own =
                format!(r#"{{"name":"@shop/{name}","version":"1.0.0","main":"lib.js","jest":{{"transform":{{}}}}}}"#);
            repository.write(&format!("packages/{name}/package.json"), own);
            repository.write(&format!("packages/{name}/lib.js"), text);
            let value = if name == "core" { 1 } else { 2 };
            let test = format!("test('{name}', () => expect(require('..').{name}).toBe({value}));\n");
            repository.write(&format!("packages/{name}/test/{name}.test.js"), test);
        }
        repository.write("packages/lone/package.json", r#"{"name":"lone","jest":{"transform":{}}}"#);
        repository.write("packages/lone/lone.test.js", "test('lone', () => {});\n");
        // The packages of the tests are shared: what links to the workspace lies beside the package that uses it.
        repository.link("packages/app/node_modules/@shop/core", "../../../core");
        repository.commit("first");
        let line = words("node_modules/.bin/jest");
        assert_eq!(project.titer(&line).ran().len(), 3);
        assert_eq!(project.titer(&line).ran().len(), 0);
        project.repository.replace("packages/core/lib.js", "1", "2");
        let seen = project.titer(&line);
        let both = ["packages/app/test/app.test.js", "packages/core/test/core.test.js"].map(str::to_owned);
        assert_eq!((seen.code, seen.ran()), (Some(1), both.into()), "{}", seen.text);
    }
}

#[test]
fn a_file_that_cannot_be_run_fails_as_a_file_and_runs_until_it_can() {
    for packages in [Packages::Jest29, Packages::Newest] {
        let project = shop(packages);
        let line = words("node_modules/.bin/jest");
        project.titer(&line);
        let sound = fs::read_to_string(project.repository.path("test/cut.test.js")).unwrap();
        for text in ["this is not JavaScript", "throw new Error('at the top');\n", "process.exit(3);\n"] {
            project.repository.write("test/cut.test.js", text);
            let truth = project.bare(&line);
            for _ in 0..2 {
                let seen = project.titer(&line);
                assert_eq!(seen.code, truth.code, "{text}: {}", seen.text);
                assert!(seen.files.is_empty() || seen.ran() == files(&["cut"]), "{text}: {}", seen.text);
            }
        }
        project.repository.write("test/cut.test.js", sound);
        assert_eq!(project.titer(&line).code, Some(0));
        assert_eq!(project.titer(&line).ran(), files(&[]));
    }
}

#[test]
fn listing_and_other_questions_are_answered_as_without_titer() {
    let project = shop(Packages::Newest);
    project.titer(&words("node_modules/.bin/jest"));
    for line in ["--listTests", "--showConfig", "--version"] {
        let command = ["node_modules/.bin/jest", line];
        let (seen, truth) = (project.repository.run(&command), project.repository.truth(&command));
        let plain = |text: &str| text.replace("/truth", "/repo");
        assert_eq!(seen.code, truth.code, "{line}");
        let (mut ours, mut theirs): (Vec<_>, Vec<_>) = (seen.stdout.lines().collect(), vec![]);
        let told = plain(&truth.stdout);
        theirs.extend(told.lines());
        let is_id = |line: &&str| line.contains("\"id\":") || line.contains("\"seed\":");
        ours.retain(|line| !is_id(line));
        theirs.retain(|line| !is_id(line));
        ours.sort_unstable();
        theirs.sort_unstable();
        assert_eq!(ours, theirs, "{line}");
    }
}

#[test]
fn a_test_sees_nothing_of_us() {
    for packages in [Packages::Jest29, Packages::Newest] {
        let project = shop(packages);
        let test = r"
            const fs = require('fs'), {execFileSync} = require('child_process');
            const ours = text => expect(String(text)).not.toMatch(/titer_jest|TITER_|titer-tracer/);
            test('environment', () => ours(JSON.stringify(process.env) + process.execArgv + process.argv));
            test('child', () => ours(execFileSync(process.execPath, ['-e', 'console.log(process.env, process.execArgv)'])));
            test('shell', () => ours(execFileSync('sh', ['-c', 'env'])));
            test('functions', () => {
                expect(fs.readFileSync.name).toBe('readFileSync');
                expect(fs.readFileSync.length).toBe(2);
                expect(require('fs/promises')).toBe(fs.promises);
                expect(require('node:fs')).toBe(fs);
                expect(Object.keys(fs)).toContain('readFileSync');
            });
            test('mocked', () => {
                const spy = jest.spyOn(fs, 'readFileSync').mockReturnValue('mocked');
                expect(fs.readFileSync('anything')).toBe('mocked');
                spy.mockRestore();
                expect(() => fs.readFileSync('/no/such/file')).toThrow(/ENOENT/);
            });
        ";
        project.repository.write("test/see.test.js", test);
        let seen = project.titer(&words("node_modules/.bin/jest"));
        assert_eq!(seen.code, Some(0), "{}", seen.text);
        assert_eq!(project.titer(&words("node_modules/.bin/jest")).ran(), files(&[]));
    }
}

/// What jest fails of that is no test: it must not turn green by running less.
#[test]
fn a_run_that_fails_of_what_is_no_test_fails_again() {
    type Change = fn(&Project);
    let obsolete: Change = |project| {
        let snapshot = "// Jest Snapshot v1, https://goo.gl/fbAQLP\n\nexports[`old 1`] = `1`;\n";
        project.repository.write("test/__snapshots__/cut.test.js.snap", snapshot);
    };
    let teardown: Change = |project| {
        project.repository.write("down.js", "module.exports = () => { throw new Error('down'); };\n");
        let with = PACKAGE.replace("\"transform\"", "\"globalTeardown\":\"./down.js\",\"transform\"");
        project.repository.write("package.json", with);
    };
    let late: Change =
        |project| project.repository.write("test/late.test.js", "test('t', () => { process.exitCode = 7; });\n");
    let orphan: Change = |project| {
        project.repository.write("test/gone.test.js", "test('t', () => expect(1).toMatchSnapshot());\n");
        project.titer(&words("node_modules/.bin/jest"));
        assert_eq!(project.titer(&words("node_modules/.bin/jest")).ran(), files(&[]));
        project.repository.delete("test/gone.test.js");
    };
    for packages in [Packages::Jest29, Packages::Newest] {
        for (what, change) in [("obsolete", obsolete), ("teardown", teardown), ("late", late), ("orphan", orphan)] {
            let project = shop(packages);
            change(&project);
            let line = words("node_modules/.bin/jest --ci -i");
            let truth = project.bare(&line);
            assert_ne!(truth.code, Some(0), "{packages:?} {what}: {}", truth.text);
            for time in 0..3 {
                let seen = project.titer(&line);
                assert_eq!(seen.code, truth.code, "{packages:?} {what} {time}: {}", seen.text);
            }
        }
    }
}

#[test]
fn errors_and_stacks_are_those_of_a_run_without_us() {
    for packages in [Packages::Jest29, Packages::Newest] {
        let project = shop(packages);
        let test = r"
            const fs = require('fs'), vm = require('vm'), {execFileSync} = require('child_process');
            const places = action => {
                try { action(); } catch (error) { return error.stack.split('\n').filter(line => /^ +at /.test(line)).length; }
            };
            test('places', () => {
                const all = [
                    () => fs.readFileSync('/no/such/file'), () => execFileSync('/no/such/program'),
                    () => new vm.Script('not ('), () => vm.compileFunction('not ('),
                ];
                throw new Error(all.map(places).join(' '));
            });
            test('reads', () => fs.readFileSync('/no/such/file'));
        ";
        project.repository.write("test/places.test.js", test);
        project.repository.write("test/syntax.test.js", "require('../src/syntax');\n");
        project.repository.write("src/syntax.js", "not (\n");
        let line = words("node_modules/.bin/jest");
        let (truth, seen) = (project.bare(&line), project.titer(&line));
        assert!(!seen.text.contains("titer_jest"), "{}", seen.text);
        let told = |text: &str| {
            let is_of_failures = |line: &&str| line.contains("Error") || line.trim_start().starts_with("at ");
            let lines: BTreeSet<String> = text.lines().filter(is_of_failures).map(str::to_owned).collect();
            lines
        };
        assert_eq!(told(&seen.text), told(&truth.text.replace("/truth", "/repo")), "{packages:?}");
    }
}

#[test]
fn workers_that_a_test_starts_with_jests_own_library_see_nothing_of_us() {
    for packages in [Packages::Jest29, Packages::Newest] {
        let project = shop(packages);
        project.repository.write("tools/worker.js", "exports.look = () => JSON.stringify(process.env);\n");
        let test = r"
            const {Worker} = require('jest-worker');
            test('worker', async () => {
                const worker = new Worker(require.resolve('../tools/worker'), {numWorkers: 1, exposedMethods: ['look']});
                expect(await worker.look()).not.toMatch(/TITER_|titer_jest/);
                await worker.end();
            });
        ";
        project.repository.write("test/worker.test.js", test);
        let modules = packages.folder().join("node_modules");
        assert!(modules.join("jest-worker").is_dir());
        let seen = project.titer(&words("node_modules/.bin/jest -i"));
        assert_eq!(seen.code, Some(0), "{}", seen.text);
    }
}
