//! What a source told, mapped, stripped of what must not be kept, and made part of the ledger.

use std::collections::BTreeMap;

use crate::bridges::clock;
use crate::decide::mapping::{BLOCKS_NOTHING, Confidence};
use crate::decide::releases::Sureness;
use crate::decide::template::template;
use crate::formats::learned_v1::{FrameLine, SightingLine, VERSION};
use crate::ledger::imports::{self, Import};
use crate::ledger::store::Store;
use crate::model::digest::Digest;
use crate::model::failure::Failure;
use crate::model::fault::{Decoded, Event};
use crate::report::learned::Learned;
use crate::settings::Settings;

use super::code::{Code, Placed};

/// Bad records that are listed; the others are only counted.
const LISTED: usize = 5;

/// Who tells, and of what.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Teller {
    /// `bugsink`, `file`, …
    pub source: String,
    /// The source's own name of the project; what an event says goes before.
    pub project: String,
    /// The service that failed; what an event says goes before.
    pub service: String,
    /// What was observed, RFC 3339 in UTC; else from the first event to the last.
    pub covers: Option<(String, String)>,
}

/// Keeps what one source tells.
#[derive(Debug)]
pub(super) struct Keeper<'a> {
    store: Store,
    code: Code<'a>,
    key: [u8; 32],
    now: String,
    /// What was learned so far.
    pub learned: Learned,
}

impl<'a> Keeper<'a> {
    /// Opens the ledger and the repository.
    ///
    /// # Errors
    /// Either cannot be opened.
    pub(super) fn open(settings: &'a Settings, prefixes: &[String]) -> Result<Self, Failure> {
        let prefixes = prefixes.iter().map(|prefix| {
            let (from, to) = prefix.split_once('=').ok_or_else(|| {
                Failure::usage(format!("--prefix {prefix} has no `=`"))
                    .hint("write what frames begin with, and the folder: --prefix /srv/app=backend")
            })?;
            Ok((from.to_owned(), to.to_owned()))
        });
        let code = Code::open(settings, prefixes.collect::<Result<_, Failure>>()?)?;
        let store = Store::open(&settings.ledger.0)?;
        let key = imports::identity_key(&store)?;
        let now = clock::precise_timestamp(clock::now());
        let learned = Learned { no_history: !code.has_history(), ..Learned::default() };
        Ok(Self { store, code, key, now, learned })
    }

    /// Keeps raw bytes and what they tell.
    ///
    /// # Errors
    /// The ledger cannot be written; then nothing of these bytes is part of it.
    pub(super) fn keep(&mut self, raw: &[u8], decoded: Decoded, teller: &Teller) -> Result<(), Failure> {
        let digest = imports::spool(&self.store, raw)?;
        let mut events: BTreeMap<String, Event> = BTreeMap::new();
        for event in decoded.events {
            // The first of one id counts.
            events.entry(event.id.clone()).or_insert(event);
        }
        let events: Vec<Event> = events.into_values().collect();
        let placed = self.code.place(&events)?;
        self.learned.other += decoded.other;
        self.learned.bad += decoded.bad.len() as u64;
        let room = LISTED.saturating_sub(self.learned.listed.len());
        self.learned.listed.extend(decoded.bad.into_iter().take(room));
        let mut lines = self.lines(&events, &placed, teller, &digest);
        lines.sort_by(|a, b| (&a.at, &a.event).cmp(&(&b.at, &b.event)));
        let covers = teller.covers.clone().or(decoded.covers);
        let observed = observed(&lines, teller, covers.as_ref(), &self.now);
        if covers.is_some() {
            self.learned.covers.clone_from(&covers);
        }
        lines.extend(observed);
        let Some(day) = lines.iter().filter_map(|line| line.at.get(..10)).min().map(str::to_owned) else {
            return Ok(());
        };
        let period = covers.as_ref().map(|(since, at)| format!("{since}..{at}")).unwrap_or_default();
        let parts = [teller.source.as_str(), &teller.project, &teller.service, &digest, &period];
        let name = Digest::of_parts(parts.map(str::as_bytes)).to_string();
        let import = Import {
            name: format!("{}.{}", plain(&teller.source), &name[..16]),
            day,
            changes: Vec::new(),
            sightings: lines,
        };
        let is_new = imports::commit_once(&self.store, &import)?;
        for (event, placed) in events.iter().zip(&placed) {
            self.count(event, placed, is_new);
        }
        Ok(())
    }

