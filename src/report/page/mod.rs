//! A report as one page for a browser: everything is in it, nothing is fetched, and without JavaScript its tables say the same as its charts.
//! `titer serve` shows the same page with a script more, which asks its own server whether there is something new.
//!
//! Texts of production, of tests and of people are data: escaped where they are shown, and once more in the island of JSON that the charts read. The
//! page may run one script, whose digest its policy names.

mod evidence;
mod parts;
mod sections;

use std::fmt::Write as _;

use base64::Engine as _;
use sha2::{Digest as _, Sha256};

use super::phrasing;
use crate::formats::report_v1::Report;
use parts::escaped;

/// Charts: Observable Plot, as `.ci/plot` bundles it.
const PLOT: &str = include_str!("../../../adapters/report/plot/plot.js");
/// The licences of what is in it.
const LICENSES: &str = include_str!("../../../adapters/report/plot/LICENSES.txt");
const SCRIPT: &str = include_str!("../../../adapters/report/page.js");
const STYLE: &str = include_str!("../../../adapters/report/page.css");
/// What a served page has beyond that.
const LIVE: &str = include_str!("../../../adapters/report/live.js");
const LIVE_STYLE: &str = include_str!("../../../adapters/report/live.css");
/// Where a served page says that there is something new: there from the start, else nobody is told.
const NEWS: &str =
    "<div class=\"news\" id=\"news\"><p role=\"status\"></p><button type=\"button\" hidden>Show it</button></div>\n";

/// The page, which needs nothing else.
#[must_use]
pub fn html(report: &Report) -> String {
    written(report, None)
}

/// The page as it is served: it asks `version`, beside it, and shows itself again where that is another than this.
#[must_use]
pub fn live(report: &Report, version: &str) -> String {
    written(report, Some(version))
}

/// A served page in place of a report that cannot be made: why, and what to do next. It shows the report once there is one.
#[must_use]
pub fn missing(sentence: &str, hints: &[String], version: &str) -> String {
    let mut page = beginning("titer report", LIVE, Some(version));
    let _ = write!(
        page,
        "<header>\n<p class=\"eyebrow\">titer report</p>\n<h1>There is no report yet</h1>\n</header>\n<main id=\"content\">\n\
         <p class=\"warning\">{}</p>\n<div class=\"next\">\n",
        parts::sentence(sentence)
    );
    for hint in hints {
        let _ = writeln!(page, "<p>Next: {}.</p>", parts::sentence(hint));
    }
    page.push_str("<p>This page shows the report by itself once it can be made.</p>\n</div>\n</main>\n");
    let _ = write!(page, "{NEWS}<script>{LIVE}</script>\n</body>\n</html>\n");
    page
}

/// The page up to its body; a version makes it a served one.
fn beginning(title: &str, script: &str, version: Option<&str>) -> String {
    let digest = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(script.as_bytes()));
    // Plot gives each chart a style of its own, so styles may stand in the page; nothing may be fetched, sent or framed.
    let asked = if version.is_some() { " connect-src 'self';" } else { "" };
    let policy = format!(
        "default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src data:;{asked} base-uri 'none'; form-action 'none'"
    );
    let (more, style) = match version {
        Some(version) => (format!(" data-version=\"{}\"", escaped(version)), LIVE_STYLE),
        None => (String::new(), ""),
    };
    format!(
        "<!doctype html>\n<html lang=\"en\"{more}>\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"referrer\" content=\"no-referrer\">\n\
         <meta name=\"generator\" content=\"titer {}\">\n<link rel=\"icon\" href=\"data:,\">\n\
         <title>{title}</title>\n<style>\n{STYLE}{style}</style>\n</head>\n<body>\n",
        env!("CARGO_PKG_VERSION")
    )
}

fn written(report: &Report, version: Option<&str>) -> String {
    let script = if version.is_some() { format!("{PLOT}\n{SCRIPT}\n{LIVE}") } else { format!("{PLOT}\n{SCRIPT}") };
    let title = format!("titer report: {}, {} to {}", report.repository, report.period.since, report.period.as_of);
    let mut page = beginning(&escaped(&title), &script, version);
    page.push_str("<a class=\"skip\" href=\"#content\">Skip to the report</a>\n");
    head(&mut page, report, version.is_some());
    page.push_str("<main id=\"content\">\n");
    sections::write(&mut page, report);
    evidence::write(&mut page, report);
    page.push_str("</main>\n");
    foot(&mut page, report);
    page.push_str(if version.is_some() { NEWS } else { "" });
    let _ = write!(
        page,
        "<script type=\"application/json\" id=\"report\">{}</script>\n<script>{script}</script>\n",
        island(report)
    );
    page.push_str("</body>\n</html>\n");
    page
}

