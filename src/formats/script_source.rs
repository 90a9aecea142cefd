//! JavaScript and TypeScript source in hashes: the syntax printed without layout, with the comments that are code.
//! Design: `runners-jest.md`, section 5.

use std::collections::BTreeSet;
use std::path::Path;

use oxc_allocator::Allocator;
use oxc_ast::ast::{
    Argument, CallExpression, ExportAllDeclaration, ExportFromDeclaration, ImportDeclaration, Program, StringLiteral,
    TSImportType, TemplateLiteral,
};
use oxc_ast_visit::{Visit, walk};
use oxc_codegen::{Codegen, CodegenOptions};
use oxc_parser::{ParseOptions, Parser};
use oxc_span::SourceType;

use crate::model::change::SCRIPT_ENDINGS;
use crate::model::digest::Digest;
use crate::model::shape::{Asides, Script, Shape};

/// What makes a comment code, wherever it stands.
const CODE: [&str; 16] = [
    "<reference",
    "<amd",
    "@jest",
    "@jsx",
    "@ts-",
    "@babel",
    "@flow",
    "@noflow",
    "@emotion",
    "@vite",
    "@__",
    "#__",
    "istanbul",
    "c8 ",
    "v8 ",
    "webpack",
];

/// What makes a comment in JavaScript a type, which a compiler may check.
const TYPES: [&str; 8] =
    ["@type", "@template", "@implements", "@extends", "@satisfies", "@overload", "@import", "@enum"];

/// Words by which a program gets at the places of its own source.
const PLACES: [&str; 9] = [
    "stack",
    "prepareStackTrace",
    "getCallSites",
    "getCallSite",
    "callsites",
    "callsite",
    "inspect",
    "lineNumber",
    "columnNumber",
];

/// Whether a path is source that is parsed here.
#[must_use]
pub fn is_script(path: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, ending)| SCRIPT_ENDINGS.contains(&ending))
}

/// Whether a path is a shell's script, of which only the variables that it names are found out.
#[must_use]
pub fn is_shell(path: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, ending)| matches!(ending, "sh" | "bash"))
}

/// The hashes of a source file. What cannot be read is hashed by its bytes.
#[must_use]
pub fn shape(path: &str, source: &[u8]) -> Shape {
    let text = std::str::from_utf8(source).ok();
    if is_shell(path) {
        let whole = Digest::of(source);
        let environment = text.map(variables_of_shell).unwrap_or_default();
        return Shape { whole, module: whole, asides: Asides::unparted(whole), environment, ..Shape::default() };
    }
    let environment = text.map(environment).unwrap_or_default();
    let allocator = Allocator::default();
    let read = text.and_then(|text| Some((text, parse(&allocator, path, text)?)));
    let Some((text, program)) = read else {
        let whole = Digest::of(source);
        let script = Some(Script { sees_places: text.is_none_or(sees_places), ambient: true, ..Script::default() });
        return Shape {
            whole,
            module: whole,
            asides: Asides::unparted(whole),
            environment,
            script,
            ..Shape::default()
        };
    };
    let parts = parts(path, text, &program);
    let whole = Digest::of_parts(parts.iter().map(String::as_bytes));
    // As printed: a word in a comment asks for nothing.
    let sees_places = parts.first().is_some_and(|code| sees_places(code));
    let mut found = Specifiers::default();
    found.visit_program(&program);
    let ambient = path.ends_with(".d.ts") || is_ambient(source);
    let script = Some(Script { imports: found.all.into_iter().collect(), sees_places, ambient });
    Shape {
        whole,
        module: whole,
        asides: Asides::unparted(whole),
        environment,
        parsed: true,
        script,
        ..Shape::default()
    }
}

pub(super) fn parse<'a>(allocator: &'a Allocator, path: &str, text: &'a str) -> Option<Program<'a>> {
    let by_name = SourceType::from_path(Path::new(path)).unwrap_or_default();
    let candidates = if by_name.is_typescript() {
        [by_name, by_name]
    } else {
        // What a `.js` file is its package says: both readings are tried.
        [SourceType::mjs().with_jsx(true), SourceType::cjs().with_jsx(true)]
    };
    let options =
        ParseOptions { allow_return_outside_function: true, preserve_parens: false, ..ParseOptions::default() };
    candidates.into_iter().find_map(|kind| {
        let read = Parser::new(allocator, text, kind).with_options(options).parse();
        (!read.panicked && read.diagnostics.is_empty()).then_some(read.program)
    })
}

