//! The tree about to be tested, asked what a target is there now.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use globset::GlobSet;

use crate::bridges::disk;
use crate::decide::classify::{classify, is_script_table};
use crate::decide::layout::MANIFEST;
use crate::decide::modules;
use crate::formats::{cargo_manifest, package_json, python_source, rust_source, script_source, tables};
use crate::model::change::{Language, PathClass, TableFile};
use crate::model::digest::Digest;
use crate::model::edge::{AMBIENT, BESIDE, EdgeKind, MOCKS, Target};
use crate::model::map::Map;
use crate::model::shape::Shape;
use crate::model::tree::{Mode, REPOSITORY, Tree};
use crate::model::unit::Unit;
use crate::settings;

use super::parts::Parts;

/// The name of an edge on all that is in a folder, which may lie outside the repository.
const FOLDER: &str = "folder";

/// What stands for something that is not there.
fn absent() -> Digest {
    Digest::of(b"absent")
}

/// A tree with what was found out about it so far.
pub struct Present {
    root: PathBuf,
    tree: Tree,
    inert: GlobSet,
    volatile: GlobSet,
    shapes: BTreeMap<Digest, Shape>,
    /// Shapes of paths whose content the tree does not name (links, ignored files).
    loose: BTreeMap<String, Option<Shape>>,
    imports: disk::ImportProbe,
    whole_tree: Option<Digest>,
    parts: Option<Parts>,
    /// Paths that runs themselves write.
    outputs: BTreeSet<String>,
}

impl Present {
    /// A tree at `root`; shapes that the map knows need not be worked out again.
    #[must_use]
    pub fn new(root: PathBuf, tree: Tree, inert: GlobSet, map: &Map) -> Self {
        let shapes = map.shapes.iter().cloned().collect();
        let written = map.inventories.iter().flat_map(|inventory| &inventory.outputs);
        Self {
            root,
            tree,
            inert,
            volatile: GlobSet::empty(),
            shapes,
            loose: BTreeMap::new(),
            imports: disk::ImportProbe::default(),
            whole_tree: None,
            parts: None,
            outputs: written.map(|&path| map.word(path).to_owned()).collect(),
        }
    }

    /// The same, where what is in some paths does not matter (policy's `volatile`).
    #[must_use]
    pub fn without_say_of(self, volatile: GlobSet) -> Self {
        Self { volatile, ..self }
    }

    /// Whether an edge about a path's content is one that does not matter. Whether the path is there always does.
    #[must_use]
    pub fn has_no_say(&self, kind: EdgeKind, path: &str) -> bool {
        matches!(kind, EdgeKind::Ran | EdgeKind::Loaded | EdgeKind::Read) && self.volatile.is_match(path)
    }

    /// The tree.
    #[must_use]
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Shapes worked out so far, by content.
    #[must_use]
    pub fn known_shapes(&self) -> &BTreeMap<Digest, Shape> {
        &self.shapes
    }

    /// The parts of the tree.
    pub fn parts(&mut self) -> &Parts {
        let (root, tree, inert, outputs) = (&self.root, &self.tree, &self.inert, &self.outputs);
        self.parts.get_or_insert_with(|| Parts::of(root, tree, inert, outputs.clone()))
    }

    /// Which names there are in a part of the tree.
    fn names(&mut self, folder: &str, sort: &str) -> Digest {
        self.parts();
        self.parts.as_ref().map_or_else(absent, |parts| parts.names(&self.tree, folder, sort))
    }

    /// What belongs to no package and may matter to all of them.
    pub fn outside(&mut self) -> Unit {
        self.parts();
        self.parts.as_ref().map(|parts| parts.outside(&self.tree)).unwrap_or_default()
    }

    /// The bytes of a file; `None` if it cannot be read.
    #[must_use]
    pub fn text(&self, path: &str) -> Option<Vec<u8>> {
        disk::read(&self.root.join(path)).ok()
    }