/// The document within the page: nothing in it can end its element or its line.
fn island(report: &Report) -> String {
    let mut text = String::new();
    for letter in report.line().trim_end().chars() {
        match letter {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                let _ = write!(text, "\\u{:04x}", u32::from(letter));
            }
            letter => text.push(letter),
        }
    }
    text
}

fn head(page: &mut String, report: &Report, is_served: bool) {
    let name = escaped(&report.repository);
    let period = escaped(&phrasing::period(report));
    let _ = write!(
        page,
        "<header>\n<p class=\"eyebrow\">titer report</p>\n<h1>{name}</h1>\n<p class=\"period\">{period}</p>\n"
    );
    page.push_str("<nav aria-label=\"Sections\"><ul>");
    for (id, name) in sections::NAMES {
        let _ = write!(page, "<li><a href=\"#{id}\">{name}</a></li>");
    }
    page.push_str("</ul></nav>\n");
    for problem in &report.problems {
        let _ = writeln!(page, "<p class=\"warning\"><strong>Missing:</strong> {}</p>", escaped(problem));
    }
    if is_served && report.period.runs + report.period.runs_before == 0 {
        page.push_str("<div class=\"next\"><p>No run is in this ledger yet. Next: start the tests as <code>titer run -- COMMAND</code>, with the same ledger; this page shows each run by itself.</p></div>\n");
    }
    sections::cards(page, report);
    page.push_str("<noscript><p class=\"empty\">Charts and search need JavaScript. The tables below hold the same.</p></noscript>\n</header>\n");
}

fn foot(page: &mut String, report: &Report) {
    page.push_str("<footer>\n");
    for cut in &report.cut {
        let list = escaped(&cut.list);
        let _ = writeln!(
            page,
            "<p>Of <code>{list}</code> {} of {} are shown.</p>",
            phrasing::number(cut.shown),
            phrasing::number(cut.of)
        );
    }
    let _ = write!(
        page,
        "<p>Made by titer {} from the ledger as of the end of {}, UTC. The same as <code>titer report --json</code>; what each number means is in its schema, <code>report_v1</code>.</p>\n\
         <details><summary>Charts by Observable Plot: licences</summary><pre>{}</pre></details>\n</footer>\n",
        escaped(&report.titer),
        escaped(&report.period.as_of),
        escaped(LICENSES)
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::report_v1::{Change, Fault};

    #[test]
    fn nothing_of_anybodys_ends_an_element() {
        assert!(!PLOT.contains("</script") && !SCRIPT.contains("</script") && !STYLE.contains("</style"));
        let bad = "</script><script>alert(1)</script><!-- \u{2028} \" ' & `".to_owned();
        let mut report = Report { repository: bad.clone(), ..Report::default() };
        report.changes.push(Change {
            test: bad.clone(),
            record: bad.clone(),
            kind: "change".into(),
            text: bad.clone(),
            ..Change::default()
        });
        report.faults.list.push(Fault { message: bad.clone(), fault: bad, path: "a".into(), ..Fault::default() });
        let page = html(&report);
        assert_eq!((page.matches("<script").count(), page.matches("</script").count()), (2, 2));
        assert!(!page.contains("<!--") && !page.contains("alert(1)</script>") && !page.contains('\u{2028}'));
        let island = page.split("id=\"report\">").nth(1).and_then(|rest| rest.split("</script>").next()).unwrap();
        assert_eq!(serde_json::from_str::<Report>(island).unwrap(), report);
    }

    #[test]
    fn only_a_served_page_asks_anybody_anything() {
        let report = Report::default();
        let (own, served) = (html(&report), live(&report, "v\"1"));
        for asks in ["fetch(", "connect-src", "sessionStorage", "id=\"news\""] {
            assert!(!own.contains(asks) && served.contains(asks), "{asks}");
        }
        assert!(
            served.contains("<html lang=\"en\" data-version=\"v&quot;1\">")
                && served.contains("No run is in this ledger yet")
        );
        assert_eq!((served.matches("<script").count(), served.matches("</script").count()), (2, 2));
        let page = missing("no <ledger> at `x`", &["`titer run -- COMMAND` writes one".to_owned()], "v");
        assert!(
            page.contains("no &lt;ledger&gt; at <code>x</code>") && page.contains("Next: <code>titer run"),
            "{page}"
        );
        assert!(!LIVE.contains("</script") && !LIVE_STYLE.contains("</style"));
    }

    #[test]
    fn a_report_of_nothing_is_a_page_of_sentences() {
        let page = html(&Report::default());
        let page = page.split("<script").next().unwrap();
        assert!(!page.contains("NaN") && !page.contains("<figure class=\"chart\""), "{page}");
        assert!(page.contains("no commit was tested in this time"));
    }
}