    /// Keeps how far a pull has come, in place of what it had kept of that before on the same day.
    ///
    /// # Errors
    /// The ledger cannot be written.
    pub(super) fn mark(&mut self, teller: &Teller, mark: &str, since: &str) -> Result<(), Failure> {
        let at = clock::precise_timestamp(clock::now());
        let line = |kind: &str| SightingLine {
            v: VERSION,
            kind: kind.to_owned(),
            source: teller.source.clone(),
            project: teller.project.clone(),
            at: at.clone(),
            ..SightingLine::default()
        };
        let observed = SightingLine { since: since.to_owned(), service: teller.service.clone(), ..line("observed") };
        let marked = SightingLine { mark: mark.to_owned(), ..line("mark") };
        let parts = [teller.source.as_str(), &teller.project, &teller.service];
        let name = Digest::of_parts(parts.map(str::as_bytes)).to_string();
        let name = format!("{}.mark.{}", plain(&teller.source), &name[..16]);
        let day = at.get(..10).unwrap_or("1970-01-01").to_owned();
        imports::commit(&self.store, &Import { name, day, changes: Vec::new(), sightings: vec![observed, marked] })
    }

    fn count(&mut self, event: &Event, placed: &Placed, is_new: bool) {
        let learned = &mut self.learned;
        learned.sightings += event.count;
        learned.faults.insert(placed.mapped.fault);
        learned.known += if is_new { 0 } else { event.count };
        *learned.commits.entry(placed.sureness.word()).or_default() += 1;
        learned.in_the_future += u64::from(event.at > self.now);
        learned.without_release += u64::from(event.release.is_empty() && event.revision.is_empty());
        learned.unknown_release += u64::from(!event.release.is_empty() && placed.sureness >= Sureness::Inferred);
        if placed.mapped.confidence == Confidence::None {
            let reason = (placed.mapped.unmapped.clone(), blocked(&placed.mapped.blocks));
            *learned.unmapped.entry(reason).or_default() += 1;
            learned.without_source_map += u64::from(is_bundled(event));
            learned.without_lines += u64::from(has_no_lines(event));
        } else {
            *learned.mapped.entry(placed.mapped.confidence.word()).or_default() += 1;
        }
    }

    /// The lines of all events; of many, by several threads at once.
    fn lines(&self, events: &[Event], placed: &[Placed], teller: &Teller, raw: &str) -> Vec<SightingLine> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(events.len() / 1000).clamp(1, 8);
        let size = events.len().div_ceil(threads).max(1);
        let pairs = events.chunks(size).zip(placed.chunks(size));
        let of = |(events, placed): (&[Event], &[Placed])| -> Vec<SightingLine> {
            events.iter().zip(placed).map(|(event, placed)| self.line(event, placed, teller, raw)).collect()
        };
        std::thread::scope(|scope| {
            let others: Vec<_> = pairs.clone().skip(1).map(|pair| scope.spawn(move || of(pair))).collect();
            let mut all: Vec<SightingLine> = pairs.take(1).flat_map(of).collect();
            for (other, pair) in others.into_iter().zip(events.chunks(size).zip(placed.chunks(size)).skip(1)) {
                // A thread that ended early told nothing: its part is made here.
                all.extend(other.join().unwrap_or_else(|_| of(pair)));
            }
            all
        })
    }

    fn line(&self, event: &Event, placed: &Placed, teller: &Teller, raw: &str) -> SightingLine {
        let mapped = &placed.mapped;
        let code = mapped.code.clone();
        let frames = event.frames.iter().zip(&mapped.paths).map(|(frame, path)| FrameLine {
            file: frame.file.clone(),
            abs_path: frame.abs_path.clone(),
            module: frame.module.clone(),
            function: frame.function.clone(),
            line: frame.line,
            col: frame.col,
            in_app: frame.in_app,
            // The repository's own text is no secret to whoever has the repository; anything else may be.
            context_line: if path.is_empty() { String::new() } else { frame.context_line.clone() },
            path: path.clone(),
        });
        SightingLine {
            v: VERSION,
            kind: "sighting".to_owned(),
            source: teller.source.clone(),
            project: or(&teller.project, &event.project),
            service: or(&teller.service, &event.service),
            at: event.at.clone(),
            received_at: event.received_at.clone(),
            event: event.id.clone(),
            issue: event.issue.clone(),
            fault: mapped.fault.to_string(),
            r#type: event.kind.chars().take(200).collect(),
            message: template(&event.message),
            handled: event.handled,
            level: event.level.clone(),
            platform: event.platform.clone(),
            environment: event.environment.clone(),
            release: event.release.clone(),
            commit: placed.commit.clone(),
            commit_confidence: placed.sureness.word().to_owned(),
            count: event.count,
            path: code.as_ref().map(|code| code.file.clone()).unwrap_or_default(),
            function: code.map(|code| code.function).unwrap_or_default(),
            confidence: mapped.confidence.word().to_owned(),
            unmapped: mapped.unmapped.clone(),
            blocks: mapped.blocks.clone(),
            user: self.hashed("user", &event.user),
            tenant: self.hashed("tenant", &event.tenant),
            frames_in_repository: Some(mapped.frames_in_repository),
            frames_mapped: Some(mapped.frames_mapped),
            raw: raw.to_owned(),
            frames: frames.collect(),
            ..SightingLine::default()
        }
    }

    /// Who it was, so that nobody can be told from it who has not the key: the same one is the same again.
    fn hashed(&self, kind: &str, who: &str) -> String {
        if who.is_empty() {
            return String::new();
        }
        let hash = blake3::keyed_hash(&self.key, format!("{kind}\0{who}").as_bytes());
        Digest::from_blake3(&hash).to_string()[..16].to_owned()
    }
}

