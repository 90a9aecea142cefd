//! The functions of a script by their names: which one stands around a line, and what the script is with another body in one's place.

#![allow(clippy::wildcard_enum_match_arm, reason = "all other syntax is only walked through")]

use oxc_allocator::Allocator;
use oxc_ast::AstKind;
use oxc_ast::ast::{AssignmentExpression, CallExpression, Expression, FormalParameter, FormalParameters, Program};
use oxc_ast_visit::Visit;
use oxc_span::{GetSpan as _, Span};
use serde::Serialize;

use super::script_source::parse;

/// Longer names of what is called are cut.
const LONGEST: usize = 60;

/// One function.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each is a word of the syntax")]
struct Function {
    /// `quote`, `Shop.buy`, `default`, `module.exports`, or what it is handed to: `app.get("/quote")`.
    name: String,
    /// Whether the name is its own.
    is_own: bool,
    span: Span,
    /// With its braces; of an arrow function without any, the expression with what stands around it.
    body: Span,
    is_expression: bool,
    is_async: bool,
    is_generator: bool,
    is_constructor: bool,
    is_derived: bool,
    /// Whether it gives a value.
    gives: bool,
    params: Vec<String>,
}

/// A function as whoever wants to call it has to know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// Its name, as [`around`] tells it.
    pub name: String,
    /// Its first line, counted from 1.
    pub first: u32,
    /// Its last line.
    pub last: u32,
    /// Its parameters by name; empty where one has none, as it is taken apart at once, or takes all that is left.
    pub params: Vec<String>,
}

/// The functions of a script that have names of their own.
#[must_use]
pub fn listed(path: &str, text: &str) -> Vec<Listed> {
    let line = |at: u32| {
        let before = text.get(..at as usize).unwrap_or_default();
        u32::try_from(before.matches('\n').count() + 1).unwrap_or(u32::MAX)
    };
    let all = functions(path, text).into_iter().filter(|one| one.is_own);
    all.map(|one| Listed { first: line(one.span.start), last: line(one.span.end), name: one.name, params: one.params })
        .collect()
}

/// The name of the innermost function around a line, counted from 1: of those that have a name of their own; else what it is handed to.
/// Empty where the line is in no function, or the script cannot be read.
#[must_use]
pub fn around(path: &str, text: &str, line: u32) -> String {
    let start = offset(text, line);
    let end = start + text[start..].find('\n').unwrap_or(text.len() - start);
    let code = text[start..end].trim_start();
    let at = end - code.len();
    let all = functions(path, text);
    let holds = |one: &&Function| (one.span.start as usize) < end && at < one.span.end as usize;
    let (within, begun): (Vec<&Function>, Vec<&Function>) =
        all.iter().filter(holds).partition(|one| one.span.start as usize <= at);
    let size = |one: &&&Function| one.span.end - one.span.start;
    let own = |one: &&&Function| one.is_own;
    // One that begins on the line holds only a part of it.
    let found = within.iter().filter(own).min_by_key(size).or_else(|| begun.iter().filter(own).max_by_key(size));
    let found = found.or_else(|| within.iter().min_by_key(size)).or_else(|| begun.iter().max_by_key(size));
    found.map(|one| one.name.clone()).unwrap_or_default()
}

fn offset(text: &str, line: u32) -> usize {
    let before = line.saturating_sub(1) as usize;
    text.split_inclusive('\n').take(before).map(str::len).sum()
}

/// The script with a stub in place of one function; nothing where that function is not there, or this stub would be no other function.
#[must_use]
pub fn stubbed(path: &str, text: &str, name: &str, with: &str) -> Option<String> {
    let all = functions(path, text);
    let last = |name: &str| if name.contains('(') { name.to_owned() } else { tail(name).to_owned() };
    let one = all
        .iter()
        .find(|one| !name.is_empty() && one.name == name)
        .or_else(|| all.iter().find(|one| !name.is_empty() && last(&one.name) == last(name)))?;
    let own = text.get(one.body.start as usize..one.body.end as usize)?;
    let body = body(one, own, with)?;
    let (before, after) = (&text[..one.body.start as usize], &text[one.body.end as usize..]);
    // What a compiler says of types is not what a stub is about.
    let head = if is_typed(path) { "// @ts-nocheck\n" } else { "" };
    Some(format!("{head}{before}{body}{after}"))
}

