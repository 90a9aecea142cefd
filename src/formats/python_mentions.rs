//! Which functions of a Python file mention a word: as a name, an attribute, a keyword, or inside a text.

use std::collections::{BTreeMap, BTreeSet};

use ruff_python_ast::visitor::{Visitor, walk_expr, walk_keyword, walk_parameter, walk_stmt};
use ruff_python_ast::{Alias, Expr, Keyword, Parameter, Stmt, StmtImportFrom};

use super::python_asides::is_type_checking;
use super::python_source::shallow_syntax;

/// Modules of the standard library whose attributes are nobody else's.
const OTHERS: &[&str] =
    &["abc", "collections", "contextlib", "datetime", "functools", "itertools", "os", "re", "sys", "typing"];

/// The words looked for. A dotted word is met where its last part is an attribute of the rest, and in texts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Words {
    /// Words that count wherever they are used; an import of one gives it another name, and is no use yet.
    pub used: BTreeSet<String>,
    /// Names that files give at module level, each with the paths of the files: they count as a name in these files and where
    /// everything is imported, as an attribute of anything, in texts, and in imports from these files.
    pub given: BTreeMap<String, BTreeSet<String>>,
    /// Whether given names count wherever they are used: something imports all names of a module, under which they may be others'.
    pub everywhere: bool,
    /// Names of first-party modules: a use of a module other than for an attribute of it counts, as whoever gets it may look
    /// at all that is in it.
    pub modules: BTreeSet<String>,
}

impl Words {
    /// Whether there is nothing to look for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.used.is_empty() && self.given.is_empty() && self.modules.is_empty()
    }
}

/// Who mentions them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mentions {
    /// Qualified names of functions, `C.m`, `f.<locals>.g`.
    pub functions: BTreeSet<String>,
    /// Whether the module-level code does: class bodies, decorators, defaults.
    pub module: bool,
    /// Names that import statements give to one of the words.
    pub aliases: BTreeSet<String>,
}

/// Whether a file may mention one of the words, without parsing it: `false` is certain.
#[must_use]
pub fn may_mention(source: &[u8], words: &Words) -> bool {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || *byte >= 0x80;
    // The last part of a dotted word has to be there in any case. Another script's letters may spell a name in several ways.
    let whole = words.used.iter().chain(words.given.keys()).chain(&words.modules);
    let last: BTreeSet<&[u8]> = whole.filter_map(|word| word.rsplit('.').next()).map(str::as_bytes).collect();
    source.split(|byte| !is_part(byte)).any(|part| last.contains(part) || (!part.is_empty() && !part.is_ascii()))
}

/// Who mentions the words; `None` if the file cannot be told apart.
#[must_use]
pub fn mentions(path: &str, source: &[u8], words: &Words) -> Option<Mentions> {
    let body = shallow_syntax(source)?;
    let mut finder = Finder {
        words,
        path,
        imported: imported(&body),
        prefix: String::new(),
        owner: None,
        found: Mentions::default(),
    };
    finder.visit_body(&body);
    Some(finder.found)
}

/// What a file's import statements bind, at whatever level.
#[derive(Default)]
struct Imported {
    /// Each name with the last part of what it stands for.
    names: BTreeMap<String, String>,
    /// Annotations are not evaluated.
    annotations_are_text: bool,
}

impl<'a> Visitor<'a> for Imported {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        if let Stmt::Import(import) = statement {
            for alias in &import.names {
                let name = alias.name.as_str();
                let (first, last) = (name.split('.').next().unwrap_or(name), name.rsplit('.').next().unwrap_or(name));
                let (bound, is) = alias.asname.as_ref().map_or((first, first), |asname| (asname.as_str(), last));
                self.names.insert(bound.to_owned(), is.to_owned());
            }
        } else if let Stmt::ImportFrom(import) = statement {
            let is_future = import.module.as_ref().is_some_and(|module| module.as_str() == "__future__");
            for alias in &import.names {
                let name = alias.name.as_str();
                self.annotations_are_text |= is_future && name == "annotations";
                let bound = alias.asname.as_ref().map_or(name, |asname| asname.as_str());
                self.names.insert(bound.to_owned(), name.to_owned());
            }
        }
        walk_stmt(self, statement);
    }
    fn visit_expr(&mut self, _: &'a Expr) {}
}

fn imported(body: &[Stmt]) -> Imported {
    let mut found = Imported::default();
    found.visit_body(body);
    found
}

