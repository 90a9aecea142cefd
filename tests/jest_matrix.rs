//! jest 29.7, 30.0 and the newest, in band, in workers and in threads, `CommonJS` and ES modules, with each transformer: pairwise.
//!
//! Each project has a module, a type that only a compiler looks at, data, a setup file and enough tests that jest starts workers.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails, and it starts programs"
)]

mod support;

use std::collections::BTreeSet;

use support::Repository;
use support::jest_project::{Packages, Project};

/// How the tests are run.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Mode {
    InBand,
    Workers,
    Threads,
}

/// What the sources are.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Modules {
    Common,
    Ecma,
}

/// What makes them run.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Transformer {
    Babel,
    TsJest,
    Swc,
}

struct Row(Packages, Mode, Modules, Transformer);

/// The sources, and four tests.
fn write_sources(repository: &Repository) {
    repository.write("globals.d.ts", "declare const require: any; declare const test: any; declare const expect: any;\ndeclare const process: any; declare module 'fs';\n");
    repository.write("setup.ts", "process.env.SET_UP = 'yes';\nexport {};\n");
    repository.write("src/types.ts", "export interface Price { euros: number }\n");
    repository.write(
        "src/price.ts",
        "import type { Price } from './types';\nexport const price = (euros: number): Price => ({ euros });\n",
    );
    repository.write(
        "src/sum.ts",
        "import { price } from './price';\nexport const sum = (a: number, b: number) => price(a).euros + b;\n",
    );
    repository.write("data/rates.json", "{\"tax\": 2}\n");
    let test = |name: &str, text: &str| write_test(repository, name, text);
    test("price", "import { price } from '../src/price';\ntest('price', () => expect(price(2).euros).toBe(2));");
    test("sum", "import { sum } from '../src/sum';\ntest('sum', () => expect(sum(1, 2)).toBe(3));");
    test(
        "data",
        "import * as fs from 'fs';\ntest('tax', () => expect(JSON.parse(fs.readFileSync('data/rates.json', 'utf8')).tax).toBe(2));",
    );
    test("setup", "test('set up', () => expect(process.env.SET_UP).toBe('yes'));\nexport {};");
}

fn write_test(repository: &Repository, name: &str, text: &str) {
    repository.write(&format!("test/{name}.test.ts"), format!("{text}\n"));
}