    /// The shape of a source file; `None` if it is not there.
    pub fn shape(&mut self, path: &str) -> Option<&Shape> {
        let content = self.tree.entries.get(path).filter(|entry| entry.mode != Mode::Link).map(|entry| entry.content);
        if let Some(content) = content
            && self.shapes.contains_key(&content)
        {
            return self.shapes.get(&content);
        }
        if !self.loose.contains_key(path) {
            let bytes = disk::read(&self.root.join(path)).ok();
            let shape = bytes.as_ref().map(|bytes| shape_of(path, bytes));
            // Only bytes that are what the tree says may speak for that content: the file may have changed since the tree was
            // read, or a filter of git's may stand between the two.
            if let (Some(content), Some(bytes), Some(shape)) = (content, &bytes, &shape)
                && disk::blob(bytes) == content
            {
                self.shapes.insert(content, shape.clone());
            }
            self.loose.insert(path.to_owned(), shape);
        }
        self.loose.get(path).and_then(Option::as_ref)
    }

    /// Works out the shapes of all source files of the tree, so that the snapshot knows them.
    pub fn learn_all_shapes(&mut self) {
        // Scripts are looked at when an edge names them: of the others there may be any number, and made ones among them.
        let is_one = |path: &&String| is_source(path) && !script_source::is_script(path);
        let sources: Vec<String> = self.tree.entries.keys().filter(is_one).cloned().collect();
        for path in sources {
            self.shape(&path);
        }
    }

    /// What `target` is now.
    pub fn digest(&mut self, target: &Target) -> Digest {
        match target.kind {
            EdgeKind::Ran => self.function(&target.path, &target.name),
            EdgeKind::Loaded => self.module(&target.path),
            EdgeKind::Read => self.bytes(&target.path),
            EdgeKind::Listed if Parts::speaks_of(&target.name) => self.names(&target.path, &target.name),
            EdgeKind::Listed if target.name == MOCKS => self.paths(&|path| path.contains("__mocks__/")),
            EdgeKind::Listed if target.name == AMBIENT => self.paths(&|path| self.is_ambient(path)),
            EdgeKind::Listed => disk::listing(&self.root.join(&target.path)).unwrap_or_else(absent),
            EdgeKind::Probed => self.probe(&target.path, &target.name),
            EdgeKind::Opaque => self.whole_tree(),
            EdgeKind::Fingerprint => self.fingerprint(&target.path, &target.name),
            EdgeKind::Spawned | EdgeKind::Fixture => absent(),
        }
    }

