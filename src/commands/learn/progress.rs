//! How far learning has come, on a terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::settings::Settings;

/// A bar over `all` things called `what`, or over as many as turn out to be there. Nothing is drawn with `-q`, or where standard error is no
/// terminal.
pub(super) fn bar(settings: &Settings, all: Option<u64>, what: &str) -> ProgressBar {
    let target = if settings.quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let style = ProgressStyle::with_template("{spinner} {bar:40} {pos} of {len} {msg}, {eta} left");
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::with_draw_target(all, target).with_style(style).with_message(what.to_owned());
    // What waits for a server moves also while nothing comes.
    if all.is_none() && !settings.quiet {
        bar.enable_steady_tick(Duration::from_millis(200));
    }
    bar
}
