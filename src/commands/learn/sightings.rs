//! From what a source told to a segment of the ledger: mapped, stripped of what must not be kept, in an order that is always the same. Any
//! thread may do it, for any piece of a file.
#![allow(clippy::disallowed_types, reason = "ids by the million are only looked up: their order is never seen")]

use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, PoisonError};

use foldhash::fast::RandomState;

use crate::decide::mapping::{BLOCKS_NOTHING, Confidence};
use crate::decide::releases::Sureness;
use crate::decide::template::template;
use crate::formats::learned_v1::{SightingLine, VERSION, WrittenLine};
use crate::formats::segment_v1;
use crate::ledger::imports::{self, Sealed};
use crate::model::digest::Digest;
use crate::model::failure::Failure;
use crate::model::fault::{Decoded, Event, Page, Read};
use crate::report::learned::Learned;

use super::code::{Code, Placed, Places};
use super::keep::Teller;

/// Bad records that are listed; the others are only counted.
pub(super) const LISTED: usize = 5;
/// A thread is worth it for so many events.
const WORTH: usize = 1000;

/// What makes sightings.
#[derive(Debug)]
pub(super) struct Maker<'a> {
    /// The repository.
    pub code: Mutex<Code<'a>>,
    /// The key under which people are hashed.
    pub key: [u8; 32],
    /// What comes later has not happened yet.
    pub now: String,
}

/// What is to be kept of some bytes.
#[derive(Debug)]
pub(super) struct Made {
    /// The digest of the bytes.
    pub raw: String,
    /// The bytes, packed.
    pub packed: Vec<u8>,
    /// The segment, if there is anything in it.
    pub sealed: Option<Sealed>,
    /// What was counted.
    pub learned: Learned,
}

/// One period in which one service was watched, as far as some events show it.
#[derive(Debug, Default, Clone)]
struct Watched<'e> {
    first: Option<&'e str>,
    last: Option<&'e str>,
    frames_in_repository: u64,
    frames_mapped: u64,
}

