//! Stub mutants of a Rust function: the file with another body in that function's place.

use super::rust_tokens::{Kind, Tokens};
use super::rust_walk::{Found, angle_end, every_function};

/// What a stub panics with that has nothing else to give than what is right: then it is none.
pub const RIGHT: &str = "titer: the stand-in gives what is right";

/// Types of which one is an integer.
const INTEGERS: [&str; 12] = ["u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128", "isize"];

/// Files in which the function named so gives something else: `none`, `default` or `raise`. One text for each body that may be tried, in their
/// order; which of them the compiler takes is known only after it was asked. `line` decides where the name is not enough.
///
/// # Errors
/// The function is not there, or is there twice; the sentence says which.
pub fn stubs(source: &str, name: &str, line: u32, with: &str) -> Result<Vec<String>, String> {
    let text = source.strip_prefix('\u{feff}').unwrap_or(source).replace("\r\n", "\n");
    let tokens = Tokens::read(text.as_bytes()).ok_or("the target's file cannot be read as Rust")?;
    let found = every_function(&tokens);
    let function = chosen(&found, name, line)?;
    let (open, close) = (place(&tokens, &text, function.body.0), place(&tokens, &text, function.body.1 - 1));
    let (Some(open), Some(close)) = (open, close) else { return Err("the target's body is not found".to_owned()) };
    let name = function.name.rsplit(':').next().unwrap_or_default();
    let keyword = (1..function.body.0).rev().find(|&at| tokens.text(at) == name && tokens.before(at, 1) == "fn");
    let keyword = keyword.map_or(0, |at| at - 1);
    let result = result(&tokens, keyword, function.body.0);
    let is_async = (1..4).any(|back| tokens.before(keyword, back) == "async");
    let real = Real { result: &result, body: &text[open..=close], is_async };
    let bodies = bodies(&real, with);
    let stub = |body: &String| format!("{}{{ {body} }}{}", &text[..open], &text[close + 1..]);
    Ok(bodies.iter().map(stub).collect())
}

/// The name of the function that a line of a file stands in.
#[must_use]
pub fn function_at(source: &str, line: u32) -> Option<String> {
    let tokens = Tokens::read(source.as_bytes())?;
    let found = every_function(&tokens);
    found.into_iter().find(|function| holds(function, line)).map(|function| function.name)
}

fn holds(function: &Found, line: u32) -> bool {
    (function.lines.0..=function.lines.1).contains(&line)
}

/// By its whole name, else by the line, else by the last part of its name if only one has it.
fn chosen<'a>(found: &'a [Found], name: &str, line: u32) -> Result<&'a Found, String> {
    let last = |name: &str| name.rsplit(':').next().unwrap_or_default().to_owned();
    let mut whole = found.iter().filter(|function| function.name == name);
    if let (Some(only), None) = (whole.next(), whole.next()) {
        return Ok(only);
    }
    let by_line = found.iter().find(|function| line > 0 && holds(function, line));
    let is_named = |function: &&Found| last(&function.name) == last(name);
    if let Some(at) = by_line.filter(|at| name.starts_with('<') || is_named(at)) {
        return Ok(at);
    }
    let mut named = found.iter().filter(is_named);
    match (named.next(), named.next()) {
        (Some(only), None) => Ok(only),
        (Some(_), Some(_)) => Err(format!("several functions of the target's file are called {}", last(name))),
        (None, _) => Err("the target is not there".to_owned()),
    }
}

/// Where a token begins in the text, in bytes. Columns count characters.
fn place(tokens: &Tokens, text: &str, at: usize) -> Option<usize> {
    let (line, column) = tokens.get(at)?.start;
    let before = text.split_inclusive('\n').take((line as usize).checked_sub(1)?).map(str::len).sum::<usize>();
    let inside = text.get(before..)?.char_indices().nth(column as usize)?.0;
    Some(before + inside)
}

/// The type that the function of a keyword gives, without blanks; empty where it says none.
fn result(tokens: &Tokens, keyword: usize, brace: usize) -> String {
    let mut at = keyword + 2;
    if tokens.text(at) == "<" {
        at = angle_end(tokens, at, brace);
    }
    at = tokens.after(at);
    if !tokens.says(at, &["-", ">"]) {
        return String::new();
    }
    let mut text = String::new();
    for at in at + 2..brace {
        if tokens.text(at) == "where" {
            break;
        }
        let is_word = |at: usize| tokens.is(at, Kind::Word);
        if is_word(at) && is_word(at - 1) {
            text.push(' ');
        }
        text.push_str(tokens.text(at));
    }
    text
}

/// The function as it is.
struct Real<'a> {
    /// The type that it gives.
    result: &'a str,
    /// Its body, brackets included.
    body: &'a str,
    is_async: bool,
}

impl Real<'_> {
    /// A body that gives a value only where the real one gives another.
    fn unless(&self, is_right: &str, value: &str) -> String {
        let Self { result, body, is_async } = self;
        let call = if *is_async { format!("(async {body}).await") } else { format!("(|| -> {result} {body})()") };
        format!("let real: {result} = {call}; if {is_right} {{ panic!(\"{RIGHT}\") }} {value}")
    }
}

