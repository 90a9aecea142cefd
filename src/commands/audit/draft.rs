//! A seal before it is written: what waits and may be sealed, between the records of the sealer's own.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Serialize;

use super::state::State;
use super::waiting::{self, Held, Sound, Waiting};
use crate::bridges::{commits, suite_files};
use crate::commands::suites;
use crate::decide::lineage::{self, Bar};
use crate::formats::base_v1;
use crate::formats::dsse::{self, Signature};
use crate::formats::keys_v1::Role;
use crate::formats::merkle;
use crate::formats::note::Signer;
use crate::formats::record_line;
use crate::formats::record_v1::{CHANGE, Change, Named, Sha, Why, sha256};
use crate::formats::statement_v1::{
    self, Actor, Changed, HeldBack, KEY, Key, KeyEvent, POLICY, Policy, SEAL, Said, Seal, SealedBatch, Tool,
};
use crate::model::failure::Failure;
use crate::model::record::{Head, RecordId};
use crate::model::suite::Place;
use crate::settings::audit::{AuditPolicy, deciding};
use crate::settings::{Settings, policy};

/// What a seal is made from: everything that it depends on, and no clock.
#[derive(Debug)]
pub struct Order<'a> {
    /// The settings of who seals: where the ledger lies.
    pub settings: &'a Settings,
    /// The commit of the default branch up to which is sealed.
    pub tip: &'a str,
    /// When that commit was made, and who wrote it.
    pub made: (String, String),
    /// What its `titer.toml` says.
    pub toml: &'a str,
    /// The log's name and keys, as that says.
    pub audit: &'a AuditPolicy,
    /// The private keys at hand.
    pub signers: &'a [Signer],
    /// The checkpoint that this seal follows.
    pub before: &'a [u8],
}

/// A seal that is not written yet.
#[derive(Debug)]
pub struct Draft {
    /// The log with it.
    pub state: State,
    /// Its lines; none if there is nothing new.
    pub lines: Vec<u8>,
    /// Records of batches in it.
    pub records: u64,
    /// What is not in it.
    pub held: Vec<Held>,
    /// What an auditor will want to know.
    pub told: Vec<String>,
    /// The key that seals after it.
    pub sealer: String,
}

/// Drafts the next seal of a log.
///
/// # Errors
/// Git fails, or a key is missing or is none.
pub fn draft(order: &Order<'_>, state: State) -> Result<Draft, Failure> {
    let root: &Path = &order.settings.root;
    let size_before = state.edge.size();
    let previous = state.last().map_or_else(|| "0".repeat(order.tip.len()), |seal| seal.main_commit.clone());
    check_snapshot(order, &state)?;
    let mut waiting = waiting::batches(root, &state, order.tip)?;
    let sealer = sealer(order, &state)?;
    let mut pen = Pen { order, state, lines: Vec::new(), sealer };
    let wanted = pen.wanted();
    pen.begin(&wanted)?;
    pen.policy(root, &previous)?;
    waiting.read(order.settings, &pen.state);
    let counts = pen.batches(&mut waiting)?;
    waiting.forget();
    let auto_reversals = pen.reversals(&mut waiting.told)?;
    pen.end(&wanted)?;
    if !pen.lines.is_empty() {
        let held: BTreeSet<(&str, &str)> =
            waiting.held.iter().map(|it| (it.name.as_str(), it.commit.as_str())).collect();
        let told = |(batch, count): (&waiting::Batch, &u64)| SealedBatch {
            digest: Sha { sha256: batch.name.trim_end_matches(".jsonl").to_owned() },
            records: *count,
            added_in: batch.commit.clone(),
        };
        let batches = waiting.batches.iter().zip(&counts).filter(|(_, count)| **count > 0).map(told).collect();
        let held =
            held.into_iter().map(|(name, commit)| HeldBack { name: name.to_owned(), added_in: commit.to_owned() });
        let seal = Seal {
            main_commit: order.tip.to_owned(),
            previous_main_commit: previous,
            size_before,
            previous_checkpoint: Sha { sha256: sha256(order.before) },
            batches,
            suite: pen.state.suite(),
            keys: Sha { sha256: sha256(pen.state.keys.text(pen.state.edge.size()).as_bytes()) },
            tool: Tool { name: "titer".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() },
            auto_reversals,
            held_back: held.collect(),
            sealed_at: order.made.0.clone(),
        };
        pen.own(SEAL, "main", ("gitCommit", order.tip), &seal, &[])?;
    }
    let Pen { state, lines, sealer, .. } = pen;
    Ok(Draft { state, lines, records: counts.iter().sum(), held: waiting.held, told: waiting.told, sealer })
}

