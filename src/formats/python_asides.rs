//! What of a file's module-level code runs nothing when the file is loaded, or only gives something a name: it can be noticed
//! only by code that asks for it.

use std::collections::BTreeMap;

use ruff_python_ast::name::Name;
use ruff_python_ast::visitor::{Visitor, walk_expr};
use ruff_python_ast::{
    AtomicNodeIndex, Decorator, ExceptHandler, Expr, ExprContext, Parameter, Pattern, Stmt, StmtFunctionDef, StmtPass,
};
use ruff_text_size::TextRange;

use super::python_walk::digest_of;
use crate::model::digest::Digest;
use crate::model::shape::{Asides, Plain};

/// Functions that pytest, unittest or Python itself look up by their name.
const LOOKED_UP: &[&str] = &["pytest_", "setup", "teardown", "setUp", "tearDown", "load_tests", "__"];

/// Modules of the standard library whose import does nothing but make them known. All are as old as the oldest Python in use.
const STILL_MODULES: &[&str] = &[
    "abc",
    "argparse",
    "base64",
    "bisect",
    "calendar",
    "collections",
    "collections.abc",
    "contextlib",
    "copy",
    "csv",
    "dataclasses",
    "datetime",
    "decimal",
    "enum",
    "errno",
    "fnmatch",
    "fractions",
    "functools",
    "glob",
    "hashlib",
    "heapq",
    "html",
    "io",
    "itertools",
    "json",
    "keyword",
    "math",
    "numbers",
    "operator",
    "os",
    "pathlib",
    "pprint",
    "random",
    "re",
    "shlex",
    "shutil",
    "stat",
    "statistics",
    "string",
    "struct",
    "sys",
    "tempfile",
    "textwrap",
    "time",
    "traceback",
    "types",
    "typing",
    "uuid",
    "warnings",
    "weakref",
];

/// Names that `typing` has had since Python 3.8 and has still: importing them cannot fail.
const OF_TYPING: &[&str] = &[
    "Any",
    "AnyStr",
    "Callable",
    "ClassVar",
    "Dict",
    "Final",
    "FrozenSet",
    "Generic",
    "Iterable",
    "Iterator",
    "List",
    "Literal",
    "Mapping",
    "NamedTuple",
    "NoReturn",
    "Optional",
    "Protocol",
    "Sequence",
    "Set",
    "TYPE_CHECKING",
    "Tuple",
    "Type",
    "TypeVar",
    "TypedDict",
    "Union",
    "cast",
    "overload",
];

/// Whether `name` is a module of the standard library whose import is an aside; a file of that name on the path would come first.
#[must_use]
pub fn is_still_module(name: &str) -> bool {
    STILL_MODULES.contains(&name)
}

/// Takes the asides out of module-level code whose function bodies are already out of it.
pub(super) fn asides(mut body: Vec<Stmt>) -> Asides {
    let bound = bindings(&body);
    let mut taken = Taken { annotations_are_text: has_future_annotations(&body), ..Taken::default() };
    taken.title(&mut body);
    let (mut kept, mut plain): (Vec<Stmt>, Vec<Plain>) = (Vec::new(), Vec::new());
    for mut statement in body {
        let only = |name: &str| bound.get(name) == Some(&1);
        if let Some(found) = take_plain(&mut statement, &mut taken, &only, kept.len()) {
            plain.extend(found);
        } else {
            taken.statement(&mut statement, "", !bound.contains_key(CHECKING_IS_OURS));
            kept.push(statement);
        }
    }
    plain.sort();
    let core: Vec<&Stmt> = kept.iter().collect();
    let text = |parts: &[String]| Digest::of_parts(parts.iter().map(String::as_bytes));
    Asides {
        core: digest_of(&core),
        docs: text(&taken.docs),
        titles: text(&taken.titles),
        annotations: text(&taken.annotations),
        checking: text(&taken.checking),
        version: text(&taken.version),
        plain,
    }
}

/// A statement that does nothing but give a name: what it names, with what it says and where it stands. `None` if it does more.
fn take_plain(statement: &mut Stmt, taken: &mut Taken, only: &dyn Fn(&str) -> bool, at: usize) -> Option<Vec<Plain>> {
    let at = u32::try_from(at).unwrap_or(u32::MAX);
    if let Stmt::FunctionDef(def) = statement {
        let name = def.name.to_string();
        let looked_up = LOOKED_UP.iter().any(|start| name.starts_with(start));
        if looked_up || !only(&name) || !is_still_head(def, taken.annotations_are_text) {
            return None;
        }
        taken.function(def, "");
        return Some(vec![Plain { name, head: digest_of(&[statement]), at, fallible: false }]);
    }
    let imports: Vec<(String, String, bool)> = if let Stmt::Import(import) = statement {
        let named = import.names.iter().map(|alias| {
            let name = alias.name.to_string();
            let bound = alias.asname.as_ref().map_or(&alias.name, |asname| asname).to_string();
            (name.contains('.') && alias.asname.is_none(), bound, name)
        });
        let named: Vec<_> = named.collect();
        if named.iter().any(|(dotted, _, module)| *dotted || !STILL_MODULES.contains(&module.as_str())) {
            return None;
        }
        named.into_iter().map(|(_, bound, module)| (bound, module, false)).collect()
    } else if let Stmt::ImportFrom(import) = statement {
        let module = import.module.as_ref().filter(|_| import.level == 0)?.to_string();
        if !STILL_MODULES.contains(&module.as_str()) {
            return None;
        }
        let named = import.names.iter().map(|alias| {
            let bound = alias.asname.as_ref().unwrap_or(&alias.name).to_string();
            let never_fails = module == "typing" && OF_TYPING.contains(&alias.name.as_str());
            (bound, format!("{module}.{}", alias.name), !never_fails)
        });
        named.collect()
    } else {
        return None;
    };
    if imports.iter().any(|(bound, _, _)| bound == "*" || !only(bound)) {
        return None;
    }
    let named = imports.into_iter();
    Some(named.map(|(name, from, fallible)| Plain { name, head: Digest::of(from.as_bytes()), at, fallible }).collect())
}