fn made(row: &Row) -> (Project, Vec<String>) {
    let Row(packages, mode, modules, transformer) = *row;
    let project = Project::new(packages);
    let repository = &project.repository;
    let esm = modules == Modules::Ecma;
    let module = if esm { "esnext" } else { "commonjs" };
    let options = format!(
        r#"{{"compilerOptions":{{"module":"{module}","moduleResolution":"node","target":"es2022","strict":true,"esModuleInterop":true,"types":[],"rootDir":".","isolatedModules":false}}}}"#
    );
    let transform = match transformer {
        Transformer::Babel => r#""babel-jest""#.to_owned(),
        Transformer::TsJest => format!(r#"["ts-jest",{{"useESM":{esm}}}]"#),
        Transformer::Swc => {
            let kind = if esm { "es6" } else { "commonjs" };
            format!(
                r#"["@swc/jest",{{"jsc":{{"parser":{{"syntax":"typescript"}},"target":"es2022"}},"module":{{"type":"{kind}"}}}}]"#
            )
        }
    };
    let treated = if esm { r#","extensionsToTreatAsEsm":[".ts"]"# } else { "" };
    repository.write("tsconfig.json", options);
    repository.write(
        "babel.config.json",
        format!(
            r#"{{"presets":[["@babel/preset-env",{{"targets":{{"node":"current"}},"modules":{}}}],"@babel/preset-typescript"]}}"#,
            if esm { "false" } else { r#""auto""# }
        ),
    );
    repository.write(
        "package.json",
        format!(
            r#"{{"name":"shop","version":"1.0.0","jest":{{"transform":{{"\\.ts$":{transform}}},"setupFiles":["./setup.ts"]{treated}}}}}"#
        ),
    );
    write_sources(repository);
    let few = if mode == Mode::InBand { 0 } else { 6 };
    for number in 0..few {
        write_test(
            repository,
            &format!("slow{number}"),
            "test('slow', (done: any) => { (globalThis as any).setTimeout(done, 200); });\nexport {};",
        );
    }
    repository.commit("first");
    let words: &[&str] = match mode {
        Mode::InBand => &["-i"],
        Mode::Workers => &["-w", "2"],
        Mode::Threads => &["-w", "2", "--workerThreads"],
    };
    let mut command = Project::jest(words);
    if esm {
        command.insert(1, "--experimental-vm-modules".to_owned());
    }
    (project, command)
}

fn tried(row: &Row) {
    let Row(packages, mode, modules, transformer) = *row;
    let what = format!("{packages:?} {mode:?} {modules:?} {transformer:?}");
    let (project, command) = made(row);
    let truth = project.bare(&command);
    assert_eq!(truth.code, Some(0), "{what}: {}", truth.text);
    let first = project.titer(&command);
    assert_eq!((first.code, &first.tests), (Some(0), &truth.tests), "{what}: {}", first.text);
    assert!(first.warnings().is_empty(), "{what}: {}", first.text);
    let again = project.titer(&command);
    assert_eq!((again.code, again.ran()), (Some(0), BTreeSet::new()), "{what}: {}", again.text);
    project.repository.keep("recorded");
    let files =
        |names: &[&str]| -> BTreeSet<String> { names.iter().map(|name| format!("test/{name}.test.ts")).collect() };
    let typed = transformer == Transformer::TsJest;
    for (path, old, new, ran) in [
        ("src/sum.ts", "+ b", "- b", &["sum"][..]),
        ("src/price.ts", "({ euros })", "({ euros: euros + 1 })", &["price", "sum"]),
        ("data/rates.json", "2", "3", &["data"]),
        ("src/sum.ts", "import {", "// a comment\nimport {", &[]),
        // A type alone: the compiler fails, others take it away.
        ("src/types.ts", "euros: number", "euros: string", if typed { &["price", "sum"] } else { &[] }),
        ("test/setup.test.ts", "'yes'", "'no'", &["setup"]),
    ] {
        project.repository.restore("recorded");
        project.repository.replace(path, old, new);
        let truth = project.bare(&command);
        let seen = project.titer(&command);
        assert_eq!((seen.code, seen.ran()), (truth.code, files(ran)), "{what} {path}: {}", seen.text);
        assert_eq!(truth.failing(), seen.failing(), "{what} {path}");
    }
    project.repository.restore("recorded");
    project.repository.replace("setup.ts", "yes", "no");
    let seen = project.titer(&command);
    assert_eq!((seen.code, seen.ran()), (Some(1), truth.ran()), "{what}: {}", seen.text);
}

macro_rules! rows {
    ($($name:ident: $packages:ident $mode:ident $modules:ident $transformer:ident;)*) => {
        $(#[test] fn $name() {
            tried(&Row(Packages::$packages, Mode::$mode, Modules::$modules, Transformer::$transformer));
        })*
    };
}

rows! {
    jest_29_in_band_babel: Jest29 InBand Common Babel;
    jest_29_workers_ts_jest: Jest29 Workers Ecma TsJest;
    jest_29_threads_swc: Jest29 Threads Common Swc;
    jest_30_in_band_ts_jest: Jest30 InBand Common TsJest;
    jest_30_workers_swc: Jest30 Workers Common Swc;
    jest_30_threads_babel: Jest30 Threads Ecma Babel;
    newest_in_band_swc: Newest InBand Ecma Swc;
    newest_workers_babel: Newest Workers Common Babel;
    newest_threads_ts_jest: Newest Threads Common TsJest;
}
