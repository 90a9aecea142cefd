//! A report as one page for a browser.

use crate::formats::report_v1::Report;

/// The page.
#[must_use]
pub fn html(report: &Report) -> String {
    report.line()
}
