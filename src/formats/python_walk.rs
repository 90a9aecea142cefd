//! Walks a Python syntax tree: takes function bodies out of it, and hashes what is left without positions.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};

use ruff_python_ast::comparable::ComparableStmt;
use ruff_python_ast::visitor::{Visitor, walk_expr, walk_parameters};
use ruff_python_ast::{
    AtomicNodeIndex, CmpOp, Decorator, ExceptHandler, Expr, ExprCall, ExprCompare, FStringPart,
    InterpolatedStringElement, Stmt, StmtClassDef, StmtFunctionDef, StmtPass, TypeParams,
};
use ruff_text_size::{Ranged, TextRange, TextSize};

use super::python_caches::fills_a_table;
use crate::model::digest::Digest;
use crate::model::shape::ScopeShape;

/// One function as it stands in the file.
pub(super) struct Found {
    pub(super) name: String,
    pub(super) lines: (u32, u32),
    pub(super) body: Digest,
    pub(super) remembers: bool,
    pub(super) fills: bool,
}

/// What a walk over one file collects.
pub(super) struct Walk<'t> {
    text: &'t str,
    /// Offsets of the line ends.
    line_ends: Vec<u32>,
    /// Goes into every hash: what outside the syntax changes what the text means (its encoding).
    seed: &'t str,
    /// In the order of the text.
    pub(super) found: Vec<Found>,
    pub(super) scopes: BTreeSet<ScopeShape>,
    pub(super) environment: BTreeSet<String>,
}

/// Where names are defined: what stands before them in a qualified name, and which of them are declared global.
struct Scope {
    prefix: String,
    globals: BTreeSet<String>,
    /// The innermost function; empty at module level.
    owner: String,
}

impl Scope {
    fn new(prefix: String, owner: &str, body: &[Stmt]) -> Self {
        let mut globals = BTreeSet::new();
        collect_globals(body, &mut globals);
        Self { prefix, globals, owner: owner.to_owned() }
    }

    /// The qualified name of a function or class; declared global, it is a global's name.
    fn qualified(&self, name: &str) -> String {
        if self.globals.contains(name) { name.to_owned() } else { format!("{}{name}", self.prefix) }
    }
}

impl<'t> Walk<'t> {
    pub(super) fn new(text: &'t str, seed: &'t str) -> Self {
        let ends = text.bytes().enumerate().filter(|&(_, byte)| byte == b'\n');
        let line_ends = ends.map(|(at, _)| u32::try_from(at).unwrap_or(u32::MAX)).collect();
        Self { text, line_ends, seed, found: Vec::new(), scopes: BTreeSet::new(), environment: BTreeSet::new() }
    }

    /// Takes all function bodies out of a module and returns the hash of the rest.
    pub(super) fn module(&mut self, body: &mut [Stmt]) -> Digest {
        let scope = Scope::new(String::new(), "", body);
        self.block(body, &scope);
        self.seal(body).0
    }

    fn block(&mut self, body: &mut [Stmt], scope: &Scope) {
        for statement in body {
            if let Stmt::FunctionDef(def) = statement {
                self.function(def, scope);
            } else if let Stmt::ClassDef(class) = statement {
                self.class(class, scope);
            } else if let Stmt::TypeAlias(alias) = statement {
                let lines = self.lines(alias.range);
                if let Expr::Name(name) = alias.name.as_ref() {
                    self.name_scope(scope.qualified(&name.id), lines, scope);
                }
                self.type_params(alias.type_params.as_deref(), scope, lines);
            } else {
                for inner in blocks_mut(statement) {
                    self.block(inner, scope);
                }
            }
        }
    }

    fn class(&mut self, class: &mut StmtClassDef, scope: &Scope) {
        let lines = self.lines(starting_at(class.range, &class.decorator_list));
        let name = scope.qualified(&class.name);
        self.type_params(class.type_params.as_deref(), scope, lines);
        self.name_scope(name.clone(), lines, scope);
        let inner = Scope::new(format!("{name}."), &scope.owner, &class.body);
        self.block(&mut class.body, &inner);
    }

