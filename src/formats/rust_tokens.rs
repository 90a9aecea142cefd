//! The tokens of a Rust source file in one list, with where each stands.

use proc_macro2::{Delimiter, LineColumn, TokenStream, TokenTree, token_stream};

/// Larger files are generated and are taken by their bytes.
const LARGEST: usize = 2 << 20;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// An opening bracket.
    Open,
    /// A closing bracket.
    Close,
    /// An identifier, a keyword, the name of a lifetime.
    Word,
    /// One character of punctuation.
    Mark,
    /// A literal.
    Literal,
}

/// Line, counted from 1, and column, counted from 0.
pub(super) type Place = (u32, u32);

/// One token.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token {
    pub(super) kind: Kind,
    /// Another punctuation mark follows with nothing between.
    pub(super) joint: bool,
    pub(super) start: Place,
    pub(super) end: Place,
    /// Where the other bracket of the pair stands in the list.
    partner: usize,
    text: (usize, usize),
}

/// All tokens of a file. A doc comment is the four or five tokens of the attribute that it stands for.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    all: Vec<Token>,
    texts: String,
}

impl Tokens {
    /// The tokens of a source file; `None` if they cannot be told.
    pub(super) fn read(source: &[u8]) -> Option<Self> {
        if source.len() > LARGEST {
            return None;
        }
        let text = decode(source)?;
        // The compiler may refuse the file for what stands in a comment.
        if text.contains(|letter| matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')) {
            return None;
        }
        let stream: Option<TokenStream> = text.parse().ok();
        let tokens = stream.map(|stream| {
            let mut tokens = Self { all: Vec::with_capacity(text.len() / 4), texts: String::with_capacity(text.len()) };
            tokens.flatten(stream);
            tokens
        });
        // Else the library keeps the text of every file that it ever read.
        proc_macro2::extra::invalidate_current_thread_spans();
        tokens
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn get(&self, at: usize) -> Option<&Token> {
        self.all.get(at)
    }

    /// The text of a token; empty where there is none. No two kinds of tokens share a text.
    pub(super) fn text(&self, at: usize) -> &str {
        self.all.get(at).and_then(|token| self.texts.get(token.text.0..token.text.1)).unwrap_or_default()
    }

    /// The text of the token `back` places before `at`.
    pub(super) fn before(&self, at: usize, back: usize) -> &str {
        at.checked_sub(back).map_or("", |at| self.text(at))
    }

    pub(super) fn is(&self, at: usize, kind: Kind) -> bool {
        self.get(at).is_some_and(|token| token.kind == kind)
    }

    /// The other bracket of a pair; the token itself where it is no bracket.
    pub(super) fn partner(&self, at: usize) -> usize {
        self.get(at).map_or(at, |token| token.partner)
    }

    /// What follows the token, or the whole group if it opens one.
    pub(super) fn after(&self, at: usize) -> usize {
        if self.is(at, Kind::Open) { self.partner(at) + 1 } else { at + 1 }
    }

    /// The texts from `at` on are these.
    pub(super) fn says(&self, at: usize, texts: &[&str]) -> bool {
        texts.iter().enumerate().all(|(offset, text)| self.text(at + offset) == *text)
    }

    /// A line feed of the stack for each level would be too dear: hostile files nest deep.
    fn flatten(&mut self, stream: TokenStream) {
        let mut open: Vec<(usize, token_stream::IntoIter, Place, &'static str)> = Vec::new();
        let mut current = stream.into_iter();
        loop {
            match current.next() {
                Some(TokenTree::Group(group)) => {
                    let (opening, closing) = brackets(group.delimiter());
                    let at = self.all.len();
                    let start = place(group.span_open().start());
                    self.push(Kind::Open, start, None, |texts| texts.push_str(opening));
                    let end = place(group.span_close().start());
                    let inner = group.stream().into_iter();
                    open.push((at, std::mem::replace(&mut current, inner), end, closing));
                }
                Some(tree) => self.leaf(&tree),
                None => {
                    let Some((at, outer, start, closing)) = open.pop() else { return };
                    current = outer;
                    let here = self.all.len();
                    self.push(Kind::Close, start, None, |texts| texts.push_str(closing));
                    self.all[at].partner = here;
                    self.all[here].partner = at;
                }
            }
        }
    }

    fn leaf(&mut self, tree: &TokenTree) {
        use std::fmt::Write as _;
        let start = place(tree.span().start());
        // Writing into a string cannot fail.
        match tree {
            TokenTree::Ident(word) => self.push(Kind::Word, start, None, |texts| _ = write!(texts, "{word}")),
            TokenTree::Punct(mark) => {
                self.push(Kind::Mark, start, None, |texts| texts.push(mark.as_char()));
                if let Some(last) = self.all.last_mut() {
                    last.joint = mark.spacing() == proc_macro2::Spacing::Joint;
                }
            }
            TokenTree::Literal(literal) => {
                let end = place(literal.span().end());
                self.push(Kind::Literal, start, Some(end), |texts| _ = write!(texts, "{literal}"));
            }
            TokenTree::Group(_) => {}
        }
    }

    fn push(&mut self, kind: Kind, start: Place, end: Option<Place>, write: impl FnOnce(&mut String)) {
        let from = self.texts.len();
        write(&mut self.texts);
        let text = &self.texts[from..];
        let width = || if text.is_ascii() { text.len() } else { text.chars().count() };
        let end = end.unwrap_or_else(|| (start.0, start.1.saturating_add(number(width()))));
        let here = self.all.len();
        self.all.push(Token { kind, joint: false, start, end, partner: here, text: (from, self.texts.len()) });
    }
}

fn place(at: LineColumn) -> Place {
    (number(at.line), number(at.column))
}

/// No file that is read has as many lines or columns.
fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn brackets(delimiter: Delimiter) -> (&'static str, &'static str) {
    match delimiter {
        Delimiter::Parenthesis => ("(", ")"),
        Delimiter::Brace => ("{", "}"),
        Delimiter::Bracket => ("[", "]"),
        Delimiter::None => ("", ""),
    }
}

/// The text as the compiler reads it: without the mark of its encoding, with one kind of line ends, the first line of a
/// script a comment.
fn decode(source: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(source.strip_prefix(b"\xef\xbb\xbf").unwrap_or(source)).ok()?;
    let mut text = text.replace("\r\n", "\n");
    if let Some(rest) = text.strip_prefix("#!") {
        let rest = rest.trim_start();
        // A comment between the two halves of an attribute: nobody writes it, and to tell it needs the compiler's lexer.
        if rest.starts_with("//") || rest.starts_with("/*") {
            return None;
        }
        if !rest.starts_with('[') {
            // Three strokes would document something.
            text.replace_range(..2, "// ");
        }
    }
    Some(text)
}
