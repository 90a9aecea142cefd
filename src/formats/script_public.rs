//! What a test of jest's reaches of the product beside its public interface: names that are private, modules past the package's exports, mocks in
//! place of the product's own, state set from outside.

#![allow(clippy::wildcard_enum_match_arm, reason = "all other syntax is only walked through")]

use std::collections::BTreeMap;

use oxc_ast::AstKind;
use oxc_ast::ast::{AssignmentTarget, CallExpression, Expression, MemberExpression, ModuleExportName, Program, TSType};
use oxc_ast_visit::Visit;
use oxc_span::{GetSpan as _, Span};
use serde_json::Value;

use super::script_names::{File, dotted, literal, names};
use super::script_source::is_script;
use crate::model::guard::Finding;

/// Packages that replace what a module holds.
const REWIRING: [&str; 4] = ["rewire", "proxyquire", "rewiremock", "mock-require"];
/// Folders that a build writes what a package exports to, and those that it is made from.
const BUILT: [&str; 8] = ["dist", "lib", "build", "out", "esm", "cjs", "src", "source"];
/// What puts another thing in a module's place.
const MOCKING: [&str; 6] = ["mock", "doMock", "unstable_mockModule", "setMock", "spyOn", "replaceProperty"];

/// The packages of a repository.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Packages {
    /// Folder from the root to `package.json`.
    manifests: BTreeMap<String, Value>,
}

impl Packages {
    /// Of the texts of all `package.json`, by their folders.
    #[must_use]
    pub fn of<'t>(texts: impl Iterator<Item = (String, &'t [u8])>) -> Self {
        let read = texts.filter_map(|(folder, bytes)| Some((folder, serde_json::from_slice(bytes).ok()?)));
        Self { manifests: read.collect() }
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.manifests.values().filter_map(|manifest| manifest.get("name")?.as_str())
    }

    /// Whether a module belongs to the repository: by its path, by the name of a package of it, or by an alias for a folder of it.
    pub(super) fn is_own(&self, from: &str) -> bool {
        let is_path = from.starts_with('.') || from.starts_with('/');
        let is_alias = ["@/", "~/", "#", "src/"].iter().any(|alias| from.starts_with(alias));
        let is_named = |name: &str| from == name || from.strip_prefix(name).is_some_and(|rest| rest.starts_with('/'));
        is_path || is_alias || self.names().any(is_named)
    }

    /// The `package.json` above a path.
    fn above(&self, path: &str) -> Option<(&str, &Value)> {
        let mut folder = path;
        loop {
            folder = folder.rsplit_once('/').map_or("", |(folder, _)| folder);
            if let Some((folder, manifest)) = self.manifests.get_key_value(folder) {
                return Some((folder, manifest));
            }
            if folder.is_empty() {
                return None;
            }
        }
    }

    /// The file that a package's name stands for, of these files.
    #[must_use]
    pub fn entry<'f>(&self, path: &str, mut files: impl Iterator<Item = &'f String>) -> Option<&'f String> {
        let (folder, manifest) = self.above(path)?;
        let mut targets = Vec::new();
        match manifest.get("exports") {
            Some(Value::Object(members)) if members.contains_key(".") => collect(&members["."], &mut targets),
            Some(exports) => collect(exports, &mut targets),
            None => targets.push(manifest.get("main").and_then(Value::as_str).unwrap_or("index.js").to_owned()),
        }
        let own = plain(targets.first()?);
        files.find(|file| {
            let inside = file.strip_prefix(folder).map(|inside| inside.trim_start_matches('/'));
            is_script(file) && !is_of_tests(file) && inside.is_some_and(|inside| plain(inside) == own)
        })
    }

    /// Whether modules of a file's package are those of ECMAScript.
    #[must_use]
    pub fn is_of_modules(&self, path: &str) -> bool {
        self.above(path).and_then(|(_, manifest)| manifest.get("type")?.as_str()) == Some("module")
    }

    /// Whether a package says what can be imported of it, and this file is none of that.
    #[must_use]
    pub fn is_past_exports(&self, path: &str) -> bool {
        let Some((folder, manifest)) = self.above(path) else { return false };
        let Some(exports) = manifest.get("exports") else { return false };
        let inside = path.strip_prefix(folder).unwrap_or(path).trim_start_matches('/');
        let mut targets = Vec::new();
        collect(exports, &mut targets);
        targets.extend(manifest.get("main").and_then(Value::as_str).map(str::to_owned));
        let own = plain(inside);
        !targets.iter().any(|target| fits(&plain(target), &own))
    }
}

