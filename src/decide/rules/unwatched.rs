//! Unwatched: silence is not health where nobody has been listening.

use crate::model::evidence::Thresholds;
use crate::model::suite::Suite;

use super::{Case, Rule, times};

pub(super) const RULE: Rule = Rule { name: "unwatched", suite: Suite::Fast, judge };

fn judge(case: &Case<'_>) -> Option<String> {
    let count = case.evidence.unwatched_files;
    let Thresholds { watched_days, behind_days, mapped_percent, .. } = case.thresholds;
    (count > 0).then(|| {
        let files = times(count, "file", "files");
        format!(
            "no source of production errors speaks for {files} that it covers: one must have watched for {watched_days} days, be less than \
             {behind_days} days behind and have mapped {mapped_percent} % of its frames"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::rules::samples::{quiet, speaks};
    use crate::model::evidence::Evidence;

    #[test]
    fn one_file_that_nobody_watches_keeps_it() {
        assert!(speaks(&RULE, &Evidence { unwatched_files: 1, ..quiet() }));
        assert!(!speaks(&RULE, &quiet()));
    }
}
