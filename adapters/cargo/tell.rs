//! What we tell titer: `cargo_told_v1`, one JSON object a line, one write a line.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::sync::Mutex;

use crate::plan::Call;

/// The file of this process. Telling never fails: what is not told is not known, and runs.
#[derive(Debug, Default)]
pub(crate) struct Teller(Option<Mutex<File>>);

impl Teller {
    pub(crate) fn of(folder: &Path) -> Self {
        let folder = folder.join("told");
        let _ = fs::create_dir_all(&folder);
        let path = folder.join(std::process::id().to_string());
        Self(fs::OpenOptions::new().create(true).append(true).open(path).ok().map(Mutex::new))
    }

    pub(crate) fn tell(&self, line: &Line) {
        let bytes = format!("{}}}\n", line.0);
        if let Some(Ok(mut file)) = self.0.as_ref().map(Mutex::lock) {
            let _ = file.write_all(bytes.as_bytes());
        }
    }

    /// Something that titer must know before it trusts the rest.
    pub(crate) fn odd(&self, what: &str) {
        self.say(false, what);
    }

    pub(crate) fn say(&self, is_well: bool, what: &str) {
        self.tell(&Line::new("health").raw("ok", if is_well { "true" } else { "false" }).text("what", what));
    }
}

/// A line in the making.
#[derive(Debug)]
pub(crate) struct Line(String);

impl Line {
    pub(crate) fn new(kind: &str) -> Self {
        Self(r#"{"v":1"#.to_owned()).text("e", kind)
    }

    pub(crate) fn raw(mut self, name: &str, value: &str) -> Self {
        let _ = write!(self.0, ",\"{name}\":{value}");
        self
    }

    pub(crate) fn text(self, name: &str, value: &str) -> Self {
        let value = quoted(value);
        self.raw(name, &value)
    }

    pub(crate) fn number(self, name: &str, value: Option<impl std::fmt::Display>) -> Self {
        let value = value.map_or_else(|| "null".to_owned(), |value| value.to_string());
        self.raw(name, &value)
    }

    pub(crate) fn seconds(self, value: f64) -> Self {
        self.raw("seconds", &format!("{value:.6}"))
    }

    pub(crate) fn list<T: AsRef<str>>(self, name: &str, values: &[T]) -> Self {
        let values: Vec<String> = values.iter().map(|value| quoted(value.as_ref())).collect();
        self.raw(name, &format!("[{}]", values.join(",")))
    }

    pub(crate) fn pairs(self, name: &str, values: &[(&str, String)]) -> Self {
        let values: Vec<String> =
            values.iter().map(|(one, other)| format!("[{},{}]", quoted(one), quoted(other))).collect();
        self.raw(name, &format!("[{}]", values.join(",")))
    }

    pub(crate) fn call(self, call: &Call) -> Self {
        self.list("argv", &call.words).text("cargo_cwd", &call.folder.to_string_lossy())
    }
}

fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            '\n' => quoted.push_str("\\n"),
            control if control < ' ' => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(control));
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}