/// The first parts of what a file imports other than from its own package; `None` if it cannot be told apart.
#[must_use]
pub fn imports(source: &[u8]) -> Option<BTreeSet<String>> {
    struct Imports(BTreeSet<String>);
    impl<'a> Visitor<'a> for Imports {
        fn visit_stmt(&mut self, statement: &'a Stmt) {
            let mut add = |name: &str| self.0.insert(name.split('.').next().unwrap_or(name).to_owned());
            if let Stmt::Import(import) = statement {
                import.names.iter().for_each(|alias| _ = add(&alias.name));
            } else if let Stmt::ImportFrom(import) = statement
                && import.level == 0
            {
                import.module.iter().for_each(|module| _ = add(module));
            }
            walk_stmt(self, statement);
        }
        fn visit_expr(&mut self, expression: &'a Expr) {
            if let Expr::Call(call) = expression
                && let Some(Expr::StringLiteral(name)) = call.arguments.args.first()
                && ["import_module", "importorskip", "__import__"]
                    .contains(&dotted(&call.func).rsplit('.').next().unwrap_or_default())
            {
                let name = name.value.to_str();
                self.0.insert(name.split('.').next().unwrap_or(name).to_owned());
            }
            walk_expr(self, expression);
        }
    }
    let mut found = Imports(BTreeSet::new());
    found.visit_body(&shallow_syntax(source)?);
    Some(found.0)
}

struct Finder<'w> {
    words: &'w Words,
    path: &'w str,
    imported: Imported,
    /// What stands before a name that is defined here.
    prefix: String,
    owner: Option<String>,
    found: Mentions,
}

impl Finder<'_> {
    fn met(&mut self, word: &str) {
        if self.words.used.contains(word) {
            self.mark();
        }
    }

    /// An attribute, a word in a text, a keyword: whose it is is not told.
    fn met_anywhere(&mut self, word: &str) {
        self.met(word);
        self.met_given(word);
    }

    fn met_given(&mut self, word: &str) {
        if self.words.given.contains_key(word) {
            self.mark();
        }
    }

    fn met_name(&mut self, name: &str) {
        self.met(name);
        if self.words.given.get(name).is_some_and(|homes| self.words.everywhere || homes.contains(self.path)) {
            self.mark();
        }
    }

    /// Whether an expression is a module of the project: an imported name, or a part of one, that is called as a module is.
    fn is_module(&self, expression: &Expr) -> bool {
        if let Expr::Name(name) = expression {
            return self.imported.names.get(name.id.as_str()).is_some_and(|is| self.words.modules.contains(is));
        }
        expression.as_attribute_expr().is_some_and(|attribute| {
            self.words.modules.contains(attribute.attr.as_str()) && self.is_module(&attribute.value)
        })
    }

    /// Words along `a.b.c`.
    fn path(&mut self, expression: &Expr) {
        if let Expr::Attribute(attribute) = expression {
            self.met_anywhere(&attribute.attr);
            self.path(&attribute.value);
        } else if let Expr::Name(name) = expression {
            self.met_name(&name.id);
        }
    }

    fn annotation(&mut self, annotation: &Expr) {
        if !self.imported.annotations_are_text {
            self.visit_expr(annotation);
        }
    }

    fn mark(&mut self) {
        match &self.owner {
            Some(owner) => {
                self.found.functions.insert(owner.clone());
            }
            None => self.found.module = true,
        }
    }

    /// Every part of a text, and every dotted run in it.
    fn text(&mut self, text: &str) {
        let dotted = text.split(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '.')));
        for run in dotted.filter(|run| !run.is_empty()) {
            for start in run.match_indices('.').map(|(at, _)| at + 1).chain([0]) {
                let rest = &run[start..];
                let ends = rest.match_indices('.').map(|(at, _)| at).chain([rest.len()]);
                for end in ends {
                    self.met_anywhere(&rest[..end]);
                }
            }
        }
    }

    /// Examples run with the module's globals, whichever function they describe.
    fn docstring(&mut self, docstring: &Expr) {
        if let Expr::StringLiteral(literal) = docstring
            && literal.value.to_str().contains(">>>")
        {
            let owner = self.owner.take();
            self.text(literal.value.to_str());
            self.owner = owner;
        }
    }

    fn import(&mut self, module: &str, alias: &Alias) {
        let name = alias.name.as_str();
        let full = if module.is_empty() { name.to_owned() } else { format!("{module}.{name}") };
        let words = &self.words.used;
        let speaks = words.contains(name)
            || words.iter().any(|word| full == *word || full.starts_with(&format!("{word}.")) || module == word)
            || full.rsplit('.').next().is_some_and(|last| words.contains(last));
        if !speaks {
            return;
        }
        // `import a.b` binds `a`, and what is used of it is met as `a.b`.
        match &alias.asname {
            Some(asname) => self.found.aliases.insert(asname.to_string()),
            None if module.is_empty() && name.contains('.') => false,
            None => self.found.aliases.insert(name.to_owned()),
        };
    }

    /// Whether an import from `module` may be one from a file that gives the name.
    fn is_home(&self, module: &str, name: &str) -> bool {
        let last = module.rsplit('.').next().unwrap_or_default();
        if self.words.everywhere && self.words.given.contains_key(name) {
            return true;
        }
        self.words.given.get(name).into_iter().flatten().any(|home| {
            let stem = home.strip_suffix(".py").unwrap_or(home);
            let folder = stem.strip_suffix("/__init__").map(|folder| folder.rsplit('/').next().unwrap_or(folder));
            folder.map_or_else(|| stem.rsplit('/').next() == Some(last), |folder| last == folder || last.is_empty())
        })
    }

    fn import_from(&mut self, import: &StmtImportFrom) {
        let module = import.module.as_ref().map_or("", |module| module.as_str());
        for alias in &import.names {
            if self.is_home(module, alias.name.as_str()) {
                self.mark();
            }
            if module.is_empty() {
                // `from . import b`.
                self.import(".", alias);
            } else {
                self.import(module, alias);
            }
        }
    }

    /// Runs `inside` with what is defined in it being called `prefix` and owned by `owner`.
    fn within(&mut self, prefix: String, owner: Option<String>, inside: impl FnOnce(&mut Self)) {
        let before = (std::mem::replace(&mut self.prefix, prefix), std::mem::replace(&mut self.owner, owner));
        inside(self);
        (self.prefix, self.owner) = before;
    }
}

