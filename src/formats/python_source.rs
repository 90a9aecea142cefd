//! Python source as hashes of its syntax: the module-level code, each function's body, the variables it names.

use ruff_python_ast::token::{TokenKind, Tokens};
use ruff_python_ast::{PythonVersion, Stmt};
use ruff_python_parser::{Mode, ParseOptions, parse_unchecked};

use super::python_asides::asides;
use super::python_walk::{Found, Walk, merged};
use crate::model::digest::Digest;
use crate::model::shape::{Asides, FunctionShape, Shape};

/// Deeper syntax than this is walked on a thread with a stack of its own. Real code stays below 100; each level costs the walk
/// less than 2 KB of stack (tried), and a thread of Rust's has 2 MB.
const SHALLOW: usize = 200;
/// Deeper syntax than this is not walked at all: `CPython` itself refuses it.
const DEEPEST: usize = 40_000;
/// What one level of nesting may cost the walk, with room to spare.
const STACK_A_LEVEL: usize = 12 * 1024;
/// What one level costs when the tree is only dropped.
const STACK_A_LEVEL_DROPPED: usize = 2 * 1024;

/// The hashes of a Python source file. What cannot be parsed is hashed by its bytes.
#[must_use]
pub fn shape(source: &[u8]) -> Shape {
    by_syntax(source).unwrap_or_else(|| {
        let whole = Digest::of(source);
        Shape { whole, module: whole, asides: Asides::unparted(whole), ..Shape::default() }
    })
}

fn by_syntax(source: &[u8]) -> Option<Shape> {
    let (text, encoding) = decode(source)?;
    // Latest: what an older interpreter refuses is that interpreter's business.
    let options = ParseOptions::from(Mode::Module).with_target_version(PythonVersion::latest_preview());
    let parsed = parse_unchecked(&text, options);
    let depth = depth(parsed.tokens());
    let walk = || {
        if !parsed.has_valid_syntax() || depth > DEEPEST {
            return None;
        }
        let module = parsed.try_into_module()?;
        let mut body = module.into_syntax().body;
        let mut walk = Walk::new(&text, &encoding);
        let module = walk.module(&mut body);
        // What the syntax does not tell exactly is not taken apart.
        let exact = encoding.is_empty() && !text.contains('\u{fffd}') && !text.contains("\\u");
        let asides = if exact { asides(body.into_iter().collect()) } else { Asides::unparted(module) };
        Some(assemble(module, asides, walk))
    };
    if depth <= SHALLOW {
        return walk();
    }
    // Dropping a syntax tree goes as deep as walking it, so the thread owns it. (The parser grows its stack by itself.)
    let level = if depth > DEEPEST { STACK_A_LEVEL_DROPPED } else { STACK_A_LEVEL };
    let stack = depth.saturating_mul(level).saturating_add(1 << 20);
    std::thread::scope(|scope| {
        let walker = std::thread::Builder::new().stack_size(stack).spawn_scoped(scope, walk).ok()?;
        walker.join().ok()?
    })
}

/// The statements of a source file; `None` if it cannot be parsed or nests so deep that walking it needs a stack of its own.
pub(super) fn shallow_syntax(source: &[u8]) -> Option<Vec<Stmt>> {
    let (text, _) = decode(source)?;
    let options = ParseOptions::from(Mode::Module).with_target_version(PythonVersion::latest_preview());
    let parsed = parse_unchecked(&text, options);
    if depth(parsed.tokens()) > SHALLOW {
        // Dropping it goes as deep as walking it; such a file is nobody's handwriting.
        std::mem::forget(parsed);
        return None;
    }
    let module = parsed.has_valid_syntax().then_some(parsed)?.try_into_module()?;
    Some(module.into_syntax().body.into_iter().collect())
}

fn assemble(module: Digest, asides: Asides, walk: Walk<'_>) -> Shape {
    let bodies: Vec<[u8; 16]> = walk.found.iter().map(|function| function.body.0.to_le_bytes()).collect();
    let module_bytes = module.0.to_le_bytes();
    let parts = std::iter::once(module_bytes.as_slice()).chain(bodies.iter().map(<[u8; 16]>::as_slice));
    Shape {
        // Everything of the file is in the module's hash or in one of the bodies', in the order of the text.
        whole: Digest::of_parts(parts),
        module,
        asides,
        functions: merged(walk.found).into_iter().map(|(name, found)| function(name, &found)).collect(),
        scopes: walk.scopes.into_iter().collect(),
        environment: walk.environment.into_iter().collect(),
        parsed: true,
        script: None,
    }
}

