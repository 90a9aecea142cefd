//! Finding out without the runner that nothing has to run: its command line, environment and tree are those of a run that came to
//! its end, and every test that it collected then is left out now.

use std::collections::BTreeSet;
use std::path::Path;

use crate::bridges::runners::{Runner, sort_of};
use crate::bridges::{disk, packages, process};
use crate::decide::classify::classify;
use crate::decide::layout::CargosOwn;
use crate::decide::quiet::Quiet;
use crate::decide::selection::{Present as Seen, collects_alike};
use crate::model::digest::Digest;
use crate::model::edge::{EdgeKind, Target};
use crate::model::map::LaunchRow;
use crate::model::plan::Verdict;
use crate::settings::{self, Settings};

use super::gather::{Gathered, place};
use super::present::Present;

/// The fingerprint of a command line and everything outside the repository that decides what it does.
///
/// `None` if that cannot be known (the program is not found).
#[must_use]
pub fn key(
    settings: &Settings,
    runner: &dyn Runner,
    command: &[String],
    interpreter: &str,
    sites: &[String],
) -> Option<Digest> {
    let program = process::find(command.first()?, &settings.folder, settings::raw_variable("PATH").as_ref())?;
    let mut parts: Vec<String> = vec![settings.folder_from_root()];
    parts.extend(command.iter().cloned());
    parts.push(disk::identity(&program));
    parts.push(disk::identity(Path::new(interpreter)));
    for site in sites {
        parts.push(packages::installed(Path::new(site)));
    }
    let configuration = Path::new(interpreter).ancestors().skip(1).take(2).map(|folder| folder.join("pyvenv.cfg"));
    parts.extend(configuration.filter_map(|file| std::fs::read_to_string(file).ok()));
    for (name, value) in settings::variables_starting_with(runner.deciding_variables()) {
        parts.push(format!("{name}={value}"));
    }
    for name in &settings.policy.variables {
        parts.push(format!("{name}={:?}", settings::variable(name)));
    }
    parts.extend(runner.launch_parts(command, place(settings)));
    Some(Digest::of_parts(parts.iter().map(String::as_bytes)))
}

/// The launch that shows that nothing has to run, if there is one.
#[must_use]
pub fn nothing_to_run<'a>(
    settings: &Settings,
    runner: &dyn Runner,
    gathered: &'a Gathered,
    command: &[String],
) -> Option<&'a LaunchRow> {
    let present = gathered.present.as_ref()?;
    let launches = gathered.map.launches.iter().filter(|launch| launch.command == command && !launch.writes);
    let mut launches = launches.filter(|launch| launch.folder == settings.folder_from_root());
    if !runner.asks_for_tests_alone(command, place(settings)) {
        return None;
    }
    launches.find(|launch| {
        let known = key(settings, runner, command, &launch.interpreter, &launch.sites);
        known == Some(launch.key)
            && all_left_out(gathered, launch)
            && collects_the_same((settings, runner), gathered, present, launch)
    })
}

fn all_left_out(gathered: &Gathered, launch: &LaunchRow) -> bool {
    let Some(variant) = gathered.map.variants.get(launch.variant as usize) else { return false };
    let decisions = gathered.plan.of_variant(&variant.id).filter(|decision| decision.verdict == Verdict::LeftOut);
    let left_out: BTreeSet<&str> = decisions.map(|decision| decision.test.as_str()).collect();
    !launch.collected.is_empty() && launch.collected.iter().all(|test| left_out.contains(test.as_str()))
}

fn collects_the_same(
    (settings, runner): (&Settings, &dyn Runner),
    gathered: &Gathered,
    present: &Present,
    launch: &LaunchRow,
) -> bool {
    let quiet = Quiet::default();
    let (tree, holds, inert) = (present.tree(), &gathered.holds, &settings.policy.inert);
    let elsewhere = &CargosOwn::default();
    let seen = Seen { tree, holds, quiet: &quiet, inert, elsewhere, sort_of, suites: &gathered.suites, today: "" };
    let before = gathered.map.inventories.get(launch.inventory as usize);
    let old_content = |path: &str| {
        let rows = before.into_iter().flat_map(|row| &row.entries);
        rows.into_iter().find(|(at, _)| gathered.map.word(*at) == path).map(|(_, entry)| entry.content)
    };
    let meaning = |content: Digest| present.known_shapes().get(&content).map(|shape| shape.whole);
    let matters = |path: &str| runner.finds_tests_by(path, classify(path, inert));
    collects_alike(&gathered.map, launch.inventory, seen, &matters, &|path| {
        let old = old_content(path).and_then(meaning);
        let new = present.tree().entries.get(path).and_then(|entry| meaning(entry.content));
        old.is_some() && old == new
    })
}

/// Works out the shapes of source files that differ from a launch's tree, so that [`nothing_to_run`] can compare them.
pub fn prepare(gathered: &mut Gathered, command: &[String]) {
    let Some(present) = gathered.present.as_mut() else { return };
    let launches = gathered.map.launches.iter().filter(|launch| launch.command == command);
    let trees: Vec<_> = launches.filter_map(|launch| gathered.map.tree(launch.inventory)).collect();
    for tree in trees {
        let changed: Vec<String> = tree.changed_paths(present.tree()).into_iter().map(str::to_owned).collect();
        for path in changed.iter().filter(|path| super::present::is_source(path)) {
            present.digest(&Target::new(EdgeKind::Ran, path, "*"));
        }
    }
}