/// The printed syntax, then each comment that is code with what follows it on its line.
fn parts(path: &str, text: &str, program: &Program<'_>) -> Vec<String> {
    let mut parts = vec![Codegen::new().with_options(CodegenOptions::minify()).build(program).code];
    let is_typed = Path::new(path).extension().is_some_and(|ending| ending.to_string_lossy().contains('t'));
    for comment in &program.comments {
        let at = comment.span;
        let (Some(said), Some(rest)) = (text.get(at.start as usize..at.end as usize), text.get(at.end as usize..))
        else {
            continue;
        };
        let is_first = text.get(..at.start as usize).is_some_and(|before| before.trim().is_empty());
        let is_code = CODE.iter().any(|word| said.contains(word))
            || (is_first && said.contains('@'))
            || (!is_typed
                && (said.contains('{') || TYPES.iter().any(|word| said.contains(word)))
                && said.contains('@'));
        if is_code {
            let next = rest.split('\n').find(|line| !line.trim().is_empty()).unwrap_or_default();
            parts.push(said.split_whitespace().collect::<Vec<_>>().join(" "));
            parts.push(next.split_whitespace().collect::<String>());
        }
    }
    parts
}

/// Whether the source of a file may change what other files mean that do not import it: it is no module, or says so.
#[must_use]
pub fn is_ambient(source: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(source) else { return true };
    let is_of_modules = |line: &str| line.starts_with("import") || line.starts_with("export");
    let is_module = text.lines().any(|line| is_of_modules(line.trim_start()));
    !is_module || text.contains("declare global") || text.contains("declare module")
}

#[derive(Default)]
struct Specifiers {
    all: BTreeSet<String>,
}

impl Specifiers {
    /// A text anywhere: `jest.mock` and functions of the project that wrap `require` are handed paths like these.
    fn add_relative(&mut self, text: &str) {
        let is_relative = matches!(text, "." | "..") || text.starts_with("./") || text.starts_with("../");
        if is_relative && text.len() < 200 && !text.contains(char::is_whitespace) {
            self.all.insert(text.to_owned());
        }
    }

    fn add(&mut self, text: &str) {
        self.all.insert(text.to_owned());
    }
}

impl<'a> Visit<'a> for Specifiers {
    fn visit_string_literal(&mut self, literal: &StringLiteral<'a>) {
        self.add_relative(&literal.value);
    }

    fn visit_template_literal(&mut self, literal: &TemplateLiteral<'a>) {
        if let ([only], []) = (&literal.quasis[..], &literal.expressions[..])
            && let Some(text) = &only.value.cooked
        {
            self.add_relative(text);
        }
        walk::walk_template_literal(self, literal);
    }

    fn visit_import_declaration(&mut self, import: &ImportDeclaration<'a>) {
        self.add(&import.source.value);
    }

    fn visit_export_all_declaration(&mut self, export: &ExportAllDeclaration<'a>) {
        self.add(&export.source.value);
    }

    fn visit_export_from_declaration(&mut self, export: &ExportFromDeclaration<'a>) {
        self.add(&export.source.value);
    }

    fn visit_ts_import_type(&mut self, import: &TSImportType<'a>) {
        self.add(&import.source.value);
        walk::walk_ts_import_type(self, import);
    }

    fn visit_call_expression(&mut self, call: &CallExpression<'a>) {
        if let (Some("require"), [Argument::StringLiteral(text)]) = (call.callee_name(), &call.arguments[..]) {
            self.add(&text.value);
        }
        walk::walk_call_expression(self, call);
    }
}

/// Variables of the environment that the file names: `env.NAME`, `env['NAME']`, `{ NAME } = process.env`.
fn environment(text: &str) -> Vec<String> {
    let mut names = BTreeSet::new();
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    for (at, _) in text.match_indices("env") {
        if text[..at].chars().next_back().is_some_and(|c| is_part(c) || c == '-') {
            continue;
        }
        let rest = text[at + 3..].trim_start();
        let rest = rest.strip_prefix('?').unwrap_or(rest);
        let rest = rest.strip_prefix('.').unwrap_or(rest);
        let rest = rest.strip_prefix(['[', '\'', '"', '`']).unwrap_or(rest);
        let rest = rest.trim_start_matches(['\'', '"', '`']);
        let name: String = rest.chars().take_while(|&c| is_part(c)).collect();
        if rest.len() < text[at + 3..].trim_start().len()
            && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        {
            names.insert(name);
        }
        names.extend(unpacked(&text[..at]));
    }
    names.into_iter().collect()
}

/// Names in the braces before `= process.` or `=`, if that is what the text ends with.
fn unpacked(before: &str) -> Vec<String> {
    let before = before.trim_end();
    let before = before.strip_suffix("process.").unwrap_or(before).trim_end();
    let Some(before) = before.strip_suffix('=').map(str::trim_end).and_then(|text| text.strip_suffix('}')) else {
        return Vec::new();
    };
    let Some(open) = before.rfind('{') else { return Vec::new() };
    let parts = before[open + 1..].split(',').map(|part| part.split([':', '=']).next().unwrap_or_default().trim());
    parts.filter(|name| !name.is_empty() && !name.starts_with('.')).map(str::to_owned).collect()
}

