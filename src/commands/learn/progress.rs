//! How far learning has come, on a terminal.

use indicatif::{ProgressBar, ProgressStyle};

use crate::settings::Settings;

/// A bar over `all` things called `what`. Nothing is drawn with `-q`, or where standard error is no terminal.
pub(super) fn bar(settings: &Settings, all: u64, what: &str) -> ProgressBar {
    if settings.quiet {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {pos} of {len} {msg}, {eta} left");
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(all).with_style(style).with_message(what.to_owned())
}