    fn type_params(&mut self, params: Option<&TypeParams>, scope: &Scope, lines: (u32, u32)) {
        for param in params.into_iter().flat_map(|params| params.type_params.iter()) {
            self.name_scope(format!("{}{}", scope.prefix, param.name()), lines, scope);
        }
    }

    fn name_scope(&mut self, name: String, lines: (u32, u32), scope: &Scope) {
        self.scopes.insert(ScopeShape { name, lines, owner: scope.owner.clone() });
    }

    /// Takes the body out of one function; its docstring stays, and whether it is a generator: calling one without
    /// iterating over it runs nothing of it, so its caller could not see the difference otherwise.
    fn function(&mut self, def: &mut StmtFunctionDef, scope: &Scope) {
        let lines = self.lines(starting_at(def.range, &def.decorator_list));
        let name = scope.qualified(&def.name);
        self.type_params(def.type_params.as_deref(), scope, lines);
        let remembers = def.decorator_list.iter().any(|decorator| speaks_of_memory(&decorator.expression));
        let place = self.found.len();
        self.found.push(Found { name: name.clone(), lines, body: Digest::default(), remembers, fills: false });

        let mut body = std::mem::take(&mut def.body);
        if body.first().is_some_and(is_docstring) {
            def.body.push(body.remove(0));
        }
        let inner = Scope::new(format!("{name}.<locals>."), &name, &body);
        self.block(&mut body, &inner);
        let (digest, is_generator) = self.seal(&body);
        self.found[place].body = digest;
        self.found[place].fills = fills_a_table(&def.parameters, &body);
        if is_generator {
            def.body.push(Stmt::Pass(StmtPass { node_index: AtomicNodeIndex::default(), range: TextRange::default() }));
        }
    }

    /// The hash of statements without positions, and whether they yield.
    fn seal(&mut self, body: &[Stmt]) -> (Digest, bool) {
        let mut reader = Reader { environment: &mut self.environment, yields: false, lambdas: 0, verbatim: Vec::new() };
        reader.visit_body(body);
        let (yields, verbatim) = (reader.yields, reader.verbatim);
        let mut bytes = Bytes(Vec::with_capacity(1024));
        self.seed.hash(&mut bytes);
        for range in verbatim {
            self.text.get(range.start().to_usize()..range.end().to_usize()).hash(&mut bytes);
        }
        bytes.write_usize(body.len());
        for statement in body {
            ComparableStmt::from(statement).hash(&mut bytes);
        }
        (Digest::of(&bytes.0), yields)
    }

    fn lines(&self, range: TextRange) -> (u32, u32) {
        (self.line(range.start()), self.line(range.end()))
    }

    fn line(&self, offset: TextSize) -> u32 {
        let before = self.line_ends.partition_point(|&end| end < offset.to_u32());
        u32::try_from(before).unwrap_or(u32::MAX).saturating_add(1)
    }
}

/// A code object starts at its first decorator.
fn starting_at(range: TextRange, decorators: &[Decorator]) -> TextRange {
    let start = decorators.first().map_or(range.start(), |first| first.start().min(range.start()));
    TextRange::new(start, range.end())
}

/// The statement lists inside a statement that belong to the same scope.
fn blocks_mut(statement: &mut Stmt) -> Vec<&mut [Stmt]> {
    let mut blocks: Vec<&mut [Stmt]> = Vec::new();
    if let Stmt::If(inner) = statement {
        blocks.push(&mut inner.body);
        blocks.extend(inner.elif_else_clauses.iter_mut().map(|clause| clause.body.as_mut_slice()));
    } else if let Stmt::For(inner) = statement {
        blocks.extend([inner.body.as_mut_slice(), inner.orelse.as_mut_slice()]);
    } else if let Stmt::While(inner) = statement {
        blocks.extend([inner.body.as_mut_slice(), inner.orelse.as_mut_slice()]);
    } else if let Stmt::With(inner) = statement {
        blocks.push(&mut inner.body);
    } else if let Stmt::Match(inner) = statement {
        blocks.extend(inner.cases.iter_mut().map(|case| case.body.as_mut_slice()));
    } else if let Stmt::Try(inner) = statement {
        blocks.push(&mut inner.body);
        blocks
            .extend(inner.handlers.iter_mut().map(|ExceptHandler::ExceptHandler(handler)| handler.body.as_mut_slice()));
        blocks.extend([inner.orelse.as_mut_slice(), inner.finalbody.as_mut_slice()]);
    }
    blocks
}

