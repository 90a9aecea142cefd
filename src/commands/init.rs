//! `titer init`: a `titer.toml` in which every setting stands with its default.

use std::io::Write;

use crate::bridges::workspace;
use crate::model::failure::Failure;
use crate::settings::Settings;
use crate::settings::policy::{DEFAULT, FILE};

/// Writes `titer.toml` into the repository's root, or prints it.
///
/// # Errors
/// There is one already, or it cannot be written.
pub fn run(settings: &Settings, print: bool, out: &mut dyn Write) -> Result<(), Failure> {
    let text = commented();
    if print {
        return super::say(out, &text);
    }
    let path = settings.root.join(FILE);
    let written = workspace::create_file(&path, text.as_bytes());
    written.map_err(|error| {
        let failure = Failure::input(format!("{} is not written", path.display())).because(error);
        failure.hint("`titer init --print` prints every setting with its default")
    })?;
    super::say(
        out,
        &format!(
            "written: {}; every line in it is a default, and stays one until its `# ` is taken away\n",
            path.display()
        ),
    )
}

/// The defaults, each setting commented out: a file that says nothing yet, so that a later default still reaches its owners.
fn commented() -> String {
    let mut text = String::new();
    for line in DEFAULT.lines() {
        let is_setting = !line.is_empty() && !line.starts_with('#') && !line.starts_with('[');
        text.push_str(if is_setting { "# " } else { "" });
        text.push_str(line);
        text.push('\n');
    }
    text.replace("# titer's defaults. A `titer.toml` in the repository's root may set any of these; what it does not name stays as it is here.",
        "# titer's settings, with their defaults: what stays commented out stays as titer has it.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::policy::Policy;

    #[test]
    fn what_it_writes_says_nothing_and_can_be_read() {
        let policy = Policy::parse(&commented(), std::path::Path::new("titer.toml")).unwrap();
        assert_eq!(policy.placement.thresholds(0), Policy::defaults().placement.thresholds(0));
        assert!(commented().contains("\n# quiet_days = 180\n"), "{}", commented());
    }
}
