//! `setup.py`, told apart: what decides how the project is built and run, and what only says something about it.

use std::collections::BTreeSet;

use ruff_python_ast::visitor::{Visitor, walk_expr};
use ruff_python_ast::{Expr, ExprCall, Stmt};

use super::declared::{SETUP, holds_requirements, origins};
use super::python_source::shallow_syntax;
use super::python_walk::digest_of;
use crate::model::digest::Digest;

/// The script without the keywords of `setup()` that only end in the distribution's metadata, and without the assignments of
/// literals that nothing else uses. A script that cannot be parsed counts whole.
pub(super) fn build(bytes: &[u8]) -> Option<Digest> {
    let mut body = shallow_syntax(bytes)?;
    for statement in &mut body {
        if let Stmt::Expr(expression) = statement
            && let Expr::Call(call) = expression.value.as_mut()
        {
            strip(call);
        }
    }
    let mut kept: Vec<bool> = body.iter().map(|statement| assigned(statement).is_none()).collect();
    // What is kept needs the names that it uses, and so on.
    loop {
        let mut used = Names::default();
        for statement in body.iter().zip(&kept).filter(|(_, kept)| **kept).map(|(statement, _)| statement) {
            used.visit_stmt(statement);
        }
        let needed = |statement: &Stmt| assigned(statement).is_some_and(|name| used.0.contains(name));
        let more: Vec<usize> = (0..body.len()).filter(|&at| !kept[at] && needed(&body[at])).collect();
        if more.is_empty() {
            break;
        }
        for at in more {
            kept[at] = true;
        }
    }
    let kept: Vec<&Stmt> = body.iter().zip(&kept).filter(|(_, kept)| **kept).map(|(statement, _)| statement).collect();
    Some(digest_of(&kept))
}

#[allow(clippy::wildcard_enum_match_arm, reason = "all other syntax is only walked through")]
fn strip(call: &mut ExprCall) {
    let is_setup = match call.func.as_ref() {
        Expr::Name(name) => name.id == "setup",
        Expr::Attribute(attribute) => attribute.attr.as_str() == "setup",
        _ => false,
    };
    if !is_setup {
        return;
    }
    let counts = |name: &str, value: &Expr| !SETUP.contains(&name) || !is_still(value) || names_a_place(name, value);
    call.arguments
        .keywords
        .retain(|keyword| keyword.arg.as_ref().is_none_or(|name| counts(name.as_str(), &keyword.value)));
}

/// Whether a requirement in it says where something comes from.
fn names_a_place(name: &str, value: &Expr) -> bool {
    let mut texts = Texts::default();
    texts.visit_expr(value);
    holds_requirements(name) && texts.0
}

/// The name that a statement gives a still value to, and does nothing else.
#[allow(clippy::wildcard_enum_match_arm, reason = "all other syntax is only walked through")]
fn assigned(statement: &Stmt) -> Option<&str> {
    let (target, value) = match statement {
        Stmt::Assign(assign) => (assign.targets.first().filter(|_| assign.targets.len() == 1)?, assign.value.as_ref()),
        Stmt::AugAssign(assign) => (assign.target.as_ref(), assign.value.as_ref()),
        Stmt::AnnAssign(assign) => (assign.target.as_ref(), assign.value.as_deref()?),
        _ => return None,
    };
    let name = match target {
        Expr::Name(name) => name,
        Expr::Subscript(subscript) if is_still(&subscript.slice) => subscript.value.as_name_expr()?,
        _ => return None,
    };
    let mut texts = Texts::default();
    texts.visit_expr(value);
    (is_still(value) && !texts.0).then_some(name.id.as_str())
}

/// Whether evaluating it does nothing: literals, displays of them, names, sums.
#[allow(clippy::wildcard_enum_match_arm, reason = "all other syntax is only walked through")]
fn is_still(value: &Expr) -> bool {
    match value {
        Expr::Name(_) => true,
        Expr::List(list) => list.elts.iter().all(is_still),
        Expr::Tuple(tuple) => tuple.elts.iter().all(is_still),
        Expr::Set(set) => set.elts.iter().all(is_still),
        Expr::Dict(dict) => {
            dict.items.iter().all(|item| item.key.as_ref().is_none_or(is_still) && is_still(&item.value))
        }
        Expr::BinOp(sum) => is_still(&sum.left) && is_still(&sum.right),
        Expr::Starred(starred) => is_still(&starred.value),
        Expr::Subscript(subscript) => is_still(&subscript.value) && is_still(&subscript.slice),
        other => other.is_literal_expr(),
    }
}

/// Names that code uses.
#[derive(Default)]
struct Names(BTreeSet<String>);

impl<'a> Visitor<'a> for Names {
    #[allow(clippy::wildcard_enum_match_arm, reason = "all other syntax is only walked through")]
    fn visit_expr(&mut self, expression: &'a Expr) {
        match expression {
            Expr::Name(name) => {
                self.0.insert(name.id.to_string());
            }
            // `globals()["NAME"]`.
            Expr::StringLiteral(text) => {
                self.0.insert(text.value.to_str().to_owned());
            }
            _ => {}
        }
        walk_expr(self, expression);
    }
}

/// Whether a text among the values tells where a requirement comes from.
#[derive(Default)]
struct Texts(bool);

impl<'a> Visitor<'a> for Texts {
    fn visit_expr(&mut self, expression: &'a Expr) {
        if let Expr::StringLiteral(text) = expression {
            self.0 |= !origins(&toml::Value::String(text.value.to_str().to_owned())).is_empty();
        }
        walk_expr(self, expression);
    }
}

#[cfg(test)]
mod tests {
    use super::build;

    #[test]
    fn only_what_builds_counts() {
        for (before, after, differs) in [
            ("setup(version='1')", "# c\nsetup(version='2')", false),
            ("setup(name='a')", "setup(name='b')", true),
            ("setup(packages=['a'])", "setup(packages=['b'])", true),
            ("setup(version=f('a'))", "setup(version=f('b'))", true),
            ("E = {'a': ['b==1']}\nsetup(extras_require=E)", "E = {'a': ['b==2']}\nsetup(extras_require=E)", false),
            ("E = {}\nE['d'] = ['a']\nsetup(extras_require=E)", "E = {}\nsetup(extras_require=E)", false),
            ("E = ['a']\nsetup(packages=E)", "E = ['b']\nsetup(packages=E)", true),
            ("E = ['a']\nF = E + ['x']\nsetup(packages=F)", "E = ['b']\nF = E + ['x']\nsetup(packages=F)", true),
            ("E = ['a']\ndef f(): return E\nsetup()", "E = ['b']\ndef f(): return E\nsetup()", true),
            ("E = ['a']\nsetup(install_requires=E)", "E = ['a @ https://x']\nsetup(install_requires=E)", true),
            ("setup(install_requires=['a'])", "setup(install_requires=['a @ https://x'])", true),
            ("x.setup(url='https://a@b')", "x.setup(url='https://c@d')", false),
            ("def f(): return 1\nsetup()", "def f(): return 2\nsetup()", true),
            ("setup(ext_modules=[])", "setup(ext_modules=[E])", true),
            ("setup(**{'version': '1'})", "setup(**{'version': '2'})", true),
        ] {
            assert_eq!(build(before.as_bytes()) != build(after.as_bytes()), differs, "{before}\n->\n{after}");
        }
        assert_eq!(build(b"setup("), None);
    }
}
