//! The repository at the commits that failed, for finding out which code path an event means.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::bridges::commits;
use crate::decide::mapping::{self, Mapped, SourceFile};
use crate::decide::releases::{self, Commits, Sureness};
use crate::decide::whereabouts::{Prefix, Tree};
use crate::formats::{instant, python_source, rust_source, script_source};
use crate::model::failure::Failure;
use crate::model::fault::{Event, Frame};
use crate::model::shape::Shape;
use crate::settings::Settings;

/// Trees and sources are kept for the next events up to so many; then they are read again.
const KEPT_TREES: usize = 32;
const KEPT_SOURCES: usize = 4000;

/// Where an event points, and how the commit was found.
#[derive(Debug, Clone)]
pub(super) struct Placed {
    /// The code path, or why there is none.
    pub mapped: Mapped,
    /// The commit that ran; empty where it is not known.
    pub commit: String,
    /// How sure the commit is.
    pub sureness: Sureness,
}

/// One commit's files.
#[derive(Debug, Default)]
struct At {
    tree: Tree,
    ids: BTreeMap<String, String>,
}

/// The repository.
#[derive(Debug)]
pub(super) struct Code<'a> {
    settings: &'a Settings,
    prefixes: Vec<Prefix>,
    commits: Commits,
    trees: BTreeMap<String, Arc<At>>,
    sources: BTreeMap<String, Arc<SourceFile>>,
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
        Ok(Self { settings, prefixes, commits, trees: BTreeMap::new(), sources: BTreeMap::new() })
    }

    /// Whether there is any commit at all.
    #[must_use]
    pub(super) fn has_history(&self) -> bool {
        !self.commits.line.is_empty()
    }

    /// Maps events, in their order.
    ///
    /// # Errors
    /// Git fails.
    pub(super) fn place(&mut self, events: &[Event]) -> Result<Vec<Placed>, Failure> {
        self.look_up(events)?;
        let mut by_commit: BTreeMap<(String, Sureness), Vec<usize>> = BTreeMap::new();
        for (number, event) in events.iter().enumerate() {
            let at = instant::seconds(&event.at).unwrap_or(0);
            by_commit
                .entry(releases::commit(&event.release, &event.revision, at, &self.commits))
                .or_default()
                .push(number);
        }
        let mut placed: Vec<Option<Placed>> = vec![None; events.len()];
        for ((commit, sureness), numbers) in by_commit {
            let mapped = self.place_at(&commit, sureness, &numbers, events)?;
            for (number, mapped) in numbers.into_iter().zip(mapped) {
                placed[number] = Some(Placed { mapped, commit: commit.clone(), sureness });
            }
        }
        Ok(placed.into_iter().flatten().collect())
    }

    /// Which of the commits that releases name are there.
    fn look_up(&mut self, events: &[Event]) -> Result<(), Failure> {
        if !self.has_history() {
            return Ok(());
        }
        let texts: BTreeSet<&str> =
            events.iter().flat_map(|event| [event.release.as_str(), event.revision.as_str()]).collect();
        let names: BTreeSet<String> = texts.into_iter().flat_map(releases::names).collect();
        let names: Vec<String> = names.into_iter().collect();
        self.commits.named.extend(commits::named(&self.settings.root, &names).map_err(git)?);
        Ok(())
    }

    fn place_at(
        &mut self,
        commit: &str,
        sureness: Sureness,
        numbers: &[usize],
        events: &[Event],
    ) -> Result<Vec<Mapped>, Failure> {
        // Where nobody knows the commit, today's files say what has to be blocked.
        let today = self.commits.line.first().map(|(_, commit)| commit.clone()).unwrap_or_default();
        let at = self.tree(if commit.is_empty() { &today } else { commit })?;
        // Most events of a fault have the same frames: each stack is looked at once.
        let mut known: BTreeMap<(&[Frame], &str), Mapped> = BTreeMap::new();
        let mut firsts: Vec<&Event> = Vec::new();
        for &number in numbers {
            let event = &events[number];
            known.entry((&event.frames, &event.kind)).or_insert_with(|| {
                firsts.push(event);
                mapping::map(event, &Tree::default(), &[], &BTreeMap::new())
            });
        }
        let wanted: BTreeSet<String> =
            firsts.iter().flat_map(|event| mapping::wanted(event, &at.tree, &self.prefixes)).collect();
        let sources = self.read(&at, wanted)?;
        for event in firsts {
            let mapped = mapping::map(event, &at.tree, &self.prefixes, &sources);
            let mapped = if sureness == Sureness::None { mapping::without_commit(event, mapped) } else { mapped };
            known.insert((&event.frames, &event.kind), mapped);
        }
        let of = |number: &usize| {
            let event = &events[*number];
            let mapped = known.get(&(event.frames.as_slice(), event.kind.as_str())).cloned();
            // Without frames and type the message is all that tells faults apart.
            let alone = || mapping::map(event, &at.tree, &self.prefixes, &sources);
            mapped.filter(|_| !event.frames.is_empty()).unwrap_or_else(alone)
        };
        Ok(numbers.iter().map(of).collect())
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
        let tree = Tree::new(ids.keys().map(String::as_str)).with_crates(self.crates(&ids)?);
        let at = Arc::new(At { tree, ids });
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

    fn read(&mut self, at: &At, wanted: BTreeSet<String>) -> Result<BTreeMap<String, SourceFile>, Failure> {
        if self.sources.len() > KEPT_SOURCES {
            self.sources.clear();
        }
        let key = |path: &str, id: &str| format!("{id} {}", path.rsplit('.').next().unwrap_or_default());
        let named: Vec<(String, String)> =
            wanted.into_iter().filter_map(|path| at.ids.get(&path).cloned().map(|id| (path, id))).collect();
        let missing = named.iter().filter(|(path, id)| !self.sources.contains_key(&key(path, id)));
        let missing: Vec<String> = missing.map(|(_, id)| id.clone()).collect();
        let contents = commits::contents(&self.settings.root, &missing).map_err(git)?;
        let mut found = BTreeMap::new();
        for (path, id) in named {
            let source = self
                .sources
                .entry(key(&path, &id))
                .or_insert_with(|| Arc::new(contents.get(&id).map(|bytes| source(&path, bytes)).unwrap_or_default()));
            found.insert(path, SourceFile::clone(source));
        }
        Ok(found)
    }
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