/// `$NAME` and `${NAME…}`.
fn variables_of_shell(text: &str) -> Vec<String> {
    let names = text.match_indices('$').map(|(at, _)| text[at + 1..].trim_start_matches('{'));
    let names =
        names.map(|rest| rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or_default());
    let names: BTreeSet<&str> = names.filter(|name| name.starts_with(|c: char| c.is_ascii_alphabetic())).collect();
    names.into_iter().map(str::to_owned).collect()
}

/// Whether the text names something by which a program gets at lines of its source. `--inspect` is node's own option.
fn sees_places(text: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '$';
    PLACES.iter().any(|word| {
        text.match_indices(word).any(|(at, _)| {
            let (before, after) = (&text[..at], &text[at + word.len()..]);
            let is_whole = !before.chars().next_back().is_some_and(is_part) && !after.starts_with(is_part);
            is_whole && !(*word == "inspect" && before.ends_with("--"))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(path: &str, text: &str) -> Digest {
        shape(path, text.as_bytes()).whole
    }

    #[test]
    fn what_means_the_same_has_the_same_hash() {
        for (path, one, other, same) in [
            ("a.js", "x = 1; // one", "/* other */ x=1", true),
            ("a.js", "x = 16", "x = 0x10", true),
            ("a.js", "f('a')", "f(\"a\")", true),
            ("a.js", "x = (1 + 2)", "x = 1 + 2", true),
            ("a.js", "x = 1;(2)", "x = 1(2)", false),
            ("a.js", "x = 1", "x = 2", false),
            ("a.js", "import {a} from './a'", "import {a} from './b'", false),
            ("a.js", "return 1", "return 2", false),
            ("a.jsx", "x = <a>b</a>", "x = <a>c</a>", false),
            ("a.ts", "let a: number", "let a: string", false),
            ("a.ts", "let a: number // x", "let a:number", true),
            ("a.ts", "// @ts-ignore\nlet a = 1", "let a = 1", false),
            ("a.ts", "let a = 1\n// @ts-ignore\nlet b", "// @ts-ignore\nlet a = 1\nlet b", false),
            ("a.ts", "/** @param x that */\nlet a = 1", "/** @param x this */\nlet a = 1\n", false),
            ("a.ts", "let b; /** @param x that */\nlet a = 1", "let b; /** @param x this */\nlet a = 1\n", true),
            ("a.js", "/* istanbul ignore next */ f()", "f()", false),
            ("a.js", "f(/*#__PURE__*/ g())", "f(g())", false),
            ("a.js", "/**\n * @jest-environment jsdom\n */\nf()", "f()", false),
            ("a.js", "not JavaScript {", "not JavaScript  {", false),
            ("a.js", "with (a) b()", "with (a)  b()", true),
        ] {
            assert_eq!(whole(path, one) == whole(path, other), same, "{one} | {other}");
        }
    }

    #[test]
    fn specifiers_and_variables_are_found() {
        let text =
            "import a from './a'; export * from \"../b\"; const c = require('c/d'); jest.mock(`./e`); x('not one');
            import type {T} from './t'; let u: import('./u').U;
            process.env.ONE; process.env['TWO']; const {THREE, FOUR: f = 1} = process.env; env.FIVE; environment.SIX;";
        let found = shape("a.ts", text.as_bytes());
        let imports = found.script.map(|script| script.imports).unwrap_or_default();
        assert_eq!(imports, ["../b", "./a", "./e", "./t", "./u", "c/d"]);
        assert_eq!(found.environment, ["FIVE", "FOUR", "ONE", "THREE", "TWO"]);
    }

    #[test]
    fn a_shells_script_names_its_variables() {
        let found = shape("a.sh", b"echo $HOME ${ONE:-x} $1 $$ \"$TWO\"").environment;
        assert_eq!(found, ["HOME", "ONE", "TWO"]);
    }

    #[test]
    fn who_asks_for_places_is_found_by_whole_words() {
        for (text, sees) in [
            ("e.stack", true),
            ("e['stack']", true),
            ("stacked()", false),
            ("const callsites = 1", true),
            ("x", false),
            ("// the stack\nx", false),
            ("/* inspect */ f()", false),
            ("require('util').inspect(e)", true),
            ("const { inspect } = require('util')", true),
            ("arg.startsWith('--inspect'); arg.match(/^--inspect(-brk)?$/)", false),
        ] {
            assert_eq!(shape("a.js", text.as_bytes()).script.is_some_and(|script| script.sees_places), sees, "{text}");
        }
    }
}
