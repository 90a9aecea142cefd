//! The repository at the commits that failed, for finding out which code path an event means.
#![allow(
    clippy::disallowed_types,
    reason = "what is asked for by the million is only looked up: its order is never seen"
)]

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use foldhash::fast::RandomState;
use serde_json::value::{RawValue, to_raw_value};

use crate::bridges::commits;
use crate::decide::mapping::{self, Mapped, SourceFile, Sources};
use crate::decide::releases::{self, Commits, Sureness};
use crate::decide::whereabouts::{Prefix, Tree};
use crate::formats::learned_v1::FrameLine;
use crate::formats::{instant, python_source, rust_source, script_source};
use crate::model::digest::Digest;
use crate::model::failure::Failure;
use crate::model::fault::{Event, Frame, Read};
use crate::model::shape::Shape;
use crate::settings::Settings;

/// Trees and sources are kept for the next events up to so many; then they are read again.
const KEPT_TREES: usize = 32;
const KEPT_SOURCES: usize = 4000;

/// So many stacks are known at a time.
const KEPT_PLACES: usize = 20_000;

/// Where events of one stack, sort and commit point.
#[derive(Debug)]
pub(super) struct Placed {
    /// What was found there.
    pub found: Arc<Found>,
    /// The commit that ran; empty where it is not known.
    pub commit: String,
    /// How sure the commit is.
    pub sureness: Sureness,
}

/// What events of one stack and sort mean at every commit at which the files in question are the same.
#[derive(Debug)]
pub(super) struct Found {
    /// The code path, or why there is none.
    pub mapped: Mapped,
    /// The fault, as it is written.
    pub fault: String,
    /// The frames, if there are any.
    pub stack: Option<Stack>,
}

/// Frames as they are kept.
#[derive(Debug)]
pub(super) struct Stack {
    /// What segments call them.
    pub name: String,
    /// As they are written.
    pub frames: Box<RawValue>,
}

/// Where each of some events points.
#[derive(Debug)]
pub(super) struct Places {
    /// Every place once.
    pub distinct: Vec<Arc<Placed>>,
    /// For each event, which of them is its own.
    pub of: Vec<usize>,
}

/// What events have in common that point to the same place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Sort<'e> {
    stack: Digest,
    kind: &'e str,
    commit: Which,
}

/// A commit of the repository's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Which {
    /// One that a release told, by its place in a list of such.
    Told(usize),
    /// One of the default branch's line, by its place there, or none.
    Line(usize),
}

/// One commit's files.
#[derive(Debug, Default)]
struct At {
    tree: Tree,
    ids: BTreeMap<String, String>,
    /// The digest of all that `tree` knows.
    names: Digest,
}

/// The repository.
#[derive(Debug)]
pub(super) struct Code<'a> {
    settings: &'a Settings,
    prefixes: Vec<Prefix>,
    commits: Commits,
    trees: BTreeMap<String, Arc<At>>,
    sources: Sources,
    /// Releases, as they were told, that were looked for among the commits.
    asked: HashSet<String>,
    /// Places that were found before, by what they were found from.
    known: HashMap<Digest, Arc<Placed>>,
    /// Files that stacks may mean, by what they are looked for with.
    wanted: HashMap<(Digest, Digest), Arc<BTreeSet<String>>>,
    /// What was found before, by all that it was found from.
    found: HashMap<Digest, Arc<Found>>,
}

/// An event that stands for all that are placed alike.
#[derive(Debug, Clone, Copy)]
struct First<'e> {
    /// The digest of its stack.
    stack: Digest,
    event: &'e Event<Read<'e>>,
}

impl<'a> Code<'a> {
    /// Reads tags and the default branch's line.
    ///
    /// # Errors
    /// Git fails. A folder without git or without a commit is no failure: nothing can be mapped in it.
    pub(super) fn open(settings: &'a Settings, prefixes: Vec<Prefix>) -> Result<Self, Failure> {
        let mut commits = Commits::default();
        if settings.in_git {
            let line = commits::line(&settings.root, settings.policy.default_branch.as_deref()).map_err(git)?;
            commits.line = releases::in_order(line);
            commits.tags = commits::tags(&settings.root).map_err(git)?;
        }
        Ok(Self {
            settings,
            prefixes,
            commits,
            trees: BTreeMap::new(),
            sources: Sources::new(),
            asked: HashSet::new(),
            known: HashMap::new(),
            wanted: HashMap::new(),
            found: HashMap::new(),
        })
    }

