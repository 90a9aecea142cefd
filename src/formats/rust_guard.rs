//! What the text of a test in Rust says against it, read and not run: the criteria of the gate that need no run, and hygiene. That a test uses
//! only what is public is the compiler's business, as long as the test is a program of its own and takes no code of the product in.

use std::collections::BTreeSet;

use super::rust_suspects::{self, Imports};
use super::rust_tokens::{Kind, Tokens};
use super::rust_walk::{Found, every_function};
use crate::model::guard::Finding;

/// Times that names are followed from one to the next.
const ROUNDS: usize = 4;
/// What gives away an error or nothing without saying so.
const SWALLOWS: [&str; 2] = ["ok", "err"];
/// Methods that assert an error, or that there is one.
const EXPECTS_ERROR: [&str; 4] = ["is_err", "unwrap_err", "expect_err", "is_err_and"];

/// One test of a file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Test {
    /// As the harness calls it.
    pub name: String,
    /// What it has to panic with, where it has to; empty where any panic will do.
    pub panics: Option<String>,
    /// It asserts that an error comes.
    pub errs: bool,
}

/// What was seen in a file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Look {
    /// Its tests, in their order.
    pub tests: Vec<Test>,
    /// What speaks against them.
    pub findings: Vec<Finding>,
}

/// Looks at a test's file; `own` are the names of the project's crates.
#[must_use]
pub fn look(source: &str, own: &[String]) -> Look {
    let Some(tokens) = Tokens::read(source.as_bytes()) else {
        let text = "the file is no Rust".to_owned();
        let finding = Finding { criterion: "hygiene".to_owned(), rule: "syntax".to_owned(), line: 1, text };
        return Look { tests: Vec::new(), findings: vec![finding] };
    };
    let imports = Imports::of(&tokens);
    let functions = every_function(&tokens);
    let tests: Vec<(&Found, Test)> =
        functions.iter().filter_map(|function| Some((function, test(&tokens, function)?))).collect();
    let mut findings = rust_suspects::findings(&tokens, &imports, source);
    let flow = Flow::new(&tokens, &imports, own, &functions);
    for path in (0..tokens.len()).filter(|&at| flow.is_own_path(at)) {
        let name = imports.path(&tokens, path);
        if name.split("::").skip(1).any(|part| part.starts_with('_') && part.len() > 1) {
            findings.push(of("public", "private-name", line(&tokens, path), &format!("{name} is private by its name")));
        }
    }
    for (function, test) in &tests {
        flow.assertions(function, test, &mut findings);
    }
    findings.sort_by_key(|finding| finding.line);
    Look { tests: tests.into_iter().map(|(_, test)| test).collect(), findings }
}

fn of(criterion: &str, rule: &str, line: u32, text: &str) -> Finding {
    Finding { criterion: criterion.to_owned(), rule: rule.to_owned(), line, text: text.to_owned() }
}

fn line(tokens: &Tokens, at: usize) -> u32 {
    tokens.get(at).map_or(1, |token| token.start.0)
}

/// The test that a function is, if it is one: an attribute whose last name is `test`.
fn test(tokens: &Tokens, function: &Found) -> Option<Test> {
    let brace = function.body.0;
    let name = function.name.rsplit(':').next().unwrap_or_default();
    let keyword = (0..brace).rev().find(|&at| tokens.text(at) == "fn" && tokens.text(at + 1) == name)?;
    let (mut at, mut is_test, mut panics) = (keyword, false, None);
    while at > 0 {
        at -= 1;
        if tokens.is(at, Kind::Word) || tokens.is(at, Kind::Literal) {
            continue;
        }
        let open = tokens.partner(at);
        if tokens.text(at) == ")" && tokens.before(open, 1) == "pub" {
            at = open;
            continue;
        }
        if tokens.text(at) != "]" || tokens.before(open, 1) != "#" {
            break;
        }
        let end = (open + 1..at).take_while(|&at| tokens.is(at, Kind::Word) || tokens.text(at) == ":").last();
        is_test |= end.is_some_and(|end| tokens.text(end) == "test");
        if tokens.text(open + 1) == "should_panic" {
            let text = (open..at).find(|&at| tokens.is(at, Kind::Literal)).map(|at| tokens.text(at));
            panics = Some(text.unwrap_or_default().trim_matches('"').to_owned());
        }
        at = open.saturating_sub(1);
    }
    let body = function.body.0..function.body.1;
    let errs = body.clone().any(|at| {
        tokens.before(at, 1) == "." && EXPECTS_ERROR.contains(&tokens.text(at))
            || tokens.text(at) == "matches"
                && tokens.text(at + 1) == "!"
                && (at..tokens.partner(at + 2)).any(|at| tokens.says(at, &["Err", "("]))
    });
    is_test.then(|| Test { name: function.name.clone(), panics, errs })
}

