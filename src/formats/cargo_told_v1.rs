//! `cargo_told_v1`: what the program between cargo and a test program tells, one JSON object a line, one file a process.
//!
//! A last line that a kill tore is dropped, and so is a kind of line that this version does not know.

use serde::Deserialize;

/// The number of this format.
pub const VERSION: u32 = 1;

/// One line.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "e", rename_all = "snake_case")]
pub enum Told {
    /// A test program was started, or left out as a whole.
    Program(Program),
    /// The results that the program itself wrote down.
    Log {
        /// The program's unit.
        unit: String,
        /// Verdicts with the test's name, in the order of their ends.
        lines: Vec<(Verdict, String)>,
    },
    /// A test program ended.
    End(End),
    /// In a record, a test ended.
    Test(Test),
    /// The documentation tests of a package ended, or were left out.
    Doc(Doc),
    /// Something is not as it should be.
    Health {
        /// Whether it is well all the same.
        ok: bool,
        /// What it is.
        what: String,
    },
    /// A kind of a later version; [`read`] drops it.
    #[serde(other)]
    Unknown,
}

/// How a program was told what to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// Everything that the user asked for, in the user's own words.
    All,
    /// By names to run.
    Exact,
    /// By names to skip.
    Skip,
    /// Nothing.
    None,
    /// It was started as if titer were not there: what it ran is not known.
    Untouched,
    /// Everything, as what is left out could not be said.
    Whole,
}

/// How a test ended, as the program wrote it down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It passed.
    Ok,
    /// It failed.
    Failed,
    /// It did not run.
    Ignored,
}

/// The start of a test program.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Program {
    /// The unit that it is.
    pub unit: String,
    /// `libtest`, `mimic` or `plain`.
    pub harness: String,
    /// The executable.
    pub exe: String,
    /// The folder it stands in.
    pub cwd: String,
    /// The process that tells.
    pub pid: u32,
    /// The process of the test program; none where none was started, and in a record.
    pub child: Option<u32>,
    /// The words of the cargo that started it.
    #[serde(default)]
    pub argv: Vec<String>,
    /// The folder that cargo stands in.
    #[serde(default)]
    pub cargo_cwd: String,
    /// What cargo gave to the program.
    #[serde(default)]
    pub args: Vec<String>,
    /// The tests that the user's own filters leave.
    #[serde(default)]
    pub listed: Vec<String>,
    /// The tests that the user's own filters leave and that are only shown as ignored.
    #[serde(default)]
    pub ignored: Vec<String>,
    /// The tests that were asked for.
    #[serde(default)]
    pub asked: Vec<String>,
    /// In which way.
    pub how: How,
    /// When, in seconds of the Unix clock.
    #[serde(default)]
    pub at: Option<f64>,
}

/// The end of a test program.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct End {
    /// The unit that it is.
    pub unit: String,
    /// Its exit code, if it had one.
    pub code: Option<i32>,
    /// The signal that ended it, if one did.
    pub signal: Option<i32>,
    /// How long it ran.
    pub seconds: f64,
}

/// A test that ran in a process of its own.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Test {
    /// The program's unit.
    pub unit: String,
    /// The test's name in it; empty where the program is one test.
    pub name: String,
    /// Its process.
    pub child: u32,
    /// Its exit code, if it had one.
    pub code: Option<i32>,
    /// The signal that ended it, if one did.
    pub signal: Option<i32>,
    /// How long it ran.
    pub seconds: f64,
    /// The folder of its profiles: one file for each process that counted.
    pub profile: String,
}

/// The documentation tests of a package.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Doc {
    /// The unit that they are.
    pub unit: String,
    /// Whether they ran.
    pub how: How,
    /// rustdoc's exit code, if it had one.
    pub code: Option<i32>,
    /// How long it ran.
    pub seconds: f64,
    /// The words of the cargo that started it.
    #[serde(default)]
    pub argv: Vec<String>,
    /// The folder that cargo stands in.
    #[serde(default)]
    pub cargo_cwd: String,
}