    /// Whether there is any commit at all.
    #[must_use]
    pub(super) fn has_history(&self) -> bool {
        !self.commits.line.is_empty()
    }

    /// Maps events. What was found for one is known for all that are like it. `service` goes before what events say of it.
    ///
    /// # Errors
    /// Git fails.
    pub(super) fn place(&mut self, events: &[Event<Read<'_>>], service: &str) -> Result<Places, Failure> {
        self.look_up(events)?;
        let mut told: Vec<(String, Sureness)> = Vec::new();
        let mut releases: HashMap<(&str, &str), Option<usize>, RandomState> = HashMap::default();
        let mut stacks: HashMap<*const Frame, Digest, RandomState> = HashMap::default();
        let mut sorts: HashMap<Sort<'_>, usize, RandomState> = HashMap::default();
        let mut firsts: Vec<(Sort<'_>, First<'_>)> = Vec::new();
        let mut of = Vec::with_capacity(events.len());
        for event in events {
            let release = releases.entry((&event.release, &event.revision)).or_insert_with(|| {
                told.push(releases::told(&event.release, &event.revision, &self.commits)?);
                Some(told.len() - 1)
            });
            let by_date = || releases::by_date(instant::seconds(&event.at).unwrap_or(0), &self.commits);
            let commit = release.map_or_else(|| Which::Line(by_date()), Which::Told);
            // Events that share a stack mostly share it in memory.
            let stack = if event.frames.is_empty() {
                without_stack(event, service)
            } else {
                *stacks.entry(event.frames.as_ptr()).or_insert_with(|| digest(&event.frames))
            };
            let sort = Sort { stack, kind: &event.kind, commit };
            of.push(*sorts.entry(sort).or_insert_with(|| {
                firsts.push((sort, First { stack, event }));
                firsts.len() - 1
            }));
        }
        let commit = |which: Which| match which {
            Which::Told(place) => told[place].clone(),
            Which::Line(place) => match self.commits.line.get(place) {
                Some((_, commit)) => (commit.clone(), Sureness::Inferred),
                None => (String::new(), Sureness::None),
            },
        };
        let firsts: Vec<(Digest, (String, Sureness), First<'_>)> = firsts
            .into_iter()
            .map(|(sort, first)| {
                let commit = commit(sort.commit);
                let stack = sort.stack.0.to_le_bytes();
                let parts = [&stack[..], sort.kind.as_bytes(), commit.0.as_bytes()];
                let parts = parts.into_iter().chain([commit.1.word().as_bytes()]);
                (Digest::of_parts(parts), commit, first)
            })
            .collect();
        self.distinct(&firsts, service).map(|distinct| Places { distinct, of })
    }

    /// The place of each of these sorts of events.
    fn distinct(
        &mut self,
        firsts: &[(Digest, (String, Sureness), First<'_>)],
        service: &str,
    ) -> Result<Vec<Arc<Placed>>, Failure> {
        let mut found: Vec<Option<Arc<Placed>>> =
            firsts.iter().map(|(key, _, _)| self.known.get(key).map(Arc::clone)).collect();
        let mut new: BTreeMap<&(String, Sureness), Vec<usize>> = BTreeMap::new();
        for (number, (_, commit, _)) in firsts.iter().enumerate().filter(|(number, _)| found[*number].is_none()) {
            new.entry(commit).or_default().push(number);
        }
        if self.known.len() + firsts.len() > KEPT_PLACES {
            self.known.clear();
        }
        for ((commit, sureness), numbers) in new {
            let events: Vec<First<'_>> = numbers.iter().map(|&number| firsts[number].2).collect();
            for (number, at) in numbers.into_iter().zip(self.place_at(commit, *sureness, &events, service)?) {
                let key = &firsts[number].0;
                let placed = Arc::new(Placed { found: at, commit: commit.clone(), sureness: *sureness });
                self.known.insert(*key, Arc::clone(&placed));
                found[number] = Some(placed);
            }
        }
        Ok(found.into_iter().flatten().collect())
    }

    /// Which of the commits that releases name are there.
    fn look_up(&mut self, events: &[Event<Read<'_>>]) -> Result<(), Failure> {
        if !self.has_history() {
            return Ok(());
        }
        // Events behind each other are mostly of one release.
        let runs = events.chunk_by(|a, b| a.release == b.release && a.revision == b.revision);
        let texts = runs.flat_map(|run| [&*run[0].release, &*run[0].revision]);
        let new: BTreeSet<&str> = texts.filter(|text| !self.asked.contains(*text)).collect();
        if new.is_empty() {
            return Ok(());
        }
        if !self.asked.is_empty() && self.asked.len() + new.len() > KEPT_PLACES {
            self.asked.clear();
            self.commits.named.clear();
            // What this piece knew already has to be known again.
            return self.look_up(events);
        }
        let names: BTreeSet<String> = new.iter().flat_map(|text| releases::names(text)).collect();
        let names: Vec<String> = names.into_iter().collect();
        self.commits.named.extend(commits::named(&self.settings.root, &names).map_err(git)?);
        let new: Vec<String> = new.into_iter().map(str::to_owned).collect();
        self.asked.extend(new);
        Ok(())
    }

    fn place_at(
        &mut self,
        commit: &str,
        sureness: Sureness,
        events: &[First<'_>],
        service: &str,
    ) -> Result<Vec<Arc<Found>>, Failure> {
        // Where nobody knows the commit, today's files say what has to be blocked.
        let today = self.commits.line.first().map(|(_, commit)| commit.clone()).unwrap_or_default();
        let at = self.tree(if commit.is_empty() { &today } else { commit })?;
        let wanted: Vec<Arc<BTreeSet<String>>> = events.iter().map(|first| self.wanted(*first, &at)).collect();
        let keys: Vec<Digest> =
            events.iter().zip(&wanted).map(|(first, wanted)| key(*first, &at, sureness, wanted)).collect();
        let is_new = |key: &Digest| !self.found.contains_key(key);
        let files = keys.iter().zip(&wanted).filter(|(key, _)| is_new(key)).flat_map(|(_, wanted)| wanted.iter());
        let sources = self.read(&at, files.cloned().collect())?;
        let services = &self.settings.policy.placement.services;
        let found = events.iter().zip(keys).map(|(First { event, .. }, key)| {
            let find = || {
                let mapped = mapping::map(event, &at.tree, &self.prefixes, &sources);
                let service = services.get(if service.is_empty() { &*event.service } else { service });
                let mapped = mapping::narrowed(event, mapped, &at.tree, service.map(String::as_str));
                let is_known = sureness != Sureness::None;
                let mapped = if is_known { mapped } else { mapping::without_commit(event, mapped) };
                Arc::new(Found { fault: mapped.fault.to_string(), stack: kept(event, &mapped), mapped })
            };
            Arc::clone(self.found.entry(key).or_insert_with(find))
        });
        let found = found.collect();
        if self.found.len() > KEPT_PLACES {
            self.found.clear();
        }
        Ok(found)
    }

    /// The files that a stack may mean.
    fn wanted(&mut self, first: First<'_>, at: &At) -> Arc<BTreeSet<String>> {
        if self.wanted.len() >= KEPT_PLACES {
            self.wanted.clear();
        }
        let find = || Arc::new(mapping::wanted(first.event, &at.tree, &self.prefixes));
        Arc::clone(self.wanted.entry((first.stack, at.names)).or_insert_with(find))
    }

    fn tree(&mut self, commit: &str) -> Result<Arc<At>, Failure> {
        if commit.is_empty() {
            return Ok(Arc::default());
        }
        if let Some(at) = self.trees.get(commit) {
            return Ok(Arc::clone(at));
        }
        if self.trees.len() >= KEPT_TREES {
            self.trees.clear();
        }
        let ids = commits::files(&self.settings.root, commit).map_err(git)?;
        let crates = self.crates(&ids)?;
        let places = crates.iter().flat_map(|(name, folder)| [name, folder]);
        let names = Digest::of_parts(ids.keys().chain(places).map(String::as_bytes));
        let tree = Tree::new(ids.keys().map(String::as_str)).with_crates(crates);
        let at = Arc::new(At { tree, ids, names });
        self.trees.insert(commit.to_owned(), Arc::clone(&at));
        Ok(at)
    }

    /// The packages of Rust: symbols begin with their names.
    fn crates(&self, ids: &BTreeMap<String, String>) -> Result<Vec<(String, String)>, Failure> {
        let manifests: Vec<(&String, &String)> =
            ids.iter().filter(|(path, _)| *path == "Cargo.toml" || path.ends_with("/Cargo.toml")).collect();
        let wanted: Vec<String> = manifests.iter().map(|(_, id)| (*id).clone()).collect();
        let texts = commits::contents(&self.settings.root, &wanted).map_err(git)?;
        let name = |text: &[u8]| {
            let table: toml::Table = toml::from_str(std::str::from_utf8(text).ok()?).ok()?;
            Some(table.get("package")?.get("name")?.as_str()?.to_owned())
        };
        let folder = |path: &str| path.rsplit_once('/').map(|(folder, _)| folder.to_owned()).unwrap_or_default();
        Ok(manifests.iter().filter_map(|(path, id)| Some((name(texts.get(*id)?)?, folder(path)))).collect())
    }

    fn read(&mut self, at: &At, wanted: BTreeSet<String>) -> Result<Sources, Failure> {
        if wanted.is_empty() {
            return Ok(Sources::new());
        }
        if self.sources.len() > KEPT_SOURCES {
            self.sources.clear();
        }
        let key = |path: &str, id: &str| format!("{id} {}", path.rsplit('.').next().unwrap_or_default());
        let named: Vec<(String, String)> =
            wanted.into_iter().filter_map(|path| at.ids.get(&path).cloned().map(|id| (path, id))).collect();
        let missing = named.iter().filter(|(path, id)| !self.sources.contains_key(&key(path, id)));
        let missing: Vec<String> = missing.map(|(_, id)| id.clone()).collect();
        let contents = commits::contents(&self.settings.root, &missing).map_err(git)?;
        let mut found = Sources::new();
        for (path, id) in named {
            let source = self
                .sources
                .entry(key(&path, &id))
                .or_insert_with(|| Arc::new(contents.get(&id).map(|bytes| source(&path, bytes)).unwrap_or_default()));
            found.insert(path, Arc::clone(source));
        }
        Ok(found)
    }
}

/// All that decides what an event means at a commit: its stack and sort, the names of the files there, and what stands in those in question.
fn key(first: First<'_>, at: &At, sureness: Sureness, wanted: &BTreeSet<String>) -> Digest {
    let (stack, names) = (first.stack.0.to_le_bytes(), at.names.0.to_le_bytes());
    let is_known = if sureness == Sureness::None { &b""[..] } else { b"known" };
    let parts = [&stack[..], first.event.kind.as_bytes(), &names, is_known];
    let ids = wanted.iter().map(|path| at.ids.get(path).map_or("", String::as_str).as_bytes());
    Digest::of_parts(parts.into_iter().chain(ids))
}

/// What tells events without a stack apart; without a type the message does, too.
fn without_stack(event: &Event<Read<'_>>, service: &str) -> Digest {
    let message = if event.kind.is_empty() { &*event.message } else { "" };
    let own = if service.is_empty() { &event.service } else { service };
    let modules = event.modules.iter().map(String::as_bytes);
    Digest::of_parts([message.as_bytes(), own.as_bytes()].into_iter().chain(modules))
}

/// All that a stack says.
fn digest(frames: &[Frame]) -> Digest {
    let number = |number: Option<u32>| number.map_or(u64::MAX, u64::from).to_le_bytes();
    let numbers = frames.iter().map(|frame| {
        let in_app = frame.in_app.map_or(2, u8::from);
        [&number(frame.line)[..], &number(frame.col), &[in_app]].concat()
    });
    let numbers: Vec<Vec<u8>> = numbers.collect();
    let parts = frames.iter().zip(&numbers).flat_map(|(frame, numbers)| {
        let texts = [&frame.file, &frame.abs_path, &frame.module, &frame.function, &frame.context_line];
        texts.map(String::as_bytes).into_iter().chain([numbers.as_slice()])
    });
    Digest::of_parts(parts)
}

/// The frames as they are kept.
fn kept(event: &Event<Read<'_>>, mapped: &Mapped) -> Option<Stack> {
    let lines = event.frames.iter().zip(&mapped.paths).map(|(frame, path)| FrameLine {
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
    let lines: Vec<FrameLine> = lines.collect();
    let frames = if lines.is_empty() { None } else { to_raw_value(&lines).ok() }?;
    let mut name = Digest::of(frames.get().as_bytes()).to_string();
    name.truncate(16);
    Some(Stack { name, frames })
}

fn source(path: &str, bytes: &[u8]) -> SourceFile {
    let ending = path.rsplit('.').next().unwrap_or_default();
    let shape = match ending {
        "py" | "pyi" => python_source::shape(bytes),
        "rs" => rust_source::shape(bytes),
        _ if script_source::is_script(path) => script_source::shape(path, bytes),
        _ => Shape::default(),
    };
    SourceFile { lines: String::from_utf8_lossy(bytes).lines().map(str::to_owned).collect(), shape }
}

fn git(error: std::io::Error) -> Failure {
    Failure::world("git could not be asked about commits").because(error)
}
