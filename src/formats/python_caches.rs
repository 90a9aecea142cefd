//! Functions that look into a table and fill it: what one call puts there, a later one may find without computing it.

use std::collections::BTreeSet;

use ruff_python_ast::visitor::{Visitor, walk_expr, walk_stmt};
use ruff_python_ast::{CmpOp, Expr, ExprContext, Parameters, Stmt};

/// Whether the body stores into a table under a key and reads the same table, where the table outlives the call: an attribute, or
/// a name that is not the function's own.
pub(super) fn fills_a_table(parameters: &Parameters, body: &[Stmt]) -> bool {
    let mut finder = Finder::default();
    for parameter in parameters {
        // A table that is a default lives as long as the function.
        let is_table = parameter.default().is_some_and(|value| matches!(value, Expr::Dict(_) | Expr::Call(_)));
        if !is_table {
            finder.own.insert(parameter.name().to_string());
        }
    }
    finder.visit_body(body);
    let outlives =
        |table: &&String| table.contains('.') || finder.declared.contains(*table) || !finder.own.contains(*table);
    finder.stored.intersection(&finder.read).any(|table| outlives(&table))
}

#[derive(Default)]
struct Finder {
    stored: BTreeSet<String>,
    read: BTreeSet<String>,
    own: BTreeSet<String>,
    /// `global` and `nonlocal`.
    declared: BTreeSet<String>,
}

impl<'a> Visitor<'a> for Finder {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        if let Stmt::Global(global) = statement {
            self.declared.extend(global.names.iter().map(ToString::to_string));
        } else if let Stmt::Nonlocal(nonlocal) = statement {
            self.declared.extend(nonlocal.names.iter().map(ToString::to_string));
        }
        walk_stmt(self, statement);
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        if let Expr::Name(name) = expression
            && name.ctx == ExprContext::Store
        {
            self.own.insert(name.id.to_string());
        } else if let Expr::Subscript(subscript) = expression
            && let Some(table) = dotted(&subscript.value)
        {
            let into = if subscript.ctx == ExprContext::Store { &mut self.stored } else { &mut self.read };
            into.insert(table);
        } else if let Expr::Compare(compare) = expression {
            let asked = compare.ops.iter().zip(&compare.comparators);
            let tables = asked.filter(|(op, _)| matches!(op, CmpOp::In | CmpOp::NotIn));
            self.read.extend(tables.filter_map(|(_, table)| dotted(table)));
        } else if let Expr::Call(call) = expression
            && let Expr::Attribute(method) = call.func.as_ref()
            && let Some(table) = dotted(&method.value)
        {
            if matches!(method.attr.as_str(), "setdefault" | "update" | "put") {
                self.stored.insert(table.clone());
            }
            if matches!(method.attr.as_str(), "setdefault" | "get" | "pop") {
                self.read.insert(table);
            }
        }
        walk_expr(self, expression);
    }
}

/// `a.b.c`; nothing for what is no plain chain of names.
fn dotted(expression: &Expr) -> Option<String> {
    if let Expr::Attribute(attribute) = expression {
        return Some(format!("{}.{}", dotted(&attribute.value)?, attribute.attr));
    }
    if let Expr::Name(name) = expression { Some(name.id.to_string()) } else { None }
}

#[cfg(test)]
mod tests {
    use crate::formats::python_source::shape;

    #[test]
    fn a_table_that_outlives_the_call_is_a_cache() {
        for (source, fills) in [
            ("def f(k):\n  if k not in T:\n    T[k] = g(k)\n  return T[k]\n", true),
            (
                "def f(self, k):\n  try:\n    return self.t[k]\n  except KeyError:\n    v = self.t[k] = g(k)\n    return v\n",
                true,
            ),
            ("def f(k, t={}):\n  if k not in t:\n    t[k] = g(k)\n  return t[k]\n", true),
            ("def f(k):\n  return T.setdefault(k, g(k))\n", true),
            ("def f(k):\n  v = T.get(k)\n  if v is None:\n    T[k] = v = g(k)\n  return v\n", true),
            ("def f(k):\n  t = {}\n  if k not in t:\n    t[k] = g(k)\n  return t[k]\n", false),
            ("def f(t, k):\n  if k not in t:\n    t[k] = g(k)\n  return t[k]\n", false),
            ("def f(k):\n  T[k] = g(k)\n", false),
            ("def f(k):\n  return T[k]\n", false),
        ] {
            assert_eq!(shape(source.as_bytes()).functions[0].fills, fills, "{source}");
        }
    }
}
