//! What a test program of Rust's own harness leaves behind: how the one test ended, and what the panic handler said on standard error.

use super::stack_text;
use crate::model::fault::Frame;

/// One panic.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Panic {
    /// The name of the thread; a test's thread is called as the test is.
    pub thread: String,
    /// Where it was raised, as the compiler names the file.
    pub file: String,
    /// Counted from 1.
    pub line: u32,
    /// What it said.
    pub message: String,
    /// Oldest first; none where no backtrace was asked for.
    pub frames: Vec<Frame>,
}

/// How a test ended, in the harness's own word (`ok`, `failed`, `ignored`), from the lines of its `--logfile`.
#[must_use]
pub fn ended(log: &str, test: &str) -> Option<String> {
    log.lines().find_map(|line| {
        let (word, rest) = line.split_once(' ')?;
        // `ignored, reason` and `ok name`; a reason stands after the name in newer versions.
        let name = rest.strip_prefix(test)?;
        (name.is_empty() || name.starts_with([',', ' '])).then(|| word.trim_end_matches(',').to_owned())
    })
}

/// What the harness says that its tests took, in seconds.
#[must_use]
pub fn seconds(stdout: &str) -> Option<f64> {
    let (_, rest) = stdout.rsplit_once("; finished in ")?;
    rest.split_once('s')?.0.parse().ok()
}

/// The panics in what was said on standard error, in their order. Both ways of saying it are read: since Rust 1.73 the message
/// stands on lines of its own.
#[must_use]
pub fn panics(stderr: &str) -> Vec<Panic> {
    let starts: Vec<usize> = line_starts(stderr).filter(|at| head(&stderr[*at..]).is_some()).collect();
    let ends = starts.iter().skip(1).copied().chain([stderr.len()]);
    starts.iter().zip(ends).filter_map(|(from, to)| panic(&stderr[*from..to])).collect()
}

fn line_starts(text: &str) -> impl Iterator<Item = usize> {
    // Without a line's end before it a panic is still one: a test may have printed half a line.
    text.match_indices("thread '").map(|(at, _)| at)
}

/// The thread's name, and what follows `panicked at `.
fn head(text: &str) -> Option<(&str, &str)> {
    let (line, _) = text.split_once('\n').unwrap_or((text, ""));
    let at = line.find(" panicked at ")?;
    let thread = text.get(..at)?.strip_prefix("thread '")?;
    let name = thread.rsplit_once('\'').map_or(thread, |(name, _)| name);
    Some((name, text.get(at + " panicked at ".len()..)?))
}

fn panic(text: &str) -> Option<Panic> {
    let (thread, rest) = head(text)?;
    let (said, stack) = match rest.find("\nstack backtrace:\n") {
        Some(at) => (&rest[..at], &rest[at..]),
        None => (rest.split("\nnote: ").next().unwrap_or(rest), ""),
    };
    let (message, place) = if let Some(quoted) = said.strip_prefix('\'') {
        let (message, place) = quoted.rsplit_once("', ")?;
        (message, place.lines().next().unwrap_or(place))
    } else {
        let (place, message) = said.split_once('\n').unwrap_or((said, ""));
        (message, place.trim_end_matches(':'))
    };
    let mut parts = place.trim().rsplitn(3, ':');
    let (_, line, file) = (parts.next()?, parts.next()?, parts.next()?);
    Some(Panic {
        thread: thread.to_owned(),
        file: file.to_owned(),
        line: line.parse().ok()?,
        message: message.trim_end().to_owned(),
        frames: if stack.is_empty() { Vec::new() } else { stack_text::frames(stack) },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_ended_as_its_line_in_the_log_says() {
        for (log, expected) in [
            ("ok a::it\n", Some("ok")),
            ("ok a::item\nfailed a::it\n", Some("failed")),
            ("ignored a::it\n", Some("ignored")),
            ("ignored a::it, later\n", Some("ignored")),
            ("ok it\n", None),
            ("", None),
        ] {
            assert_eq!(ended(log, "a::it").as_deref(), expected, "{log}");
        }
    }

    #[test]
    fn a_panic_is_told_with_its_place_and_its_stack() {
        let new = "half thread 'it' (77) panicked at src/a.rs:3:5:\nno price\nfor 'x'\nstack backtrace:\n   0: core::panicking::panic_fmt\n             \
                   at /rustc/1/library/core/src/panicking.rs:80:14\n   1: shop::price\n             at ./src/a.rs:3:5\nnote: Some details\n";
        let old = "thread 'it' panicked at 'no ', price', src/a.rs:3:5\nnote: run with `RUST_BACKTRACE=1`\n";
        let bare = "thread '<unnamed>' (5) panicked at src/b.rs:9:1:\ncalled `f`\nnote: run with `RUST_BACKTRACE=1`\n";
        let all = panics(&[new, old, bare, "thread 'main' has overflowed its stack\n"].concat());
        let told =
            |one: &Panic| (one.thread.clone(), one.file.clone(), one.line, one.message.clone(), one.frames.len());
        let expected = [
            ("it", "src/a.rs", 3, "no price\nfor 'x'", 2),
            ("it", "src/a.rs", 3, "no ', price", 0),
            ("<unnamed>", "src/b.rs", 9, "called `f`", 0),
        ];
        let expected = expected.map(|(a, b, c, d, e)| (a.to_owned(), b.to_owned(), c, d.to_owned(), e));
        assert_eq!(all.iter().map(told).collect::<Vec<_>>(), expected);
        assert_eq!(all[0].frames[1].function, "core::panicking::panic_fmt");
        assert_eq!(panics("thread 'it' panicked at nowhere\n"), []);
    }

    #[test]
    fn the_harness_says_how_long_it_took() {
        assert_eq!(seconds("test result: ok. 1 passed; 0 failed; finished in 0.06s\n"), Some(0.06));
        assert_eq!(seconds(""), None);
    }
}