/// Whether the snapshot in the tree says of every test what its record says: nothing but `--compact` writes it, and nothing is sealed beside one
/// that somebody edited.
fn check_snapshot(order: &Order<'_>, state: &State) -> Result<(), Failure> {
    for (test, row) in suites::snapshot_of(order.settings, order.tip)? {
        let says = RecordId::parse(&row.record).and_then(|id| state.sealed.get(&id).copied().flatten());
        if row.rule == base_v1::BASELINE && row.place == Place::Fast || says == Some(row.place) {
            continue;
        }
        let why =
            says.map_or_else(|| "which the log does not know".to_owned(), |place| format!("which left it in {place}"));
        let failure = Failure::input(format!(
            "{} at {}: {} is said to be in {} by the record {}, {why}",
            suite_files::BASE,
            order.tip,
            test.escape_debug(),
            row.place,
            row.record
        ));
        return Err(failure.hint("restore the file from git on the default branch; nobody edits it"));
    }
    Ok(())
}

/// The key that seals, which must be at hand.
fn sealer(order: &Order<'_>, state: &State) -> Result<String, Failure> {
    let first = order.signers.first().map(|signer| signer.public().to_string()).unwrap_or_default();
    let sealer = state.sealer().or_else(|| order.audit.sealer.clone()).unwrap_or(first);
    if signer(order, &sealer).is_none() {
        let name = sealer.splitn(3, '+').take(2).collect::<Vec<_>>().join("+");
        let failure = Failure::input(format!("the log is sealed with the key {name}, and that key was not given"));
        return Err(failure.hint("give the private key with --key FILE or in TITER_SIGNING_KEY"));
    }
    Ok(sealer)
}

fn signer<'a>(order: &Order<'a>, vkey: &str) -> Option<&'a Signer> {
    order.signers.iter().find(|signer| signer.public().to_string() == vkey)
}

struct Pen<'a> {
    order: &'a Order<'a>,
    state: State,
    lines: Vec<u8>,
    sealer: String,
}

