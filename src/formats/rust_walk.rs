//! Finding the functions of a Rust file whose bodies only those notice who run them.

use std::collections::BTreeSet;

use super::rust_attributes::{Attribute, attribute};
use super::rust_lonely::Lonely;
use super::rust_reach::reaches_out;
use super::rust_tokens::{Kind, Tokens};

/// What stands inside a longer name is not looked at.
const LONGEST: usize = 4096;

/// A function with its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) name: String,
    /// First and last line, attributes included.
    pub(super) lines: (u32, u32),
    /// The tokens of each attribute that documents it.
    pub(super) docs: Vec<(usize, usize)>,
    /// Its documentation counts with the body; else with nothing.
    pub(super) docs_count: bool,
    /// The tokens of the body, brackets included.
    pub(super) body: (usize, usize),
    /// Its tokens, attributes included, if nothing else in the program can tell whether it is there.
    pub(super) whole: Option<(usize, usize)>,
}

impl Found {
    /// The tokens that count for who runs it.
    pub(super) fn parts(&self) -> Vec<(usize, usize)> {
        let docs = self.docs.iter().copied();
        let Some((from, to)) = self.whole else {
            return std::iter::once(self.body).chain(docs.filter(|_| self.docs_count)).collect();
        };
        let mut parts = Vec::new();
        let mut at = from;
        for (start, end) in docs {
            parts.push((at, start));
            at = end;
        }
        parts.push((at, to));
        parts
    }
}

/// Every function of a file that has a body and stands in no other, whoever may notice what its body says.
pub(super) fn every_function(tokens: &Tokens) -> Vec<Found> {
    walked(tokens, true)
}

/// The plain functions of a file, in the order of the text.
pub(super) fn functions(tokens: &Tokens) -> Vec<Found> {
    let attributes = (0..tokens.len()).filter(|&at| tokens.says(at, &["#", "["]));
    if attributes.clone().any(|at| tokens.text(at + 2).starts_with("proc_macro")) {
        return Vec::new();
    }
    let mut found = walked(tokens, false);
    // Which of two functions on one line ran cannot be told.
    let shared: Vec<bool> = (0..found.len())
        .map(|at| {
            let before = at.checked_sub(1).is_some_and(|before| found[before].lines.1 >= found[at].lines.0);
            before || found.get(at + 1).is_some_and(|next| next.lines.0 <= found[at].lines.1)
        })
        .collect();
    let mut shared = shared.into_iter();
    found.retain(|_| !shared.next().unwrap_or(false));
    found
}

fn walked(tokens: &Tokens, all: bool) -> Vec<Found> {
    let named = if all { BTreeSet::new() } else { named_in_macros(tokens) };
    let mut walk = Walk { tokens, all, named, lonely: Lonely::new(tokens), found: Vec::new() };
    let mut blocks = vec![Block { from: 0, to: tokens.len(), path: String::new(), seen: false, modules: true }];
    while let Some(block) = blocks.pop() {
        walk.block(&block, &mut blocks);
    }
    let mut found = walk.found;
    found.sort_by_key(|function| function.body);
    found
}

/// Every word in the macros that the file defines.
fn named_in_macros(tokens: &Tokens) -> BTreeSet<&str> {
    let (mut named, mut read) = (BTreeSet::new(), 0);
    for at in 0..tokens.len() {
        // All of what is inside is taken already.
        if at < read {
            continue;
        }
        let from = if tokens.says(at, &["macro_rules", "!"]) {
            at + 3
        } else if tokens.text(at) == "macro" && tokens.is(at + 1, Kind::Word) {
            at + 2
        } else {
            continue;
        };
        // `macro name(..) {..}` has two groups.
        let mut group = from;
        while tokens.is(group, Kind::Open) {
            let inside = group..tokens.partner(group);
            named.extend(inside.filter(|&at| tokens.is(at, Kind::Word)).map(|at| tokens.text(at)));
            group = tokens.after(group);
            read = group;
        }
    }
    named
}

/// What stands between the brackets of a module, an `impl` or a trait, or the whole file.
struct Block {
    from: usize,
    to: usize,
    /// What names in it begin with.
    path: String,
    /// Something but the compiler sees everything in it, or it may run while compiling.
    seen: bool,
    /// It is a module, in modules only.
    modules: bool,
}