/// Whether running the `def` cannot fail or do anything: no decorator, defaults that are literals, annotations that stay text.
fn is_still_head(def: &StmtFunctionDef, annotations_are_text: bool) -> bool {
    let parameters = &def.parameters;
    let mut named = parameters.iter_non_variadic_params();
    let is_literal = |value: &Expr| {
        value.is_literal_expr() || value.as_unary_op_expr().is_some_and(|unary| unary.operand.is_number_literal_expr())
    };
    let defaults = named.all(|parameter| parameter.default().is_none_or(is_literal));
    let annotated = def.returns.is_some() || parameters.iter().any(|parameter| parameter.annotation().is_some());
    def.decorator_list.is_empty() && def.type_params.is_none() && defaults && (annotations_are_text || !annotated)
}

fn has_future_annotations(body: &[Stmt]) -> bool {
    body.iter().filter_map(Stmt::as_import_from_stmt).any(|import| {
        import.module.as_ref().is_some_and(|module| module.as_str() == "__future__")
            && import.names.iter().any(|alias| alias.name.as_str() == "annotations")
    })
}

/// Stands for a `TYPE_CHECKING` that is not `typing`'s.
const CHECKING_IS_OURS: &str = "TYPE_CHECKING=";

/// How often each name is bound in a file, function bodies aside.
fn bindings(body: &[Stmt]) -> BTreeMap<String, usize> {
    struct Bindings(BTreeMap<String, usize>);
    impl Bindings {
        fn add(&mut self, name: &str) {
            *self.0.entry(name.to_owned()).or_default() += 1;
        }
    }
    impl<'a> Visitor<'a> for Bindings {
        fn visit_stmt(&mut self, statement: &'a Stmt) {
            if let Stmt::FunctionDef(def) = statement {
                self.add(&def.name);
            } else if let Stmt::ClassDef(class) = statement {
                self.add(&class.name);
            } else if let Stmt::Import(import) = statement {
                for alias in &import.names {
                    let name = alias.asname.as_ref().unwrap_or(&alias.name).as_str();
                    self.add(name.split('.').next().unwrap_or(name));
                }
            } else if let Stmt::ImportFrom(import) = statement {
                let of_typing =
                    import.module.as_ref().is_some_and(|m| matches!(m.as_str(), "typing" | "typing_extensions"));
                for alias in &import.names {
                    let name = alias.asname.as_ref().unwrap_or(&alias.name).as_str();
                    self.add(name);
                    if name == "TYPE_CHECKING" && !of_typing {
                        self.add(CHECKING_IS_OURS);
                    }
                }
            } else if let Stmt::Try(inner) = statement {
                let handlers = inner.handlers.iter().map(|ExceptHandler::ExceptHandler(handler)| handler);
                handlers.filter_map(|handler| handler.name.as_ref()).for_each(|name| self.add(name));
            }
            // Names that classes bind are counted too: who is not sure counts too many.
            ruff_python_ast::visitor::walk_stmt(self, statement);
        }

        fn visit_pattern(&mut self, pattern: &'a Pattern) {
            let name = match pattern {
                Pattern::MatchAs(inner) => inner.name.as_ref(),
                Pattern::MatchStar(inner) => inner.name.as_ref(),
                Pattern::MatchMapping(inner) => inner.rest.as_ref(),
                Pattern::MatchValue(_)
                | Pattern::MatchSingleton(_)
                | Pattern::MatchSequence(_)
                | Pattern::MatchClass(_)
                | Pattern::MatchOr(_) => None,
            };
            if let Some(name) = name {
                self.add(name);
            }
            ruff_python_ast::visitor::walk_pattern(self, pattern);
        }

        fn visit_expr(&mut self, expression: &'a Expr) {
            if let Expr::Name(name) = expression
                && !matches!(name.ctx, ExprContext::Load)
            {
                self.add(&name.id);
                if name.id == "TYPE_CHECKING" {
                    self.add(CHECKING_IS_OURS);
                }
            }
            walk_expr(self, expression);
        }
    }
    let mut found = Bindings(BTreeMap::new());
    found.visit_body(body);
    found.0
}

