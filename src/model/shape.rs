//! What a source file means, in hashes: its module-level code, its functions, the variables it names.

use serde::{Deserialize, Serialize};

use super::digest::Digest;

/// One function, or several of the same qualified name in one file taken together (getter and setter, overloads).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionShape {
    /// `Class.method`, `outer.<locals>.inner`.
    pub name: String,
    /// The lines of each function of this name: first (its first decorator's) and last, counted from 1.
    pub lines: Vec<(u32, u32)>,
    /// The body without the bodies of functions inside it.
    pub body: Digest,
    /// A decorator whose name speaks of caching: what it computed once may be used by tests that never ran it.
    pub remembers: bool,
    /// It looks into a table that outlives it, and fills it: what it computed in one test may be found in another.
    pub fills: bool,
}

/// What has a code object and a name but is no function: a class body, a type alias, a type parameter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ScopeShape {
    /// Qualified as a function is; declared `global`, it does not tell where it stands.
    pub name: String,
    /// The first and the last line on which its code may start.
    pub lines: (u32, u32),
    /// The function whose body it is part of; empty at module level.
    pub owner: String,
}

/// A statement of module-level code that runs nothing and only gives a name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Plain {
    /// The name.
    pub name: String,
    /// What it says, without what is an aside itself.
    pub head: Digest,
    /// How many statements that run something stand before it.
    pub at: u32,
    /// Whether it can fail: an import of a name that need not be there.
    pub fallible: bool,
}

/// What of a file's module-level code can be noticed only by code that asks for it, and what is left without it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Asides {
    /// The module-level code without all that follows.
    pub core: Digest,
    /// Docstrings of functions, without examples.
    pub docs: Digest,
    /// Docstrings of the module and of its classes, which are attributes among others.
    pub titles: Digest,
    /// Annotations of parameters and results where they stay text.
    pub annotations: Digest,
    /// What stands under `if TYPE_CHECKING`.
    pub checking: Digest,
    /// A literal `__version__`.
    pub version: Digest,
    /// Sorted.
    pub plain: Vec<Plain>,
}

impl Asides {
    /// Of a file of which nothing is told apart.
    #[must_use]
    pub fn unparted(module: Digest) -> Self {
        Self { core: module, ..Self::default() }
    }
}

/// A source file in hashes of its syntax; of its bytes where it cannot be parsed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Shape {
    /// Everything in the file.
    pub whole: Digest,
    /// The module-level code, function bodies removed.
    pub module: Digest,
    /// The module-level code, taken apart.
    pub asides: Asides,
    /// Sorted by name.
    pub functions: Vec<FunctionShape>,
    /// Sorted by name.
    pub scopes: Vec<ScopeShape>,
    /// Environment variables that the file names as a literal, sorted.
    pub environment: Vec<String>,
    /// Whether the file could be parsed.
    pub parsed: bool,
    /// What only JavaScript and TypeScript have.
    pub script: Option<Script>,
}

/// What of a script matters beside what it means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Script {
    /// Texts in it that may name another module, sorted.
    pub imports: Vec<String>,
    /// Whether it names something by which a program gets at the lines of its own source.
    pub sees_places: bool,
    /// Whether it may change what files mean that do not import it.
    pub ambient: bool,
}

/// Where a code object of a file belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner<'a> {
    /// A named function.
    Function(&'a FunctionShape),
    /// The module-level code (class bodies, lambdas and comprehensions at module level).
    Module,
    /// The file's text does not explain this code object: the whole file answers for it.
    Unknown,
}

impl Shape {
    /// The hash of the function named `name`.
    #[must_use]
    pub fn function(&self, name: &str) -> Option<&FunctionShape> {
        self.functions.binary_search_by(|f| f.name.as_str().cmp(name)).ok().map(|at| &self.functions[at])
    }

    /// Who owns the code object that starts at `line` and calls itself `qualified` (Python 3.11 and newer).
    ///
    /// A function owns itself. Lambdas, comprehensions, class bodies, type parameters and `__annotate__` belong to the code
    /// that encloses them, which their qualified name tells. Without a name the innermost function that holds the line owns
    /// it: a lambda in a function's head then counts for that function, whose head is module-level code that every test
    /// depends on that has loaded the file. A name that the text at that line does not explain is `Unknown`.
    #[must_use]
    pub fn owner(&self, line: u32, qualified: Option<&str>) -> Owner<'_> {
        let Some(name) = qualified else {
            return self.innermost(line).map_or(Owner::Module, Owner::Function);
        };
        if name == "<module>" {
            return Owner::Module;
        }
        let function = self.function(name);
        if let Some(function) = function.filter(|f| f.lines.iter().any(|&(first, _)| first == line)) {
            return Owner::Function(function);
        }
        if let Some(scope) = self.scope(name, line) {
            return self.owner_of(scope);
        }
        if let Some(function) = function.filter(|f| f.holds(line)) {
            return Owner::Function(function);
        }
        let unnamed = last_part(name).starts_with('<') || last_part(name) == "__annotate__";
        if unnamed { self.enclosing(name, line) } else { Owner::Unknown }
    }

    /// The owner of the code in which the last part of `name` is defined.
    fn enclosing(&self, name: &str, line: u32) -> Owner<'_> {
        let Some((outer, _)) = name.rsplit_once('.') else { return Owner::Module };
        let (outer, runs_inside) = outer.strip_suffix(".<locals>").map_or((outer, false), |outer| (outer, true));
        let function = self.function(outer).filter(|f| f.holds(line));
        match (function, self.scope(outer, line)) {
            (Some(function), _) if runs_inside => Owner::Function(function),
            (_, Some(scope)) => self.owner_of(scope),
            // `f.__annotate__`, `<lambda>.<locals>.<genexpr>`: written where f, or the lambda, is.
            (Some(_), None) => self.enclosing(outer, line),
            (None, None) if last_part(outer).starts_with('<') => self.enclosing(outer, line),
            (None, None) => Owner::Unknown,
        }
    }

    fn owner_of(&self, scope: &ScopeShape) -> Owner<'_> {
        if scope.owner.is_empty() {
            return Owner::Module;
        }
        self.function(&scope.owner).map_or(Owner::Unknown, Owner::Function)
    }

    /// The innermost scope of that name that holds the line.
    fn scope(&self, name: &str, line: u32) -> Option<&ScopeShape> {
        let from = self.scopes.partition_point(|scope| scope.name.as_str() < name);
        let named = self.scopes[from..].iter().take_while(|scope| scope.name == name);
        named.filter(|scope| (scope.lines.0..=scope.lines.1).contains(&line)).max_by_key(|scope| scope.lines.0)
    }

    fn innermost(&self, line: u32) -> Option<&FunctionShape> {
        let holding = self.functions.iter().flat_map(|f| f.lines.iter().map(move |&(first, last)| (first, last, f)));
        let holding = holding.filter(|&(first, last, _)| first <= line && line <= last);
        holding.max_by_key(|&(first, last, f)| (first, std::cmp::Reverse(last), f.name.len())).map(|(_, _, f)| f)
    }
}