struct Walk<'a> {
    tokens: &'a Tokens,
    /// Those, too, whose bodies others may notice.
    all: bool,
    named: BTreeSet<&'a str>,
    lonely: Lonely<'a>,
    found: Vec<Found>,
}

/// What stands before the keyword of an item.
#[derive(Default)]
struct Head {
    start: usize,
    docs: Vec<(usize, usize)>,
    attribute: Option<Attribute>,
    is_const: bool,
    is_extern: bool,
    /// The keyword, or whatever is there.
    at: usize,
}

impl Walk<'_> {
    fn block(&mut self, block: &Block, blocks: &mut Vec<Block>) {
        let tokens = self.tokens;
        let (inner, mut at) = inner_attributes(tokens, block.from);
        let seen = block.seen || inner > Some(Attribute::Known);
        while at < block.to {
            let head = head(tokens, at, block.to);
            let key = head.at;
            let inside = |brace: usize, name: &str, seen_too: bool| Block {
                from: brace + 1,
                to: tokens.partner(brace),
                path: join(&block.path, name),
                seen: seen || seen_too || head.is_const || head.attribute > Some(Attribute::Known),
                modules: block.modules && tokens.text(key) == "mod",
            };
            let next = match tokens.text(key) {
                _ if tokens.text(key + 1) == "!" => self.macro_end(key + 1, block.to),
                "fn" => {
                    let (end, brace) = signature_end(tokens, key + 1, block.to);
                    if let Some(brace) = brace.filter(|_| self.all || !seen) {
                        self.function(&head, block, brace);
                    }
                    end
                }
                keyword @ ("impl" | "trait" | "mod") => {
                    let (end, brace) = signature_end(tokens, key + 1, block.to);
                    if let Some(brace) = brace.filter(|_| block.path.len() < LONGEST) {
                        let (name, is_const) = match keyword {
                            "impl" => impl_name(tokens, key + 1, brace),
                            _ => (tokens.text(key + 1).to_owned(), false),
                        };
                        blocks.push(inside(brace, &name, is_const));
                    }
                    end
                }
                "struct" | "enum" | "union" | "macro" => signature_end(tokens, key + 1, block.to).0,
                "static" | "type" | "use" => self.statement_end(key, block.to),
                "crate" if head.is_extern => self.statement_end(key, block.to),
                _ if head.is_const => self.statement_end(key, block.to),
                // A stray `;`, a block of foreign functions, the path of a macro, something unknown: the next one begins after it.
                _ => tokens.after(key),
            };
            at = next.max(at + 1);
        }
    }

    fn function(&mut self, head: &Head, block: &Block, brace: usize) {
        let tokens = self.tokens;
        let (inner, _) = inner_attributes(tokens, brace + 1);
        let attribute = head.attribute.max(inner).unwrap_or(Attribute::Known);
        let name = tokens.text(head.at + 1);
        let close = tokens.partner(brace);
        let barred = head.is_const || attribute >= Attribute::Foreign || inner > Some(Attribute::Known);
        // A type that the body decides about is known to whoever names the function.
        let opens_its_type =
            (head.at..brace).any(|at| tokens.text(at) == "impl" && follows_an_arrow(tokens, head.at, at));
        let is_plain =
            !(barred || opens_its_type || self.named.contains(name) || reaches_out(tokens, brace + 1, close));
        if !self.all && !is_plain {
            return;
        }
        let line =
            |at: usize, last: bool| tokens.get(at).map_or(0, |token| if last { token.end.0 } else { token.start.0 });
        self.found.push(Found {
            name: join(&block.path, name),
            lines: (line(head.start, false), line(close, true)),
            docs: head.docs.clone(),
            docs_count: attribute == Attribute::Wrapping,
            body: (brace, close + 1),
            whole: (block.modules && self.lonely.is_test((head.start, head.at), (block.from, block.to)))
                .then_some((head.start, close + 1)),
        });
    }

    /// The end of `!`, a name perhaps, a group.
    fn macro_end(&self, mark: usize, to: usize) -> usize {
        let group = if self.tokens.is(mark + 1, Kind::Word) { mark + 2 } else { mark + 1 };
        self.tokens.after(group).min(to)
    }

    fn statement_end(&self, from: usize, to: usize) -> usize {
        let mut at = from;
        while at < to && self.tokens.text(at) != ";" {
            at = self.tokens.after(at);
        }
        at + 1
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}::{name}") }
}

