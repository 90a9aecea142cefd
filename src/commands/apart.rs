//! Recording apart from the user's own run: some runners cannot tell what a test runs while they run it, so titer builds and runs
//! the tests once more by itself, afterwards, in folders of its own.

use std::io::Write;

use crate::bridges::process::Ending;
use crate::bridges::runners::Entrance;
use crate::bridges::workspace::RunFolder;
use crate::model::outcome::TestResult;
use crate::model::window::Trace;
use crate::report::summary;

use super::facts::{test_results, traces_of};
use super::finish::Finished;
use super::gather::{Gathered, place};
use super::run::{Context, Runners, left_out, start_tracer};

/// What a run of our own showed.
#[derive(Debug, Default)]
pub struct Apart {
    /// What its processes told.
    pub traces: Vec<Trace>,
    /// How its tests ended.
    pub results: Vec<TestResult>,
    /// Its folder, which whoever reads the rest removes.
    pub folder: Option<RunFolder>,
}

impl Apart {
    /// Results that may speak for a test: it did not fail in the user's own run.
    #[must_use]
    pub fn results_beside(&self, own: &[TestResult]) -> Vec<TestResult> {
        let failed = |test: &TestResult| {
            own.iter().any(|o| o.test == test.test && o.variant == test.variant && !o.outcome.vouches())
        };
        self.results.iter().filter(|result| !failed(result)).cloned().collect()
    }
}

/// Records apart, where it was asked for and a runner does so; says what it does, and why it does not.
pub fn record_apart(
    context: &Context<'_>,
    gathered: &Gathered,
    runners: &Runners,
    first: &Finished,
    talk: &mut dyn Write,
) -> Apart {
    let asked = context.request.deep || context.request.record == Some(true);
    if !asked || !context.record || runners.iter().all(|runner| runner.adapter().is_some()) {
        return Apart::default();
    }
    let quiet = context.settings.quiet;
    let mut say = |line: String| {
        let _ = if quiet { Ok(()) } else { writeln!(talk, "titer: {line}") };
    };
    if let Ending::Signal(_) = first.ending {
        say("functions are not recorded: the run was interrupted".to_owned());
        return Apart::default();
    }
    match run(context, gathered, runners, &mut say) {
        Ok(apart) => apart,
        Err(why) => {
            say(format!("functions are not recorded: {why}"));
            Apart::default()
        }
    }
}

fn run(
    context: &Context<'_>,
    gathered: &Gathered,
    runners: &Runners,
    say: &mut dyn FnMut(String),
) -> Result<Apart, String> {
    let settings = context.settings;
    let id = format!("{}-functions", context.id);
    let folder = RunFolder::create(&settings.ledger_cache(), &id, std::process::id())
        .map_err(|error| crate::bridges::runners::in_words(&error))?;
    let roots = settings.roots();
    let tracer = start_tracer(context, runners, &folder, &roots);
    let mut failure = None;
    for runner in runners.iter().filter(|runner| runner.adapter().is_none()) {
        let left_out = left_out(&gathered.plan, runner.name());
        let entrance = Entrance {
            command: &context.request.command,
            place: place(settings),
            adapter: &folder.path,
            cache: &settings.cache,
            run: &folder.path,
            left_out: &left_out,
            share: gathered.plan.share.as_ref(),
            launches: &[],
            record: context.record,
            tracer: tracer.as_ref().map(|tracer| (tracer, roots.as_slice())),
        };
        match runner.record_apart(entrance) {
            Ok(Some((build, run))) => {
                let (build, run) = (summary::seconds(build), summary::seconds(run));
                say(format!(
                    "functions recorded apart: built in {build}, ran in {run}, every test in a process of its own"
                ));
            }
            Ok(None) => {}
            Err(why) => failure = Some(why),
        }
    }
    let told = traces_of(settings, &folder, runners, gathered.present.as_ref());
    let results = test_results(&told);
    if let Some(why) = failure {
        folder.remove();
        return Err(why);
    }
    Ok(Apart { traces: told, results, folder: Some(folder) })
}