impl FunctionShape {
    fn holds(&self, line: u32) -> bool {
        self.lines.iter().any(|&(first, last)| first <= line && line <= last)
    }
}

/// What stands after the last dot; `<generic parameters of f>` holds none.
fn last_part(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(_, last)| last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(name: &str, lines: &[(u32, u32)]) -> FunctionShape {
        FunctionShape {
            name: name.to_owned(),
            lines: lines.to_vec(),
            body: Digest::default(),
            remembers: false,
            fills: false,
        }
    }

    /// f (1..=16) holds class D (6) with m (7..=8), and g (11..=15), which makes the global h (13..=14); class C is at 17..=25.
    fn example() -> Shape {
        let functions = vec![
            function("C.m", &[(20, 20), (21, 22)]),
            function("f", &[(1, 16)]),
            function("f.<locals>.D.m", &[(7, 8)]),
            function("f.<locals>.g", &[(11, 15)]),
            function("h", &[(13, 14)]),
        ];
        let scopes = [
            ("C", (17, 25), ""),
            ("C.A", (24, 24), ""),
            ("E", (9, 9), "f"),
            ("T", (1, 16), ""),
            ("f.<locals>.B", (15, 15), "f"),
            ("f.<locals>.D", (6, 10), "f"),
        ];
        let scope =
            |(name, lines, owner): (&str, _, &str)| ScopeShape { name: name.into(), lines, owner: owner.into() };
        let scopes = scopes.map(scope).to_vec();
        Shape { functions, scopes, parsed: true, ..Shape::default() }
    }

    #[test]
    fn each_code_object_has_its_owner() {
        let shape = example();
        let owner = |line, name| match shape.owner(line, name) {
            Owner::Function(function) => function.name.clone(),
            Owner::Module => "module".to_owned(),
            Owner::Unknown => "unknown".to_owned(),
        };
        for (line, name, expected) in [
            (1, "<module>", "module"),
            (1, "f", "f"),
            // In the head of f.
            (2, "<lambda>", "module"),
            (1, "<generic parameters of f>", "module"),
            (3, "T", "module"),
            (1, "f.__annotate__", "module"),
            (6, "f.<locals>.D", "f"),
            (6, "f.<locals>.<generic parameters of D>", "f"),
            (7, "f.<locals>.D.m", "f.<locals>.D.m"),
            (7, "f.<locals>.D.m.<locals>.<listcomp>", "f.<locals>.D.m"),
            (7, "f.<locals>.D.m.__annotate__", "f"),
            (10, "f.<locals>.D.<lambda>", "f"),
            (16, "f.<locals>.<lambda>.<locals>.<genexpr>", "f"),
            (15, "f.<locals>.B", "f"),
            (15, "f.<locals>.B.<locals>.<lambda>", "f"),
            // Declared global in f.
            (9, "E", "f"),
            (9, "E.<lambda>", "f"),
            (13, "h", "h"),
            (14, "h.<locals>.<genexpr>", "h"),
            (17, "C", "module"),
            (24, "C.A", "module"),
            (18, "C.<lambda>", "module"),
            (17, "C.__annotate__", "module"),
            (20, "C.m", "C.m"),
            (21, "C.m", "C.m"),
            (30, "__annotate__", "module"),
            // What the text does not explain.
            (40, "f", "unknown"),
            (2, "other", "unknown"),
            (40, "g", "unknown"),
            (40, "f.<locals>.<lambda>", "unknown"),
            (5, "k.<locals>.<lambda>", "unknown"),
            (30, "C.<lambda>", "unknown"),
            (18, "C.n", "unknown"),
        ] {
            assert_eq!(owner(line, Some(name)), expected, "{line} {name}");
        }
        // Before Python 3.11 the line alone decides.
        for (line, expected) in [(1, "f"), (6, "f"), (8, "f.<locals>.D.m"), (14, "h"), (17, "module"), (21, "C.m")] {
            assert_eq!(owner(line, None), expected, "{line}");
        }
    }
}