/// `#![..]` at the start of a block: the one that means most, and what follows.
fn inner_attributes(tokens: &Tokens, from: usize) -> (Option<Attribute>, usize) {
    let (mut at, mut worst) = (from, None);
    while tokens.says(at, &["#", "!", "["]) {
        worst = worst.max(Some(attribute(tokens, at + 2)));
        at = tokens.after(at + 2);
    }
    (worst, at)
}

/// Attributes, visibility and what else may stand before the keyword.
fn head(tokens: &Tokens, from: usize, to: usize) -> Head {
    let mut head = Head { start: from, at: from, ..Head::default() };
    while head.at < to {
        let at = head.at;
        match tokens.text(at) {
            "#" if tokens.text(at + 1) == "[" => {
                let kind = attribute(tokens, at + 1);
                head.attribute = head.attribute.max(Some(kind));
                head.at = tokens.after(at + 1);
                head.docs.extend((kind == Attribute::Doc).then_some((at, head.at)));
            }
            "pub" if tokens.text(at + 1) == "(" => head.at = tokens.after(at + 1),
            "extern" => {
                head.is_extern = true;
                head.at = if tokens.is(at + 1, Kind::Literal) { at + 2 } else { at + 1 };
            }
            word @ ("pub" | "default" | "async" | "unsafe" | "safe" | "gen" | "auto" | "const")
                if tokens.text(at + 1) != "!" =>
            {
                head.is_const |= word == "const";
                head.at = at + 1;
            }
            _ => break,
        }
    }
    head
}

/// Where an item ends that ends with a `;` or a pair of braces, and where these open. What stands in `<..>` is no body.
fn signature_end(tokens: &Tokens, from: usize, to: usize) -> (usize, Option<usize>) {
    let (mut at, mut angles) = (from, 0_usize);
    while at < to {
        match tokens.text(at) {
            ";" => return (at + 1, None),
            "{" if angles == 0 => return (tokens.after(at), Some(at)),
            "<" => angles += 1,
            ">" if !is_arrow(tokens, at) => angles = angles.saturating_sub(1),
            _ => {}
        }
        at = tokens.after(at);
    }
    (to, None)
}

/// Whether the `>` belongs to `->` or `=>`.
fn is_arrow(tokens: &Tokens, at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|before| tokens.get(before));
    before.is_some_and(|token| token.joint) && matches!(tokens.before(at, 1), "-" | "=")
}

/// `Type` or `<Type as Trait>`, and whether it may be used while compiling.
fn impl_name(tokens: &Tokens, from: usize, brace: usize) -> (String, bool) {
    let mut at = from;
    if tokens.text(at) == "<" {
        at = angle_end(tokens, at, brace);
    }
    let (mut first, mut text, mut is_const, mut angles) = (None, String::new(), false, 0_usize);
    for at in at..brace {
        let word = tokens.text(at);
        match word {
            "where" if angles == 0 => break,
            "for" if angles == 0 && first.is_none() && !is_binder(tokens, at + 1) => {
                first = Some(std::mem::take(&mut text));
                continue;
            }
            "const" if !matches!(tokens.before(at, 1), "*") => is_const |= angles == 0,
            "<" => angles += 1,
            ">" if !is_arrow(tokens, at) => angles = angles.saturating_sub(1),
            _ => {}
        }
        let wordy = |text: &str| text.starts_with(|c: char| c.is_alphanumeric() || c == '_' || c == '"');
        if wordy(word) && text.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '"') {
            text.push(' ');
        }
        text.push_str(word);
    }
    (first.map_or_else(|| text.clone(), |of_trait| format!("<{text} as {of_trait}>")), is_const)
}

/// `for<'a>` begins a type.
fn is_binder(tokens: &Tokens, at: usize) -> bool {
    tokens.text(at) == "<" && matches!(tokens.text(at + 1), "'" | ">")
}

