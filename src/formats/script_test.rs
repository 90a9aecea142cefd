//! A test of jest's by its text: which tests it holds, whether its assertions depend on what the product gives, what it swallows. Read, never run.

#![allow(clippy::wildcard_enum_match_arm, reason = "all other syntax is only walked through")]

use std::collections::BTreeSet;

use oxc_allocator::Allocator;
use oxc_ast::AstKind;
use oxc_ast::ast::{Argument, CallExpression, Expression, TryStatement};
use oxc_ast_visit::{Visit, walk};
use oxc_span::{GetSpan as _, Span};

use super::script_names::{File, Names, TESTS, dotted, follow, imports, literal, names, names_of};
use super::script_public::{self, Packages};
use super::script_source::parse;
use super::script_suspects;
use crate::model::guard::Finding;

/// A larger file is no test.
const LARGEST: usize = 1_000_000;
/// Matchers that say something of a mock, not of what the product gave.
const OF_MOCKS: [&str; 6] = ["toHaveBeen", "toBeCalled", "toHaveReturned", "toHaveLast", "toHaveNth", "lastCalledWith"];
/// Modules whose calls are assertions.
const ASSERTS: [&str; 5] = ["assert", "node:assert", "assert/strict", "node:assert/strict", "chai"];
/// What an exception that was caught is not swallowed by.
const LOUD: [&str; 5] = ["expect", "fail", "done", "reject", "assert"];

/// What the text of a test file shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inspection {
    /// The names of its tests, as their ids end: `describe > name`.
    pub tests: Vec<String>,
    /// What speaks against them, by line.
    pub findings: Vec<Finding>,
}

/// Looks at the text of a test file that is to lie at `path`.
#[must_use]
pub fn inspect(path: &str, text: &str, packages: &Packages) -> Inspection {
    let syntax = |text: &str| Inspection {
        tests: Vec::new(),
        findings: vec![Finding {
            criterion: "hygiene".to_owned(),
            rule: "syntax".to_owned(),
            line: 1,
            text: text.to_owned(),
        }],
    };
    if text.len() > LARGEST {
        return syntax("the test is larger than a million characters");
    }
    let allocator = Allocator::default();
    let Some(program) = parse(&allocator, path, text) else {
        return syntax("the file is neither JavaScript nor TypeScript");
    };
    let imported = imports(&program);
    let own = imported.iter().filter(|(_, from)| packages.is_own(from)).map(|(name, _)| name.clone()).collect();
    let mut file = File { path, text, imported, own, given: BTreeSet::new(), mocks: BTreeSet::new() };
    follow(&mut file, &program);
    let mut seen = Seen {
        file: &file,
        around: Vec::new(),
        describes: Vec::new(),
        tests: Vec::new(),
        assertions: Vec::new(),
        findings: Vec::new(),
    };
    seen.visit_program(&program);
    let (tests, mut findings) = (seen.tests.clone(), asserted(&seen));
    findings.append(&mut seen.findings);
    findings.extend(script_public::findings(&file, &program, packages));
    findings.extend(script_suspects::findings(&file, &program));
    findings.sort_by(|a, b| (a.line, &a.rule).cmp(&(b.line, &b.rule)));
    findings.dedup_by(|a, b| (a.line, &a.rule) == (b.line, &b.rule));
    Inspection { tests, findings }
}

/// What the assertions come to.
fn asserted(seen: &Seen<'_, '_>) -> Vec<Finding> {
    let file = seen.file;
    let of = |rule: &str, span: Span, text: &str| vec![file.finding("assertions", rule, span, text.to_owned())];
    let Some(first) = seen.assertions.first() else {
        return of("no-assertion", Span::empty(0), "it asserts nothing");
    };
    let depends = |one: &Assertion| !one.is_empty && file.is_products(&one.names);
    if seen.assertions.iter().all(|one| one.of_mock) {
        return of("mock-assertion", first.span, "what is asserted is a mock's");
    }
    if !seen.assertions.iter().any(|one| !one.of_mock && depends(one)) {
        return of("independent-assertion", first.span, "no assertion depends on a call of the product");
    }
    Vec::new()
}

/// One assertion.
struct Assertion {
    span: Span,
    names: BTreeSet<String>,
    of_mock: bool,
    /// It says the same of whatever.
    is_empty: bool,
}

struct Seen<'a, 'f> {
    file: &'f File<'f>,
    around: Vec<AstKind<'a>>,
    describes: Vec<(Span, String)>,
    tests: Vec<String>,
    assertions: Vec<Assertion>,
    findings: Vec<Finding>,
}

impl<'a> Visit<'a> for Seen<'a, '_> {
    fn enter_node(&mut self, kind: AstKind<'a>) {
        if let AstKind::CallExpression(call) = kind {
            self.test(call);
            self.assertion(call);
            self.caught(call);
        } else if let AstKind::TryStatement(one) = kind {
            self.tried(one);
        }
        self.around.push(kind);
    }