impl<'a> Visitor<'a> for Finder<'_> {
    #[allow(clippy::wildcard_enum_match_arm, reason = "all other syntax is only walked through")]
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::FunctionDef(def) => {
                for decorator in &def.decorator_list {
                    self.visit_decorator(decorator);
                }
                if let Some(params) = &def.type_params {
                    self.visit_type_params(params);
                }
                self.visit_parameters(&def.parameters);
                if let Some(returns) = &def.returns {
                    self.annotation(returns);
                }
                let name = format!("{}{}", self.prefix, def.name);
                self.within(format!("{name}.<locals>."), Some(name), |finder| finder.visit_body(&def.body));
            }
            Stmt::ClassDef(class) => {
                for decorator in &class.decorator_list {
                    self.visit_decorator(decorator);
                }
                if let Some(params) = &class.type_params {
                    self.visit_type_params(params);
                }
                if let Some(arguments) = &class.arguments {
                    self.visit_arguments(arguments);
                }
                let (prefix, owner) = (format!("{}{}.", self.prefix, class.name), self.owner.clone());
                self.within(prefix, owner, |finder| finder.visit_body(&class.body));
            }
            Stmt::Import(import) => {
                for alias in &import.names {
                    // `import pkg.name` takes the attribute of the package if there is one.
                    if alias.name.split('.').skip(1).any(|part| self.words.given.contains_key(part)) {
                        self.mark();
                    }
                    self.import("", alias);
                }
            }
            Stmt::ImportFrom(import) => self.import_from(import),
            // A text that nobody uses, a docstring or a comment of sorts, unless it is a doctest.
            Stmt::Expr(expression) if expression.value.is_string_literal_expr() => self.docstring(&expression.value),
            // What it lists matters to who imports everything or reads the list.
            Stmt::Assign(assign) if !self.words.everywhere && is_list_of_names(&assign.targets) => {}
            // A class may be made of what its annotations say (dataclasses look for `ClassVar` in a text, too).
            Stmt::AnnAssign(assign) => {
                self.visit_expr(&assign.annotation);
                self.visit_expr(&assign.target);
                assign.value.iter().for_each(|value| self.visit_expr(value));
            }
            Stmt::If(inner) if is_type_checking(&inner.test) && inner.elif_else_clauses.is_empty() => {}
            Stmt::Global(global) => global.names.iter().for_each(|name| self.met_name(name)),
            _ => walk_stmt(self, statement),
        }
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "all other syntax is only walked through")]
    fn visit_expr(&mut self, expression: &'a Expr) {
        match expression {
            Expr::Name(name) if name.ctx.is_store() => return,
            Expr::Name(name) => self.met_name(&name.id),
            Expr::Attribute(attribute) => {
                let base = attribute.value.as_name_expr().and_then(|base| self.imported.names.get(base.id.as_str()));
                let of_the_library = base.is_some_and(|is| OTHERS.contains(&is.as_str()));
                // `re.compile` is not the builtin, and has nothing to do with names.
                if base.is_none_or(|is| is != "re") {
                    let path = dotted(expression);
                    for at in path.match_indices('.').map(|(at, _)| at + 1).chain([0]) {
                        self.met(&path[at..]);
                    }
                }
                if !of_the_library {
                    self.met_given(&attribute.attr);
                }
                if self.is_module(expression) {
                    self.mark();
                }
                if self.is_module(&attribute.value) {
                    self.path(&attribute.value);
                    return;
                }
            }
            Expr::StringLiteral(literal) => self.text(literal.value.to_str()),
            Expr::FString(literal) => {
                for element in literal.value.elements() {
                    if let Some(literal) = element.as_literal() {
                        self.text(&literal.value);
                    }
                }
            }
            Expr::TString(literal) => {
                for element in literal.value.elements() {
                    if let Some(literal) = element.as_literal() {
                        self.text(&literal.value);
                    }
                }
            }
            Expr::BytesLiteral(literal) => {
                let bytes: Vec<u8> = literal.value.bytes().collect();
                self.text(&String::from_utf8_lossy(&bytes));
            }
            _ => {}
        }
        if expression.is_name_expr() && self.is_module(expression) {
            self.mark();
        }
        walk_expr(self, expression);
    }

    fn visit_annotation(&mut self, annotation: &'a Expr) {
        self.annotation(annotation);
    }

    fn visit_keyword(&mut self, keyword: &'a Keyword) {
        if let Some(name) = &keyword.arg {
            self.met_given(name);
        }
        walk_keyword(self, keyword);
    }

    fn visit_parameter(&mut self, parameter: &'a Parameter) {
        walk_parameter(self, parameter);
    }
}