pub(super) fn angle_end(tokens: &Tokens, from: usize, to: usize) -> usize {
    let (mut at, mut angles) = (from, 0_usize);
    while at < to {
        match tokens.text(at) {
            "<" => angles += 1,
            ">" if !is_arrow(tokens, at) => angles = angles.saturating_sub(1),
            _ => {}
        }
        at = tokens.after(at);
        if angles == 0 {
            break;
        }
    }
    at
}

/// Whether `->` stands between the keyword of a function and a token of its signature.
fn follows_an_arrow(tokens: &Tokens, from: usize, to: usize) -> bool {
    (from..to).any(|at| tokens.text(at) == ">" && tokens.before(at, 1) == "-" && is_arrow(tokens, at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(source: &str) -> Vec<(String, (u32, u32))> {
        let tokens = Tokens::read(source.as_bytes()).unwrap();
        functions(&tokens).into_iter().map(|function| (function.name, function.lines)).collect()
    }

    #[test]
    fn each_function_has_its_name_and_its_lines() {
        let source = "\
//! File.
#![allow(dead_code)]
/// Documented,
#[inline]
pub(crate) async unsafe fn f<'a, T: A<B>>(a: &'a T) -> Box<dyn C>
where
    T: Fn(u8) -> u8,
{
    fn inner() {}
}
impl<'a, T: A<{ 1 }>> Type<'a, T> {
    pub fn method(&self) {
    }
    const fn evaluated() {
    }
}
impl<T> a::Trait<T> for &'static mut dyn B where T: C {
    fn method(self) {}
}
mod outer { pub mod inner { trait T: A {
    type X = u8;
    fn required(&self);
    #[must_use] fn provided(&self) -> bool {
        true
    } }
} }
extern \"C\" { fn foreign(); }
#[unsafe(no_mangle)]
pub extern \"C\" fn exported() {
}
struct S { a: fn() }
const X: S = S { a: f };
macro_rules! m { () => { fn in_macro() {} } }
m! { fn in_invocation() {} }
impl<F> R for F where for<'a> F: Fn(&'a u8) { fn r() {
} }
impl R for for<'a> fn(&'a u8) { fn r() {
} }
fn last() {}
";
        let expected = [
            ("f", (3, 10)),
            ("Type<'a,T>::method", (12, 13)),
            ("<&'static mut dyn B as a::Trait<T>>::method", (18, 18)),
            ("outer::inner::T::provided", (23, 25)),
            ("exported", (28, 30)),
            ("<F as R>::r", (35, 36)),
            ("<for<'a>fn(&'a u8) as R>::r", (37, 38)),
            ("last", (39, 39)),
        ];
        assert_eq!(found(source), expected.map(|(name, lines)| (name.to_owned(), lines)));
    }

    #[test]
    fn functions_that_share_a_line_are_not_told_apart() {
        assert_eq!(found("fn a() {} fn b() {}\nfn c() {\n} fn d() {\n}\nfn e() {}\n").len(), 1);
        assert_eq!(found("fn a() {} const fn b() {}\n").len(), 1);
    }

    #[test]
    fn what_is_half_written_costs_only_precision() {
        for (source, expected) in [
            ("impl {}\nfn f() {}", 1),
            ("const X\nfn f() {}", 0),
            ("a < b\nfn f() {}", 1),
            ("fn f<(){}\nfn g() {}", 0),
            ("trait A = B;\nfn f() {}", 1),
            ("macro m($a:expr) { fn g() {} }\nfn f() {}", 1),
            ("macro_rules! m { () => {} }\nfn f() {}", 1),
            ("union U { a: u8 }\nfn f() {}", 1),
            ("auto trait T {}\nunsafe impl !Send for T {}\nfn f() {}", 1),
            ("extern crate a as b;\nfn f() {}", 1),
            ("unsafe extern { safe fn a(); }\nfn f() {}", 1),
            ("crate::m! {}\nfn f() {}", 1),
            ("const _: () = { fn g() {} };\nfn f() {}", 1),
            ("use a::{b, c};\nstatic A: B = B { c: 1 };\nfn f() {}", 1),
            ("}", 0),
        ] {
            let tokens = Tokens::read(source.as_bytes()).unwrap_or_default();
            assert_eq!(functions(&tokens).len(), expected, "{source}");
        }
    }
}
