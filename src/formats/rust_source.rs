//! Rust source as hashes of its tokens: the bodies of plain functions, what is left without them, the variables it names.

use std::collections::{BTreeMap, BTreeSet};

use super::rust_spelling::{Spelling, macro_name};
use super::rust_tokens::{Kind, Tokens};
use super::rust_walk::{Found, functions};
use crate::model::digest::Digest;
use crate::model::shape::{Asides, FunctionShape, Shape};

/// What cargo says about itself and about a build: told by the manifest and the toolchain.
const CARGO_NAMES: &[&str] =
    &["CARGO", "DEBUG", "HOST", "NUM_JOBS", "OPT_LEVEL", "OUT_DIR", "PROFILE", "RUSTC", "RUSTDOC", "TARGET"];

/// The files that a source file has compiled into itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Inclusions {
    /// Relative to the file.
    pub literal: BTreeSet<String>,
    /// Relative to the package's folder.
    pub manifest: BTreeSet<String>,
    /// There is one more whose path the text does not tell.
    pub unresolved: bool,
}

/// The hashes of a Rust source file. What cannot be read is hashed by its bytes.
#[must_use]
pub fn shape(source: &[u8]) -> Shape {
    shape_with(source, Spelling::new)
}

/// The same where the places of tokens say nothing, whatever the code asks: code that only moved down its file is not another.
#[must_use]
pub fn shape_without_places(source: &[u8]) -> Shape {
    shape_with(source, Spelling::without_places)
}

fn shape_with(source: &[u8], spell: impl Fn(&Tokens) -> Spelling) -> Shape {
    let Some(tokens) = Tokens::read(source) else {
        let whole = Digest::of(source);
        return Shape { whole, module: whole, asides: Asides::unparted(whole), ..Shape::default() };
    };
    let spelling = spell(&tokens);
    let found = functions(&tokens);
    let module = remainder(&tokens, &spelling, &found);
    Shape {
        whole: Digest::of_parts([spelling.part(0, tokens.len())]),
        module,
        asides: Asides::unparted(module),
        functions: merged(&spelling, found),
        environment: environment(&tokens),
        parsed: true,
        ..Shape::default()
    }
}

/// The files that `include!` and its like name.
#[must_use]
pub fn inclusions(source: &[u8]) -> Inclusions {
    let mut inclusions = Inclusions::default();
    if !source.windows(7).any(|word| word == b"include") {
        return inclusions;
    }
    let Some(tokens) = Tokens::read(source) else { return Inclusions { unresolved: true, ..inclusions } };
    for open in (0..tokens.len()).filter(|&at| tokens.is(at, Kind::Open)) {
        match macro_name(&tokens, open) {
            Some("include" | "include_str" | "include_bytes") => inclusions.argument(&tokens, open),
            // A generated file, which its build script answers for.
            Some("include_proto") | None => {}
            Some(name) => inclusions.unresolved |= name.starts_with("include_"),
        }
    }
    inclusions
}

impl Inclusions {
    fn argument(&mut self, tokens: &Tokens, open: usize) {
        let close = tokens.partner(open);
        let close = if tokens.before(close, 1) == "," { close - 1 } else { close };
        match path(tokens, open + 1, close) {
            Some((false, path)) => _ = self.literal.insert(path),
            Some((true, path)) => _ = self.manifest.insert(path.trim_start_matches('/').to_owned()),
            None => self.unresolved |= !(open..close).any(|at| tokens.text(at) == "\"OUT_DIR\""),
        }
    }
}

