//! A guard as a proposal: a branch with its test and its record on top of HEAD, a patch, and, where asked for, a pull request. The work tree
//! stays as it is.

use std::path::PathBuf;

use crate::bridges::github::{self, Github};
use crate::bridges::{clock, commits, proposal, suite_files, workspace};
use crate::formats::draft_v1::Draft;
use crate::formats::record_v1;
use crate::model::failure::Failure;
use crate::model::suite::Suite;
use crate::report::guards as report;
use crate::settings::{self, Settings};

use super::{drafts, inject, tell};
use crate::commands::suites::{self, Pen};

/// The remote that branches are pushed to.
const REMOTE: &str = "origin";

/// Where a guard goes that passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Way {
    /// Into the work tree.
    #[default]
    Tree,
    /// On a branch of its own, with a patch.
    Branch,
    /// The same, pushed, with a pull request.
    PullRequest,
}

/// What was proposed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Proposed {
    /// The branch.
    pub branch: String,
    /// The patch.
    pub patch: PathBuf,
    /// The pull request, if one was opened.
    pub url: Option<String>,
    /// Why it is not, though the owners want it.
    pub problem: String,
    /// Whether it is merged without a person once its checks are green.
    pub merges: bool,
}

/// Proposes a draft that passed.
///
/// # Errors
/// Git or the forge refuses. A branch that was made by then stays.
pub(super) fn propose(
    settings: &Settings,
    draft: &mut Draft,
    text: &str,
    suite: Suite,
    way: Way,
) -> Result<Proposed, Failure> {
    // Before anything is made: a pull request that cannot be opened is no reason for a branch.
    let forge = if way == Way::PullRequest { Some(forge(settings)?) } else { None };
    let head = super::draft::commit(settings, "HEAD")?;
    if commits::file(&settings.root, &head, &draft.file).is_some_and(|there| there != text.as_bytes()) {
        return Err(inject::in_the_way(draft));
    }
    let known = suites::read(settings)?;
    let at = clock::timestamp(clock::now());
    let change = inject::change(draft, suite, known.last_record(&draft.id()), &at);
    let line = Pen::new(settings)?.change_of(&change, text.as_bytes());
    let batch = format!("{}/{}.jsonl", suite_files::PENDING, record_v1::sha256(line.as_bytes()));
    let branch = format!("titer/guard-{}", draft.draft);
    let files: [(&str, &[u8]); 2] = [(&draft.file, text.as_bytes()), (&batch, line.as_bytes())];
    let (title, body) = report::proposal(draft, suite);
    let message = format!("{title}\n\n{body}");
    let failed = |error| {
        Failure::world(format!("the branch {branch} cannot be made"))
            .because(error)
            .hint("one of that name may be there: delete it, or draft again")
    };
    let commit = proposal::branch(&settings.root, &branch, &head, &files, &message).map_err(failed)?;
    let patch = drafts::folder(settings, &draft.draft).join("guard.patch");
    let bytes = proposal::patch(&settings.root, &commit).map_err(failed)?;
    workspace::write_file(&patch, &bytes).map_err(failed)?;
    let mut proposed = Proposed { branch, patch, ..Proposed::default() };
    if let Some((github, base)) = forge {
        proposal::push(&settings.root, REMOTE, &proposed.branch).map_err(|error| {
            Failure::world(format!("the branch {} cannot be pushed to {REMOTE}", proposed.branch)).because(error)
        })?;
        let opened = github.open(&proposed.branch, &base, &title, &body)?;
        proposed.url = Some(opened.url.clone());
        keep(settings, draft, text, &at, &opened.url)?;
        // What asserts little, and what waits for a fix, a person has to look at.
        if settings.policy.guard.auto_merge && suite == Suite::Fast && !draft.fixed.is_empty() {
            // It is open either way, and a person can merge it.
            let merges = github.merge_when_green(&opened);
            proposed.problem = merges.err().map(|failure| failure.to_string()).unwrap_or_default();
            proposed.merges = proposed.problem.is_empty();
            if proposed.merges {
                // Beside what becomes of such tests later, this is what the owners' trust is measured by.
                tell(settings, draft, "auto-merge", &opened.url, 0.0)?;
            }
        }
        return Ok(proposed);
    }
    keep(settings, draft, text, &at, &proposed.branch)?;
    Ok(proposed)
}

/// It is proposed: where.
fn keep(settings: &Settings, draft: &mut Draft, text: &str, at: &str, place: &str) -> Result<(), Failure> {
    at.clone_into(&mut draft.injected);
    drafts::keep(settings, draft, Some(text))?;
    tell(settings, draft, "proposed", place, 0.0)
}

/// The forge, and the branch that pull requests go to.
fn forge(settings: &Settings) -> Result<(Github, String), Failure> {
    let token = settings::variable(github::TOKEN).filter(|token| !token.trim().is_empty()).ok_or_else(|| {
        Failure::usage("there is no token for GitHub").hint(format!(
            "put one that may write contents and pull requests into {}; --branch needs none",
            github::TOKEN
        ))
    })?;
    let slug = settings::variable("GITHUB_REPOSITORY").or_else(|| proposal::slug(&settings.root, REMOTE)).ok_or_else(
        || {
            Failure::input(format!("the remote {REMOTE} does not say which repository of GitHub's it is"))
                .hint("GITHUB_REPOSITORY=OWNER/NAME does; --branch needs none")
        },
    )?;
    let base = settings.policy.default_branch.clone().or_else(|| commits::default_branch(&settings.root)).ok_or_else(
        || Failure::input("nobody says which branch pull requests go to").hint("`default_branch` in titer.toml does"),
    )?;
    let address = settings::variable(github::ADDRESS).unwrap_or_else(|| github::USUAL.to_owned());
    Ok((Github::new(&address, token.trim(), &slug)?, base))
}
