//! What waits to be sealed: the batches that the default branch brought in, each line of them held against all that a record must be.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;

use super::replay::{Replay, replayed};
use super::state::State;
use crate::bridges::batch_history::{self, Step};
use crate::bridges::{commits, suite_files};
use crate::formats::base_v1;
use crate::formats::dsse::{self, Signature};
use crate::formats::keys_v1::Role;
use crate::formats::record_line;
use crate::formats::record_v1::sha256;
use crate::formats::statement_v1::{self, Baseline, Change, Decision, Said, Statement};
use crate::model::failure::Failure;
use crate::model::record::RecordId;
use crate::model::suite::Place;
use crate::settings::Settings;

/// A batch of records as a commit brought it in.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// The name of its file.
    pub name: String,
    /// The commit.
    pub commit: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// A record that can be sealed if its place in its test's line is free.
#[derive(Debug, Clone)]
pub struct Sound {
    /// Which batch.
    pub batch: usize,
    /// Which line of it, from 1.
    pub line: usize,
    /// Where its statement stands in the batch.
    pub statement: Range<usize>,
    /// Who signed it; nobody where the sealer shall.
    pub signatures: Vec<Signature>,
    /// What it says.
    pub read: Statement,
    /// Whether it is sealed already; then only what stands beside it in its file needs it.
    pub is_sealed: bool,
}

/// A record, or a whole batch, that is not sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The name of the batch's file.
    pub name: String,
    /// The commit that it came in with.
    pub commit: String,
    /// The line, from 1; none for the whole file.
    pub line: Option<usize>,
    /// Why.
    pub why: String,
    /// What to do.
    pub next: &'static str,
}

/// All that waits.
#[derive(Debug, Default)]
pub struct Waiting {
    /// The batches, in their order.
    pub batches: Vec<Batch>,
    /// Records that are sound by themselves, in their order.
    pub sound: Vec<Sound>,
    /// The others.
    pub held: Vec<Held>,
    /// What an auditor will want to know: batches that went or were edited.
    pub told: Vec<String>,
    /// The batches that are in the tree.
    here: BTreeSet<String>,
}

const RESTORE: &str = "restore the file from git, or delete it in a commit; records are never edited";
const REWRITE: &str = "delete the file in a commit, and write the records again with titer";
const SIGN: &str =
    "add the key to [audit] in titer.toml on the default branch, or write the records again with a key that is there";

/// Finds the batches that came after the last seal up to `tip`, and those that it held back.
///
/// # Errors
/// Git fails.
pub fn batches(root: &Path, state: &State, tip: &str) -> Result<Waiting, Failure> {
    let failed = |error| Failure::world("the history of the batches of records cannot be read").because(error);
    let from = state.last().map(|seal| seal.main_commit.as_str());
    let steps = batch_history::steps(root, from, tip).map_err(failed)?;
    let here: BTreeSet<String> =
        commits::names_in(root, tip, suite_files::PENDING).map_err(failed)?.into_iter().collect();
    let mut waiting = Waiting { here, ..Waiting::default() };
    let mut known: BTreeSet<String> = BTreeSet::new();
    for held in state.last().map(|seal| seal.held_back.as_slice()).unwrap_or_default() {
        known.insert(held.name.clone());
        let path = format!("{}/{}", suite_files::PENDING, held.name);
        let bytes = commits::file(root, &held.added_in, &path).unwrap_or_default();
        waiting.batches.push(Batch { name: held.name.clone(), commit: held.added_in.clone(), bytes });
    }
    for step in steps {
        take(root, state, &step, &mut known, &mut waiting).map_err(failed)?;
    }
    Ok(waiting)
}