fn collect(exports: &Value, into: &mut Vec<String>) {
    match exports {
        Value::String(text) => into.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| collect(item, into)),
        Value::Object(members) => members.values().for_each(|item| collect(item, into)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A file's path without what a build changes of it: the folders, the ending, `index`.
fn plain(path: &str) -> String {
    let path = path.trim_start_matches("./").trim_end_matches('/');
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let skip = parts.iter().take_while(|part| BUILT.contains(part)).count().min(parts.len().saturating_sub(1));
    let path = parts[skip..].join("/");
    let name = path.rsplit('/').next().unwrap_or_default();
    let stem = name.split_once('.').map_or(name, |(stem, _)| stem);
    let path = format!("{}{stem}", &path[..path.len() - name.len()]);
    path.strip_suffix("index").map_or(path.clone(), |folder| folder.trim_end_matches('/').to_owned())
}

fn fits(pattern: &str, path: &str) -> bool {
    match pattern.split_once('*') {
        Some((before, after)) => path.strip_prefix(before).is_some_and(|rest| rest.ends_with(after)),
        None => pattern == path,
    }
}

/// A relative module's path from the root.
fn resolved(from: &str, module: &str) -> Option<String> {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in module.split('/') {
        match part {
            "." | "" => {}
            ".." => drop(parts.pop()?),
            other => parts.push(other),
        }
    }
    Some(parts.join("/"))
}

/// Looks at a test file.
pub(super) fn findings(file: &File<'_>, program: &Program<'_>, packages: &Packages) -> Vec<Finding> {
    let mut walk = Walk { file, packages, found: Vec::new() };
    for (name, from) in &file.imported {
        walk.import(name, from);
    }
    walk.visit_program(program);
    walk.found
}

struct Walk<'f, 't> {
    file: &'f File<'t>,
    packages: &'f Packages,
    found: Vec<Finding>,
}

impl<'a> Visit<'a> for Walk<'_, '_> {
    fn enter_node(&mut self, kind: AstKind<'a>) {
        match kind {
            AstKind::ImportSpecifier(one) => {
                if let ModuleExportName::IdentifierName(name) = &one.imported {
                    self.private(&name.name, one.span);
                }
            }
            AstKind::StaticMemberExpression(one) => self.member(&one.property.name, &one.object, one.span),
            AstKind::ComputedMemberExpression(one) => match literal(&one.expression) {
                Some(name) => self.member(&name, &one.object, one.span),
                None if self.is_module(&one.object) && !is_number(&one.expression) => {
                    self.add("private-name", one.span, "a name of the product's is computed".to_owned());
                }
                None => {}
            },
            AstKind::BindingProperty(one) => {
                if let Some(name) = one.key.static_name() {
                    self.private(&name, one.span);
                }
            }
            AstKind::AssignmentExpression(one) => self.assigned(&one.left),
            AstKind::UpdateExpression(one) => {
                if let Some(member) = one.argument.as_member_expression() {
                    self.set(member);
                }
            }
            AstKind::UnaryExpression(one) if one.operator.is_delete() => {
                if let Some(member) = one.argument.as_member_expression() {
                    self.set(member);
                }
            }
            AstKind::CallExpression(call) => self.call(call),
            _ => {}
        }
    }
}

impl Walk<'_, '_> {
    fn add(&mut self, rule: &str, span: Span, text: String) {
        self.found.push(self.file.finding("public", rule, span, text));
    }

    fn import(&mut self, name: &str, from: &str) {
        // Where it stands is found again by its text.
        let at = self.file.text.find(&format!("'{from}'")).or_else(|| self.file.text.find(&format!("\"{from}\"")));
        let span = Span::empty(u32::try_from(at.unwrap_or_default()).unwrap_or_default());
        if REWIRING.contains(&from) {
            self.add("first-party-patch", span, format!("{from} replaces what modules hold"));
        }
        if !self.packages.is_own(from) {
            return;
        }
        let is_hidden = |part: &str| part.starts_with('_') && !part.starts_with("__");
        if from.split('/').any(is_hidden) {
            self.add("private-name", span, format!("{name} comes from a module whose name is private"));
        }
        let target = if from.starts_with('.') { resolved(self.file.path, from) } else { None };
        if target.is_some_and(|target| !is_of_tests(&target) && self.packages.is_past_exports(&target)) {
            self.add("past-exports", span, format!("{name} comes from a module that its package does not export"));
        }
    }

    fn private(&mut self, name: &str, span: Span) {
        if is_private(name) {
            let shown: String = name.chars().take(60).collect();
            self.add("private-name", span, format!("{shown} is private"));
        }
    }

    fn member(&mut self, name: &str, object: &Expression<'_>, span: Span) {
        self.private(name, span);
        if ["__proto__", "__get__", "__set__", "__with__"].contains(&name) {
            self.add("state-injection", span, format!("{name} reaches into an object or a module"));
        }
        let is_any = matches!(strip(object), Expression::TSAsExpression(cast) if matches!(cast.type_annotation, TSType::TSAnyKeyword(_)));
        if is_any && self.file.is_products(&names(object)) {
            self.add("private-name", span, "a cast to any reaches what no public type has".to_owned());
        }
    }

    /// Whether this is a name for a module of the product's, or for what it exports.
    fn is_module(&self, object: &Expression<'_>) -> bool {
        object.get_identifier_reference().is_some_and(|name| self.file.own.contains(name.name.as_str()))
    }

    fn assigned(&mut self, left: &AssignmentTarget<'_>) {
        if let Some(target) = left.as_simple_assignment_target()
            && let Some(member) = target.as_member_expression()
        {
            self.set(member);
        }
    }

    fn set(&mut self, member: &MemberExpression<'_>) {
        let parts = dotted(member.object());
        let first = parts.first().map(String::as_str).unwrap_or_default();
        let shown = parts.join(".");
        if self.file.own.contains(first) {
            let text = format!("{shown} is changed: the code under test is not the product's any more");
            self.add("first-party-patch", member.span(), text);
        } else if self.file.given.contains(first) || parts.iter().any(|part| part == "prototype") {
            self.add("state-injection", member.span(), format!("a member of {shown} is set from outside"));
        } else if ["global", "globalThis", "window", "Date", "Math", "console"].contains(&first) {
            self.add("state-injection", member.span(), format!("{shown} is changed for everybody"));
        }
    }

    fn call(&mut self, call: &CallExpression<'_>) {
        let parts = dotted(&call.callee);
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let first = call.arguments.first().and_then(|one| one.as_expression());
        match parts.as_slice() {
            ["jest" | "vi", how] if MOCKING.contains(how) => {
                let Some(target) = first else { return };
                let is_own = literal(target)
                    .map_or_else(|| self.file.is_products(&names(target)), |module| self.packages.is_own(&module));
                if is_own {
                    let text = format!("jest.{how} puts something else in place of the product's own");
                    self.add("first-party-patch", call.span, text);
                }
            }
            ["Object" | "Reflect", how]
                if ["defineProperty", "defineProperties", "setPrototypeOf", "assign", "set", "deleteProperty"]
                    .contains(how)
                    && first.is_some_and(|target| {
                        self.file.is_products(&names(target)) || dotted(target).iter().any(|part| part == "prototype")
                    }) =>
            {
                self.add("state-injection", call.span, format!("{} sets what is not the test's own", parts.join(".")));
            }
            _ => {}
        }
    }
}

/// Without parentheses, but with casts.
fn strip<'e, 'a>(expression: &'e Expression<'a>) -> &'e Expression<'a> {
    expression.without_parentheses()
}

fn is_number(expression: &Expression<'_>) -> bool {
    matches!(expression.get_inner_expression(), Expression::NumericLiteral(_))
}

/// `_name`; not `_` itself, and not what node and jest call so.
fn is_private(name: &str) -> bool {
    name.len() > 1 && name.starts_with('_') && !name.starts_with("__")
}

/// Whether a file belongs to the tests: their own helpers are no product.
fn is_of_tests(path: &str) -> bool {
    let folders = ["test", "tests", "__tests__", "spec", "__mocks__", "__fixtures__", "fixtures"];
    path.split('/').any(|part| folders.contains(&part)) || path.contains(".test") || path.contains(".spec")
}