/// Reads everything that one process told.
#[must_use]
pub fn read(bytes: &[u8]) -> Vec<Told> {
    let lines = bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    lines.filter_map(|line| serde_json::from_slice(line).ok()).filter(|told| *told != Told::Unknown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_line_is_read() {
        let lines = concat!(
            r#"{"v":1,"e":"program","unit":"app::lib","harness":"libtest","exe":"/t/app-0","cwd":"/w","pid":3,"child":4,"#,
            r#""argv":["cargo","test"],"cargo_cwd":"/w","args":["-q"],"listed":["a","b"],"ignored":["c"],"asked":["a"],"#,
            r#""how":"exact","at":1.5}"#,
            "\n",
            r#"{"v":1,"e":"log","unit":"app::lib","lines":[["ok","a"],["failed","b"],["ignored","c"]]}"#,
            "\n",
            r#"{"v":1,"e":"end","unit":"app::lib","code":null,"signal":6,"seconds":0.25}"#,
            "\n",
            r#"{"v":1,"e":"test","unit":"app::lib","name":"a","child":4,"code":0,"signal":null,"seconds":0.5,"profile":"/p/0"}"#,
            "\n",
            r#"{"v":1,"e":"doc","unit":"app::doc","how":"none","code":0,"seconds":0.0,"argv":[],"cargo_cwd":"/w"}"#,
            "\n",
            r#"{"v":1,"e":"health","ok":false,"what":"odd"}"#,
            "\n",
        );
        let program = Program {
            unit: "app::lib".to_owned(),
            harness: "libtest".to_owned(),
            exe: "/t/app-0".to_owned(),
            cwd: "/w".to_owned(),
            pid: 3,
            child: Some(4),
            argv: vec!["cargo".to_owned(), "test".to_owned()],
            cargo_cwd: "/w".to_owned(),
            args: vec!["-q".to_owned()],
            listed: vec!["a".to_owned(), "b".to_owned()],
            ignored: vec!["c".to_owned()],
            asked: vec!["a".to_owned()],
            how: How::Exact,
            at: Some(1.5),
        };
        let unit = || "app::lib".to_owned();
        let log = [(Verdict::Ok, "a"), (Verdict::Failed, "b"), (Verdict::Ignored, "c")];
        let log = log.map(|(verdict, name)| (verdict, name.to_owned())).to_vec();
        let test = ("a".to_owned(), "/p/0".to_owned());
        let wanted = vec![
            Told::Program(program),
            Told::Log { unit: unit(), lines: log },
            Told::End(End { unit: unit(), code: None, signal: Some(6), seconds: 0.25 }),
            Told::Test(Test {
                unit: unit(),
                name: test.0,
                child: 4,
                code: Some(0),
                signal: None,
                seconds: 0.5,
                profile: test.1,
            }),
            Told::Doc(Doc {
                unit: "app::doc".to_owned(),
                how: How::None,
                code: Some(0),
                seconds: 0.0,
                argv: Vec::new(),
                cargo_cwd: "/w".to_owned(),
            }),
            Told::Health { ok: false, what: "odd".to_owned() },
        ];
        assert_eq!(read(lines.as_bytes()), wanted);
    }

    #[test]
    fn torn_lines_and_unknown_kinds_are_dropped() {
        let health = r#"{"v":1,"e":"health","ok":true,"what":"x"}"#;
        let cases = [
            (String::new(), 0),
            (format!("{health}\n"), 1),
            (format!("{health}\n{}", &health[..20]), 1),
            (format!("{}\n{health}\n", r#"{"v":1,"e":"later","much":[1]}"#), 1),
            ("no json\n".to_owned(), 0),
        ];
        for (text, count) in cases {
            assert_eq!(read(text.as_bytes()).len(), count, "{text}");
        }
    }
}