    fn leave_node(&mut self, kind: AstKind<'a>) {
        self.around.pop();
        if let AstKind::CallExpression(call) = kind
            && self.describes.last().is_some_and(|(span, _)| *span == call.span)
        {
            self.describes.pop();
        }
    }
}

impl Seen<'_, '_> {
    fn add(&mut self, criterion: &str, rule: &str, span: Span, text: &str) {
        self.findings.push(self.file.finding(criterion, rule, span, text.to_owned()));
    }

    /// `test('…', …)`, `it.failing('…', …)`, `describe('…', …)`.
    fn test(&mut self, call: &CallExpression<'_>) {
        let parts = dotted(&call.callee);
        let Some(word) = parts.first().map(String::as_str) else { return };
        let is_group = ["describe", "xdescribe", "fdescribe"].contains(&word);
        if !is_group && !TESTS.contains(&word) || self.file.own.contains(word) {
            return;
        }
        let rest: Vec<&str> = parts.iter().skip(1).map(String::as_str).collect();
        if rest.iter().any(|part| ["only", "skip", "todo"].contains(part))
            || word.starts_with('x')
            || word.starts_with('f')
        {
            self.add("hygiene", "skip-or-only", call.span, "a test is skipped, or others are because of it");
        }
        let is_table = rest.contains(&"each");
        if is_table
            && rest.last() == Some(&"each")
            && !matches!(call.callee, Expression::CallExpression(_) | Expression::TaggedTemplateExpression(_))
        {
            return;
        }
        if is_table {
            self.add("hygiene", "several-tests", call.span, "a table of tests is several, and a draft is one");
        }
        let title = call.arguments.first().and_then(|one| one.as_expression()).and_then(literal);
        let Some(title) = title else {
            self.add(
                "hygiene",
                "computed-title",
                call.span,
                "the name of a test or of its group is computed: write it out",
            );
            return;
        };
        if is_group {
            self.describes.push((call.span, title));
            return;
        }
        let above = self.describes.iter().map(|(_, title)| title.as_str());
        self.tests.push(above.chain([title.as_str()]).collect::<Vec<_>>().join(" > "));
    }

    /// `expect(…).not.toBe(…)`, `assert.equal(…)`, `request(app).get('/').expect(200)`.
    fn assertion(&mut self, call: &CallExpression<'_>) {
        let parts = dotted(&call.callee);
        let (first, last) = (parts.first().cloned().unwrap_or_default(), parts.last().cloned().unwrap_or_default());
        let is_assert =
            self.file.imported.get(&first).is_some_and(|from| ASSERTS.contains(&from.as_str())) && first != "expect";
        let mut subject = names_of(&call.arguments);
        let mut is_empty = false;
        if let Some(expected) = expected(&call.callee) {
            if parts.iter().any(|part| part == "resolves" || part == "rejects")
                && matches!(self.around.last(), Some(AstKind::ExpressionStatement(_)))
            {
                self.add(
                    "assertions",
                    "unawaited-assertion",
                    call.span,
                    "an assertion on a promise is not waited for: it may never be made",
                );
                return;
            }
            is_empty = self.is_same(&expected.arguments, &call.arguments);
            subject = names_of(&expected.arguments);
        } else if !is_assert {
            let Some(member) = call.callee.as_member_expression() else { return };
            let object = names(member.object());
            if last != "expect" || !self.file.is_products(&object) {
                return;
            }
            subject.extend(object);
        }
        let of_mock = OF_MOCKS.iter().any(|word| last.starts_with(word))
            || (subject.iter().any(|name| self.file.mocks.contains(name)) && !self.file.is_products(&subject));
        self.assertions.push(Assertion { span: call.span, names: subject, of_mock, is_empty });
    }

    fn is_same(&self, one: &[Argument<'_>], other: &[Argument<'_>]) -> bool {
        let text = |all: &[Argument<'_>]| {
            let first = all.first()?.span();
            self.file.text.get(first.start as usize..first.end as usize)
        };
        text(one).is_some() && text(one) == text(other)
    }

    /// `try { … } catch { }`; one that throws again says by that what is expected, as `test.failing` needs it.
    fn tried(&mut self, one: &TryStatement<'_>) {
        let Some(handler) = &one.handler else { return };
        let mut inside = Names::default();
        inside.visit_block_statement(&one.block);
        let is_products = self.file.is_products(&inside.0);
        let mut loud = Loud::default();
        loud.visit_block_statement(&handler.body);
        if !is_products {
            return;
        }
        if !loud.is_loud {
            self.add(
                "assertions",
                "swallowed-exception",
                handler.span,
                "an exception that the call raises is swallowed",
            );
        } else if loud.throws && self.is_failing() {
            self.assertions.push(Assertion { span: one.span, names: inside.0, of_mock: false, is_empty: false });
        }
    }