fn is_typed(path: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, ending)| ending.contains("ts"))
}

fn tail(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or_default()
}

/// The value that a function gave made into the plainest other one of its sort.
const PLAIN: &str = "const titerPlain = v => typeof v === 'string' ? (v === '' ? 'x' : '') : typeof v === 'number' ? (v === 0 ? 1 : 0) : \
typeof v === 'boolean' ? !v : typeof v === 'bigint' ? (v === 0n ? 1n : 0n) : Array.isArray(v) ? (v.length === 0 ? [null] : []) : \
v !== null && typeof v === 'object' && typeof v.then === 'function' ? v.then(titerPlain, () => undefined) : \
v !== null && typeof v === 'object' ? (Object.keys(v).length === 0 ? {x: null} : {}) : undefined;";

fn body(one: &Function, own: &str, with: &str) -> Option<String> {
    match with {
        "raise" => Some("{ throw new EvalError('a stand-in for the function under test'); }".to_owned()),
        // A constructor has to call its parent's before it returns.
        "none" if one.is_constructor && one.is_derived => None,
        "none" => Some("{ return undefined; }".to_owned()),
        // One that gives nothing would do just what it does.
        "default" if one.is_constructor || one.is_generator || !one.gives => None,
        "default" => {
            let (word, wait) = if one.is_async { ("async ", "await ") } else { ("", "") };
            let own = if one.is_expression { own.trim().to_owned() } else { own.to_owned() };
            Some(format!(
                "{{ {PLAIN} const titerReal = {word}() => {own}; try {{ return titerPlain({wait}titerReal()); }} catch {{ return undefined; }} }}"
            ))
        }
        _ => None,
    }
}

fn functions(path: &str, text: &str) -> Vec<Function> {
    let allocator = Allocator::default();
    let Some(program) = parse(&allocator, path, text) else { return Vec::new() };
    of(&program, text)
}

fn of(program: &Program<'_>, text: &str) -> Vec<Function> {
    let mut walk = Walk { text, around: Vec::new(), open: Vec::new(), all: Vec::new() };
    walk.visit_program(program);
    walk.all.sort_by_key(|one| (one.span.start, one.span.end));
    walk.all
}

struct Walk<'a, 't> {
    text: &'t str,
    around: Vec<AstKind<'a>>,
    open: Vec<Function>,
    all: Vec<Function>,
}

