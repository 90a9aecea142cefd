//! The names of a test of jest's: what each was imported from, which stand for the product, for what it gave, for mocks.

#![allow(clippy::wildcard_enum_match_arm, reason = "all other syntax is only walked through")]

use std::collections::{BTreeMap, BTreeSet};

use oxc_ast::AstKind;
use oxc_ast::ast::{Argument, AssignmentTarget, Expression, IdentifierReference, ImportDeclarationSpecifier, Program};
use oxc_ast_visit::Visit;
use oxc_span::Span;

use crate::model::guard::Finding;

/// Words that begin a test.
pub(super) const TESTS: [&str; 5] = ["test", "it", "xtest", "xit", "fit"];

/// What a test file has in common for all that look at it.
pub(super) struct File<'t> {
    /// Where it lies, from the root.
    pub path: &'t str,
    /// Its text.
    pub text: &'t str,
    /// Name in the file to what it was imported from.
    pub imported: BTreeMap<String, String>,
    /// Names that stand for the product.
    pub own: BTreeSet<String>,
    /// Names of what the product gave, those of `own` apart.
    pub given: BTreeSet<String>,
    /// Names of mocks.
    pub mocks: BTreeSet<String>,
}

impl File<'_> {
    /// The line of a place, counted from 1.
    pub(super) fn line(&self, span: Span) -> u32 {
        let before = self.text.get(..span.start as usize).unwrap_or_default();
        u32::try_from(before.matches('\n').count() + 1).unwrap_or(u32::MAX)
    }

    /// A finding at a place.
    pub(super) fn finding(&self, criterion: &str, rule: &str, span: Span, text: String) -> Finding {
        Finding { criterion: criterion.to_owned(), rule: rule.to_owned(), line: self.line(span), text }
    }

    /// Whether one of these names stands for the product or for what it gave.
    pub(super) fn is_products(&self, names: &BTreeSet<String>) -> bool {
        names.iter().any(|name| self.own.contains(name) || self.given.contains(name))
    }
}

/// The names that an expression, a function or a statement mentions.
#[derive(Default)]
pub(super) struct Names(pub BTreeSet<String>);

impl<'a> Visit<'a> for Names {
    fn visit_identifier_reference(&mut self, name: &IdentifierReference<'a>) {
        self.0.insert(name.name.to_string());
    }
}

/// The names in an expression.
pub(super) fn names(expression: &Expression<'_>) -> BTreeSet<String> {
    let mut found = Names::default();
    found.visit_expression(expression);
    found.0
}

