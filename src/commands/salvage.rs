//! Runs whose titer was killed: what their tests told is still in their folder, and is kept now.

use serde::{Deserialize, Serialize};

use crate::bridges::process::is_alive;
use crate::bridges::runners;
use crate::bridges::workspace::RunFolder;
use crate::decide::selection::{Ask, Scope};
use crate::formats::segment_v1::{RunRow, VERSION};
use crate::ledger::facts as stored;
use crate::ledger::map;
use crate::model::tree::{Entry, Tree};
use crate::settings::Settings;

use super::facts::{
    Material, add_units, edges, facts, follow_links, forgive_inert_programs, test_results, traces_of, traces_of_all,
};
use super::gather::{Gathered, Opening, gather};
use super::present::Present;
use super::run::{Context, Runners, names};
use super::shards::Names;

/// The note's name in a run's folder.
pub const FILE: &str = "before.bin";

/// What has to be known of a run to keep its facts later.
#[derive(Debug, Serialize, Deserialize)]
struct Note {
    run: String,
    started: String,
    command: Vec<String>,
    commit: Option<String>,
    attempt: u32,
    shard: String,
    ci_run: Option<String>,
    entries: Vec<(String, Entry)>,
}

/// The note of a run that is about to start.
#[must_use]
pub fn note(context: &Context<'_>, tree: &Tree, names: Names) -> Vec<u8> {
    let Names { shard, attempt, ci_run } = names;
    let note = Note {
        run: context.id.clone(),
        started: context.started.clone(),
        command: context.request.command.clone(),
        commit: tree.commit.clone(),
        attempt,
        shard,
        ci_run,
        entries: tree.entries.iter().map(|(path, entry)| (path.clone(), *entry)).collect(),
    };
    postcard::to_stdvec(&note).unwrap_or_default()
}

/// Keeps the facts of abandoned runs whose own processes are over, and plans again if there were any.
pub fn abandoned(settings: &Settings, gathered: &mut Gathered, runners: &Runners, all: Option<Scope>) {
    let mut kept = false;
    for folder in RunFolder::abandoned(&settings.ledger_cache()) {
        let note: Option<Note> = folder.read(FILE).and_then(|bytes| postcard::from_bytes(&bytes).ok());
        // Another command may have been interrupted than the one that is about to start.
        let its_own = note.as_ref().map(|note| runners::of_command(&note.command).0);
        let runners = its_own.as_ref().unwrap_or(runners);
        let mut traces = traces_of_all(settings, runners, &folder.path);
        // A runner that outlived its titer is still writing.
        let running = traces.iter().any(|trace| i32::try_from(trace.pid).is_ok_and(is_alive) && trace.exit.is_none());
        if running || !folder.take_over(std::process::id()) {
            continue;
        }
        traces = traces_of(settings, &folder, runners, gathered.present.as_ref());
        forgive_inert_programs(&mut traces, &settings.policy.inert_programs);
        if let Some(present) = &gathered.present {
            follow_links(&mut traces, &settings.root, present.tree());
        }
        if let Some(present) = gathered.present.as_mut() {
            add_units(settings, runners, &folder, present, &mut traces);
        }
        if let Some(note) = note {
            kept |= keep(settings, gathered, runners, &traces, note);
        }
        folder.remove();
    }
    if kept {
        let warnings = std::mem::take(&mut gathered.warnings);
        *gathered = gather(settings, Opening::Create, Ask { all, whole: false });
        gathered.warnings = warnings;
    }
}

fn keep(
    settings: &Settings,
    gathered: &mut Gathered,
    runners: &Runners,
    traces: &[crate::model::window::Trace],
    note: Note,
) -> bool {
    let (Some(store), Some(now)) = (&gathered.store, &gathered.present) else { return false };
    let before = Tree { entries: note.entries.into_iter().collect(), commit: note.commit, ..Tree::default() };
    let results = test_results(traces);
    let after = now.tree().clone();
    let mut present = Present::new(settings.root.clone(), before.clone(), settings.policy.inert.clone(), &gathered.map);
    let mut material =
        Material { traces, map: &gathered.map, present: &mut present, after: Some(&after), deep: None, apart: None };
    let edges = edges(&mut material, &results);
    let run = RunRow {
        v: VERSION,
        run: note.run,
        attempt: note.attempt,
        shard: note.shard,
        ci_run: note.ci_run,
        started: note.started,
        seconds: results.iter().map(|result| result.seconds).sum(),
        runner: names(runners),
        command: note.command,
        cwd: ".".to_owned(),
        commit: before.commit.clone(),
        branch: None,
        dirty: false,
        recorded: true,
        health: "titer was killed".to_owned(),
        exit: -1,
        titer: env!("CARGO_PKG_VERSION").to_owned(),
        tests_run: results.len() as u64,
        tests_left_out: 0,
        inventory: before.digest(),
        suite: None,
    };
    let facts = facts(run, traces, &results, Vec::new(), edges, &before);
    let committed = stored::commit(store, &facts, gathered.map.position);
    committed.is_ok() && map::catch_up(store, &mut gathered.map).and_then(|()| map::save(store, &gathered.map)).is_ok()
}