/// Which values come from the product.
struct Flow<'a> {
    tokens: &'a Tokens,
    imports: &'a Imports,
    own: &'a [String],
    /// Functions of the file that call the product.
    helpers: BTreeSet<String>,
    /// Any method may be one of a trait of the product's.
    methods: bool,
    /// Types that the file itself defines, and those that are called mocks.
    fakes: BTreeSet<String>,
}

impl<'a> Flow<'a> {
    fn new(tokens: &'a Tokens, imports: &'a Imports, own: &'a [String], functions: &[Found]) -> Self {
        let is_own = |path: &str| own.iter().any(|name| path.split("::").next() == Some(name));
        let mentioned = |name: &str| {
            // Once in its `use`; a name that never comes again is a trait whose methods are called.
            (0..tokens.len()).filter(|&at| tokens.text(at) == name).count() > 1
        };
        let unused = imports.names.iter().any(|(name, path)| is_own(path) && !mentioned(name));
        let fakes = (1..tokens.len())
            .filter(|&at| matches!(tokens.before(at, 1), "struct" | "enum") || tokens.text(at).starts_with("Mock"))
            .map(|at| tokens.text(at).to_owned())
            .collect();
        let methods = unused || imports.globs.iter().any(|path| is_own(path));
        let mut flow = Self { tokens, imports, own, helpers: BTreeSet::new(), methods, fakes };
        for _ in 0..ROUNDS {
            let calling = functions.iter().filter(|one| flow.is_products(one.body.0, one.body.1, &BTreeSet::new()));
            flow.helpers = calling.map(|one| one.name.rsplit(':').next().unwrap_or_default().to_owned()).collect();
        }
        flow
    }

    fn is_own_path(&self, at: usize) -> bool {
        let path = self.imports.path(self.tokens, at);
        self.own.iter().any(|name| path.split("::").next() == Some(name))
    }

    /// Whether something between two tokens is the product's, or comes from it.
    fn is_products(&self, from: usize, to: usize, names: &BTreeSet<String>) -> bool {
        let tokens = self.tokens;
        (from..to).filter(|&at| tokens.is(at, Kind::Word)).any(|at| {
            let word = tokens.text(at);
            let is_method = tokens.before(at, 1) == ".";
            let is_call = tokens.text(at + 1) == "(";
            !is_method && (names.contains(word) || self.is_own_path(at) || is_call && self.helpers.contains(word))
                || self.methods
                    && is_call
                    && (is_method || self.imports.globs.len() == 1 && word.starts_with(char::is_lowercase))
                    && !word.starts_with("assert")
        })
    }

    fn assertions(&self, function: &Found, test: &Test, findings: &mut Vec<Finding>) {
        let (from, to) = (function.body.0 + 1, function.body.1 - 1);
        let names = self.names(from, to);
        if let Some((at, how)) = self.swallowed(from, to, &names) {
            findings.push(of("assertions", "swallowed-exception", line(self.tokens, at), how));
        }
        let first = function.lines.0;
        if test.panics.as_ref().is_some_and(|expected| !expected.is_empty()) && self.is_products(from, to, &names) {
            return;
        }
        let asserted: Vec<(usize, usize)> = self.asserted(from, to);
        if asserted.is_empty() {
            let unwraps = (from..to)
                .any(|at| self.tokens.before(at, 1) == "." && matches!(self.tokens.text(at), "unwrap" | "expect"));
            let sentence = match (unwraps, &test.panics) {
                (_, Some(_)) => format!("{} takes any panic: say `expected`", test.name),
                (true, None) => format!("{} only unwraps: it asserts nothing of what the call gives", test.name),
                (false, None) => format!("{} asserts nothing", test.name),
            };
            findings.push(of("assertions", "no-assertion", first, &sentence));
            return;
        }
        let depends = |(from, to): &(usize, usize)| self.is_products(*from, *to, &names) && !self.is_empty(*from, *to);
        if asserted.iter().any(depends) {
            return;
        }
        let fakes = self.fakes(from, to);
        let at = asserted.first().map_or(first, |(at, _)| line(self.tokens, *at));
        let of_fake = |(from, to): &(usize, usize)| (*from..*to).any(|at| fakes.contains(self.tokens.text(at)));
        if asserted.iter().all(of_fake) {
            findings.push(of("assertions", "mock-assertion", at, "what is asserted is a stand-in's"));
        } else {
            findings.push(of(
                "assertions",
                "independent-assertion",
                at,
                "no assertion depends on a call of the product",
            ));
        }
    }