/// Names declared global in this scope itself; classes and functions inside it are scopes of their own.
fn collect_globals(body: &[Stmt], globals: &mut BTreeSet<String>) {
    struct Globals<'g>(&'g mut BTreeSet<String>);
    impl<'a> Visitor<'a> for Globals<'_> {
        fn visit_stmt(&mut self, statement: &'a Stmt) {
            if let Stmt::Global(global) = statement {
                self.0.extend(global.names.iter().map(|name| name.as_str().to_owned()));
            } else if !matches!(statement, Stmt::FunctionDef(_) | Stmt::ClassDef(_)) {
                ruff_python_ast::visitor::walk_stmt(self, statement);
            }
        }
        fn visit_expr(&mut self, _: &'a Expr) {}
    }
    Globals(globals).visit_body(body);
}

fn is_docstring(statement: &Stmt) -> bool {
    matches!(statement, Stmt::Expr(inner) if inner.value.is_string_literal_expr())
}

/// Whether a decorator's name tells that it keeps results between calls.
fn speaks_of_memory(decorator: &Expr) -> bool {
    let callee = if let Expr::Call(call) = decorator { call.func.as_ref() } else { decorator };
    if let Expr::Call(_) = callee {
        return speaks_of_memory(callee);
    }
    dotted(callee).iter().any(|part| {
        let part = part.to_ascii_lowercase();
        part.contains("cache") || part.contains("memo") || matches!(part.as_str(), "singleton" | "lazy" | "once")
    })
}

/// The names of `a.b.c`, last first; what is not a name ends it.
fn dotted(expression: &Expr) -> Vec<&str> {
    let (mut names, mut at) = (Vec::new(), expression);
    while let Expr::Attribute(attribute) = at {
        names.push(attribute.attr.as_str());
        at = &attribute.value;
    }
    if let Expr::Name(name) = at {
        names.push(name.id.as_str());
    }
    names
}

fn is_environment(expression: &Expr) -> bool {
    matches!(dotted(expression).first(), Some(&("environ" | "environb")))
}

/// Reads one owner's code, function bodies already taken out of it.
struct Reader<'w> {
    environment: &'w mut BTreeSet<String>,
    yields: bool,
    /// How many lambdas we are in: a `yield` there is theirs.
    lambdas: u32,
    /// Literals whose value the syntax tree does not tell exactly; their text counts.
    verbatim: Vec<TextRange>,
}

impl Reader<'_> {
    fn name_variable(&mut self, expression: &Expr) {
        if let Expr::StringLiteral(literal) = expression {
            self.environment.insert(literal.value.to_str().to_owned());
        } else if let Expr::BytesLiteral(literal) = expression {
            let bytes: Vec<u8> = literal.value.bytes().collect();
            self.environment.insert(String::from_utf8_lossy(&bytes).into_owned());
        }
    }

    fn call(&mut self, call: &ExprCall) {
        let names_variable = if let Expr::Attribute(attribute) = call.func.as_ref()
            && matches!(attribute.attr.as_str(), "get" | "pop" | "setdefault")
        {
            is_environment(&attribute.value)
        } else {
            matches!(dotted(&call.func).first(), Some(&("getenv" | "getenvb")))
        };
        if names_variable {
            let by_keyword = || call.arguments.find_keyword("key").map(|keyword| &keyword.value);
            if let Some(name) = call.arguments.args.first().or_else(by_keyword) {
                self.name_variable(name);
            }
        }
    }

    fn compare(&mut self, compare: &ExprCompare) {
        let left = std::iter::once(compare.left.as_ref()).chain(compare.comparators.iter());
        for ((left, right), operator) in left.zip(&compare.comparators).zip(&compare.ops) {
            if matches!(operator, CmpOp::In | CmpOp::NotIn) && is_environment(right) {
                self.name_variable(left);
            }
        }
    }
}

