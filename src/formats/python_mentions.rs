//! Which functions of a Python file mention a word: as a name, an attribute, a keyword, or inside a text.

use std::collections::BTreeSet;

use ruff_python_ast::visitor::{Visitor, walk_expr, walk_keyword, walk_parameter, walk_stmt};
use ruff_python_ast::{Alias, Expr, Keyword, Parameter, Stmt, StmtImportFrom};

use super::python_source::shallow_syntax;

/// The words looked for. A dotted word is met where its last part is an attribute of the rest, and in texts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Words {
    /// Words that count wherever they are used.
    pub used: BTreeSet<String>,
    /// Whether an import statement that names one of them is a use of it.
    pub imports_count: bool,
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
    let last: BTreeSet<&[u8]> =
        words.used.iter().filter_map(|word| word.rsplit('.').next()).map(str::as_bytes).collect();
    source.split(|byte| !is_part(byte)).any(|part| last.contains(part) || (!part.is_empty() && !part.is_ascii()))
}

/// Who mentions the words; `None` if the file cannot be told apart.
#[must_use]
pub fn mentions(source: &[u8], words: &Words) -> Option<Mentions> {
    let body = shallow_syntax(source)?;
    let mut finder = Finder { words, prefix: String::new(), owner: None, found: Mentions::default() };
    finder.visit_body(&body);
    Some(finder.found)
}

struct Finder<'w> {
    words: &'w Words,
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
                    self.met(&rest[..end]);
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
        if self.words.imports_count {
            self.mark();
        }
    }

    fn import_from(&mut self, import: &StmtImportFrom) {
        let module = import.module.as_ref().map_or("", |module| module.as_str());
        for alias in &import.names {
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
                self.met(&def.name);
                for decorator in &def.decorator_list {
                    self.visit_decorator(decorator);
                }
                if let Some(params) = &def.type_params {
                    self.visit_type_params(params);
                }
                self.visit_parameters(&def.parameters);
                if let Some(returns) = &def.returns {
                    self.visit_annotation(returns);
                }
                let name = format!("{}{}", self.prefix, def.name);
                self.within(format!("{name}.<locals>."), Some(name), |finder| finder.visit_body(&def.body));
            }
            Stmt::ClassDef(class) => {
                self.met(&class.name);
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
                    self.import("", alias);
                }
            }
            Stmt::ImportFrom(import) => self.import_from(import),
            // A text that nobody uses, a docstring or a comment of sorts, unless it is a doctest.
            Stmt::Expr(expression) if expression.value.is_string_literal_expr() => self.docstring(&expression.value),
            Stmt::Global(global) => global.names.iter().for_each(|name| self.met(name)),
            Stmt::Nonlocal(nonlocal) => nonlocal.names.iter().for_each(|name| self.met(name)),
            _ => walk_stmt(self, statement),
        }
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "all other syntax is only walked through")]
    fn visit_expr(&mut self, expression: &'a Expr) {
        match expression {
            Expr::Name(name) => self.met(&name.id),
            Expr::Attribute(attribute) => {
                self.met(&attribute.attr);
                let path = dotted(expression);
                for at in path.match_indices('.').map(|(at, _)| at + 1).chain([0]) {
                    self.met(&path[at..]);
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
        walk_expr(self, expression);
    }

    fn visit_keyword(&mut self, keyword: &'a Keyword) {
        if let Some(name) = &keyword.arg {
            self.met(name);
        }
        walk_keyword(self, keyword);
    }

    fn visit_parameter(&mut self, parameter: &'a Parameter) {
        self.met(&parameter.name);
        walk_parameter(self, parameter);
    }
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
        Words { used: used.iter().map(|word| (*word).to_owned()).collect(), imports_count: false }
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
            ("def f(): g(w=1)\n", &["f"], false),
            ("def f(): getattr(a, 'w')\n", &["f"], false),
            ("def f(): a['x.w:y']\n", &["f"], false),
            ("def f(): f'{a}w'\n", &["f"], false),
            ("def f(): b'w'\n", &["f"], false),
            ("def f(): 'w'\n", &[], false),
            ("def f(): '>>> w'\n", &[], true),
            ("def f(): global w\n", &["f"], false),
            ("def f(): lambda w: 1\n", &["f"], false),
            ("def f(): ww, 'ww', a.w_\n", &[], false),
            ("import w\nfrom w import x\n", &[], false),
            ("def f(): p.q\ndef g(): o.p.q\ndef h(): x = 'o.p.q'\ndef i(): q.p\n", &["f", "g", "h"], false),
            ("def f(): x().p.q\n", &["f"], false),
        ] {
            assert!(may_mention(source.as_bytes(), &words(&["w", "p.q"])) || functions.is_empty(), "{source}");
            let found = mentions(source.as_bytes(), &words(&["w", "p.q"])).expect("it is Python");
            let named: Vec<&str> = found.functions.iter().map(String::as_str).collect();
            assert_eq!((named.as_slice(), found.module), (functions, module), "{source}");
        }
        assert_eq!(mentions(b"def f(", &words(&["w"])), None);
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
            let found = mentions(source.as_bytes(), &words(&["w", "p.q"])).expect("it is Python");
            assert_eq!(found.aliases.iter().map(String::as_str).collect::<Vec<_>>(), expected, "{source}");
        }
    }
}