    /// What stands in the brackets of each assertion.
    fn asserted(&self, from: usize, to: usize) -> Vec<(usize, usize)> {
        let tokens = self.tokens;
        let is_assertion = |at: &usize| {
            let word = tokens.text(*at);
            tokens.text(at + 1) == "!"
                && (word.starts_with("assert") || word.starts_with("debug_assert") || word.starts_with("prop_assert"))
        };
        (from..to).filter(is_assertion).map(|at| (at + 3, tokens.partner(at + 2))).collect()
    }

    /// `x || true`, `a == a`, `assert_eq!(a, a)`.
    fn is_empty(&self, from: usize, to: usize) -> bool {
        let tokens = self.tokens;
        let always = (from..to).any(|at| tokens.says(at, &["|", "|", "true"]) || tokens.says(at, &["true", "|", "|"]));
        let mut cut = from;
        while cut < to && tokens.text(cut) != "," && !tokens.says(cut, &["=", "="]) {
            cut = tokens.after(cut);
        }
        let other = if tokens.text(cut) == "," { cut + 1 } else { cut + 2 };
        let width = cut - from;
        let end = other + width;
        let is_whole = end == to || tokens.text(end) == ",";
        always || cut < to && is_whole && (0..width).all(|step| tokens.text(from + step) == tokens.text(other + step))
    }

    /// Names that hold what the product gave.
    fn names(&self, from: usize, to: usize) -> BTreeSet<String> {
        let tokens = self.tokens;
        let mut names = BTreeSet::new();
        for _ in 0..ROUNDS {
            for at in from..to {
                match tokens.text(at) {
                    "let" | "for" => {
                        let mark = if tokens.text(at) == "let" { "=" } else { "in" };
                        let cut = self.until(at + 1, to, &[mark, ";"]);
                        let end = self.until(cut + 1, to, &[";", "{"]);
                        // A block may be what is bound: `let x = { … };`.
                        let end = if tokens.text(end) == "{" && end == cut + 1 { tokens.after(end) } else { end };
                        if self.is_products(cut, end, &names) {
                            self.bind(at + 1, cut, &mut names);
                        }
                    }
                    "match" => {
                        let open = self.until(at + 1, to, &["{", ";"]);
                        if tokens.text(open) == "{" && self.is_products(at, open, &names) {
                            self.arms(open, &mut names);
                        }
                    }
                    // What the product was given may be changed by it.
                    "(" if at > from && self.is_products(at - 1, at, &names)
                        || tokens.text(at) == "(" && self.is_own_call(at) =>
                    {
                        let given = (at..tokens.partner(at)).filter(|&at| tokens.says(at, &["&", "mut"]));
                        names.extend(given.map(|at| tokens.text(at + 2).to_owned()));
                    }
                    _ => {}
                }
            }
        }
        names
    }

    fn is_own_call(&self, open: usize) -> bool {
        let mut at = open;
        while at > 0 && (self.tokens.is(at - 1, Kind::Word) || self.tokens.text(at - 1) == ":") {
            at -= 1;
        }
        at < open && self.is_own_path(at)
    }

    /// The next of these at the same depth.
    fn until(&self, from: usize, to: usize, marks: &[&str]) -> usize {
        let mut at = from;
        while at < to && !marks.contains(&self.tokens.text(at)) {
            at = self.tokens.after(at);
        }
        at.min(to)
    }

    fn bind(&self, from: usize, to: usize, names: &mut BTreeSet<String>) {
        // A type may follow the pattern.
        let end = (from..to).find(|&at| {
            self.tokens.text(at) == ":" && self.tokens.text(at + 1) != ":" && self.tokens.before(at, 1) != ":"
        });
        let words =
            (from..end.unwrap_or(to)).filter(|&at| self.tokens.is(at, Kind::Word)).map(|at| self.tokens.text(at));
        let is_name = |word: &&str| {
            word.starts_with(|c: char| c.is_lowercase() || c == '_') && !["mut", "ref", "_", "let"].contains(word)
        };
        names.extend(words.filter(is_name).map(str::to_owned));
    }

    /// What the patterns of a `match` bind.
    fn arms(&self, open: usize, names: &mut BTreeSet<String>) {
        let (mut at, close) = (open + 1, self.tokens.partner(open));
        while at < close {
            let arrow = (at..close).find(|&at| self.tokens.says(at, &["=", ">"])).unwrap_or(close);
            self.bind(at, arrow, names);
            let body = arrow + 2;
            at = if self.tokens.text(body) == "{" { self.tokens.after(body) } else { self.until(body, close, &[","]) };
            if self.tokens.text(at) == "," {
                at += 1;
            }
        }
    }