impl<'a> Visitor<'a> for Reader<'_> {
    #[allow(clippy::wildcard_enum_match_arm, reason = "all other expressions are only walked through")]
    fn visit_expr(&mut self, expression: &'a Expr) {
        let text_counts = match expression {
            Expr::Lambda(lambda) => {
                if let Some(parameters) = &lambda.parameters {
                    walk_parameters(self, parameters);
                }
                self.lambdas += 1;
                self.visit_expr(&lambda.body);
                self.lambdas -= 1;
                return;
            }
            Expr::Yield(_) | Expr::YieldFrom(_) => {
                self.yields |= self.lambdas == 0;
                false
            }
            Expr::Subscript(subscript) => {
                if is_environment(&subscript.value) {
                    self.name_variable(&subscript.slice);
                }
                false
            }
            Expr::Call(call) => {
                self.call(call);
                false
            }
            Expr::Compare(compare) => {
                self.compare(compare);
                false
            }
            // A lone surrogate is U+FFFD to the parser, whichever it was.
            Expr::StringLiteral(literal) => literal.value.to_str().contains('\u{fffd}'),
            Expr::FString(literal) => literal.value.iter().any(|part| match part {
                FStringPart::Literal(text) => text.value.contains('\u{fffd}'),
                FStringPart::FString(inner) => inner.elements.iter().any(holds_replacement),
            }),
            // A template knows the source text of its expressions at run time.
            Expr::TString(_) => true,
            other => {
                walk_expr(self, other);
                return;
            }
        };
        if text_counts {
            self.verbatim.push(expression.range());
        }
        walk_expr(self, expression);
    }
}

fn holds_replacement(element: &InterpolatedStringElement) -> bool {
    match element {
        InterpolatedStringElement::Literal(text) => text.value.contains('\u{fffd}'),
        InterpolatedStringElement::Interpolation(inner) => {
            inner.format_spec.as_ref().is_some_and(|spec| spec.elements.iter().any(holds_replacement))
        }
    }
}

/// Collects what a value feeds to its hasher, the same on every machine.
struct Bytes(Vec<u8>);

impl Hasher for Bytes {
    fn finish(&self) -> u64 {
        0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn write_u16(&mut self, number: u16) {
        self.write(&number.to_le_bytes());
    }

    fn write_u32(&mut self, number: u32) {
        self.write(&number.to_le_bytes());
    }

    fn write_u64(&mut self, number: u64) {
        self.write(&number.to_le_bytes());
    }

    /// Lengths and the numbers of enum variants are nearly always small: one byte, or a mark and all eight.
    fn write_usize(&mut self, number: usize) {
        match u8::try_from(number) {
            Ok(small) if small < u8::MAX => self.0.push(small),
            _ => {
                self.0.push(u8::MAX);
                self.write(&(number as u64).to_le_bytes());
            }
        }
    }

    fn write_isize(&mut self, number: isize) {
        self.write_usize(number.cast_unsigned());
    }
}

/// The hash of statements without positions, function bodies included.
pub(super) fn digest_of(statements: &[&Stmt]) -> Digest {
    let mut bytes = Bytes(Vec::with_capacity(1024));
    for statement in statements {
        ComparableStmt::from(*statement).hash(&mut bytes);
    }
    Digest::of(&bytes.0)
}

/// Functions of the same qualified name, taken together in the order of the text.
pub(super) fn merged(found: Vec<Found>) -> BTreeMap<String, Vec<Found>> {
    let mut merged: BTreeMap<String, Vec<Found>> = BTreeMap::new();
    for function in found {
        merged.entry(function.name.clone()).or_default().push(function);
    }
    merged
}
