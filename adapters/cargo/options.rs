//! The options of a test harness, as far as one must know them to add others: none may be given twice.

use std::ffi::OsString;

const FLAGS: &[&str] = &[
    "include-ignored",
    "ignored",
    "force-run-in-process",
    "exclude-should-panic",
    "test",
    "fail-fast",
    "no-capture",
    "nocapture",
    "quiet",
    "exact",
    "show-output",
];
const VALUED: &[&str] = &["logfile", "test-threads", "skip", "color", "format"];
/// What decides which tests run.
const NARROWING: &[&str] = &["include-ignored", "ignored", "exclude-should-panic", "test", "skip", "exact"];

/// One argument, with its value if that is an argument of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Word {
    /// The option's long name, empty for a filter.
    name: &'static str,
    value: String,
    words: Vec<OsString>,
}

/// The arguments of a test program.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Options(Vec<Word>);

impl Options {
    /// Takes the arguments apart; none where one of them is not understood, or asks for something else than a run of tests.
    pub(crate) fn parse(arguments: &[OsString]) -> Option<Self> {
        let mut words = Vec::new();
        let mut rest = arguments.iter();
        let mut only_filters = false;
        while let Some(argument) = rest.next() {
            let text = argument.to_str()?;
            if only_filters || !text.starts_with('-') || text == "-" {
                words.push(Word { name: "", value: text.to_owned(), words: vec![argument.clone()] });
            } else if text == "--" {
                only_filters = true;
            } else {
                words.push(option(text, &mut rest)?);
            }
        }
        let options = Self(words);
        options.is_ordinary().then_some(options)
    }

    fn is_ordinary(&self) -> bool {
        self.value("format").is_none_or(|format| ["pretty", "terse"].contains(&format))
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|word| word.name == name)
    }

    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|word| word.name == name).map(|word| word.value.as_str())
    }

    /// Whether the program's output goes out as it comes.
    pub(crate) fn shows_all(&self) -> bool {
        self.has("nocapture") || self.has("no-capture")
    }

    /// Whether names narrow the run.
    pub(crate) fn has_filters(&self) -> bool {
        self.has("") || self.has("skip")
    }

    fn words(&self, keep: impl Fn(&Word) -> bool) -> Vec<OsString> {
        self.0.iter().filter(|word| keep(word)).flat_map(|word| word.words.clone()).collect()
    }

    /// What the listing of the same tests needs.
    pub(crate) fn of_listing(&self) -> Vec<OsString> {
        let mut words = self.words(|word| !word.name.is_empty() && NARROWING.contains(&word.name));
        words.extend(self.filters());
        words
    }

    /// What the listing of all tests needs, whatever names narrow the run.
    pub(crate) fn of_whole_listing(&self) -> Vec<OsString> {
        self.words(|word| NARROWING.contains(&word.name) && !["", "skip", "exact"].contains(&word.name))
    }

    /// Everything but what names tests.
    pub(crate) fn without_names(&self) -> Vec<OsString> {
        self.words(|word| !["", "skip", "exact"].contains(&word.name))
    }

    fn filters(&self) -> Vec<OsString> {
        let filters = self.words(|word| word.name.is_empty());
        if filters.iter().any(|filter| filter.to_string_lossy().starts_with('-')) {
            return [vec![OsString::from("--")], filters].concat();
        }
        filters
    }
}

fn option<'a>(text: &str, rest: &mut impl Iterator<Item = &'a OsString>) -> Option<Word> {
    if text == "-q" {
        return Some(Word { name: "quiet", value: String::new(), words: vec![text.into()] });
    }
    let (name, value) = match text.strip_prefix("--")?.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (text.strip_prefix("--")?, None),
    };
    if let Some(name) = FLAGS.iter().find(|flag| **flag == name) {
        return value.is_none().then(|| Word { name, value: String::new(), words: vec![text.into()] });
    }
    let name = VALUED.iter().find(|valued| **valued == name)?;
    if let Some(value) = value {
        return Some(Word { name, value: value.to_owned(), words: vec![text.into()] });
    }
    let value = rest.next()?;
    Some(Word { name, value: value.to_str()?.to_owned(), words: vec![text.into(), value.clone()] })
}