fn function(name: String, found: &[Found]) -> FunctionShape {
    let bodies: Vec<[u8; 16]> = found.iter().map(|one| one.body.0.to_le_bytes()).collect();
    FunctionShape {
        name,
        lines: found.iter().map(|one| one.lines).collect(),
        body: match found {
            [one] => one.body,
            _ => Digest::of_parts(bodies.iter().map(<[u8; 16]>::as_slice)),
        },
        remembers: found.iter().any(|one| one.remembers),
        fills: found.iter().any(|one| one.fills),
    }
}

/// The text with line ends as Python sees them, and its declared encoding where that is not UTF-8.
fn decode(source: &[u8]) -> Option<(String, String)> {
    let (bytes, marked) = source.strip_prefix(b"\xef\xbb\xbf").map_or((source, false), |rest| (rest, true));
    let declared = declared_encoding(bytes).filter(|name| !marked && !matches!(name.as_str(), "utf-8" | "utf8"));
    let text = match (std::str::from_utf8(bytes), declared.as_deref()) {
        (Ok(text), _) => text.to_owned(),
        (Err(_), Some("latin-1" | "latin1" | "iso-8859-1" | "iso8859-1" | "l1")) => {
            bytes.iter().copied().map(char::from).collect()
        }
        (Err(_), _) => return None,
    };
    let text = if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n") } else { text };
    // In an ASCII file every usual encoding means the same.
    let encoding = declared.filter(|_| !text.is_ascii()).unwrap_or_default();
    Some((text, encoding))
}