    /// Whether this is within a test that is expected to fail.
    fn is_failing(&self) -> bool {
        self.around.iter().any(|kind| match kind {
            AstKind::CallExpression(call) => {
                let parts = dotted(&call.callee);
                parts.first().is_some_and(|word| TESTS.contains(&word.as_str()))
                    && parts.iter().any(|part| part == "failing")
            }
            _ => false,
        })
    }

    /// `.catch(() => {})`.
    fn caught(&mut self, call: &CallExpression<'_>) {
        let Some(member) = call.callee.as_member_expression() else { return };
        if member.static_property_name().is_none_or(|name| name != "catch")
            || !self.file.is_products(&names(member.object()))
        {
            return;
        }
        let mut loud = Loud::default();
        for one in &call.arguments {
            loud.visit_argument(one);
        }
        if !loud.is_loud {
            self.add("assertions", "swallowed-exception", call.span, "an exception that the call raises is swallowed");
        }
    }
}

/// The call `expect(…)` that a chain of matchers begins with.
fn expected<'e, 'a>(callee: &'e Expression<'a>) -> Option<&'e CallExpression<'a>> {
    let mut object = callee.as_member_expression()?.object();
    loop {
        match object.get_inner_expression() {
            Expression::CallExpression(call) => return call.callee.is_specific_id("expect").then_some(call),
            other => object = other.as_member_expression()?.object(),
        }
    }
}

/// Whether something is done about an exception.
#[derive(Default)]
struct Loud {
    is_loud: bool,
    throws: bool,
}

impl<'a> Visit<'a> for Loud {
    fn enter_node(&mut self, kind: AstKind<'a>) {
        if matches!(kind, AstKind::ThrowStatement(_)) {
            (self.is_loud, self.throws) = (true, true);
        }
    }