/// What was taken out, in the order of the text, each with its owner.
#[derive(Default)]
struct Taken {
    annotations_are_text: bool,
    docs: Vec<String>,
    titles: Vec<String>,
    annotations: Vec<String>,
    checking: Vec<String>,
    version: Vec<String>,
}

impl Taken {
    fn statement(&mut self, statement: &mut Stmt, prefix: &str, checking_is_typings: bool) {
        if let Stmt::FunctionDef(def) = statement {
            if def.decorator_list.iter().all(is_indifferent) {
                self.function(def, prefix);
            }
        } else if let Stmt::ClassDef(class) = statement {
            let name = format!("{prefix}{}", class.name);
            if let Some(text) = class.body.first().and_then(docstring) {
                self.titles.push(format!("{name} {text}"));
                class.body.remove(0);
            }
            for inner in &mut class.body {
                self.statement(inner, &format!("{name}."), checking_is_typings);
            }
        } else if let Stmt::If(inner) = statement {
            if checking_is_typings && inner.elif_else_clauses.is_empty() && is_type_checking(&inner.test) {
                let body: Vec<&Stmt> = inner.body.iter().collect();
                self.checking.push(format!("{prefix} {}", digest_of(&body)));
                inner.body = [nothing()].into_iter().collect();
            }
        } else if let Stmt::Assign(assign) = statement
            && prefix.is_empty()
            && let [Expr::Name(name)] = assign.targets.as_slice()
            && name.id == "__version__"
            && let Expr::StringLiteral(text) = assign.value.as_mut()
        {
            self.version.push(text.value.to_str().to_owned());
            *statement = nothing();
        }
    }

    /// Takes docstring and annotations out of a function's head.
    fn function(&mut self, def: &mut StmtFunctionDef, prefix: &str) {
        let name = format!("{prefix}{}", def.name);
        if let Some(text) = def.body.first().and_then(docstring) {
            self.docs.push(format!("{name} {text}"));
            def.body.remove(0);
        }
        if !self.annotations_are_text {
            return;
        }
        let parameters = def.parameters.as_mut();
        let named = parameters.posonlyargs.iter_mut().chain(&mut parameters.args).chain(&mut parameters.kwonlyargs);
        let variadic = parameters.vararg.iter_mut().chain(&mut parameters.kwarg).map(Box::as_mut);
        let all: Vec<&mut Parameter> = named.map(|named| &mut named.parameter).chain(variadic).collect();
        for parameter in all {
            if let Some(annotation) = parameter.annotation.take() {
                self.annotation(&format!("{name} {}", parameter.name), *annotation);
            }
        }
        if let Some(returns) = def.returns.take() {
            self.annotation(&format!("{name} ->"), *returns);
        }
    }

    fn annotation(&mut self, owner: &str, annotation: Expr) {
        let statement = Stmt::Expr(ruff_python_ast::StmtExpr {
            node_index: AtomicNodeIndex::default(),
            range: TextRange::default(),
            value: Box::new(annotation),
        });
        self.annotations.push(format!("{owner} {}", digest_of(&[&statement])));
    }

    fn title(&mut self, body: &mut Vec<Stmt>) {
        if let Some(text) = body.first().and_then(docstring) {
            self.titles.push(text);
            body.remove(0);
        }
    }
}

/// A docstring's text. Examples in it are run by doctest: they stay where they are.
fn docstring(statement: &Stmt) -> Option<String> {
    let text = statement.as_expr_stmt()?.value.as_string_literal_expr()?.value.to_str();
    (!text.contains(">>>") && !text.contains('\u{fffd}')).then(|| text.to_owned())
}

pub(super) fn is_type_checking(test: &Expr) -> bool {
    match (test, test.as_attribute_expr()) {
        (Expr::Name(name), _) => name.id == "TYPE_CHECKING",
        (_, Some(attribute)) => {
            let base = attribute.value.as_name_expr().map(|name: &ruff_python_ast::ExprName| &name.id);
            attribute.attr.as_str() == "TYPE_CHECKING"
                && base.is_some_and(|base: &Name| base == "typing" || base == "t")
        }
        _ => false,
    }
}

/// Decorators that look at neither docstring nor annotations.
#[allow(clippy::wildcard_enum_match_arm, reason = "any other decorator may look")]
fn is_indifferent(decorator: &Decorator) -> bool {
    const INDIFFERENT: &[&str] = &[
        "abstractmethod",
        "classmethod",
        "contextmanager",
        "deleter",
        "final",
        "getter",
        "overload",
        "override",
        "property",
        "setter",
        "staticmethod",
    ];
    let name = match &decorator.expression {
        Expr::Name(name) => name.id.as_str(),
        Expr::Attribute(attribute) => attribute.attr.as_str(),
        _ => return false,
    };
    INDIFFERENT.contains(&name)
}

fn nothing() -> Stmt {
    Stmt::Pass(StmtPass { node_index: AtomicNodeIndex::default(), range: TextRange::default() })
}
