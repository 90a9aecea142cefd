//! JUnit XML as runners and their plug-ins write it: read for the outcomes that it tells, whatever else is in it.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::model::outcome::Outcome;
use crate::model::reported::{ReportedTest, Reporter};

/// What a report says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Report {
    /// The runner, where the report tells it.
    pub reporter: Option<Reporter>,
    /// The tests, in the report's order.
    pub tests: Vec<ReportedTest>,
    /// When the first suite ran, in the report's own words.
    pub at: Option<String>,
}

/// Reads a whole report.
///
/// # Errors
/// It is no JUnit XML, or ends before its end; what is wrong, and at which byte.
pub fn read(bytes: &[u8]) -> Result<Report, String> {
    let text = String::from_utf8_lossy(bytes);
    let mut reader = Reader::from_str(&text);
    let mut reading = Reading::default();
    loop {
        let at = reader.buffer_position();
        match reader.read_event().map_err(|error| format!("{error} at byte {at}"))? {
            Event::Start(tag) => reading.open(&tag, true),
            Event::Empty(tag) => reading.open(&tag, false),
            Event::End(_) => reading.close(),
            Event::Eof => break,
            Event::Text(_)
            | Event::CData(_)
            | Event::Comment(_)
            | Event::Decl(_)
            | Event::PI(_)
            | Event::DocType(_)
            | Event::GeneralRef(_) => {}
        }
    }
    match (reading.open.first(), reading.is_report) {
        (Some(open), _) => Err(format!("it ends within <{open}>")),
        (None, false) => Err("it holds no <testsuite>".to_owned()),
        (None, true) => Ok(reading.report),
    }
}

/// What was read so far.
#[derive(Debug, Default)]
struct Reading {
    report: Report,
    is_report: bool,
    /// Elements that are open, outermost first.
    open: Vec<String>,
    /// Name and time of the suites that are open.
    suites: Vec<(String, Option<String>)>,
    /// How many elements were open where the current test began.
    test: Option<usize>,
}

impl Reading {
    fn open(&mut self, tag: &BytesStart<'_>, has_inside: bool) {
        let name = String::from_utf8_lossy(tag.local_name().as_ref()).into_owned();
        match name.as_str() {
            "testsuites" => self.begin_report(tag),
            "testsuite" => self.begin_suite(tag, has_inside),
            "testcase" => {
                self.begin_test(tag);
                self.test = has_inside.then_some(self.open.len());
            }
            inside if self.test.is_some() => self.judge(inside, tag),
            _ => {}
        }
        if has_inside {
            self.open.push(name);
        }
    }

    fn close(&mut self) {
        if self.open.pop().is_some_and(|name| name == "testsuite") {
            self.suites.pop();
        }
        self.test = self.test.filter(|depth| self.open.len() > *depth);
    }

    fn begin_report(&mut self, tag: &BytesStart<'_>) {
        self.is_report = true;
        self.report.at = attribute(tag, "timestamp");
        let name = attribute(tag, "name").unwrap_or_default();
        self.report.reporter = match name.as_str() {
            "pytest tests" => Some(Reporter::Pytest),
            "jest tests" => Some(Reporter::Jest),
            "nextest-run" => Some(Reporter::Cargo),
            _ => self.report.reporter,
        };
    }

    fn begin_suite(&mut self, tag: &BytesStart<'_>, has_inside: bool) {
        self.is_report = true;
        let (name, at) = (attribute(tag, "name").unwrap_or_default(), attribute(tag, "timestamp"));
        // pytest names its one suite so; `junit_suite_name` may name it otherwise.
        if name == "pytest" {
            self.report.reporter = self.report.reporter.or(Some(Reporter::Pytest));
        }
        self.report.at = self.report.at.take().or_else(|| at.clone());
        if has_inside {
            self.suites.push((name, at));
        }
    }