/// The path that an argument spells, and whether it is relative to the package's folder.
fn path(tokens: &Tokens, from: usize, to: usize) -> Option<(bool, String)> {
    if from + 1 == to {
        return literal(tokens.text(from)).map(|path| (false, path.to_owned()));
    }
    if !tokens.says(from, &["concat", "!"]) || tokens.after(from + 2) != to || !tokens.is(from + 2, Kind::Open) {
        return None;
    }
    let (mut at, end) = (from + 3, to - 1);
    let in_manifest = tokens.says(at, &["env", "!"])
        && tokens.is(at + 2, Kind::Open)
        && tokens.partner(at + 2) == at + 4
        && tokens.text(at + 3) == "\"CARGO_MANIFEST_DIR\"";
    let mut path = String::new();
    if in_manifest {
        at += 5;
    }
    while at < end {
        if tokens.text(at) != "," {
            path.push_str(literal(tokens.text(at))?);
        }
        at += 1;
    }
    // What sticks to the folder's own name is another folder.
    (!in_manifest || path.starts_with('/')).then_some((in_manifest, path))
}

/// What a string literal without escapes says.
fn literal(text: &str) -> Option<&str> {
    if let Some(raw) = text.strip_prefix('r') {
        let raw = raw.trim_matches('#');
        return raw.strip_prefix('"')?.strip_suffix('"');
    }
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    (!inner.contains('\\')).then_some(inner)
}

/// Everything but bodies, what documents their functions, and tests that nobody else can tell of.
fn remainder(tokens: &Tokens, spelling: &Spelling, found: &[Found]) -> Digest {
    let cuts = found.iter().flat_map(|function| match function.whole {
        Some(range) => vec![(range, false)],
        None => function.docs.iter().map(|&range| (range, false)).chain([(function.body, true)]).collect(),
    });
    let mut cuts: Vec<_> = cuts.collect();
    cuts.sort_unstable();
    let mut left = Vec::new();
    let mut at = 0;
    for ((from, to), is_body) in cuts {
        left.extend_from_slice(spelling.part(at, from));
        // No token begins so.
        left.extend(is_body.then_some(u8::MAX));
        at = to;
    }
    left.extend_from_slice(spelling.part(at, tokens.len()));
    Digest::of_parts([left.as_slice()])
}

/// Functions of the same name are taken together, in the order of the text.
fn merged(spelling: &Spelling, found: Vec<Found>) -> Vec<FunctionShape> {
    let mut named: BTreeMap<String, Vec<Found>> = BTreeMap::new();
    for mut function in found {
        named.entry(std::mem::take(&mut function.name)).or_default().push(function);
    }
    let one = |(name, found): (String, Vec<Found>)| {
        let parts = found.iter().flat_map(Found::parts).map(|(from, to)| spelling.part(from, to));
        FunctionShape {
            // Every token says where it ends.
            body: Digest::of(&parts.collect::<Vec<_>>().concat()),
            lines: found.iter().map(|one| one.lines).collect(),
            name,
            remembers: false,
            fills: false,
        }
    };
    named.into_iter().map(one).collect()
}

/// `env!("A")`, `option_env!("A")`, `env::var("A")`, `var_os("A")`, and `env = "A"` or `.env("A")` as clap has it.
fn environment(tokens: &Tokens) -> Vec<String> {
    let mut names = BTreeSet::new();
    let mut unknown = false;
    for at in (0..tokens.len()).filter(|&at| tokens.is(at, Kind::Word)) {
        let name = match tokens.text(at) {
            "env" | "option_env" if tokens.text(at + 1) == "!" && tokens.is(at + 2, Kind::Open) => at + 3,
            "var" | "var_os" if tokens.text(at + 1) == "(" && tokens.before(at, 1) != "." => at + 2,
            "env" if tokens.text(at + 1) == "=" => at + 2,
            "env" if tokens.text(at + 1) == "(" && tokens.partner(at + 1) == at + 3 => at + 2,
            _ => continue,
        };
        // A name that the code puts together, or keeps elsewhere in the file.
        unknown |= matches!(tokens.text(at), "var" | "var_os") && !tokens.is(name, Kind::Literal);
        let told = |name: &&str| !is_cargos(name) && !name.is_empty();
        names.extend(literal(tokens.text(name)).filter(told).map(str::to_owned));
    }
    // All of them, of which those may be picked whose names begin in some way.
    let all = (0..tokens.len()).any(|at| matches!(tokens.text(at), "vars" | "vars_os") && tokens.text(at + 1) == "(");
    if unknown || all {
        let literals = (0..tokens.len()).filter(|&at| tokens.is(at, Kind::Literal));
        let variable = |name: &&str| name.len() > 2 && name.chars().all(is_in_a_variable) && !is_cargos(name);
        let found = literals.filter_map(|at| literal(tokens.text(at))).filter(variable);
        names.extend(found.map(|name| if all && name.ends_with('_') { format!("{name}*") } else { name.to_owned() }));
    }
    names.into_iter().collect()
}