/// The encoding that a comment on the first or second line declares, in lower case (PEP 263).
fn declared_encoding(bytes: &[u8]) -> Option<String> {
    for line in bytes.split(|&byte| byte == b'\n').take(2) {
        let line = String::from_utf8_lossy(line.get(..200).unwrap_or(line)).into_owned();
        let line = line.trim_matches([' ', '\t', '\x0c', '\r']);
        if line.is_empty() {
            continue;
        }
        let comment = line.strip_prefix('#')?;
        let value = comment.split("coding").skip(1).find_map(|rest| rest.strip_prefix([':', '=']));
        if let Some(value) = value {
            let name = value.trim_start_matches([' ', '\t']);
            let name = name.split(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_' | '.')).next()?;
            return Some(name.to_ascii_lowercase().replace('_', "-"));
        }
    }
    None
}

/// How deep the syntax tree can be at most, told from the tokens: each level needs a bracket, an operator, a keyword or an
/// indentation of its own. What a comma parts lies side by side, unless it parts a lambda's parameters.
#[allow(clippy::wildcard_enum_match_arm, reason = "a token that nothing is known about counts")]
fn depth(tokens: &Tokens) -> usize {
    let (mut deepest, mut total, mut indentation) = (0_usize, 0_usize, 0_usize);
    // What counts on each open bracket's level, and whether a lambda is there.
    let mut levels: Vec<(usize, bool)> = vec![(0, false)];
    for token in tokens {
        let kind = token.kind();
        match kind {
            TokenKind::Indent => indentation += 1,
            TokenKind::Dedent => indentation = indentation.saturating_sub(1),
            TokenKind::Newline => {
                levels = vec![(0, false)];
                total = 0;
            }
            TokenKind::Comma => {
                if let Some(level) = levels.last_mut().filter(|level| !level.1) {
                    total -= level.0;
                    level.0 = 0;
                }
            }
            _ if is_leaf(kind) => {}
            _ => {
                if closes(kind) && levels.len() > 1 {
                    total -= levels.pop().map_or(0, |level| level.0);
                }
                if let Some(level) = levels.last_mut() {
                    *level = (level.0 + 1, level.1 || kind == TokenKind::Lambda);
                    total += 1;
                }
                if opens(kind) {
                    levels.push((0, false));
                }
                deepest = deepest.max(total + indentation);
            }
        }
    }
    deepest
}

fn is_leaf(kind: TokenKind) -> bool {
    use TokenKind as T;
    matches!(
        kind,
        T::Name
            | T::Int
            | T::Float
            | T::Complex
            | T::String
            | T::Comment
            | T::NonLogicalNewline
            | T::FStringMiddle
            | T::TStringMiddle
    )
}

fn opens(kind: TokenKind) -> bool {
    use TokenKind as T;
    matches!(kind, T::Lpar | T::Lsqb | T::Lbrace | T::FStringStart | T::TStringStart)
}

fn closes(kind: TokenKind) -> bool {
    use TokenKind as T;
    matches!(kind, T::Rpar | T::Rsqb | T::Rbrace | T::FStringEnd | T::TStringEnd)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::shape::Owner;

    /// Which hashes of two sources differ: `module`, the names of functions, `whole`.
    fn differing(before: &str, after: &str) -> Vec<String> {
        let (before, after) = (shape(before.as_bytes()), shape(after.as_bytes()));
        assert!(before.parsed && after.parsed);
        let names = before.functions.iter().chain(&after.functions).map(|f| f.name.clone());
        let names: std::collections::BTreeSet<String> = names.collect();
        let body = |shape: &Shape, name: &str| shape.function(name).map(|f| f.body);
        let mut differing: Vec<String> = Vec::new();
        differing.extend((before.module != after.module).then(|| "module".to_owned()));
        differing.extend(names.into_iter().filter(|name| body(&before, name) != body(&after, name)));
        assert_eq!(before.whole != after.whole, !differing.is_empty(), "{differing:?}");
        differing
    }

    #[test]
    #[allow(clippy::too_many_lines, reason = "one line a case")]
    fn what_an_edit_changes() {
        const CASES: &[(&str, &str, &[&str])] = &[
            // Nothing: comments, layout, redundant parentheses, quotes, positions.
            ("x = (1 + 2)  # c\n", "\n\nx = 1+2\n", &[]),
            ("x = 'a' \"b\"\n", "x = 'ab'\n", &[]),
            ("def f():\n  return (yield)\n", "# moved\ndef f():\n    return (yield)\n", &[]),
            ("x = [1, 2]\r\ny = '''a\r\nb'''\r\n", "x = [1, 2,]\ny = '''a\nb'''\n", &[]),
            ("\u{feff}x = 1\n", "x = 1_0 if 0 else 1\nx = 1\n", &["module"]),
            ("\u{feff}x = 1\n", "x = 0x1\n", &[]),
            // Values and their types.
            ("x = 1\n", "x = 1.0\n", &["module"]),
            ("x = 1.0\n", "x = 1j\n", &["module"]),
            ("x = 'a'\n", "x = b'a'\n", &["module"]),
            ("x = '\\ud800'\n", "x = '\\ud801'\n", &["module"]),
            ("x = f'\\ud800{y}'\n", "x = f'\\ud801{y}'\n", &["module"]),
            ("x = True\n", "x = 1\n", &["module"]),
            ("x = f'{y=}'\n", "x = f'{y = }'\n", &["module"]),
            ("x = f'{y!r}'\n", "x = f'{y!s}'\n", &["module"]),
            ("x = f'{y:>{w}}'\n", "x = f'{y:<{w}}'\n", &["module"]),
            ("x = t'{y+1}'\n", "x = t'{y + 1}'\n", &["module"]),
            ("x = f'{y}'\n", "x = t'{y}'\n", &["module"]),
            ("x = 99999999999999999999999\n", "x = 99999999999999999999998\n", &["module"]),
            ("async def f():\n  [i async for i in x]\n", "async def f():\n  [i for i in x]\n", &["f"]),
            ("async def f():\n  async with x: pass\n", "async def f():\n  with x: pass\n", &["f"]),
            ("match x:\n  case [1, *a]: pass\n", "match x:\n  case [1, *b]: pass\n", &["module"]),
            ("match x:\n  case {'a': 1, **r}: pass\n", "match x:\n  case {'a': 1}: pass\n", &["module"]),
            ("try: pass\nexcept A: pass\n", "try: pass\nexcept* A: pass\n", &["module"]),
            ("import a\n", "import a as b\n", &["module"]),
            ("from . import a\n", "from .. import a\n", &["module"]),
            ("(x): int = 1\n", "x: int = 1\n", &["module"]),
            // A function's head belongs to the code around it.
            ("def f(): pass\n", "async def f(): pass\n", &["module"]),
            ("def f(a): pass\n", "def f(b): pass\n", &["module"]),
            ("def f(a=1): pass\n", "def f(a=2): pass\n", &["module"]),
            ("def f(a: int): pass\n", "def f(a: str): pass\n", &["module"]),
            ("def f(a, /): pass\n", "def f(a): pass\n", &["module"]),
            ("def f(*, a): pass\n", "def f(a): pass\n", &["module"]),
            ("def f() -> int: pass\n", "def f() -> str: pass\n", &["module"]),
            ("def f[T](): pass\n", "def f[T: int](): pass\n", &["module"]),
            ("@a\ndef f(): pass\n", "@b\ndef f(): pass\n", &["module"]),
            ("def f():\n  'x'\n  a\n", "def f():\n  'y'\n  a\n", &["module"]),
            ("def f(): return 1\n", "def f(): yield 1\n", &["module", "f"]),
            ("def f():\n  g(lambda: (yield))\n", "def f():\n  g(lambda: 1)\n", &["f"]),
            ("def f():\n  def g(): yield\n", "def f():\n  def g(): pass\n", &["f", "f.<locals>.g"]),
            ("def f():\n  def g(a=(yield)): pass\n", "def f():\n  def g(a=1): pass\n", &["module", "f"]),
            // Bodies, at every depth.
            ("def f(): return 1\n", "def f(): return 2\n", &["f"]),
            ("class C:\n  def m(self): return 1\n", "class C:\n  def m(self): return 2\n", &["C.m"]),
            (
                "class C:\n  x = 1\n  def m(self): return 1\n",
                "class C:\n  x = 2\n  def m(self): return 1\n",
                &["module"],
            ),
            ("if a:\n  def f(): return 1\nelse:\n  pass\n", "if a:\n  def f(): return 2\nelse:\n  pass\n", &["f"]),
            ("if a: pass\nelif b:\n  def f(): 1\n", "if a: pass\nelif b:\n  def f(): 2\n", &["f"]),
            ("try: pass\nexcept A:\n  def f(): 1\n", "try: pass\nexcept A:\n  def f(): 2\n", &["f"]),
            ("try: pass\nfinally:\n  def f(): 1\n", "try: pass\nfinally:\n  def f(): 2\n", &["f"]),
            ("with a:\n  def f(): 1\n", "with a:\n  def f(): 2\n", &["f"]),
            ("for a in b:\n  def f(): 1\n", "for a in b:\n  def f(): 2\n", &["f"]),
            ("while a: pass\nelse:\n  def f(): 1\n", "while a: pass\nelse:\n  def f(): 2\n", &["f"]),
            ("match a:\n  case _:\n    def f(): 1\n", "match a:\n  case _:\n    def f(): 2\n", &["f"]),
            ("def f():\n  def g(): 1\n", "def f():\n  def g(): 2\n", &["f.<locals>.g"]),
            (
                "def f():\n  class C:\n    x = 1\n    def m(s): 1\n",
                "def f():\n  class C:\n    x = 2\n    def m(s): 1\n",
                &["f"],
            ),
            ("def f():\n  class C:\n    def m(s): 1\n", "def f():\n  class C:\n    def m(s): 2\n", &["f.<locals>.C.m"]),
            ("def f():\n  global g\n  def g(): 1\n", "def f():\n  global g\n  def g(): 2\n", &["g"]),
            ("x = lambda: 1\n", "x = lambda: 2\n", &["module"]),
            ("def f(): 1\ndef f(): 2\n", "def f(): 2\ndef f(): 1\n", &["f"]),
            ("def f(): 1\ndef g(): 2\n", "def g(): 2\ndef f(): 1\n", &["module"]),
        ];
        for (before, after, expected) in CASES {
            assert_eq!(differing(before, after), *expected, "\n{before}\n->\n{after}");
        }
    }

    #[test]
    fn the_encoding_of_a_text_that_is_not_ascii_counts() {
        let latin = |name: &str| shape(format!("# -*- coding: {name} -*-\nx = '\u{e9}'\n").as_bytes());
        assert_ne!(latin("latin-1").module, latin("utf-8").module);
        assert_eq!(shape(b"# coding: latin-1\nx = 1\n").module, shape(b"x = 1\n").module);
        assert!(shape(b"# vim: set fileencoding=latin-1 :\nx = '\xe9'\n").parsed);
        assert!(!shape(b"x = '\xe9'\n").parsed);
    }

    #[test]
    fn what_cannot_be_parsed_is_its_bytes() {
        let broken = shape(b"def f(:\n");
        assert_eq!((broken.whole, broken.module), (Digest::of(b"def f(:\n"), Digest::of(b"def f(:\n")));
        assert!(!broken.parsed && broken.functions.is_empty());
    }

    #[test]
    fn environment_variables_are_found_in_every_usual_form() {
        let source = b"import os\na = os.environ['A']\nb = environ.get('B', 1)\nc = os.getenv(key='C')\nd = 'D' not in os.environ\n\
            def f(x=os.environb[b'E']):\n  x.environ.setdefault('F', '')\n  lambda: getenv('G')\nh = f'{os.environ.pop(\"H\")}'\n\
            monkeypatch.setenv('NO', '')\nother['NO']\nos.environ[NO]\n";
        assert_eq!(shape(source).environment, ["A", "B", "C", "D", "E", "F", "G", "H"]);
    }

    #[test]
    fn caching_decorators_are_seen() {
        for (decorator, expected) in [
            ("functools.lru_cache(maxsize=None)", true),
            ("cached_property", true),
            ("app.Memoize", true),
            ("joblib.memory.cache(x)(y)", true),
            ("once", true),
            ("ones", false),
            ("app.route('/cache')", false),
        ] {
            assert_eq!(
                shape(format!("@{decorator}\ndef f(): pass\n").as_bytes()).functions[0].remembers,
                expected,
                "{decorator}"
            );
        }
    }

    #[test]
    fn hostile_nesting_does_not_overflow_the_stack() {
        let deep = |before: &str, after: &str, times: usize| {
            let text = format!("x = {}1{}\n", before.repeat(times), after.repeat(times));
            let shape = shape(text.as_bytes());
            assert_ne!(shape.whole, Digest::default(), "{before}");
            shape.parsed
        };
        assert!(deep("(", ")", 5_000));
        assert!(deep("a+", "", 20_000));
        for (before, after) in
            [("[", "]"), ("f(", ")"), ("not ", ""), ("a**", ""), ("lambda a, b: ", ""), ("{1:", "}"), ("-", "")]
        {
            deep(before, after, 20_000);
        }
        for (before, after) in
            [("", "()"), ("", ".a"), ("a if b else ", ""), ("f'{", "}'"), ("", "[0]"), ("await ", "")]
        {
            deep(before, after, 5_000);
        }
        deep("a+", "", 200_000);
        let indented: Vec<String> = (0..2_000).map(|n| format!("{}if a:\n", " ".repeat(n))).collect();
        let indented = indented.concat();
        assert!(shape(format!("{indented}{}pass\n", " ".repeat(2_000)).as_bytes()).parsed);
        assert!(shape(format!("if a:\n x\n{}", "elif b:\n x\n".repeat(3_000)).as_bytes()).parsed);
    }

    #[test]
    fn what_lies_side_by_side_is_not_deep() {
        let text = format!("x = [{}]\n", "(1, -2, f(3)), ".repeat(50_000));
        assert!(shape(text.as_bytes()).parsed);
        let options = ParseOptions::from(Mode::Module);
        assert!(depth(parse_unchecked(&text, options).tokens()) < 20);
    }

    #[test]
    fn a_code_object_of_the_text_has_its_owner() {
        let shape =
            shape(b"@d(\n  lambda: 1)\ndef f(a=lambda: 2):\n  class C:\n    def m(self): pass\n  return [lambda: 3]\n");
        assert_eq!(shape.functions[0].lines, [(1, 6)]);
        for (line, name, owner) in [
            (1, "<module>", ""),
            (2, "<lambda>", ""),
            (3, "<lambda>", ""),
            (1, "f", "f"),
            (4, "f.<locals>.C", "f"),
            (5, "f.<locals>.C.m", "f.<locals>.C.m"),
            (6, "f.<locals>.<lambda>", "f"),
        ] {
            let expected = shape.function(owner).map_or(Owner::Module, Owner::Function);
            assert_eq!(shape.owner(line, Some(name)), expected, "{line} {name}");
        }
    }
}