    /// The mode that counts with the content of a file.
    #[must_use]
    pub fn mode_of(&self, path: &str) -> &'static str {
        self.tree.entries.get(path).map_or("untracked", |entry| entry.mode.octal())
    }

    fn function(&mut self, path: &str, name: &str) -> Digest {
        let mode = self.mode_of(path);
        let Some(shape) = self.shape(path) else { return absent() };
        if name == "*" {
            return Digest::of_parts([mode.as_bytes(), &shape.whole.0.to_le_bytes()]);
        }
        shape.function(name).map_or_else(absent, |function| function.body)
    }

    fn module(&mut self, path: &str) -> Digest {
        let mode = self.mode_of(path);
        let module = self.shape(path);
        module.map_or_else(absent, |shape| loaded_digest(mode, shape))
    }

    /// The bytes of a file; of a link also the bytes that it leads to.
    fn bytes(&self, path: &str) -> Digest {
        if path == REPOSITORY {
            // Whoever asks git may be told of any commit, of the branch, of the names that it knows. What differs from a commit git
            // finds out by looking at the files, and that is seen.
            let names = [&self.tree.commit, &self.tree.branch];
            let names = names.map(|name| name.as_deref().unwrap_or_default().as_bytes());
            return Digest::of_parts(names.into_iter().chain(self.tree.entries.keys().map(String::as_bytes)));
        }
        let on_disk = || disk::entry(&self.root.join(path)).ok().flatten();
        let Some(entry) = self.tree.entries.get(path).copied().or_else(on_disk) else { return absent() };
        if entry.mode != Mode::Link {
            return entry.digest();
        }
        let target = disk::read(&self.root.join(path)).map_or_else(|_| absent(), |bytes| Digest::of(&bytes));
        Digest::of_parts([&entry.digest().0.to_le_bytes()[..], &target.0.to_le_bytes()])
    }

    fn probe(&mut self, path: &str, name: &str) -> Digest {
        if let Some(module) = name.strip_prefix("import:") {
            let found = self.imports.state(&self.root, &self.tree, path, module);
            return Digest::of(found.as_bytes());
        }
        if let Some(stem) = name.strip_prefix(BESIDE) {
            return self.beside(path, stem);
        }
        let found = match self.tree.entries.get(path) {
            // Where a link leads is part of what is there.
            Some(entry) if entry.mode == Mode::Link => return entry.digest(),
            Some(entry) if entry.mode == Mode::Executable => "executable",
            Some(_) => "file",
            None if self.tree.has_folder(path) => "folder",
            None => kind_on_disk(&self.root.join(path)),
        };
        Digest::of(found.as_bytes())
    }

    /// Whether a compiler takes in a file without anybody importing it, for what it says to all others.
    fn is_ambient(&self, path: &str) -> bool {
        let is_typed = [".ts", ".tsx", ".mts", ".cts"].iter().any(|ending| path.ends_with(ending));
        is_typed && (path.ends_with(".d.ts") || self.text(path).is_none_or(|text| script_source::is_ambient(&text)))
    }

    /// Which paths of a sort there are.
    fn paths(&self, wanted: &dyn Fn(&str) -> bool) -> Digest {
        Digest::of_parts(self.tree.entries.keys().filter(|path| wanted(path)).map(String::as_bytes))
    }

    /// The files and the folder that a module of that name in the folder may be found in.
    fn beside(&self, folder: &str, stem: &str) -> Digest {
        let place = if folder.is_empty() { stem.to_owned() } else { format!("{folder}/{stem}") };
        let may_be = |name: &str| name.strip_prefix(stem).is_some_and(is_ending_of_module);
        let mut found: Vec<String> = if folder.is_empty() || self.tree.has_folder(folder) {
            let inside = if folder.is_empty() { String::new() } else { format!("{folder}/") };
            let paths = self.tree.entries.range(place.clone()..).take_while(|(path, _)| path.starts_with(&place));
            let names = paths.filter_map(|(path, _)| path.strip_prefix(&inside).filter(|name| !name.contains('/')));
            // What is reached through a link is loaded under another name: where the link leads is part of the answer.
            let told = |name: &str| match self.tree.entries.get(&format!("{inside}{name}")) {
                Some(entry) if entry.mode == Mode::Link => format!("{name} {}", entry.digest()),
                _ => name.to_owned(),
            };
            names.filter(|name| may_be(name)).map(told).collect()
        } else {
            // An ignored folder: what is built.
            disk::names(&self.root.join(folder)).into_iter().filter(|name| may_be(name)).collect()
        };
        found.sort();
        let folder = if self.tree.has_folder(&place) { "folder" } else { "" };
        Digest::of_parts(found.iter().map(String::as_bytes).chain([folder.as_bytes()]))
    }

    /// Every path that is not inert, by the hash that its class has.
    fn whole_tree(&mut self) -> Digest {
        if let Some(known) = self.whole_tree {
            return known;
        }
        let paths: Vec<String> = self.tree.entries.keys().cloned().collect();
        let mut parts: Vec<Vec<u8>> = Vec::new();
        for path in paths {
            let digest = match classify(&path, &self.inert) {
                PathClass::Inert => continue,
                PathClass::Source if self.volatile.is_match(&path) => continue,
                _ if is_source(&path) => self.function(&path, "*"),
                // Whatever was not traced may have been the very tool whose table it is, or have read the file.
                PathClass::Source | PathClass::Tables | PathClass::BuildInput | PathClass::Data => self.bytes(&path),
            };
            parts.extend([path.into_bytes(), digest.0.to_le_bytes().to_vec()]);
        }
        let whole = Digest::of_parts(parts.iter().map(Vec::as_slice));
        self.whole_tree = Some(whole);
        whole
    }

    fn fingerprint(&self, path: &str, name: &str) -> Digest {
        if path == "env" && name.ends_with('*') {
            let set = settings::variables_starting_with(&[name.trim_end_matches('*')]);
            return Digest::of_parts(set.iter().flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()]));
        }
        if path == "env" && name == "=" {
            // Which variables there are; a shell's own come and go with every folder.
            let own = ["_", "OLDPWD", "PWD", "SHLVL"];
            let all = settings::variables_starting_with(&[""]);
            let names = all.iter().map(|(name, _)| name.as_str()).filter(|name| !own.contains(name));
            return Digest::of_parts(names.map(str::as_bytes));
        }
        if path == "env" {
            return settings::variable(name).map_or_else(absent, |value| Digest::of(value.as_bytes()));
        }
        if name == FOLDER {
            return disk::contents(&self.root.join(path)).unwrap_or_else(|_| absent());
        }
        let Ok(bytes) = disk::read(&self.root.join(path)) else { return absent() };
        if is_script_table(path) {
            let is_manifest = path.ends_with("package.json");
            return if is_manifest { package_json::build(&bytes) } else { package_json::lock(path, &bytes) };
        }
        if path.rsplit('/').next() == Some(MANIFEST) {
            return cargo_manifest::part(name, &bytes);
        }
        if let Some(package) = name.strip_prefix("package ") {
            return cargo_manifest::lock_closure(&bytes, package);
        }
        match name {
            "runner" => tables::runner_tables(path, &bytes),
            "metadata" => tables::metadata_tables(path, &bytes),
            "meaning" => tables::meaning(&bytes),
            _ => tables::build_tables(path, &bytes),
        }
    }

    /// What all tests depend on: the tables of every configuration file.
    #[must_use]
    pub fn base(&self, language: Language) -> BTreeSet<Target> {
        if language == Language::Script {
            return modules::base(self.tree.entries.keys());
        }
        let files = self.tree.entries.keys().filter_map(|path| Some((path, TableFile::of(path)?)));
        let all = files.flat_map(|(path, file)| {
            let runner = file.may_configure_the_runner().then_some("runner");
            runner.into_iter().chain(["build", "metadata"]).map(move |name| (path, name))
        });
        all.map(|(path, name)| Target::new(EdgeKind::Fingerprint, path, name)).collect()
    }
}