fn take(
    root: &Path,
    state: &State,
    step: &Step,
    known: &mut BTreeSet<String>,
    waiting: &mut Waiting,
) -> std::io::Result<()> {
    let is_sealed = |name: &str| name.strip_suffix(".jsonl").is_some_and(|digest| state.batches.contains(digest));
    let short: String = step.commit.chars().take(12).collect();
    for name in &step.went {
        let was = if step.came.contains_key(name) { "edited" } else { "deleted" };
        let folded = step.folds && was == "deleted" && is_sealed(name);
        if !folded && (is_sealed(name) || known.contains(name)) {
            let name = name.escape_debug();
            waiting.told.push(format!(
                "{name} was {was} by {short}: what it did is taken back by records of the log, where it was sealed"
            ));
        }
    }
    let new: Vec<(&String, &String)> =
        step.came.iter().filter(|(name, _)| !is_sealed(name) && !known.contains(*name)).collect();
    let ids: Vec<String> = new.iter().map(|(_, id)| (*id).clone()).collect();
    let contents = commits::contents(root, &ids)?;
    for (name, id) in new {
        known.insert(name.clone());
        // Two files may have the same content.
        let bytes = contents.get(id).cloned().unwrap_or_default();
        waiting.batches.push(Batch { name: name.clone(), commit: step.commit.clone(), bytes });
    }
    Ok(())
}

fn is_named_right(batch: &Batch) -> bool {
    batch.name.strip_suffix(".jsonl") == Some(&sha256(&batch.bytes))
}

impl Waiting {
    /// Reads the lines of all batches, and holds back what no signature, no type or no decision stands for.
    pub fn read(&mut self, settings: &Settings, state: &State) {
        let mut known = BTreeSet::new();
        for at in 0..self.batches.len() {
            if let Some(why) = wrong_name(&self.batches[at]) {
                self.hold(at, None, why, RESTORE);
                continue;
            }
            let bytes = std::mem::take(&mut self.batches[at].bytes);
            let lines = self.lines(at, &bytes, state, &known);
            let from = self.sound.len();
            self.judge((settings, state, &known), at, &bytes, lines);
            known.extend(self.sound[from..].iter().map(|sound| sound.read.id));
            self.batches[at].bytes = bytes;
        }
    }

    /// Holds back a line of a batch, or all of it.
    pub fn hold(&mut self, batch: usize, line: Option<usize>, why: String, next: &'static str) {
        let Batch { name, commit, .. } = self.batches[batch].clone();
        self.held.push(Held { name, commit, line, why, next });
    }

    /// Drops what is held back of files that are not in the tree any more: it was never sealed, and nobody goes by it.
    pub fn forget(&mut self) {
        let (held, gone) = std::mem::take(&mut self.held).into_iter().partition(|held| self.here.contains(&held.name));
        self.held = held;
        let gone: BTreeSet<String> = gone.into_iter().map(|held: Held| held.name).collect();
        let told = |name: String| format!("{} is gone: what was held back of it was never sealed", name.escape_debug());
        self.told.extend(gone.into_iter().map(told));
    }