    fn visit_call_expression(&mut self, call: &CallExpression<'a>) {
        let first = dotted(&call.callee).first().cloned().unwrap_or_default();
        self.is_loud |= LOUD.contains(&first.as_str());
        walk::walk_call_expression(self, call);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packages() -> Packages {
        let texts: [(&str, &str); 2] = [
            ("", r#"{"name": "shop", "main": "src/index.js"}"#),
            (
                "lib",
                r#"{"name": "@acme/prices", "exports": {".": "./dist/index.js", "./money": {"import": "./dist/money.mjs"}}}"#,
            ),
        ];
        Packages::of(texts.into_iter().map(|(folder, text)| (folder.to_owned(), text.as_bytes())))
    }

    /// The rules that speak against a test with this body.
    fn rules(body: &str) -> Vec<String> {
        let text = format!("const {{quote, total}} = require('../src/prices');\n{body}\n");
        let found = inspect("test/a.test.js", &text, &packages()).findings;
        found.into_iter().map(|one| format!("{} {}", one.criterion, one.rule)).collect()
    }

    #[test]
    fn a_good_test_has_nothing_against_it() {
        for body in [
            "test('a', () => { expect(quote([], 'X')).toBe(0); });",
            "test('a', () => { const given = []; quote(given); expect(given).toEqual([]); });",
            "test('a', () => { expect(() => quote(null)).toThrow(RangeError); });",
            "test('a', async () => { await expect(quote(1)).rejects.toThrow('no'); });",
            "test('a', () => expect(quote(1)).resolves.toBe(1));",
            "const request = require('supertest');\ntest('a', async () => { await request(quote).get('/').expect(200); });",
            "test.failing('a', () => { try { quote([], 'X'); } catch (error) { if (error.name === 'TypeError') throw error; } });",
            "const assert = require('node:assert');\ntest('a', () => { assert.equal(quote([]), 0); });",
            "describe('b', () => { test('a', () => { expect(quote([], '/api/users/1')).toBe(0); }); });",
        ] {
            assert_eq!(rules(body), [""; 0], "{body}");
        }
    }

    const WRONG: &[(&str, &str)] = &[
        ("test('a', () => { quote([]); });", "assertions no-assertion"),
        ("test('a', () => { quote([]); expect(1).toBe(1); });", "assertions independent-assertion"),
        ("test('a', () => { expect(quote(1)).toBe(quote(1)); });", "assertions independent-assertion"),
        (
            "test('a', () => { const f = jest.fn(); f(quote([])); expect(f).toHaveBeenCalledTimes(1); });",
            "assertions mock-assertion",
        ),
        ("test('a', () => { try { expect(quote([])).toBe(0); } catch {} });", "assertions swallowed-exception"),
        (
            "test('a', async () => { await quote(1).catch(() => 0); expect(quote(1)).toBe(1); });",
            "assertions swallowed-exception",
        ),
        ("test('a', () => { expect(quote(1)).resolves.toBe(1); });", "assertions unawaited-assertion"),
        (
            "const {_rounded} = require('../src/prices');\ntest('a', () => { expect(_rounded(1)).toBe(1); });",
            "public private-name",
        ),
        ("test('a', () => { expect(quote(1)['_secret']).toBe(1); });", "public private-name"),
        (
            "const prices = require('../src/prices');\ntest('a', () => { expect(prices[['quo', 'te'].join('')](1)).toBe(1); });",
            "public private-name",
        ),
        ("const x = require('../src/_hidden');\ntest('a', () => { expect(x(1)).toBe(1); });", "public private-name"),
        ("jest.mock('../src/coupons');\ntest('a', () => { expect(quote(1)).toBe(1); });", "public first-party-patch"),
        (
            "const prices = require('../src/prices');\ntest('a', () => { jest.spyOn(prices, 'total'); expect(quote(1)).toBe(1); });",
            "public first-party-patch",
        ),
        (
            "const prices = require('../src/prices');\ntest('a', () => { prices.total = () => 1; expect(quote(1)).toBe(1); });",
            "public first-party-patch",
        ),
        (
            "const rewire = require('rewire');\ntest('a', () => { expect(quote(1)).toBe(1); });",
            "public first-party-patch",
        ),
        ("test('a', () => { const it = quote(1); it.sum = 1; expect(it.sum).toBe(1); });", "public state-injection"),
        (
            "test('a', () => { Object.setPrototypeOf(quote(1), null); expect(quote(1)).toBe(1); });",
            "public state-injection",
        ),
        (
            "const inner = require('../lib/src/inner');\ntest('a', () => { expect(inner(1)).toBe(1); });",
            "public past-exports",
        ),
        (
            "test('a', () => { expect(quote({apiKey: 'sk_live_4eC39HqLyjWDarjtT1zdp7dc'})).toBe(0); });",
            "hygiene secret",
        ),
        ("test('a', () => { expect(quote({password: 'hunter22!'})).toBe(0); });", "hygiene secret"),
        ("test('a', () => { expect(quote('4111 1111 1111 1111')).toBe(0); });", "hygiene secret"),
        ("test('a', () => { expect(quote('/home/ann/x.csv')).toBe(0); });", "hygiene absolute-path"),
        ("test('a', () => { expect(quote(new Date())).toBe(0); });", "hygiene wall-clock"),
        ("test('a', () => { expect(quote(Math.random())).toBe(0); });", "hygiene wall-clock"),
        (
            "test('a', async () => { await new Promise(go => setTimeout(go, 9)); expect(quote(1)).toBe(0); });",
            "hygiene sleep",
        ),
        ("const http = require('node:http');\ntest('a', () => { expect(quote(1)).toBe(0); });", "hygiene network"),
        ("test('a', async () => { await fetch('http://x'); expect(quote(1)).toBe(0); });", "hygiene network"),
        (
            "const {execSync} = require('child_process');\ntest('a', () => { expect(quote(1)).toBe(0); });",
            "hygiene process",
        ),
        (
            "const fs = require('fs');\ntest('a', () => { fs.writeFileSync('src/prices.js', ''); expect(quote(1)).toBe(0); });",
            "hygiene writes-file",
        ),
        ("test('a', () => { expect(quote(1)).toMatchSnapshot(); });", "hygiene writes-file"),
        ("test('a', () => { expect(eval('quote(1)')).toBe(0); });", "hygiene dynamic-code"),
        ("test('a', () => { expect(new Function('return 1')(quote)).toBe(0); });", "hygiene dynamic-code"),
        ("test.skip('a', () => { expect(quote(1)).toBe(0); });", "hygiene skip-or-only"),
        ("test.each([1, 2])('a %i', one => { expect(quote(one)).toBe(0); });", "hygiene several-tests"),
        ("test(`a ${1}`, () => { expect(quote(1)).toBe(0); });", "hygiene computed-title"),
        ("test('a', () => {", "hygiene syntax"),
    ];

    #[test]
    fn what_is_wrong_with_a_test_is_found_in_its_text() {
        for (body, expected) in WRONG {
            assert!(rules(body).iter().any(|rule| rule == expected), "{body}: {:?}", rules(body));
        }
    }

    #[test]
    fn tests_are_called_by_their_groups_and_packages_by_their_names() {
        let text = "import {quote} from '@acme/prices';\nimport {round} from '../lib/src/money';\ndescribe('one', () => {\n  describe('two', () => {\n    it('three', () => { expect(quote(round(1))).toBe(1); });\n  });\n  test.failing('four', () => { expect(quote()).toBe(1); });\n});\n";
        let found = inspect("test/a.test.ts", text, &packages());
        assert_eq!(found.tests, ["one > two > three", "one > four"]);
        assert_eq!(found.findings, []);
    }
}