    /// Names that hold a stand-in.
    fn fakes(&self, from: usize, to: usize) -> BTreeSet<String> {
        let mut names = self.fakes.clone();
        for at in (from..to).filter(|&at| self.tokens.text(at) == "let") {
            let cut = self.until(at + 1, to, &["=", ";"]);
            let end = self.until(cut + 1, to, &[";"]);
            if (cut..end).any(|at| names.contains(self.tokens.text(at))) {
                self.bind(at + 1, cut, &mut names);
            }
        }
        names
    }

    /// Where an error or a panic of the product's is taken for nothing, and how.
    fn swallowed(&self, from: usize, to: usize, names: &BTreeSet<String>) -> Option<(usize, &'static str)> {
        let tokens = self.tokens;
        (from..to).find_map(|at| match tokens.text(at) {
            "catch_unwind" => Some((at, "catch_unwind takes a panic for nothing")),
            "let" if tokens.says(at + 1, &["_", "="]) => {
                let end = self.until(at + 3, to, &[";"]);
                self.is_products(at + 3, end, names).then_some((at, "`let _ =` takes an error of the call for nothing"))
            }
            "if" if tokens.text(at + 1) == "let" && matches!(tokens.text(at + 2), "Ok" | "Some") => {
                let open = self.until(at + 2, to, &["{", ";"]);
                let is_alone = tokens.text(tokens.after(open)) != "else";
                (is_alone && self.is_products(at, open, names))
                    .then_some((at, "`if let` without `else` takes an error of the call for nothing"))
            }
            "Err" if tokens.text(at + 1) == "(" => {
                let arrow = tokens.after(at + 1);
                let body = arrow + 2;
                let is_empty = tokens.text(body) == "{" && tokens.partner(body) == body + 1
                    || tokens.text(body) == "(" && tokens.partner(body) == body + 1;
                (tokens.says(arrow, &["=", ">"]) && is_empty).then_some((at, "an arm takes an error for nothing"))
            }
            word if SWALLOWS.contains(&word)
                && tokens.before(at, 1) == "."
                && tokens.says(at + 1, &["(", ")", ";"]) =>
            {
                let start = (from..at).rev().find(|&at| matches!(tokens.text(at), ";" | "{")).map_or(from, |at| at + 1);
                self.is_products(start, at, names).then_some((at, "`.ok();` takes an error of the call for nothing"))
            }
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(body: &str) -> Vec<String> {
        let cart = if body.contains("Cart") { ", Cart" } else { "" };
        let source = format!("use shop::{{quote{cart}}};\n\n#[test]\nfn it() {{\n{body}\n}}\n");
        look(&source, &["shop".to_owned()])
            .findings
            .iter()
            .map(|one| format!("{} {}", one.criterion, one.rule))
            .collect()
    }

    #[test]
    fn a_good_test_has_nothing_against_it() {
        for body in [
            "assert_eq!(quote(&[], \"X\"), 0);",
            "let cart = Cart::new(); let total = cart.total(); assert!(total < 3, \"{total}\");",
            "let mut cart = Cart::default(); cart.add(3); assert_eq!(cart.len(), 1);",
            "match quote(&[], \"X\") { Ok(n) => assert_eq!(n, 3), Err(e) => panic!(\"{e}\") }",
            "for line in shop::lines() { assert!(!line.is_empty()); }",
            "let mut text = String::new(); shop::render(&mut text); assert_eq!(text, \"x\");",
            "let ip: std::net::IpAddr = shop::address(); assert!(ip.is_ipv4());",
            "assert_eq!(quote(\"/api/v1\").unwrap(), 3);",
            "let clock = shop::Clock::now(); assert_eq!(clock.interval(3), 3);",
        ] {
            assert_eq!(rules(body), Vec::<String>::new(), "{body}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_test_is_found() {
        for (body, expected) in [
            ("quote(&[], \"X\");", "assertions no-assertion"),
            ("quote(&[], \"X\").unwrap();", "assertions no-assertion"),
            ("quote(&[], \"X\"); assert_eq!(1 + 1, 2);", "assertions independent-assertion"),
            ("let n = quote(&[]); assert!(n == 3 || true);", "assertions independent-assertion"),
            ("let n = quote(&[]); assert_eq!(n, n);", "assertions independent-assertion"),
            ("struct Spy; let spy = Spy; quote(&spy); assert!(spy.seen());", "assertions mock-assertion"),
            ("let _ = quote(&[]); assert_eq!(quote(&[]), 3);", "assertions swallowed-exception"),
            ("quote(&[]).ok(); assert_eq!(quote(&[]), 3);", "assertions swallowed-exception"),
            ("let r = std::panic::catch_unwind(|| quote(&[])); assert!(r.is_err());", "assertions swallowed-exception"),
            ("if let Ok(n) = quote(&[]) { assert_eq!(n, 3); }", "assertions swallowed-exception"),
            ("match quote(&[]) { Ok(n) => assert_eq!(n, 3), Err(_) => {} }", "assertions swallowed-exception"),
            ("assert_eq!(unsafe { shop::f() }, 3);", "public state-injection"),
            ("assert_eq!(std::mem::transmute::<u8, i8>(quote(&[])), 3);", "public state-injection"),
            ("include!(\"../src/lib.rs\"); assert_eq!(quote(&[]), 3);", "public product-source"),
            ("assert_eq!(shop::__inner::f(), 3);", "public private-name"),
            ("std::thread::sleep(d); assert_eq!(quote(&[]), 3);", "hygiene sleep"),
            ("assert!(quote(std::time::SystemTime::now()));", "hygiene wall-clock"),
            ("std::net::TcpStream::connect(a); assert_eq!(quote(&[]), 3);", "hygiene network"),
            ("std::process::Command::new(a); assert_eq!(quote(&[]), 3);", "hygiene process"),
            ("std::fs::write(\"src/lib.rs\", \"\"); assert_eq!(quote(&[]), 3);", "hygiene writes-file"),
            ("std::env::set_var(\"A\", \"b\"); assert_eq!(quote(&[]), 3);", "hygiene environment"),
            ("assert_eq!(quote(\"/home/ann/x.csv\"), 3);", "hygiene absolute-path"),
            ("assert_eq!(quote(\"sk_live_4eC39HqLyjWDarjtT1zdp7dc\"), 3);", "hygiene secret"),
            ("let password = \"hunter2hunter2\"; assert_eq!(quote(password), 3);", "hygiene secret"),
            ("eprintln!(\"thread 'it' panicked at src/lib.rs:1:1:\"); assert_eq!(quote(&[]), 3);", "hygiene prints"),
        ] {
            assert!(rules(body).contains(&expected.to_owned()), "{body}: {:?}", rules(body));
        }
        assert_eq!(look("fn (", &[]).findings[0].rule, "syntax");
    }

    #[test]
    fn names_are_followed_through_use_and_helpers() {
        for source in [
            "use std::{thread::{self, sleep as wait}, net::TcpStream as T};\n#[test]\nfn it() { wait(d); T::connect(a); assert!(shop::f()); }",
            "use std::time::Instant as I;\n#[test]\nfn it() { I::now(); assert!(shop::f()); }",
            "#[path = \"../src/a.rs\"]\nmod a;\n#[test]\nfn it() { assert!(shop::f()); }",
            "#[test]\n#[ignore]\nfn it() { assert!(shop::f()); }",
        ] {
            assert!(!look(source, &["shop".to_owned()]).findings.is_empty(), "{source}");
        }
        for source in [
            "use shop::*;\n#[test]\nfn it() { assert_eq!(quote(3), 3); }",
            "use shop::Quote;\n#[test]\nfn it() { assert_eq!(\"a\".quote(), 3); }",
            "fn help() -> u8 { shop::f() }\n#[test]\nfn it() { assert_eq!(help(), 3); }",
            "use std::fs;\n#[test]\nfn it() { let dir = tempfile::tempdir().unwrap(); let file = dir.path(); fs::write(file, \"\").unwrap(); assert!(shop::f(file)); }",
        ] {
            assert_eq!(look(source, &["shop".to_owned()]).findings, [], "{source}");
        }
    }

    #[test]
    fn tests_are_known_with_what_they_expect() {
        let source = "#[tokio::test]\nasync fn a() { assert!(shop::f().is_err()); }\nmod m { #[test]\n#[should_panic(expected = \"no\")]\npub(crate) fn b() { shop::f(); } }\n\
                      fn c() {}\n#[test]\n#[should_panic]\nfn d() { shop::f(); }\n";
        let look = look(source, &["shop".to_owned()]);
        let told: Vec<(&str, Option<&str>, bool)> =
            look.tests.iter().map(|test| (test.name.as_str(), test.panics.as_deref(), test.errs)).collect();
        assert_eq!(told, [("a", None, true), ("m::b", Some("no"), false), ("d", Some(""), false)]);
        assert_eq!(look.findings.len(), 1);
        assert_eq!(look.findings[0].rule, "no-assertion");
    }
}