    /// The lines of a batch that are written as records are; without those that wait in another batch as well, which are the same facts.
    fn lines(&mut self, batch: usize, bytes: &[u8], state: &State, known: &BTreeSet<RecordId>) -> Vec<Sound> {
        let (mut found, mut start, mut seen) = (Vec::new(), 0, BTreeSet::new());
        for (number, whole) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
            let (line, from) = (number + 1, start);
            start += whole.len();
            let Some(text) = whole.strip_suffix(b"\n") else {
                self.hold(batch, Some(line), "it does not end with a line break: the file was cut".to_owned(), RESTORE);
                continue;
            };
            let read = record_line::read(text).and_then(|it| statement_v1::read(it.statement).map(|read| (it, read)));
            match read {
                Err(why) => self.hold(batch, Some(line), why, REWRITE),
                Ok((_, read)) if known.contains(&read.id) || !seen.insert(read.id) => {}
                Ok((it, read)) => {
                    let is_sealed = state.sealed.contains_key(&read.id);
                    let at = from + text.len() - 1 - it.statement.len();
                    let statement = at..at + it.statement.len();
                    found.push(Sound { batch, line, statement, signatures: it.signatures, read, is_sealed });
                }
            }
        }
        found
    }

    /// Sorts the lines of one batch: decisions first, as the changes lean on them.
    fn judge(
        &mut self,
        (settings, state, known): (&Settings, &State, &BTreeSet<RecordId>),
        batch: usize,
        bytes: &[u8],
        lines: Vec<Sound>,
    ) {
        let text = |sound: &Sound| std::str::from_utf8(&bytes[sound.statement.clone()]).unwrap_or_default();
        let mut replays: BTreeMap<RecordId, Replay> = BTreeMap::new();
        let mut replay = |decision: &Sound| {
            let of =
                |sound: &&Sound| matches!(&sound.read.said, Said::Change(it) if it.decision == Some(decision.read.id));
            let changes: Vec<&str> = lines.iter().filter(of).map(text).collect();
            replays.entry(decision.read.id).or_insert_with(|| replayed(settings, text(decision), &changes)).clone()
        };
        let mut decisions: BTreeMap<RecordId, Option<&Sound>> = BTreeMap::new();
        let mut good: BTreeSet<usize> = BTreeSet::new();
        let mut approved: BTreeSet<RecordId> = BTreeSet::new();
        let rank = |said: &Said| match said {
            Said::Decision(_) => 0,
            Said::Approval(_) => 1,
            Said::Change(_) | Said::Baseline(_) | Said::Seal(_) | Said::Policy(_) | Said::Key(_) => 2,
        };
        for turn in 0..3 {
            for (number, sound) in lines.iter().enumerate().filter(|(_, sound)| rank(&sound.read.said) == turn) {
                let judged = match &sound.read.said {
                    _ if sound.is_sealed => Ok(()),
                    Said::Decision(decision) => policy(state, decision).and_then(|()| {
                        let why = signed(state, &[Role::Writer, Role::Sealer], bytes, sound)?;
                        if why { Ok(()) } else { repeated(&replay(sound)) }
                    }),
                    Said::Change(change) => removal(&approved, sound.read.id, change)
                        .and_then(|()| self::change((state, known), &decisions, bytes, sound, change, &mut replay)),
                    Said::Approval(_) => approval(state, bytes, sound),
                    Said::Baseline(it) => baseline(settings, &self.batches[batch].commit, it)
                        .and_then(|()| signed(state, &[Role::Writer, Role::Sealer], bytes, sound).map(drop)),
                    Said::Seal(_) | Said::Policy(_) | Said::Key(_) => {
                        Err(("only `titer audit seal` writes records of seals, policies and keys".to_owned(), REWRITE))
                    }
                };
                match &sound.read.said {
                    Said::Decision(_) => drop(decisions.insert(sound.read.id, judged.is_ok().then_some(sound))),
                    Said::Approval(records) if judged.is_ok() => approved.extend(records),
                    Said::Approval(_)
                    | Said::Change(_)
                    | Said::Baseline(_)
                    | Said::Seal(_)
                    | Said::Policy(_)
                    | Said::Key(_) => {}
                }
                match judged {
                    Ok(()) => drop(good.insert(number)),
                    Err((why, next)) => self.hold(batch, Some(sound.line), why, next),
                }
            }
        }
        let all = lines.into_iter().enumerate().filter(|(number, sound)| good.contains(number) && !sound.is_sealed);
        self.sound.extend(all.map(|(_, sound)| sound));
    }
}