fn is_cargos(name: &str) -> bool {
    CARGO_NAMES.contains(&name) || name.starts_with("CARGO_")
}

fn is_in_a_variable(letter: char) -> bool {
    letter.is_ascii_uppercase() || letter.is_ascii_digit() || letter == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which hashes of two sources differ: `module`, the names of functions; `whole` where nothing else does.
    fn differing(before: &str, after: &str) -> Vec<String> {
        let (before, after) = (shape(before.as_bytes()), shape(after.as_bytes()));
        assert!(before.parsed && after.parsed);
        let names = before.functions.iter().chain(&after.functions).map(|f| f.name.clone());
        let names: BTreeSet<String> = names.collect();
        let body = |shape: &Shape, name: &str| shape.function(name).map(|f| f.body);
        let mut differing: Vec<String> = Vec::new();
        differing.extend((before.module != after.module).then(|| "module".to_owned()));
        differing.extend(names.into_iter().filter(|name| body(&before, name) != body(&after, name)));
        if before.whole == after.whole {
            assert!(differing.is_empty(), "{differing:?}");
        } else if differing.is_empty() {
            differing.push("whole".to_owned());
        }
        differing
    }

    #[test]
    #[allow(clippy::too_many_lines, reason = "it is a table")]
    fn each_edit_changes_what_can_notice_it() {
        const CASES: &[(&str, &str, &[&str])] = &[
            // Layout and comments.
            ("fn f() { a(1); }", "// x\nfn f()\n{\n    /* y */ a( 1 ) ;\n}\n", &[]),
            ("fn f(a:&u8)->u8 {*a}", "fn f(a: &u8) -> u8 { *a }", &[]),
            ("fn f() { \"a\n b\" }", "fn f() { \"a\r\n b\" }", &[]),
            ("\u{feff}fn f() {}", "fn f() {}", &[]),
            ("#!/usr/bin/env run\nfn f() {}", "fn f() {}", &[]),
            ("fn f() { \"a \\\n  b\" }", "fn f() { \"a \\\n b\" }", &["f"]),
            ("fn f() { a(b) }", "fn f() { a(b,) }", &["f"]),
            ("fn f() { a && b }", "fn f() { a & &b }", &["f"]),
            ("fn f() { a - -b }", "fn f() { a--b }", &[]),
            ("fn f() { a | | b }", "fn f() { a || b }", &["f"]),
            ("type A = B<C<D> >;", "type A = B<C<D>>;", &["module"]),
            ("fn f() { 1.0 }", "fn f() { 1. }", &["f"]),
            ("fn f() { r#a }", "fn f() { a }", &["f"]),
            // Bodies, and what is around them.
            ("fn f() { 1 }", "fn f() { 2 }", &["f"]),
            ("fn f() -> u8 { 1 }", "fn f() -> u16 { 1 }", &["module"]),
            ("fn f() {}", "pub fn f() {}", &["module"]),
            ("fn f() {}", "async fn f() {}", &["module"]),
            ("use a::b; fn f() {}", "use a::c; fn f() {}", &["module"]),
            ("const A: u8 = 1; fn f() {}", "const A: u8 = 2; fn f() {}", &["module"]),
            ("static A: u8 = 1;", "static A: u8 = 2;", &["module"]),
            ("#[derive(A)] struct S;", "#[derive(A, B)] struct S;", &["module"]),
            ("mod m { fn f() { 1 } }", "mod m { fn f() { 2 } }", &["m::f"]),
            ("impl A { fn f(&self) { 1 } }", "impl A { fn f(&self) { 2 } }", &["A::f"]),
            ("impl A { const C: u8 = 1; }", "impl A { const C: u8 = 2; }", &["module"]),
            (
                "impl Drop for A { fn drop(&mut self) { 1 } }",
                "impl Drop for A { fn drop(&mut self) { 2 } }",
                &["<A as Drop>::drop"],
            ),
            ("trait T { fn f() { 1 } }", "trait T { fn f() { 2 } }", &["T::f"]),
            ("trait T { fn f(); }", "trait T { fn f() {} }", &["module", "T::f"]),
            ("fn f() { fn g() { 1 } }", "fn f() { fn g() { 2 } }", &["f"]),
            ("fn f() { |a| 1 }", "fn f() { |a| 2 }", &["f"]),
            ("fn f<const N: usize = { 1 }>() { 1 }", "fn f<const N: usize = { 2 }>() { 1 }", &["module"]),
            ("fn f() -> A<{ 1 }> { 1 }", "fn f() -> A<{ 1 }> { 2 }", &["f"]),
            ("fn f(a: fn() -> B) -> C where D: E<F> { 1 }", "fn f(a: fn() -> B) -> C where D: E<F> { 2 }", &["f"]),
            ("fn f() { 1 }\nfn f() { 2 }", "fn f() { 2 }\nfn f() { 1 }", &["f"]),
            ("fn f() { 1 }\nfn g() { 2 }", "fn g() { 2 }\nfn f() { 1 }", &["module"]),
            // What runs while compiling, or where no test is seen to run it.
            ("const fn f() { 1 }", "const fn f() { 2 }", &["module"]),
            ("pub(crate) const unsafe fn f() { 1 }", "pub(crate) const unsafe fn f() { 2 }", &["module"]),
            ("impl const T for A { fn f() { 1 } }", "impl const T for A { fn f() { 2 } }", &["module"]),
            ("impl T for *const A { fn f() { 1 } }", "impl T for *const A { fn f() { 2 } }", &["<*const A as T>::f"]),
            ("fn f() { const { 1 } }", "fn f() { const { 2 } }", &["module"]),
            ("fn f() { static A: u8 = 1; }", "fn f() { static A: u8 = 2; }", &["module"]),
            ("fn f() { impl A for B { } 1 }", "fn f() { impl A for B { } 2 }", &["module"]),
            ("fn f() { &'static a; 1 as *const u8 }", "fn f() { &'static a; 2 as *const u8 }", &["f"]),
            ("fn f() { macro_rules! m { () => { 1 } } }", "fn f() { macro_rules! m { () => { 2 } } }", &["module"]),
            ("fn f() { #[test] fn g() { 1 } }", "fn f() { #[test] fn g() { 2 } }", &["module"]),
            // Tests that come and go.
            ("mod t { fn h() {} }", "mod t { fn h() {}\n#[test] fn a() { h() } }", &["t::a"]),
            ("#[test] fn a() {}\n", "#[test] fn a() {}\n/// x\n#[test] #[ignore] fn b() -> R {}", &["b"]),
            ("#[test] fn a() {}", "#[test] #[should_panic] fn a() {}", &["a"]),
            ("mod x; mod t { }", "mod x; mod t { #[test] fn a() {} }", &["t::a"]),
            ("mod t { mod x; }", "mod t { mod x; #[test] fn a() {} }", &["module", "t::a"]),
            ("mod x;", "mod x; #[test] fn a() {}", &["module", "a"]),
            ("b!(); fn f() {}", "b!(); fn f() {}\n#[test] fn a() {}", &["module", "a"]),
            ("use b::test;", "use b::test; #[test] fn a() {}", &["module", "a"]),
            ("use c::*; fn f() { b() }", "use c::*; fn f() { b() }\n#[test] fn r#b() {}", &["module", "r#b"]),
            ("use b::*; fn f() { a() }", "use b::*; fn f() { a() }\n#[test] fn a() {}", &["module", "a"]),
            ("fn f() {}", "fn f() {}\n#[test] pub fn a() {}", &["module", "a"]),
            ("fn f() {}", "fn f() {}\n#[test] #[cfg(a)] fn a() {}", &["module", "a"]),
            ("fn f() {}", "fn f() {}\n#[tokio::test] async fn a() {}", &["module", "a"]),
            ("fn f() {}", "fn f() {}\nfn a() {}", &["module", "a"]),
            ("include!(\"b.rs\");", "include!(\"b.rs\"); #[test] fn a() {}", &["module", "a"]),
            ("impl A {}", "impl A { #[test] fn a() {} }", &["module", "A::a"]),
            ("fn f() { /** a */ fn g() { 1 } }", "fn f() { /** a */ fn g() { 2 } }", &["f"]),
            ("#[ctor::ctor] fn f() { 1 }", "#[ctor::ctor] fn f() { 2 }", &["module"]),
            ("#[unsafe(no_mangle)] fn f() { 1 }", "#[unsafe(no_mangle)] fn f() { 2 }", &["f"]),
            ("#[coverage(off)] fn f() { 1 }", "#[coverage(off)] fn f() { 2 }", &["module"]),
            ("#[cfg_attr(a, coverage(off))] fn f() { 1 }", "#[cfg_attr(a, coverage(off))] fn f() { 2 }", &["module"]),
            (
                "#[automatically_derived] impl A { fn f() { 1 } }",
                "#[automatically_derived] impl A { fn f() { 2 } }",
                &["module"],
            ),
            ("#[proc_macro] pub fn f() {} \n fn g() { 1 }", "#[proc_macro] pub fn f() {} \n fn g() { 2 }", &["module"]),
            // Macros.
            ("macro_rules! m { () => { 1 } }", "macro_rules! m { () => { 2 } }", &["module"]),
            ("m! { fn f() { 1 } }", "m! { fn f() { 2 } }", &["module"]),
            ("a::m!(1); fn f() { 1 }", "a::m!(1); fn f() { 2 }", &["f"]),
            (
                "macro_rules! m { () => { f() } }\nfn f() { 1 }",
                "macro_rules! m { () => { f() } }\nfn f() { 2 }",
                &["module"],
            ),
            ("#[async_trait] impl A { fn f() { 1 } }", "#[async_trait] impl A { fn f() { 2 } }", &["module"]),
            ("#[cfg(test)] mod m { fn f() { 1 } }", "#[cfg(test)] mod m { fn f() { 2 } }", &["m::f"]),
            ("mod m { #![foreign] fn f() { 1 } }", "mod m { #![foreign] fn f() { 2 } }", &["module"]),
            ("#[tokio::test] async fn f() { 1 }", "#[tokio::test] async fn f() { 2 }", &["f"]),
            ("#[case(1)] fn f() {}", "#[case(2)] fn f() {}", &["module"]),
            ("fn f() { g(m!(a+b)) }", "fn f() { g(m!(a + b)) }", &["f"]),
            ("fn f() { m!(a, b) }", "fn f() { m!( a,\nb ) }", &[]),
            ("fn f() { let c = m!({a}); }", "fn f() { let c = m!({ a }); }", &["f"]),
            ("fn f() { m!(a) }", "fn f() { m!(b) }", &["module"]),
            ("fn f() { c; d::m!{a} e }", "fn f() { c; d::m!{b} e }", &["module"]),
            ("fn f() { 1; println!(\"a\") }", "fn f() { 1; println!(\"b\") }", &["f"]),
            ("fn f() { LEVEL.lock().b(1) }", "fn f() { LEVEL.lock().b(2) }", &["module"]),
            ("fn f() { a().lock().b(1) }", "fn f() { a().lock().b(2) }", &["module"]),
            ("fn f() { LEVEL.0.get_or_init(|| 1) }", "fn f() { LEVEL.0.get_or_init(|| 2) }", &["module"]),
            ("fn f() { NAMES.len() + 1 }", "fn f() { NAMES.len() + 2 }", &["f"]),
            ("fn f() { a().store(1, B) }", "fn f() { a().store(2, B) }", &["module"]),
            ("fn f() { env::set_var(\"A\", \"1\") }", "fn f() { env::set_var(\"A\", \"2\") }", &["module"]),
            ("fn f() -> impl A { 1 }", "fn f() -> impl A { 2 }", &["module"]),
            ("fn f(a: impl A) -> B { 1 }", "fn f(a: impl A) -> B { 2 }", &["f"]),
            ("#[derive(A)] struct S { a: [u8; 4+4] }", "#[derive(A)] struct S { a: [u8; 4 + 4] }", &["module"]),
            ("#[derive(Debug)] struct S { a: [u8; 4+4] }", "#[derive(Debug)] struct S { a: [u8; 4 + 4] }", &[]),
            ("#[a::b] fn f() { 1+1 }", "#[a::b] fn f() { 1 + 1 }", &["module"]),
            ("fn f() { info!(a+b); }", "fn f() { info!(a + b); }", &["f"]),
            ("fn f() { println!(\"\",a+b) }", "fn f() { println!(\"\", a + b) }", &[]),
            ("fn f() { assert!(matches!(a,b)) }", "fn f() { assert!(matches!(a, b)) }", &["f"]),
            ("fn f() { if !(a+b) {} }", "fn f() { if ! (a + b) {} }", &[]),
            ("#[derive(A,B)] struct S;", "#[derive(A, B)] struct S;", &[]),
            ("#[requires(a>0)] fn f() {}", "#[requires(a > 0)] fn f() {}", &["module"]),
            // Documentation.
            ("/// a\nfn f() {}", "/// b\nfn f() {}", &["whole"]),
            ("/// a\n#[test]\n/// b\nfn f() {}", "#[test]\nfn f() {}", &["whole"]),
            ("/// a\nfn f() {}", "#[doc = \" a\"]\nfn f() {}", &[]),
            ("/// a\nfn f() {}", "/** a*/\nfn f() {}", &[]),
            ("/// a\nstruct S;", "/// b\nstruct S;", &["module"]),
            ("//! a\nfn f() {}", "//! b\nfn f() {}", &["module"]),
            ("/// a\n#[tokio::test]\nfn f() {}", "/// b\n#[tokio::test]\nfn f() {}", &["f"]),
            ("/// a\n#[utoipa::path]\nfn f() {}", "/// b\n#[utoipa::path]\nfn f() {}", &["module"]),
            ("/// a\nconst fn f() {}", "/// b\nconst fn f() {}", &["module"]),
            // Code that looks at places.
            ("fn f() { line!() }", "\nfn f() { line!() }", &["module", "f"]),
            ("fn f() { line!() }", "fn f() {  line!() }", &["f"]),
            ("fn f() { line != (a) }", "\nfn f() { line != (a) }", &[]),
            ("#[track_caller] fn f() {}", "\n#[track_caller] fn f() {}", &["module", "f"]),
            (
                "fn f() { insta::assert_yaml_snapshot!(a) }\n",
                "\nfn f() { insta::assert_yaml_snapshot!(a) }\n",
                &["module", "f"],
            ),
            ("fn f() { Location::caller() }", "\nfn f() { Location::caller() }", &["module", "f"]),
            ("fn f() { 1 }\nfn g() { dbg!(1) }", "fn f() { 1 }\n\nfn g() { dbg!(1) }", &["module", "g"]),
        ];
        for (before, after, expected) in CASES {
            assert_eq!(differing(before, after), *expected, "\n{before}\n->\n{after}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_its_bytes() {
        for source in [b"fn f( {}".as_slice(), b"\xff", b"fn f() { \"a }", b"#! /* a */ [b]"] {
            let broken = shape(source);
            assert_eq!(
                (broken.whole, broken.module, broken.asides.core),
                (Digest::of(source), Digest::of(source), Digest::of(source))
            );
            assert!(!broken.parsed && broken.functions.is_empty());
        }
        let large = format!("fn f() {{}}\n//{}", " ".repeat(2 << 20));
        assert!(!shape(large.as_bytes()).parsed);
        assert!(shape(b"").parsed && shape(b"#![allow(a)]").parsed && shape(b"#!/bin/x").parsed);
    }

    #[test]
    fn environment_variables_are_found_in_every_usual_form() {
        let source = br##"const A: &str = env!("A"); const B: Option<&str> = option_env!("B",);
            fn f() { std::env::var("C"); var_os(r#"D"#); m!(env::var("E").unwrap()); env!("CARGO_PKG_NAME"); env!("OUT_DIR") }
            #[arg(env = "F")] struct S; fn g() { Arg::new("x").env("G"); command.env("NO", "x"); a.var("NO"); env::var(NO) }"##;
        assert_eq!(shape(source).environment, ["A", "B", "C", "D", "E", "F", "G"]);
    }

    #[test]
    fn inclusions_are_resolved_where_the_text_tells_them() {
        for (source, literal, manifest, unresolved) in [
            ("fn f() { }", "", "", false),
            ("fn f() { include_str!(\"a\") }", "a", "", false),
            ("const A: &[u8] = include_bytes! [ r\"../a.bin\", ];", "../a.bin", "", false),
            ("#![doc = include_str!(\"../README.md\")]", "../README.md", "", false),
            ("m!(x, include!(\"a.rs\"))", "a.rs", "", false),
            ("include_str!(concat!(\"a/\", \"b\"));", "a/b", "", false),
            ("include_str!(concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/a/\", \"b\",));", "", "a/b", false),
            ("include_str!(concat!(env!(\"CARGO_MANIFEST_DIR\"), \"a\"));", "", "", true),
            ("include!(concat!(env!(\"OUT_DIR\"), \"/a.rs\"));", "", "", false),
            ("include!(env!(\"A\"));", "", "", true),
            ("macro_rules! m { ($a:expr) => { include_str!($a) } }", "", "", true),
            ("include_str!(\"a\\n\");", "", "", true),
            ("include_dir!(\"$CARGO_MANIFEST_DIR/a\");", "", "", true),
            ("tonic::include_proto!(\"a\");", "", "", false),
            ("#[path = \"a.rs\"] mod a; fn include() {}", "", "", false),
            ("include_str!(", "", "", true),
        ] {
            let set = |path: &str| Some(path.to_owned()).filter(|path| !path.is_empty()).into_iter().collect();
            let expected = Inclusions { literal: set(literal), manifest: set(manifest), unresolved };
            assert_eq!(inclusions(source.as_bytes()), expected, "{source}");
        }
    }

    #[test]
    fn hostile_nesting_does_not_overflow_the_stack() {
        for (before, after) in [
            ("(", ")"),
            ("{", "}"),
            ("a!(", ")"),
            ("-", ""),
            ("#[", "]"),
            ("mod a {", "}"),
            ("a<", ""),
            ("macro_rules! m {", "}"),
            ("#[cfg_attr(a, cfg_attr(a, b))] ", ""),
            ("#[unsafe(cfg_attr(a, ", "))]"),
        ] {
            let times = 30_000;
            let text = format!("{}{}", before.repeat(times), after.repeat(times));
            assert!(shape(text.as_bytes()).parsed, "{before}");
            assert!(shape(format!("fn f() {{ {text} }}").as_bytes()).parsed, "{before}");
            let _ = inclusions(text.as_bytes());
        }
    }
}