impl Pen<'_> {
    /// The writers and approvers that shall be.
    fn wanted(&self) -> Vec<(Role, String)> {
        let audit = self.order.audit;
        let writers = audit.writers.iter().map(|key| (Role::Writer, key.clone()));
        let all: BTreeSet<_> = writers.chain(audit.approvers.iter().map(|key| (Role::Approver, key.clone()))).collect();
        all.into_iter().collect()
    }

    /// New keys stand before what they have signed.
    fn begin(&mut self, wanted: &[(Role, String)]) -> Result<(), Failure> {
        if self.state.edge.size() == 0 {
            let sealer = self.sealer.clone();
            self.key(KeyEvent::Add, Role::Sealer, &sealer, "the first seal", &[])?;
        }
        for (role, vkey) in wanted {
            if !self.state.keys.counts(*role, vkey, self.state.edge.size()) {
                self.key(KeyEvent::Add, *role, vkey, "named in titer.toml", &[])?;
            }
        }
        Ok(())
    }

    /// Keys that are named no more count until here, and another key takes over from here on.
    fn end(&mut self, wanted: &[(Role, String)]) -> Result<(), Failure> {
        let open: Vec<(Role, String)> = {
            let spans = self.state.keys.spans().iter().filter(|span| span.until_size.is_none());
            spans.map(|span| (span.role, span.vkey.clone())).collect()
        };
        for (role, vkey) in open.iter().filter(|(role, _)| *role != Role::Sealer) {
            if !wanted.contains(&(*role, vkey.clone())) {
                self.key(KeyEvent::Retire, *role, vkey, "named in titer.toml no more", &[])?;
            }
        }
        let Some(next) = self.order.audit.sealer.clone().filter(|next| *next != self.sealer) else { return Ok(()) };
        let Some(new) = signer(self.order, &next) else {
            let failure = Failure::input("titer.toml names another sealer than the log has, and its key was not given");
            return Err(
                failure.hint("give both private keys: --key OLD --key NEW; the old one vouches for the new one")
            );
        };
        self.key(KeyEvent::Add, Role::Sealer, &next, "takes over", &[new])?;
        let old = std::mem::replace(&mut self.sealer, next);
        self.key(KeyEvent::Retire, Role::Sealer, &old, "handed over", &[])
    }

    fn key(&mut self, event: KeyEvent, role: Role, vkey: &str, reason: &str, also: &[&Signer]) -> Result<(), Failure> {
        let at = self.state.edge.size();
        let key = Key {
            event,
            role,
            vkey: vkey.to_owned(),
            from_size: self
                .state
                .keys
                .spans()
                .iter()
                .find(|it| it.role == role && it.vkey == vkey && it.until_size.is_none())
                .map_or(at, |it| it.from_size),
            until_size: (event != KeyEvent::Add).then_some(at),
            distrust_from_size: None,
            reason: reason.to_owned(),
            recorded_at: self.order.made.0.clone(),
        };
        let digest = sha256(vkey.as_bytes());
        let name = serde_json::to_value(role).ok().and_then(|it| it.as_str().map(str::to_owned)).unwrap_or_default();
        self.own(KEY, &name, ("sha256", &digest), &key, also)
    }

    /// Other numbers in `titer.toml` than those of the last policy.
    fn policy(&mut self, root: &Path, previous: &str) -> Result<(), Failure> {
        let order = self.order;
        let new = deciding(order.toml);
        let effective = Sha { sha256: sha256(serde_json::to_string(&new).unwrap_or_default().as_bytes()) };
        if self.state.policy.as_ref().is_some_and(|policy| policy.effective == effective) {
            return Ok(());
        }
        let old = commits::file(root, previous, policy::FILE).unwrap_or_default();
        let old = deciding(&String::from_utf8_lossy(&old));
        let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        let changed = keys.into_iter().filter(|key| old.get(*key) != new.get(*key));
        let changed =
            changed.map(|key| Changed { key: key.clone(), old: old.get(key).cloned(), new: new.get(key).cloned() });
        let config = Named::of(policy::FILE, order.toml.as_bytes());
        let told = Policy {
            effective,
            queries: Vec::new(),
            changed: changed.collect(),
            reason: format!("{} at {}", policy::FILE, order.tip),
            actor: Actor { kind: "human".to_owned(), id: format!("git:{}", order.made.1) },
            recorded_at: order.made.0.clone(),
            config,
        };
        let digest = told.config.digest.sha256.clone();
        self.own(POLICY, policy::FILE, ("sha256", &digest), &told, &[])
    }

    /// Seals what waits and is sound, in order; says how many records of each batch.
    fn batches(&mut self, waiting: &mut Waiting) -> Result<Vec<u64>, Failure> {
        let arranged = arrange(&self.state, &waiting.sound);
        for (at, bar) in arranged.held {
            let sound = &waiting.sound[at];
            let (batch, line, why) = (sound.batch, sound.line, barred(&sound.read.said, bar));
            let next = match bar {
                Bar::Forked(_) => {
                    "move the test once more with `titer move` on the default branch: that record resolves them"
                }
                Bar::Stale(_) => {
                    "move the test again on the default branch: the new record follows the last sealed one"
                }
            };
            waiting.hold(batch, Some(line), why, next);
        }
        let mut counts = vec![0; waiting.batches.len()];
        for at in arranged.order {
            let sound = &waiting.sound[at];
            let bytes = &waiting.batches[sound.batch].bytes[sound.statement.clone()];
            let text = std::str::from_utf8(bytes).unwrap_or_default();
            let signatures =
                if sound.signatures.is_empty() { self.signed(text, &[]) } else { sound.signatures.clone() };
            self.push(text, &signatures, sound.read.clone())?;
            counts[sound.batch] += 1;
        }
        Ok(counts)
    }

    /// Where the tree does not go by a test's last sealed record any more, since a revert took it away or brought an older one back: says so in
    /// a record, so that the log comes to the same suites as the tree.
    fn reversals(&mut self, told: &mut Vec<String>) -> Result<Vec<String>, Failure> {
        let (order, mut written) = (self.order, Vec::new());
        let tree = match suites::of_commit(order.settings, order.tip) {
            Ok(tree) => tree,
            Err(failure) => {
                told.push(format!("whether records were taken back cannot be said: {failure}"));
                return Ok(written);
            }
        };
        let heads: Vec<(String, Head, Place)> =
            self.state.heads.iter().map(|(test, (head, place))| (test.clone(), *head, *place)).collect();
        for (test, head, from) in heads.into_iter().filter(|(test, ..)| !tree.disputed.contains(test)) {
            let here = tree.last_record(&test).and_then(RecordId::parse);
            let to = match here {
                _ if here == head.stands_for => continue,
                None => Place::Fast,
                Some(here) => match self.state.sealed.get(&here).copied().flatten() {
                    Some(place) => place,
                    // It waits, or is held back.
                    None => continue,
                },
            };
            let text = match here {
                Some(here) => format!("at {} the record {here} is its last one again", order.tip),
                None => format!("at {} no record speaks of it any more", order.tip),
            };
            let change = Change {
                op: statement_v1::REVERSE.to_owned(),
                test: test.clone(),
                from,
                to,
                prev: Some(head.id.to_string()),
                restores: here.map(|id| id.to_string()),
                reason: Why { rule: "reverted".to_owned(), text },
                actor: format!("git:{}", order.made.1),
                recorded_at: order.made.0.clone(),
                ..Change::default()
            };
            let digest = sha256(test.as_bytes());
            self.own(CHANGE, &test, ("sha256", &digest), &change, &[])?;
            written.extend(self.state.heads.get(&test).map(|(head, _)| head.id.to_string()));
        }
        Ok(written)
    }

    fn own<P: Serialize>(
        &mut self,
        kind: &str,
        subject: &str,
        digest: (&str, &str),
        predicate: &P,
        also: &[&Signer],
    ) -> Result<(), Failure> {
        let text = statement_v1::text(kind, subject, digest, predicate);
        let read = statement_v1::read(&text).map_err(Failure::input)?;
        let signatures = self.signed(&text, also);
        self.push(&text, &signatures, read)
    }

    fn signed(&self, text: &str, also: &[&Signer]) -> Vec<Signature> {
        let own = signer(self.order, &self.sealer);
        own.into_iter().chain(also.iter().copied()).map(|signer| dsse::sign(signer, text.as_bytes())).collect()
    }

    fn push(&mut self, text: &str, signatures: &[Signature], read: statement_v1::Statement) -> Result<(), Failure> {
        let leaf = merkle::leaf(dsse::envelope(text.as_bytes(), signatures).as_bytes());
        self.lines.extend(record_line::write(signatures, text).into_bytes());
        let wrong = |why| Failure::input(format!("the keys in [audit] of titer.toml cannot be taken over: {why}"));
        self.state.take(read, leaf).map_err(wrong)
    }
}

