//! Stacks as text, the way each language prints them: Python, JavaScript, Rust. Frames come oldest first, whatever the language's order.

use super::sentry_event::{MOST_FRAMES, shortened};
use crate::model::fault::Frame;

/// The frames in a text; none where it is no stack that is known here.
#[must_use]
pub fn frames(text: &str) -> Vec<Frame> {
    let mut found = if text.contains("File \"") {
        python(text)
    } else if text.lines().any(is_numbered) {
        rust(text)
    } else {
        script(text)
    };
    found.drain(..found.len().saturating_sub(MOST_FRAMES));
    found
}

/// The exception that was raised last stands last, after those that led to it.
fn python(text: &str) -> Vec<Frame> {
    let last = text.rfind("Traceback (most recent call last)").unwrap_or(0);
    let mut found: Vec<Frame> = Vec::new();
    let mut wants_context = false;
    for line in text[last..].lines() {
        // Groups of exceptions stand in a box.
        let said = line.trim_start_matches([' ', '|', '+', '-']);
        if let Some(frame) = python_frame(said) {
            found.push(frame);
            wants_context = true;
        } else if wants_context && line.starts_with("    ") && !said.starts_with("[Previous line repeated") {
            if let Some(frame) = found.last_mut() {
                frame.context_line = shortened(said.trim());
            }
            wants_context = false;
        } else {
            wants_context = false;
        }
    }
    found
}

/// `File "/srv/app.py", line 3, in f`
fn python_frame(line: &str) -> Option<Frame> {
    let (file, rest) = line.strip_prefix("File \"")?.split_once("\", line ")?;
    let (number, function) = rest.split_once(", in ").unwrap_or((rest, ""));
    Some(Frame {
        file: shortened(file),
        function: shortened(function.trim()),
        line: number.trim().parse().ok(),
        ..Frame::default()
    })
}

fn script(text: &str) -> Vec<Frame> {
    let mut found: Vec<Frame> = Vec::new();
    for line in text.lines() {
        let said = line.trim();
        // What led to it is printed after it.
        if !found.is_empty() && (said.starts_with("[cause]") || said.starts_with("Caused by")) {
            break;
        }
        found.extend(script_frame(said));
    }
    found.reverse();
    found
}

/// `at f (file:1:2)`, `at async f (file:1:2)`, `at file:1:2`, and `f@file:1:2`.
fn script_frame(line: &str) -> Option<Frame> {
    let (function, place) = if let Some(said) = line.strip_prefix("at ") {
        match said.strip_suffix(')').and_then(|said| said.split_once(" (")) {
            Some((function, place)) => (function, place),
            None => ("", said),
        }
    } else {
        line.split_once('@')?
    };
    let function = ["async ", "new "].iter().fold(function, |name, word| name.strip_prefix(word).unwrap_or(name));
    let function = function.split(" [as ").next().unwrap_or(function);
    let (file, line, col) = position(place);
    if !place.contains(':') && !place.starts_with('<') {
        return None;
    }
    Some(Frame { file: shortened(file), function: shortened(function), line, col, ..Frame::default() })
}

/// `file:1:2` taken apart from its end; names of files hold colons, too.
fn position(place: &str) -> (&str, Option<u32>, Option<u32>) {
    let place = place.strip_prefix("file://").unwrap_or(place);
    let tail =
        |text: &str| text.rsplit_once(':').and_then(|(before, number)| Some((before.len(), number.parse().ok()?)));
    let Some((end, second)) = tail(place) else { return (place, None, None) };
    match tail(&place[..end]) {
        Some((start, first)) => (&place[..start], Some(first), Some(second)),
        None => (&place[..end], Some(second), None),
    }
}

/// `  12: app::main`
fn is_numbered(line: &str) -> bool {
    numbered(line).is_some()
}

fn numbered(line: &str) -> Option<&str> {
    let (number, name) = line.trim_start().split_once(": ")?;
    (line.starts_with(' ') && !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())).then_some(name)
}

fn rust(text: &str) -> Vec<Frame> {
    let mut found: Vec<Frame> = Vec::new();
    for line in text.lines() {
        if let Some(name) = numbered(line) {
            found.push(Frame { function: shortened(name.trim()), ..Frame::default() });
        } else if let (Some(place), Some(frame)) = (line.trim().strip_prefix("at "), found.last_mut()) {
            let (file, number, col) = position(place);
            (frame.file, frame.line, frame.col) = (shortened(file), number, col);
        }
    }
    found.reverse();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(text: &str) -> Vec<String> {
        let say = |frame: &Frame| {
            format!("{}:{} {} | {}", frame.file, frame.line.unwrap_or(0), frame.function, frame.context_line)
        };
        frames(text).iter().map(say).collect()
    }

    #[test]
    fn a_traceback_of_python_gives_the_exception_raised_last_with_the_text_of_each_line() {
        let text = "Traceback (most recent call last):\n  File \"a.py\", line 1, in f\n    g()\nKeyError: 1\n\nThe above exception was the direct \
                    cause of the following exception:\n\nTraceback (most recent call last):\n  File \"b.py\", line 2, in <module>\n    f()\n    \
                    ~^^\n  File \"<string>\", line 3, in h\n  File \"a.py\", line 4, in C.m\n    raise E\n  [Previous line repeated 9 more times]\nE: no";
        assert_eq!(places(text), ["b.py:2 <module> | f()", "<string>:3 h | ", "a.py:4 C.m | raise E"]);
    }

    #[test]
    fn a_stack_of_javascript_is_turned_around() {
        let text = "E: no at all\n    at f (/srv/a.js:1:2)\n    at async C.m [as n] (file:///srv/b.mjs:3:4)\n    at new D (C:\\x\\d.js:5:6)\n    \
                    at /srv/c.js:7:8\n    at Array.map (<anonymous>)\n    at node:internal/main:9:1 {\n  [cause]: X\n    at z (/srv/z.js:1:1)";
        assert_eq!(
            places(text)[1..],
            [
                "<anonymous>:0 Array.map | ",
                "/srv/c.js:7  | ",
                "C:\\x\\d.js:5 D | ",
                "/srv/b.mjs:3 C.m | ",
                "/srv/a.js:1 f | "
            ]
        );
        assert_eq!(
            places("g@https://x/y.js:1:2\n@https://x/z.js:3:4"),
            ["https://x/z.js:3  | ", "https://x/y.js:1 g | "]
        );
    }

    #[test]
    fn a_backtrace_of_rust_is_turned_around() {
        let text = "   0: core::panicking::panic\n   1: app::b::f\n             at ./src/b.rs:3:9\n   2: app::main\n             at /x/src/main.rs:1:5";
        assert_eq!(
            places(text),
            ["/x/src/main.rs:1 app::main | ", "./src/b.rs:3 app::b::f | ", ":0 core::panicking::panic | "]
        );
    }

    #[test]
    fn text_that_is_no_stack_has_no_frames() {
        for text in ["", "no", "at", "at last", "File \"", "  1: ", "a: b@c"] {
            assert!(frames(text).iter().all(|frame| frame.file.is_empty()), "{text}: {:?}", frames(text));
        }
    }
}