/// What an edge on the module-level code of a file of this shape has for a hash.
#[must_use]
pub fn loaded_digest(mode: &str, shape: &Shape) -> Digest {
    Digest::of_parts([mode.as_bytes(), &shape.module.0.to_le_bytes()])
}

/// What is at a path that the tree does not know: an ignored file, or nothing.
fn kind_on_disk(path: &Path) -> &'static str {
    match std::fs::symlink_metadata(path).map(|about| about.file_type()) {
        Err(_) => "absent",
        Ok(kind) if kind.is_symlink() => "link",
        Ok(kind) if kind.is_dir() => "folder",
        Ok(_) => "file",
    }
}

/// Whether a path is source of a language that titer parses.
#[must_use]
pub fn is_source(path: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, ending)| matches!(ending, "py" | "rs"))
        || script_source::is_script(path)
        || script_source::is_shell(path)
}

/// Whether what follows a module's name in that of a file may be how it is found: not a test of it, nor a story.
fn is_ending_of_module(rest: &str) -> bool {
    const OTHERS: [&str; 8] = ["test", "spec", "stories", "story", "bench", "snap", "e2e", "cy"];
    rest.is_empty() || rest.strip_prefix('.').is_some_and(|rest| !rest.split('.').any(|part| OTHERS.contains(&part)))
}

/// The shape of a source file's bytes.
#[must_use]
pub fn shape_of(path: &str, bytes: &[u8]) -> Shape {
    if script_source::is_script(path) || script_source::is_shell(path) {
        return script_source::shape(path, bytes);
    }
    if path.rsplit_once('.').is_some_and(|(_, ending)| ending == "rs") {
        return rust_source::shape(bytes);
    }
    python_source::shape(bytes)
}