#[derive(Default)]
struct Arranged {
    order: Vec<usize>,
    held: Vec<(usize, Bar)>,
}

/// The order in which records are sealed: theirs, but none before the one of its test that it follows.
fn arrange(state: &State, sound: &[Sound]) -> Arranged {
    let mut tests: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, one) in sound.iter().enumerate() {
        if let Said::Change(change) = &one.read.said {
            tests.entry(&change.test).or_default().push(at);
        }
    }
    let (mut follows, mut leads, mut arranged) = (BTreeMap::new(), BTreeMap::new(), Arranged::default());
    for (test, all) in tests {
        let waits = |at: &usize| {
            let Said::Change(it) = &sound[*at].read.said else { return None };
            Some(lineage::Waiting { id: sound[*at].read.id, prev: it.prev, resolves: it.resolves.clone() })
        };
        let waits: Vec<lineage::Waiting> = all.iter().filter_map(waits).collect();
        let lined = lineage::line_up(state.heads.get(test).map(|(head, _)| *head), &waits);
        for pair in lined.order.windows(2) {
            follows.insert(all[pair[1]], all[pair[0]]);
            leads.insert(all[pair[0]], all[pair[1]]);
        }
        arranged.held.extend(lined.held.into_iter().map(|(at, bar)| (all[at], bar)));
    }
    arranged.held.sort_unstable_by_key(|(at, _)| *at);
    let held: BTreeSet<usize> = arranged.held.iter().map(|(at, _)| *at).collect();
    let mut done = BTreeSet::new();
    for at in (0..sound.len()).filter(|at| !held.contains(at)) {
        if follows.get(&at).is_some_and(|before| !done.contains(before)) {
            continue;
        }
        let mut next = Some(at);
        // Those behind it that were passed over come now; the others come when it is their turn.
        while let Some(one) = next.filter(|one| *one <= at && done.insert(*one)) {
            arranged.order.push(one);
            next = leads.get(&one).copied();
        }
    }
    arranged
}

fn barred(said: &Said, bar: Bar) -> String {
    let name = |id: Option<RecordId>| id.map_or_else(|| "none".to_owned(), |id| id.short());
    let Said::Change(change) = said else { return String::new() };
    let test = change.test.escape_debug();
    match bar {
        Bar::Forked(head) => format!(
            "it is one of several records that follow the same one ({}) of {test}, and none says which of them counts",
            name(head)
        ),
        Bar::Stale(head) => {
            format!("it follows the record {} of {test}, whose last sealed record is {}", name(change.prev), name(head))
        }
    }
}