type Judged<T = ()> = Result<T, (String, &'static str)>;

fn wrong_name(batch: &Batch) -> Option<String> {
    if is_named_right(batch) {
        return None;
    }
    let text = String::from_utf8_lossy(&batch.bytes);
    let digest = batch.name.strip_suffix(".jsonl").unwrap_or_default();
    if text.contains("\r\n") && sha256(text.replace("\r\n", "\n").as_bytes()) == digest {
        return Some(
            "its line ends are CR LF: a git without `.titer/** -text` in .gitattributes has rewritten them".to_owned(),
        );
    }
    Some("its content is not what its name says".to_owned())
}

/// Whether it is signed as it must be; `false` if nobody signed it.
fn signed(state: &State, roles: &[Role], bytes: &[u8], sound: &Sound) -> Judged<bool> {
    let at = state.edge.size();
    if sound.signatures.is_empty() {
        return Ok(false);
    }
    if state.keys.signed(roles, at, &bytes[sound.statement.clone()], &sound.signatures) {
        return Ok(true);
    }
    let is_known = |signature: &&Signature| {
        let mut keys = roles.iter().flat_map(|role| state.keys.of(*role, at));
        keys.any(|key| dsse::keyid(key) == signature.keyid)
    };
    if let Some(one) = sound.signatures.iter().find(is_known) {
        return Err((format!("the signature of {} is not over these bytes", one.keyid), RESTORE));
    }
    let named = sound.signatures[0].keyid.escape_debug();
    Err((format!("it is signed by {named}, which is no key that may sign such a record"), SIGN))
}

fn repeated(replay: &Replay) -> Judged {
    match replay {
        Replay::Same => Ok(()),
        Replay::Differs(why) => {
            Err((format!("it is unsigned, and deciding again comes to something else: {why}"), REWRITE))
        }
        Replay::InputsGone(why) => {
            let next =
                "seal where the ledger with the inputs is, or write the records again with a key (TITER_SIGNING_KEY)";
            Err((format!("it is unsigned and cannot be decided again: {why}"), next))
        }
    }
}

fn policy(state: &State, decision: &Decision) -> Judged {
    let Some(policy) = decision.policy else { return Ok(()) };
    let Some(since) = state.policies.get(&policy) else {
        return Err((format!("it names the policy {}, which the log does not know", policy.short()), REWRITE));
    };
    match &decision.at {
        // Days may stand for instants: what is no longer than a day is compared as days.
        Some(at) if at.get(..10) < since.get(..10) => {
            Err((format!("it was decided {at} by a policy that is newer ({since})"), REWRITE))
        }
        _ => Ok(()),
    }
}

/// Nothing is removed without somebody's word, which stands before it in the same file; and nobody but the sealer takes records back.
fn removal(approved: &BTreeSet<RecordId>, id: RecordId, change: &Change) -> Judged {
    if change.is_reverse {
        return Err(("only `titer audit seal` writes that records were taken back".to_owned(), REWRITE));
    }
    if change.to == Place::Absent && !approved.contains(&id) {
        let next = "propose it again (`titer place`) and approve of it with a key that [audit] in titer.toml names (`titer audit approve`)";
        return Err((
            format!("it removes {}, and no approval of that stands in the file", change.test.escape_debug()),
            next,
        ));
    }
    Ok(())
}

/// The tests that it speaks of are those of the snapshot that came with it.
fn baseline(settings: &Settings, commit: &str, told: &Baseline) -> Judged {
    let snapshot = commits::file(&settings.root, commit, suite_files::BASE).unwrap_or_default();
    let wrong = |why: String| (why, "restore .titer/suite/base.tsv as it was written with the record");
    let rows = base_v1::read(&snapshot).map_err(|why| wrong(format!("base.tsv at {commit}: {why}")))?;
    let inventory = base_v1::inventory(&rows);
    if sha256(inventory.as_bytes()) != told.inventory.digest.sha256 {
        return Err(wrong(format!("its tests are not those of base.tsv at {commit}")));
    }
    Ok(())
}

fn change<'a>(
    (state, known): (&State, &BTreeSet<RecordId>),
    decisions: &BTreeMap<RecordId, Option<&'a Sound>>,
    bytes: &[u8],
    sound: &Sound,
    change: &Change,
    replay: &mut dyn FnMut(&'a Sound) -> Replay,
) -> Judged {
    let decided = change.decision.map(|id| (id, decisions.get(&id)));
    match decided {
        Some((id, Some(None))) => {
            return Err((format!("its decision {} is held back", id.short()), "mend what holds back the decision"));
        }
        Some((id, None)) if !state.sealed.contains_key(&id) && !known.contains(&id) => {
            return Err((format!("its decision {} is neither sealed nor in the same file", id.short()), REWRITE));
        }
        _ => {}
    }
    if signed(state, &[Role::Writer, Role::Sealer], bytes, sound)? {
        return Ok(());
    }
    match decided {
        // A person's own word, which the default branch has taken: the sealer signs that it was so.
        None => Ok(()),
        Some((_, Some(Some(decision)))) => repeated(&replay(decision)),
        Some((id, _)) => {
            Err((format!("it is unsigned, and its decision {} stands in another file", id.short()), REWRITE))
        }
    }
}

fn approval(state: &State, bytes: &[u8], sound: &Sound) -> Judged {
    if signed(state, &[Role::Approver, Role::Sealer], bytes, sound)? {
        return Ok(());
    }
    Err(("it is an approval that nobody has signed".to_owned(), "approve again with a key (`titer audit approve`)"))
}