    fn begin_test(&mut self, tag: &BytesStart<'_>) {
        let (suite, at) = self.suites.last().cloned().unwrap_or_default();
        let seconds = attribute(tag, "time").and_then(|time| time.replace(',', "").parse::<f64>().ok());
        self.report.tests.push(ReportedTest {
            suite,
            class: attribute(tag, "classname").unwrap_or_default(),
            name: attribute(tag, "name").unwrap_or_default(),
            file: attribute(tag, "file"),
            at: attribute(tag, "timestamp").or(at),
            outcome: Outcome::Passed,
            failed_before: 0,
            seconds: seconds.filter(|seconds| seconds.is_finite() && *seconds >= 0.0).unwrap_or(0.0),
        });
    }

    /// An element inside of a test.
    fn judge(&mut self, name: &str, tag: &BytesStart<'_>) {
        let Some(test) = self.report.tests.last_mut() else { return };
        match name {
            "failure" if test.outcome != Outcome::Error => test.outcome = Outcome::Failed,
            "error" => test.outcome = Outcome::Error,
            "skipped" => {
                let is_expected = attribute(tag, "type").as_deref() == Some("pytest.xfail");
                test.outcome = if is_expected { Outcome::Xfailed } else { Outcome::Skipped };
            }
            "flakyFailure" | "flakyError" | "rerunFailure" | "rerunError" => test.failed_before += 1,
            _ => {}
        }
    }
}

/// The value of an attribute; what cannot be unescaped stays as it is written.
fn attribute(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    let found = tag.attributes().with_checks(false).flatten().find(|found| found.key.as_ref() == name.as_bytes())?;
    let written = || String::from_utf8_lossy(&found.value).into_owned();
    Some(
        found
            .normalized_value(quick_xml::XmlVersion::Implicit1_0)
            .map_or_else(|_| written(), std::borrow::Cow::into_owned),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> String {
        let report = read(text.as_bytes()).unwrap();
        let tests = report.tests.iter().map(|test| {
            let file = test.file.as_deref().unwrap_or("-");
            format!("{}|{}|{}|{file}|{}|{}", test.suite, test.class, test.name, test.outcome.word(), test.failed_before)
        });
        tests.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn every_way_to_end_is_read() {
        for (inside, wanted) in [
            ("", "passed|0"),
            ("<failure message='a'>text &lt; <![CDATA[<error/>]]></failure>", "failed|0"),
            ("<error/><failure/>", "error|0"),
            ("<skipped message='x'/>", "skipped|0"),
            ("<skipped type='pytest.xfail'/>", "xfailed|0"),
            ("<flakyFailure/><flakyError/>", "passed|2"),
            ("<failure/><rerunFailure/>", "failed|1"),
            ("<system-out>said</system-out><properties><property name='failure'/></properties>", "passed|0"),
        ] {
            let text = format!(
                "<testsuite name='s'><testcase classname='c' name='a &amp; &#34;b' file='f'>{inside}</testcase></testsuite>"
            );
            assert_eq!(told(&text), format!("s|c|a & \"b|f|{wanted}"), "{inside}");
        }
    }

    #[test]
    fn suites_inside_of_suites_and_tests_without_anything_are_read() {
        let text = "<?xml version='1.0'?><testsuites><testsuite name='a'><testcase/><testsuite name='b'><testcase name='x'/></testsuite>\
                    <testcase name='y'/></testsuite><failure/></testsuites>";
        assert_eq!(told(text), "a|||-|passed|0\nb||x|-|passed|0\na||y|-|passed|0");
    }

    #[test]
    fn half_a_report_and_what_is_no_report_are_refused() {
        for (text, wanted) in [
            ("<testsuites><testsuite><testcase name='a'>", "it ends within <testsuites>"),
            ("<html></html>", "no <testsuite>"),
            ("", "no <testsuite>"),
            ("{\"a\": 1}", "no <testsuite>"),
            ("<testsuite></testsuites>", "at byte 11"),
            ("<testsuite name='a", "at byte 0"),
        ] {
            let error = read(text.as_bytes()).unwrap_err();
            assert!(error.contains(wanted), "{text}: {error}");
        }
    }
}