impl Maker<'_> {
    /// Makes a segment of what some bytes tell, with so many threads.
    ///
    /// # Errors
    /// Git fails, or the bytes cannot be packed.
    pub(super) fn make(
        &self,
        raw: &[u8],
        decoded: Decoded<'_>,
        teller: &Teller,
        threads: usize,
    ) -> Result<Made, Failure> {
        std::thread::scope(|scope| {
            let packing = (threads > 1).then(|| scope.spawn(|| imports::pack(raw)));
            let digest = Digest::of(raw).to_string();
            let made = self.sealed(&digest, decoded, teller, threads)?;
            // A thread that ended early packed nothing: it is done here.
            let packed = packing.and_then(|packing| packing.join().ok()).unwrap_or_else(|| imports::pack(raw))?;
            let (sealed, learned) = made;
            Ok(Made { raw: digest, packed, sealed, learned })
        })
    }

    fn sealed(
        &self,
        raw: &str,
        decoded: Decoded<'_>,
        teller: &Teller,
        threads: usize,
    ) -> Result<(Option<Sealed>, Learned), Failure> {
        let Decoded { mut events, bad, other, covers, pages } = decoded;
        // The first of one id counts.
        let mut seen: HashSet<&str, RandomState> =
            HashSet::with_capacity_and_hasher(events.len(), RandomState::default());
        let is_first: Vec<bool> = events.iter().map(|event| seen.insert(&event.id)).collect();
        let mut is_first = is_first.into_iter();
        events.retain(|_| is_first.next().unwrap_or(true));
        let places = self.code.lock().unwrap_or_else(PoisonError::into_inner).place(&events, &teller.service)?;
        let mut learned = self.counted(&events, &places);
        learned.other = other;
        learned.bad = bad.len() as u64;
        learned.listed = bad.into_iter().take(LISTED).collect();
        let mut order: Vec<usize> = (0..events.len()).collect();
        order.sort_by(|&a, &b| (&events[a].at, &events[a].id).cmp(&(&events[b].at, &events[b].id)));
        let covers = teller.covers.clone().or(covers);
        let mut more = observed(&events, &places, teller, covers.as_ref(), &self.now);
        more.extend(pages.into_iter().map(|page| called(page, teller, raw)));
        let days = order.first().map(|&first| &*events[first].at);
        let days = days.into_iter().chain(more.iter().map(|line| line.at.as_str()));
        let Some(day) = days.filter_map(|at| at.get(..10)).min().map(str::to_owned) else {
            return Ok((None, learned));
        };
        let mut text = self.lines(&events, &places, &order, teller, raw, threads);
        for line in &more {
            write(line, &mut text);
        }
        let period = covers.as_ref().map(|(since, at)| format!("{since}..{at}")).unwrap_or_default();
        learned.covers = covers;
        let parts = [teller.source.as_str(), &teller.project, &teller.service, raw, &period];
        let name = Digest::of_parts(parts.map(str::as_bytes)).to_string();
        let name = format!("{}.{}", plain(&teller.source), &name[..16]);
        let rows = lines_in(&text);
        Ok((Some(Sealed { name, day, rows, bytes: segment_v1::pack(&text) }), learned))
    }

    fn counted(&self, events: &[Event<Read<'_>>], places: &Places) -> Learned {
        let mut learned = Learned::default();
        // What events of one place have in common is told once, with how many there are.
        let mut counts = vec![0_u64; places.distinct.len()];
        let mut firsts: Vec<Option<&Event<Read<'_>>>> = vec![None; places.distinct.len()];
        for (event, &place) in events.iter().zip(&places.of) {
            counts[place] += 1;
            firsts[place] = firsts[place].or(Some(event));
            learned.sightings += event.count;
            learned.in_the_future += u64::from(*event.at > *self.now);
            learned.without_release += u64::from(event.release.is_empty() && event.revision.is_empty());
            let is_guessed = places.distinct[place].sureness >= Sureness::Inferred;
            learned.unknown_release += u64::from(is_guessed && !event.release.is_empty());
        }
        for ((placed, count), event) in places.distinct.iter().zip(counts).zip(firsts) {
            let mapped = &placed.found.mapped;
            learned.faults.insert(mapped.fault);
            *learned.commits.entry(placed.sureness.word()).or_default() += count;
            if mapped.confidence == Confidence::None {
                let reason = (mapped.unmapped.clone(), blocked(&mapped.blocks));
                *learned.unmapped.entry(reason).or_default() += count;
                learned.without_source_map += if event.is_some_and(is_bundled) { count } else { 0 };
                learned.without_lines += if event.is_some_and(has_no_lines) { count } else { 0 };
            } else {
                *learned.mapped.entry(mapped.confidence.word()).or_default() += count;
            }
        }
        learned
    }

    /// The lines of all stacks, and of all events in this order; of many, by several threads at once.
    fn lines(
        &self,
        events: &[Event<Read<'_>>],
        places: &Places,
        order: &[usize],
        teller: &Teller,
        raw: &str,
        threads: usize,
    ) -> Vec<u8> {
        let threads = threads.min(order.len() / WORTH).max(1);
        let shared: Vec<Vec<u8>> = places.distinct.iter().map(|placed| shared(placed, raw)).collect();
        let of = |part: &[usize], mut text: Vec<u8>| {
            text.reserve(part.len() * 768);
            for &number in part {
                self.line(&events[number], teller, &shared[places.of[number]], &mut text);
            }
            text
        };
        let parts: Vec<&[usize]> = order.chunks(order.len().div_ceil(threads).max(1)).collect();
        let Some((first, others)) = parts.split_first() else { return Vec::new() };
        std::thread::scope(|scope| {
            let started: Vec<_> =
                others.iter().map(|&part| (part, scope.spawn(move || of(part, Vec::new())))).collect();
            let mut text = of(first, stacks(places));
            for (part, other) in started {
                // A thread that ended early told nothing: its part is made here.
                text.extend(other.join().unwrap_or_else(|_| of(part, Vec::new())));
            }
            text
        })
    }

    /// `shared` are the members that all events of its place have in common.
    fn line(&self, event: &Event<Read<'_>>, teller: &Teller, shared: &[u8], text: &mut Vec<u8>) {
        let (message, user) = (template(&event.message), self.hashed("user", &event.user));
        let tenant = self.hashed("tenant", &event.tenant);
        let line = WrittenLine {
            v: VERSION,
            kind: "sighting",
            source: &teller.source,
            project: or(&teller.project, &event.project),
            service: or(&teller.service, &event.service),
            at: &event.at,
            received_at: &event.received_at,
            event: &event.id,
            issue: &event.issue,
            r#type: event.kind.char_indices().nth(200).map_or(&*event.kind, |(end, _)| &event.kind[..end]),
            message: &message,
            handled: event.handled,
            level: &event.level,
            platform: &event.platform,
            environment: &event.environment,
            release: &event.release,
            count: event.count,
            user: &user,
            tenant: &tenant,
            ..WrittenLine::default()
        };
        line.write(shared, text);
    }

    /// Who it was, so that nobody can be told from it who has not the key: the same one is the same again.
    fn hashed(&self, kind: &str, who: &str) -> String {
        if who.is_empty() {
            return String::new();
        }
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(kind.as_bytes()).update(b"\0").update(who.as_bytes());
        // The first digits of a digest, without a number between.
        hasher.finalize().to_hex()[..16].to_owned()
    }
}

/// How many lines there are; counted in small numbers, of which many are added at once.
pub(super) fn lines_in(text: &[u8]) -> u64 {
    text.chunks(255).map(|part| u64::from(part.iter().map(|&byte| u8::from(byte == b'\n')).sum::<u8>())).sum()
}

/// What the lines of all events of a place have in common.
fn shared(placed: &Placed, raw: &str) -> Vec<u8> {
    let (found, mapped) = (&placed.found, &placed.found.mapped);
    let line = WrittenLine {
        fault: &found.fault,
        commit: &placed.commit,
        commit_confidence: placed.sureness.word(),
        path: mapped.code.as_ref().map_or("", |code| &code.file),
        function: mapped.code.as_ref().map_or("", |code| &code.function),
        confidence: mapped.confidence.word(),
        unmapped: &mapped.unmapped,
        blocks: &mapped.blocks,
        frames_in_repository: Some(mapped.frames_in_repository),
        frames_mapped: Some(mapped.frames_mapped),
        raw,
        stack: found.stack.as_ref().map_or("", |stack| &stack.name),
        ..WrittenLine::default()
    };
    line.members()
}

/// Every stack once: few stacks make most sightings.
fn stacks(places: &Places) -> Vec<u8> {
    let (mut named, mut text) = (HashSet::new(), Vec::new());
    for stack in places.distinct.iter().filter_map(|placed| placed.found.stack.as_ref()) {
        if named.insert(&stack.name) {
            let frames = Some(&*stack.frames);
            let line = WrittenLine { v: VERSION, kind: "stack", stack: &stack.name, frames, ..WrittenLine::default() };
            line.write(b"", &mut text);
        }
    }
    text
}

/// A line that cannot be written is none: there is no such line.
fn write(line: &impl serde::Serialize, text: &mut Vec<u8>) {
    let before = text.len();
    match serde_json::to_writer(&mut *text, line) {
        Ok(()) => text.push(b'\n'),
        Err(_) => text.truncate(before),
    }
}

/// What these events show that was watched.
fn observed(
    events: &[Event<Read<'_>>],
    places: &Places,
    teller: &Teller,
    covers: Option<&(String, String)>,
    now: &str,
) -> Vec<SightingLine> {
    let mut by_service: BTreeMap<(&str, &str), Watched<'_>> = BTreeMap::new();
    // Events behind each other mostly come from one service.
    let mut run = (("", ""), None);
    for (event, &place) in events.iter().zip(&places.of) {
        let service = (or(&teller.project, &event.project), or(&teller.service, &event.service));
        if run.1.is_none() || run.0 != service {
            let next = (service, Some(by_service.remove(&service).unwrap_or_default()));
            if let (service, Some(watched)) = std::mem::replace(&mut run, next) {
                by_service.insert(service, watched);
            }
        }
        let Some(watched) = &mut run.1 else { continue };
        let (at, mapped) = (&*event.at, &places.distinct[place].found.mapped);
        if at <= now {
            watched.first = Some(watched.first.map_or(at, |first| first.min(at)));
            watched.last = Some(watched.last.map_or(at, |last| last.max(at)));
        }
        watched.frames_in_repository += mapped.frames_in_repository;
        watched.frames_mapped += mapped.frames_mapped;
    }
    if let (service, Some(watched)) = run {
        by_service.insert(service, watched);
    }
    if covers.is_some() {
        // What was watched is watched also where it was quiet.
        by_service.entry((&teller.project, &teller.service)).or_default();
    }
    let told = by_service.into_iter().filter_map(|((project, service), watched)| {
        let seen = || Some((watched.first?.to_owned(), watched.last?.to_owned()));
        let (since, at) = covers.cloned().or_else(seen)?;
        Some(SightingLine {
            v: VERSION,
            kind: "observed".to_owned(),
            source: teller.source.clone(),
            project: project.to_owned(),
            service: service.to_owned(),
            at,
            since,
            frames_in_repository: Some(watched.frames_in_repository),
            frames_mapped: Some(watched.frames_mapped),
            ..SightingLine::default()
        })
    });
    told.collect()
}

/// What somebody was called about; of what the call said only the template.
fn called(page: Page, teller: &Teller, raw: &str) -> SightingLine {
    SightingLine {
        v: VERSION,
        kind: "page".to_owned(),
        source: teller.source.clone(),
        project: or(&teller.project, &page.project).to_owned(),
        service: or(&teller.service, &page.service).to_owned(),
        message: template(&page.title),
        at: page.at,
        event: page.incident,
        raw: raw.to_owned(),
        ..SightingLine::default()
    }
}

fn or<'a>(given: &'a str, own: &'a str) -> &'a str {
    if given.is_empty() { own } else { given }
}

/// What names of segments may hold.
pub(super) fn plain(source: &str) -> String {
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
fn is_bundled(event: &Event<Read<'_>>) -> bool {
    event.frames.iter().any(|frame| {
        let is_script = [".js", ".mjs", ".cjs"]
            .iter()
            .any(|ending| frame.file.split('?').next().unwrap_or_default().ends_with(ending));
        let is_made =
            ["dist/", "build/", ".min.", "bundle", "chunk", ".next/"].iter().any(|part| frame.file.contains(part));
        is_script && frame.in_app != Some(false) && (is_made || frame.col.is_some_and(|col| col > 500))
    })
}

fn has_no_lines(event: &Event<Read<'_>>) -> bool {
    event.frames.iter().any(|frame| frame.function.contains("::"))
        && event.frames.iter().all(|frame| frame.line.is_none())
}