/// What stands in the function's body instead.
fn bodies(real: &Real<'_>, with: &str) -> Vec<String> {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<String>>();
    let result = real.result;
    let is_option = of(result, "Option").is_some();
    match with {
        "raise" => owned(&["panic!(\"a stand-in for the function under test\")"]),
        "none" if is_option => vec!["None".to_owned(), real.unless("real.is_none()", "None")],
        "none" if matches!(result, "" | "()") => owned(&[""]),
        "default" if !matches!(result, "" | "()" | "!") => {
            let mut all = plain(result);
            if let ([only], false) = (all.as_slice(), is_option) {
                // Of another type than those that have a second plain value, only the real one tells whether it gives the first.
                let right = if only.starts_with("Ok(") {
                    "real.as_ref().is_ok_and(|real| *real == Default::default())"
                } else {
                    "real == Default::default()"
                };
                let body = real.unless(right, only);
                all.push(body);
            }
            all
        }
        _ => Vec::new(),
    }
}

/// Plain values of a type: the plainest, and another, as the plainest may be what is right.
fn plain(result: &str) -> Vec<String> {
    if let Some(inner) = of(result, "Option") {
        return plain(inner).iter().map(|value| format!("Some({value})")).collect();
    }
    if let Some(inner) = of(result, "Result") {
        return plain(first_of(inner)).iter().map(|value| format!("Ok({value})")).collect();
    }
    let other = match result {
        _ if INTEGERS.contains(&result) => "1",
        "f32" | "f64" => "1.0",
        "bool" => "true",
        "char" => "'x'",
        "String" | "std::string::String" => "\"x\".to_owned()",
        "PathBuf" | "std::path::PathBuf" => "\"x\".into()",
        _ if result.starts_with('&') && result.ends_with("str") => "\"x\"",
        _ if of(result, "Cow").is_some() => "\"x\".into()",
        _ if of(result, "Vec").is_some() => "vec![Default::default()]",
        _ => "",
    };
    let all = ["Default::default()".to_owned(), other.to_owned()];
    all.into_iter().filter(|value| !value.is_empty()).collect()
}

/// What a generic type is of: `u32` of `std::option::Option<u32>`.
fn of<'a>(result: &'a str, name: &str) -> Option<&'a str> {
    let (before, inner) = result.strip_suffix('>')?.split_once('<')?;
    (before.rsplit(':').next() == Some(name)).then_some(inner)
}

/// The first of several types.
fn first_of(inner: &str) -> &str {
    let mut depth = 0_u32;
    for (at, letter) in inner.char_indices() {
        match letter {
            '<' | '(' | '[' => depth += 1,
            '>' | ')' | ']' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => return &inner[..at],
            _ => {}
        }
    }
    inner
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "pub struct A;\nimpl A {\n    /// ä\n    pub fn f<T: Into<u8>>(&self, x: T) -> u32\n    where\n        T: Copy,\n    {\n        x.into() as u32\n    }\n}\n\
                        fn g() -> Option<&'static str> { None }\nfn h() {}\nconst fn k() -> u8 { 3 }\nasync fn c() -> A { A }\npub fn r() -> io::Result<Vec<u8>> { Ok(vec![]) }\n";

    #[test]
    fn a_function_gets_another_body_and_the_rest_of_the_file_stays() {
        for (name, with, expected) in [
            ("A::f", "raise", &["{ panic!(\"a stand-in for the function under test\") }"][..]),
            ("A::f", "default", &["{ Default::default() }", "{ 1 }"]),
            ("f", "none", &[]),
            (
                "g",
                "none",
                &[
                    "{ None }",
                    "let real: Option<&'static str> = (|| -> Option<&'static str> { None })(); if real.is_none() {",
                ],
            ),
            ("g", "default", &["{ Some(Default::default()) }", "{ Some(\"x\") }"]),
            ("h", "none", &["{  }"]),
            ("h", "default", &[]),
            ("k", "default", &["{ Default::default() }", "{ 1 }"]),
            (
                "c",
                "default",
                &["{ Default::default() }", "let real: A = (async { A }).await; if real == Default::default()"],
            ),
            ("r", "default", &["{ Ok(Default::default()) }", "{ Ok(vec![Default::default()]) }"]),
        ] {
            let made = stubs(FILE, name, 0, with).unwrap();
            assert_eq!(made.len(), expected.len(), "{name} {with}: {made:?}");
            for (text, body) in made.iter().zip(expected) {
                assert!(text.contains(body) && text.contains("pub struct A;") && text.contains("pub fn r()"), "{text}");
                assert!(Tokens::read(text.as_bytes()).is_some(), "{text}");
            }
        }
    }

    #[test]
    fn a_name_that_is_not_there_or_twice_is_refused_and_a_line_may_decide() {
        let twice = "mod a { pub fn f() {} }\nmod b { pub fn f() {} }\n";
        assert_eq!(stubs(twice, "nowhere", 0, "raise").unwrap_err(), "the target is not there");
        assert!(stubs(twice, "f", 0, "raise").unwrap_err().starts_with("several functions"));
        assert!(stubs(twice, "f", 2, "raise").unwrap()[0].contains("mod a { pub fn f() {} }"));
        assert!(stubs(twice, "<module>", 1, "raise").unwrap()[0].contains("mod b { pub fn f() {} }"));
        assert_eq!(function_at(FILE, 8).as_deref(), Some("A::f"));
        assert_eq!(function_at(FILE, 1), None);
        assert!(stubs("fn f(", "f", 0, "raise").is_err());
    }
}