/// What these lines show that was watched.
fn observed(
    lines: &[SightingLine],
    teller: &Teller,
    covers: Option<&(String, String)>,
    now: &str,
) -> Vec<SightingLine> {
    let mut by_service: BTreeMap<(String, String), Vec<&SightingLine>> = BTreeMap::new();
    for line in lines {
        by_service.entry((line.project.clone(), line.service.clone())).or_default().push(line);
    }
    if covers.is_some() {
        // What was watched is watched also where it was quiet.
        by_service.entry((teller.project.clone(), teller.service.clone())).or_default();
    }
    let seen = |lines: &[&SightingLine]| {
        let past = lines.iter().map(|line| line.at.as_str()).filter(|at| *at <= now);
        Some((past.clone().min()?.to_owned(), past.max()?.to_owned()))
    };
    let told = by_service.into_iter().filter_map(|((project, service), lines)| {
        let (since, at) = covers.cloned().or_else(|| seen(&lines))?;
        let sum = |count: fn(&SightingLine) -> Option<u64>| lines.iter().filter_map(|line| count(line)).sum();
        Some(SightingLine {
            v: VERSION,
            kind: "observed".to_owned(),
            source: teller.source.clone(),
            project,
            service,
            at,
            since,
            frames_in_repository: Some(sum(|line| line.frames_in_repository)),
            frames_mapped: Some(sum(|line| line.frames_mapped)),
            ..SightingLine::default()
        })
    });
    told.collect()
}

fn or(given: &str, own: &str) -> String {
    if given.is_empty() { own } else { given }.to_owned()
}

/// What names of segments may hold.
fn plain(source: &str) -> String {
    source.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '.' }).collect()
}

fn blocked(blocks: &str) -> String {
    match blocks {
        "" => "blocks everything".to_owned(),
        BLOCKS_NOTHING => "blocks nothing".to_owned(),
        path => format!("blocks {path}"),
    }
}

/// Scripts that were put together and shortened, of which no source map told the sources.
fn is_bundled(event: &Event) -> bool {
    event.frames.iter().any(|frame| {
        let is_script = [".js", ".mjs", ".cjs"]
            .iter()
            .any(|ending| frame.file.split('?').next().unwrap_or_default().ends_with(ending));
        let is_made =
            ["dist/", "build/", ".min.", "bundle", "chunk", ".next/"].iter().any(|part| frame.file.contains(part));
        is_script && frame.in_app != Some(false) && (is_made || frame.col.is_some_and(|col| col > 500))
    })
}

fn has_no_lines(event: &Event) -> bool {
    event.frames.iter().any(|frame| frame.function.contains("::"))
        && event.frames.iter().all(|frame| frame.line.is_none())
}