/// The names in what is handed over.
pub(super) fn names_of(arguments: &[Argument<'_>]) -> BTreeSet<String> {
    let mut found = Names::default();
    for one in arguments {
        found.visit_argument(one);
    }
    found.0
}

/// The parts of a name such as `jest.fn`, the first one first; what is called on something else keeps its last parts.
pub(super) fn dotted(expression: &Expression<'_>) -> Vec<String> {
    match expression.get_inner_expression() {
        Expression::Identifier(name) => vec![name.name.to_string()],
        Expression::ThisExpression(_) => vec!["this".to_owned()],
        Expression::CallExpression(call) => dotted(&call.callee),
        Expression::TaggedTemplateExpression(call) => dotted(&call.tag),
        other => match other.as_member_expression() {
            Some(member) => {
                let mut parts = dotted(member.object());
                parts.extend(member.static_property_name().map(ToString::to_string));
                parts
            }
            None => Vec::new(),
        },
    }
}

/// A text that is written out.
pub(super) fn literal(expression: &Expression<'_>) -> Option<String> {
    match expression.get_inner_expression() {
        Expression::StringLiteral(text) => Some(text.value.to_string()),
        Expression::TemplateLiteral(text) if text.expressions.is_empty() => {
            text.quasis.first()?.value.cooked.as_ref().map(ToString::to_string)
        }
        _ => None,
    }
}

/// What `require('x')`, `await import('x')` or a member of it is of.
pub(super) fn required(expression: &Expression<'_>) -> Option<String> {
    match expression.get_inner_expression() {
        Expression::CallExpression(call) => match call.callee.get_inner_expression() {
            Expression::Identifier(name) if name.name == "require" => literal(call.arguments.first()?.as_expression()?),
            _ => {
                let parts = dotted(&call.callee);
                let is_jests = parts.first().is_some_and(|it| it == "jest")
                    && parts.last().is_some_and(|it| it.starts_with("require"));
                if is_jests { literal(call.arguments.first()?.as_expression()?) } else { None }
            }
        },
        Expression::AwaitExpression(wait) => required(&wait.argument),
        Expression::ImportExpression(import) => literal(&import.source),
        other => required(other.as_member_expression()?.object()),
    }
}

/// Every name of the file that stands for something imported, and from where.
pub(super) fn imports(program: &Program<'_>) -> BTreeMap<String, String> {
    let mut found = Imports::default();
    found.visit_program(program);
    found.0
}

#[derive(Default)]
struct Imports(BTreeMap<String, String>);

impl<'a> Visit<'a> for Imports {
    fn enter_node(&mut self, kind: AstKind<'a>) {
        if let AstKind::ImportDeclaration(import) = kind {
            for one in import.specifiers.iter().flatten() {
                let local = match one {
                    ImportDeclarationSpecifier::ImportSpecifier(one) => &one.local,
                    ImportDeclarationSpecifier::ImportDefaultSpecifier(one) => &one.local,
                    ImportDeclarationSpecifier::ImportNamespaceSpecifier(one) => &one.local,
                };
                self.0.insert(local.name.to_string(), import.source.value.to_string());
            }
        } else if let AstKind::VariableDeclarator(one) = kind
            && let Some(from) = one.init.as_ref().and_then(required)
        {
            for local in one.id.get_binding_identifiers() {
                self.0.insert(local.name.to_string(), from.clone());
            }
        } else if let AstKind::AssignmentExpression(one) = kind
            && let AssignmentTarget::AssignmentTargetIdentifier(local) = &one.left
            && let Some(from) = required(&one.right)
        {
            self.0.insert(local.name.to_string(), from);
        }
    }
}

/// Names that get a value, and the names that this is made of.
#[derive(Default)]
struct Flow(Vec<(BTreeSet<String>, BTreeSet<String>, bool)>);

impl<'a> Visit<'a> for Flow {
    fn enter_node(&mut self, kind: AstKind<'a>) {
        if let AstKind::VariableDeclarator(one) = kind
            && let Some(value) = &one.init
        {
            let targets = one.id.get_binding_identifiers().iter().map(|id| id.name.to_string()).collect();
            self.0.push((targets, names(value), is_mock(value)));
        } else if let AstKind::AssignmentExpression(one) = kind {
            let mut targets = Names::default();
            targets.visit_assignment_target(&one.left);
            self.0.push((targets.0, names(&one.right), is_mock(&one.right)));
        } else if let AstKind::ForOfStatement(one) = kind {
            let mut targets = Names::default();
            targets.visit_for_statement_left(&one.left);
            self.0.push((targets.0, names(&one.right), false));
        } else if let AstKind::CallExpression(call) = kind
            && !dotted(&call.callee)
                .first()
                .is_some_and(|first| first == "expect" || first == "jest" || TESTS.contains(&first.as_str()))
        {
            // An object that the product was given may be changed by it.
            let given = call.arguments.iter().filter_map(|one| one.as_expression()?.get_identifier_reference());
            self.0.push((given.map(|name| name.name.to_string()).collect(), names(&call.callee), false));
        }
    }
}

fn is_mock(value: &Expression<'_>) -> bool {
    let parts = dotted(value);
    let last = parts.last().map(String::as_str).unwrap_or_default();
    parts.first().is_some_and(|first| first == "jest")
        && (parts.iter().any(|part| ["fn", "spyOn", "mocked", "createMockFromModule"].contains(&part.as_str()))
            || last.starts_with("mock"))
}

/// Follows what the product gave through the names of the file.
pub(super) fn follow(file: &mut File<'_>, program: &Program<'_>) {
    let mut flow = Flow::default();
    flow.visit_program(program);
    for _ in 0..4 {
        for (targets, from, mock) in &flow.0 {
            if *mock || from.iter().any(|name| file.mocks.contains(name)) {
                file.mocks.extend(targets.iter().cloned());
            } else if file.is_products(from) {
                let fresh = targets.iter().filter(|name| !file.mocks.contains(*name)).cloned();
                let fresh: Vec<String> = fresh.collect();
                file.given.extend(fresh);
            }
        }
    }
}
