//! The tokens of a Rust file as bytes to hash: what the compiler and every macro can see of them, and nothing else.

use super::rust_attributes::is_plain;
use super::rust_places::looks_at_its_places;
use super::rust_tokens::{Kind, Token, Tokens};

/// The compiler's tokens of several characters. Those that begin another come after it.
const LONG_MARKS: &[&str] = &[
    "<<=", ">>=", "...", "..=", "==", "!=", "<=", ">=", "&&", "||", "<<", ">>", "+=", "-=", "*=", "/=", "%=", "^=",
    "&=", "|=", "..", "::", "->", "=>", "<-",
];

/// Macros of the standard library that read expressions. How these are laid out is lost on them.
const EXPRESSION_MACROS: &[&str] = &[
    "assert",
    "assert_eq",
    "assert_ne",
    "cfg",
    "compile_error",
    "concat",
    "debug_assert",
    "debug_assert_eq",
    "debug_assert_ne",
    "env",
    "eprint",
    "eprintln",
    "format",
    "format_args",
    "include",
    "include_bytes",
    "include_str",
    "macro_rules",
    "matches",
    "option_env",
    "panic",
    "print",
    "println",
    "thread_local",
    "todo",
    "unimplemented",
    "unreachable",
    "vec",
    "write",
    "writeln",
];

/// Traits that the compiler itself derives.
const DERIVED: &[&str] = &["Clone", "Copy", "Debug", "Default", "Eq", "Hash", "Ord", "PartialEq", "PartialOrd"];

/// They spell out the expression that they were given, with what macros inside it were given as it was written.
const SPELLING_MACROS: &[&str] = &["assert", "debug_assert"];

/// After these words an exclamation mark negates.
const NO_MACRO: &[&str] = &[
    "as", "await", "break", "const", "else", "if", "in", "loop", "match", "move", "mut", "ref", "return", "unsafe",
    "while", "yield",
];

/// The bytes of all tokens one after the other.
#[derive(Debug)]
pub(super) struct Spelling {
    bytes: Vec<u8>,
    /// Where each token begins; one more at the end.
    starts: Vec<usize>,
}

impl Spelling {
    /// The tokens' bytes; with the place of each where the file's code looks at places.
    pub(super) fn new(tokens: &Tokens) -> Self {
        Self::of(tokens, looks_at_its_places(tokens))
    }

    /// The tokens' bytes alone.
    pub(super) fn without_places(tokens: &Tokens) -> Self {
        Self::of(tokens, false)
    }

    fn of(tokens: &Tokens, placed: bool) -> Self {
        let mut writer = Writer::new(tokens, placed);
        let mut at = 0;
        while at < tokens.len() {
            at = writer.token(at);
        }
        let end = writer.spelling.bytes.len();
        writer.spelling.starts.push(end);
        writer.spelling
    }

    /// The bytes of the tokens from one up to another.
    pub(super) fn part(&self, from: usize, to: usize) -> &[u8] {
        let start = |at: usize| self.starts.get(at).copied().unwrap_or(self.bytes.len());
        self.bytes.get(start(from)..start(to)).unwrap_or_default()
    }
}

struct Writer<'a> {
    tokens: &'a Tokens,
    spelling: Spelling,
    placed: bool,
    /// Up to there a macro sees which tokens touch each other.
    seen_until: usize,
    /// Up to there macros inside are seen so.
    spelt_until: usize,
    /// Between these, too.
    item: (usize, usize),
}

impl<'a> Writer<'a> {
    fn new(tokens: &'a Tokens, placed: bool) -> Self {
        let (bytes, starts) = (Vec::with_capacity(tokens.len() * 12), Vec::with_capacity(tokens.len() + 1));
        Self { tokens, spelling: Spelling { bytes, starts }, placed, seen_until: 0, spelt_until: 0, item: (0, 0) }
    }

    /// Whether a macro sees which tokens touch each other there.
    fn sees(&self, at: usize) -> bool {
        at < self.seen_until || (at > self.item.0 && at < self.item.1)
    }

    /// Writes a token, or those that the compiler reads as one; what follows.
    fn token(&mut self, at: usize) -> usize {
        let Some(&token) = self.tokens.get(at) else { return at + 1 };
        let seen = self.sees(at);
        if token.kind == Kind::Open && !seen {
            self.enter(at);
        }
        let length = if token.kind == Kind::Mark && !seen { self.long_mark(at) } else { 1 };
        let start = self.spelling.bytes.len();
        self.spelling.starts.extend(std::iter::repeat_n(start, length));
        let bytes = &mut self.spelling.bytes;
        bytes.push(token.kind as u8);
        if self.placed {
            bytes.extend_from_slice(&token.start.0.to_le_bytes());
            bytes.extend_from_slice(&token.start.1.to_le_bytes());
        }
        if seen {
            let is_first = self.tokens.partner(self.seen_until) + 1 == at;
            bytes.push(u8::from(!is_first && touches(self.tokens, at, token)));
        }
        let size = (at..at + length).map(|at| self.tokens.text(at).len()).sum::<usize>();
        bytes.extend_from_slice(&(size as u64).to_le_bytes());
        for part in at..at + length {
            bytes.extend_from_slice(self.tokens.text(part).as_bytes());
        }
        at + length
    }

