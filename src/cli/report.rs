//! `titer report` on the command line.

use std::path::PathBuf;

use clap::Args;

use crate::commands::report::Request;

/// What can be asked of a report.
#[derive(Debug, Args)]
pub(super) struct Report {
    /// Write one page for a browser, which needs nothing else: no network, no other file
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Print JSON (format `report_v1`)
    #[arg(long, conflicts_with = "markdown")]
    json: bool,
    /// Write a screen of Markdown: to FILE, else appended to the job's summary where `GITHUB_STEP_SUMMARY` names it, else printed
    #[arg(long, value_name = "FILE", num_args = 0..=1)]
    #[allow(clippy::option_option, reason = "not asked for, asked for, asked for with a file")]
    markdown: Option<Option<PathBuf>>,
    /// Look at the last N runs instead of the last 90 days
    #[arg(long, value_name = "N", conflicts_with = "since", value_parser = clap::value_parser!(u32).range(1..))]
    last: Option<u32>,
    /// Look at what happened from this day on (UTC)
    #[arg(long, value_name = "DATE")]
    since: Option<String>,
    /// Tell it as of this day (UTC); facts after it do not count
    #[arg(long, value_name = "DATE")]
    as_of: Option<String>,
}

impl Report {
    /// What is to be told.
    pub(super) fn request(self) -> Request {
        let Self { html, json, markdown, last, since, as_of } = self;
        Request { last, since, as_of, html, json, markdown }
    }
}