fn is_list_of_names(targets: &[Expr]) -> bool {
    matches!(targets, [Expr::Name(name)] if name.id == "__all__")
}

/// `a.b.c`; what is not a name begins it anew.
#[allow(clippy::wildcard_enum_match_arm, reason = "all other syntax is only walked through")]
fn dotted(expression: &Expr) -> String {
    match expression {
        Expr::Attribute(attribute) => format!("{}.{}", dotted(&attribute.value), attribute.attr),
        Expr::Name(name) => name.id.to_string(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(used: &[&str]) -> Words {
        Words { used: used.iter().map(|word| (*word).to_owned()).collect(), ..Words::default() }
    }

    #[test]
    fn each_mention_has_its_owner() {
        for (source, functions, module) in [
            ("w", &[][..], true),
            ("def f():\n  w\n", &["f"], false),
            ("class C:\n  def m(self):\n    def g(): self.w\n", &["C.m.<locals>.g"], false),
            ("class C:\n  x = w\n", &[], true),
            ("def f():\n  class C:\n    x = w\n", &["f"], false),
            ("def f(a=w): pass\n", &[], true),
            ("@w\ndef f(): pass\n", &[], true),
            ("def f(): g(w=1)\n", &[], false),
            ("def f(): getattr(a, 'w')\n", &["f"], false),
            ("def f(): a['x.w:y']\n", &["f"], false),
            ("def f(): f'{a}w'\n", &["f"], false),
            ("def f(): b'w'\n", &["f"], false),
            ("def f(): 'w'\n", &[], false),
            ("def f(): '>>> w'\n", &[], true),
            ("def f(): global w\n", &["f"], false),
            ("def f(): lambda w: 1\n", &[], false),
            ("def f(): w = 1\n", &[], false),
            ("def f(): a.w = 1\n", &["f"], false),
            ("def f(): ww, 'ww', a.w_\n", &[], false),
            ("import w\nfrom w import x\n", &[], false),
            ("def f(): p.q\ndef g(): o.p.q\ndef h(): x = 'o.p.q'\ndef i(): q.p\n", &["f", "g", "h"], false),
            ("def f(): x().p.q\n", &["f"], false),
        ] {
            assert!(may_mention(source.as_bytes(), &words(&["w", "p.q"])) || functions.is_empty(), "{source}");
            let found = mentions("a.py", source.as_bytes(), &words(&["w", "p.q"])).expect("it is Python");
            let named: Vec<&str> = found.functions.iter().map(String::as_str).collect();
            assert_eq!((named.as_slice(), found.module), (functions, module), "{source}");
        }
        assert_eq!(mentions("a.py", b"def f(", &words(&["w"])), None);
        assert!(!may_mention(b"def f(): wide", &words(&["w"])));
        assert!(may_mention("def f(): \u{212b}".as_bytes(), &words(&["w"])));
    }

    #[test]
    fn an_import_gives_a_word_another_name() {
        for (source, expected) in [
            ("import w as v", &["v"][..]),
            ("import w", &["w"]),
            ("import p.q", &[]),
            ("import p.q as r", &["r"]),
            ("from p import q", &["q"]),
            ("from p import q as r", &["r"]),
            ("from p.q import s, t as u", &["s", "u"]),
            ("def f():\n  from .compat import w as x\n", &["x"]),
            ("from . import w", &["w"]),
            ("from p import r", &[]),
        ] {
            let found = mentions("a.py", source.as_bytes(), &words(&["w", "p.q"])).expect("it is Python");
            assert_eq!(found.aliases.iter().map(String::as_str).collect::<Vec<_>>(), expected, "{source}");
        }
    }
}