impl<'a> Visit<'a> for Walk<'a, '_> {
    fn enter_node(&mut self, kind: AstKind<'a>) {
        if let AstKind::Function(function) = kind {
            let own = function.id.as_ref().map(|id| id.name.to_string());
            let body = function.body.as_ref().map_or(Span::empty(function.span.end), |body| body.span);
            self.open(own, function.span, body, function.r#async, function.generator);
            self.takes(&function.params);
        } else if let AstKind::ArrowFunctionExpression(arrow) = kind {
            let whole = arrow.body.as_function_body().map(|body| body.span);
            let from = arrow.return_type.as_ref().map_or(arrow.params.span.end, |kind| kind.span.end);
            let sign = self.text.get(from as usize..).and_then(|rest| rest.find("=>")).unwrap_or_default();
            let begin = from + u32::try_from(sign).unwrap_or_default() + 2;
            self.open(None, arrow.span, whole.unwrap_or(Span::new(begin, arrow.span.end)), arrow.r#async, false);
            if let Some(last) = self.open.last_mut() {
                (last.is_expression, last.gives) = (whole.is_none(), whole.is_none());
            }
            self.takes(&arrow.params);
        } else if let AstKind::ReturnStatement(statement) = kind
            && statement.argument.is_some()
            && let Some(last) = self.open.last_mut()
        {
            last.gives = true;
        }
        self.around.push(kind);
    }

    fn leave_node(&mut self, kind: AstKind<'a>) {
        self.around.pop();
        if matches!(kind, AstKind::Function(_) | AstKind::ArrowFunctionExpression(_))
            && let Some(done) = self.open.pop()
            && !done.name.is_empty()
            && done.body.start < done.body.end
        {
            self.all.push(done);
        }
    }
}

impl Walk<'_, '_> {
    fn open(&mut self, own: Option<String>, span: Span, body: Span, is_async: bool, is_generator: bool) {
        let method = self.around.iter().rev().find_map(|kind| match kind {
            AstKind::MethodDefinition(method) if method.value.span == span => Some(method),
            _ => None,
        });
        let is_constructor = method.is_some_and(|method| method.kind.is_constructor());
        let is_derived = self.class().is_some_and(|(_, derived)| derived);
        let given = own.or_else(|| self.given(span));
        let (name, is_own) = given.map_or_else(|| (self.handed(span), false), |name| (name, true));
        let is_expression = false;
        self.open.push(Function {
            name,
            is_own,
            span,
            body,
            is_expression,
            is_async,
            is_generator,
            is_constructor,
            is_derived,
            gives: false,
            params: Vec::new(),
        });
    }

    fn takes(&mut self, params: &FormalParameters<'_>) {
        let name = |one: &FormalParameter<'_>| one.pattern.get_binding_identifier().map(|id| id.name.to_string());
        let mut all: Vec<String> = params.items.iter().map(|one| name(one).unwrap_or_default()).collect();
        all.extend(params.rest.as_ref().map(|_| String::new()));
        if let Some(last) = self.open.last_mut() {
            last.params = all;
        }
    }

    /// The class around, and whether it has a parent.
    fn class(&self) -> Option<(String, bool)> {
        self.around.iter().rev().enumerate().find_map(|(up, kind)| match kind {
            AstKind::Class(class) => {
                let above = self.around.len().checked_sub(up + 2).and_then(|at| self.around.get(at));
                let named = class.id.as_ref().map(|id| id.name.to_string());
                let name = named.or_else(|| above.and_then(|above| self.name_from(above, class.span)));
                Some((name.unwrap_or_default(), class.heritage.is_some()))
            }
            _ => None,
        })
    }

    /// The name that a function gets from what it is assigned to.
    fn given(&self, span: Span) -> Option<String> {
        self.around.iter().rev().take(3).find_map(|above| self.name_from(above, span))
    }

    fn name_from(&self, above: &AstKind<'_>, span: Span) -> Option<String> {
        let member = |name: Option<std::borrow::Cow<'_, str>>| {
            let class = self.class().map(|(class, _)| class).unwrap_or_default();
            name.map(|name| if class.is_empty() { name.to_string() } else { format!("{class}.{name}") })
        };
        match above {
            AstKind::MethodDefinition(one) if one.value.span == span => member(one.key.static_name()),
            AstKind::PropertyDefinition(one) if one.value.as_ref().is_some_and(|it| is_it(it, span)) => {
                member(one.key.static_name())
            }
            AstKind::ObjectProperty(one) if is_it(&one.value, span) => {
                one.key.static_name().map(|name| name.to_string())
            }
            AstKind::VariableDeclarator(one) if one.init.as_ref().is_some_and(|it| is_it(it, span)) => {
                one.id.get_binding_identifier().map(|id| id.name.to_string())
            }
            AstKind::AssignmentExpression(one) if is_it(&one.right, span) => self.assigned(one),
            AstKind::ExportDefaultDeclaration(one) if one.declaration.span() == span => Some("default".to_owned()),
            _ => None,
        }
    }

    /// `exports.f = `, `module.exports = `, `Shop.prototype.buy = `.
    fn assigned(&self, one: &AssignmentExpression<'_>) -> Option<String> {
        let name = self.source(one.left.span());
        let plain = name.replace(".prototype.", ".");
        let short = plain.strip_prefix("module.exports.").or(plain.strip_prefix("exports.")).unwrap_or(&plain);
        let is_name = short.chars().all(|c| c.is_alphanumeric() || "_$.".contains(c));
        (is_name && !short.is_empty()).then(|| short.to_owned())
    }

    /// What a function without a name is handed to.
    fn handed(&self, span: Span) -> String {
        let call = self.around.iter().rev().take(2).find_map(|kind| match kind {
            AstKind::CallExpression(call) if call.arguments.iter().any(|one| one.span() == span) => Some(*call),
            _ => None,
        });
        call.map(|call| self.called(call)).unwrap_or_default()
    }

    fn called(&self, call: &CallExpression<'_>) -> String {
        let first = call.arguments.first().and_then(|one| one.as_expression());
        let word = first.and_then(|one| match one {
            Expression::StringLiteral(text) => Some(format!("{:?}", text.value.as_str())),
            _ => None,
        });
        format!("{}({})", self.source(call.callee.span()), word.unwrap_or_default())
    }

    fn source(&self, span: Span) -> String {
        let text = self.text.get(span.start as usize..span.end as usize).unwrap_or_default();
        text.chars().filter(|c| !c.is_whitespace()).take(LONGEST).collect()
    }
}

fn is_it(value: &Expression<'_>, span: Span) -> bool {
    value.span() == span
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "'use strict';
const total = lines => lines.reduce((sum, line) => sum + line.price, 0);
function discount(all, coupon) {
  return all
    .map(one => one.price);
}
class Shop extends Base {
  constructor(name) { super(name); }
  static async open() { return new Shop('x'); }
  close() { this.open = false; }
  later = async () => {
    return 1;
  };
}
exports.quote = function () { return discount(); };
app.get('/quote', (req, res) => {
  res.json(quote(req.query));
});
module.exports = () => ({a: 1});
";

    #[test]
    fn a_line_is_in_the_innermost_function_that_has_a_name() {
        for (line, expected) in [
            (1, ""),
            (2, "total"),
            (4, "discount"),
            (5, "discount"),
            (8, "Shop.constructor"),
            (9, "Shop.open"),
            (10, "Shop.close"),
            (12, "Shop.later"),
            (15, "quote"),
            (17, "app.get(\"/quote\")"),
            (19, "module.exports"),
            (99, ""),
        ] {
            assert_eq!(around("a.js", TEXT, line), expected, "{line}");
        }
        assert_eq!(around("a.ts", "export default function (a: number) {\n  return a;\n}\n", 2), "default");
        assert_eq!(around("a.js", "not JavaScript {", 1), "");
    }

    #[test]
    fn a_stub_stands_in_place_of_one_function_where_it_would_be_another() {
        for (name, with, expected) in [
            ("discount", "none", Some("function discount(all, coupon) { return undefined; }")),
            ("discount", "raise", Some("function discount(all, coupon) { throw new EvalError(")),
            ("discount", "default", Some("const titerReal = () => {\n  return all\n")),
            ("total", "none", Some("const total = lines =>{ return undefined; };\nfunction")),
            ("total", "default", Some("const titerReal = () => lines.reduce(")),
            ("Shop.constructor", "none", None),
            ("Shop.constructor", "default", None),
            ("close", "none", Some("close() { return undefined; }")),
            ("close", "default", None),
            (
                "Shop.open",
                "default",
                Some(
                    "titerReal = async () => { return new Shop('x'); }; try { return titerPlain(await titerReal()); }",
                ),
            ),
            ("app.get(\"/quote\")", "none", Some("(req, res) => { return undefined; });")),
            ("module.exports", "default", Some("const titerReal = () => ({a: 1});")),
            ("nobody", "none", None),
            ("", "none", None),
        ] {
            let made = stubbed("a.js", TEXT, name, with);
            assert_eq!(made.is_some(), expected.is_some(), "{name} {with}: {made:?}");
            if let (Some(made), Some(expected)) = (made, expected) {
                assert!(made.contains(expected), "{name} {with}: {made}");
                assert_ne!(functions("a.js", &made), [], "{made}");
            }
        }
    }
}