    /// A group that is not seen yet opens: what a macro sees of what is inside.
    fn enter(&mut self, open: usize) {
        let (tokens, close) = (self.tokens, self.tokens.partner(open));
        let before = tokens.before(open, 1);
        let is_attribute = before == "#" || (before == "!" && tokens.before(open, 2) == "#");
        if is_attribute && tokens.text(open) == "[" {
            // Somebody's macro is given the item as it stands.
            if !is_plain(tokens, open) {
                self.seen_until = if before == "#" { item_end(tokens, close + 1) } else { close };
            } else if tokens.text(open + 1) == "derive" && !derives_plainly(tokens, open) {
                self.item = (close, item_end(tokens, close + 1));
            }
            return;
        }
        let Some(name) = macro_name(tokens, open) else { return };
        if open < self.spelt_until || !EXPRESSION_MACROS.contains(&name) {
            self.seen_until = close;
        } else if SPELLING_MACROS.contains(&name) {
            self.spelt_until = close;
        }
    }

    /// How many marks from here on the compiler reads as one token.
    fn long_mark(&self, at: usize) -> usize {
        let joint = |at: usize| self.tokens.get(at).is_some_and(|token| token.joint);
        if !joint(at) {
            return 1;
        }
        let long = LONG_MARKS.iter().find(|mark| {
            let parts = mark.as_bytes().iter().enumerate();
            let last = mark.len() - 1;
            parts.clone().all(|(offset, part)| self.tokens.text(at + offset).as_bytes() == [*part])
                && parts.take(last).all(|(offset, _)| joint(at + offset))
        });
        long.map_or(1, |mark| mark.len())
    }
}

/// Whether an attribute asks for traits of the standard library only.
fn derives_plainly(tokens: &Tokens, open: usize) -> bool {
    let inside = open + 3..tokens.partner(open + 2);
    inside.filter(|&at| tokens.is(at, Kind::Word)).all(|at| DERIVED.contains(&tokens.text(at)))
}

/// The last token of the item that begins there, further attributes included.
fn item_end(tokens: &Tokens, from: usize) -> usize {
    let mut at = from;
    while tokens.says(at, &["#", "["]) {
        at = tokens.after(at + 1);
    }
    while at < tokens.len() {
        match tokens.text(at) {
            ";" | "," => return at,
            "{" => return tokens.partner(at),
            // The end of what it stands in.
            _ if tokens.is(at, Kind::Close) => return at - 1,
            _ => at = tokens.after(at),
        }
    }
    tokens.len() - 1
}

/// The name of the macro whose argument opens here.
pub(super) fn macro_name(tokens: &Tokens, open: usize) -> Option<&str> {
    let at = open.checked_sub(2).filter(|&at| tokens.text(at + 1) == "!" && tokens.is(at, Kind::Word))?;
    Some(tokens.text(at)).filter(|name| !NO_MACRO.contains(name))
}

/// Whether nothing stands between the token and the one before. Round and square brackets keep to what they hold.
fn touches(tokens: &Tokens, at: usize, token: Token) -> bool {
    let inside = |bracket: &str| bracket == "(" || bracket == "[";
    let before = tokens.before(at, 1);
    if inside(before) || (token.kind == Kind::Close && inside(tokens.text(tokens.partner(at)))) {
        return false;
    }
    at.checked_sub(1).and_then(|at| tokens.get(at)).is_some_and(|before| before.end == token.start)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same tokens in another layout; where a macro sees what touches, that is kept.
    fn laid_out_anew(source: &[u8], seed: &mut u64) -> String {
        let tokens = Tokens::read(source).unwrap();
        let mut writer = Writer::new(&tokens, false);
        let (mut at, mut text) = (0, String::new());
        while at < tokens.len() {
            let visible = writer.sees(at);
            let first = tokens.partner(writer.seen_until) + 1 == at;
            let touching = visible && !first && touches(&tokens, at, *tokens.get(at).unwrap());
            *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let gaps = [" ", "\n", " /* a /* b */ */ ", " // a\n", "\n\n\t", "\r\n"];
            let kept = touching || tokens.before(at, 1) == "'";
            text.push_str(if kept { "" } else { gaps[usize::try_from(*seed >> 33).unwrap() % gaps.len()] });
            let next = writer.token(at);
            (at..next).for_each(|at| text.push_str(tokens.text(at)));
            at = next;
        }
        text
    }

    #[test]
    fn layout_changes_nothing() {
        let mut seed = 1;
        for source in [
            include_bytes!("rust_attributes.rs").as_slice(),
            include_bytes!("rust_source.rs"),
            include_bytes!("rust_tokens.rs"),
            include_bytes!("rust_walk.rs"),
            include_bytes!("../model/shape.rs"),
            b"fn f(a: &'a u8) { m!(a+b, x :: y {c} 'a' 'b, 1..2, t.0.1) ; a&&&b; c<<=1..=2 }",
            b"macro_rules! m { ($a:expr => $($b:tt)*) => { /// x\n const A: B = stringify!($($b)* a+b); } }",
        ] {
            let bytes = |source: &[u8]| Spelling::new(&Tokens::read(source).unwrap()).bytes;
            let before = bytes(source);
            for _ in 0..5 {
                let anew = laid_out_anew(source, &mut seed);
                assert!(bytes(anew.as_bytes()) == before, "{anew}");
            }
        }
    }
}
