//! Files as they lie on the disk, without git.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use sha1::{Digest as _, Sha1};
use walkdir::WalkDir;

use crate::model::digest::Digest;
use crate::model::tree::{Entry, Mode, Tree};

/// Folders that tools make for themselves: no input of a test.
const CACHES: &[&str] = &[
    ".git",
    ".hg",
    ".hypothesis",
    ".mypy_cache",
    ".nox",
    ".pytest_cache",
    ".ruff_cache",
    ".titer",
    ".tox",
    "__pycache__",
];

/// With fewer files than this a second thread costs more than it saves.
const WORTH_A_THREAD: usize = 64;

/// Every file below `root`, without caches, installed packages and virtual environments.
///
/// # Errors
/// The root itself cannot be read. What cannot be read below it is left out.
pub fn tree(root: &Path) -> io::Result<Tree> {
    fs::read_dir(root)?;
    let files = files_below(root);
    let paths: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
    let mut tree = Tree::default();
    for (path, entry) in files.iter().zip(entries(&paths)) {
        if let (Ok(relative), Some(entry)) = (path.strip_prefix(root), entry) {
            tree.entries.insert(text_of(relative), entry);
        }
    }
    Ok(tree)
}

/// A digest of all that is below a folder, wherever it lies.
///
/// # Errors
/// The folder cannot be read.
pub fn contents(folder: &Path) -> io::Result<Digest> {
    tree(folder).map(|tree| tree.digest())
}

/// The files and links below a folder; links are not followed.
pub(super) fn files_below(root: &Path) -> Vec<PathBuf> {
    let walk = WalkDir::new(root).min_depth(1).into_iter();
    let wanted = walk.filter_entry(|found| {
        let folder = found.file_type().is_dir();
        // A submodule's `.git` is a file.
        !(found.file_name() == ".git"
            || folder
                && (is_foreign(found.file_name())
                    || is_virtual_environment(found.path())
                    || is_marked_cache(found.path())))
    });
    wanted
        .filter_map(Result::ok)
        .filter(|found| !found.file_type().is_dir())
        .map(walkdir::DirEntry::into_path)
        .collect()
}

/// Whether a folder of this name holds nothing of the project's own.
pub(super) fn is_foreign(name: &OsStr) -> bool {
    name == "node_modules" || is_cache(name)
}

fn is_cache(name: &OsStr) -> bool {
    CACHES.iter().any(|cache| name == *cache)
}

fn is_virtual_environment(folder: &Path) -> bool {
    folder.join("pyvenv.cfg").is_file()
}

/// Whether a tool that builds made the folder for what it builds (cargo's `target`), and marked it so.
pub(super) fn is_marked_cache(folder: &Path) -> bool {
    folder.join("CACHEDIR.TAG").is_file()
}

/// A path as text with `/`; bytes that are not UTF-8 are written `\xNN`, so that different paths stay different.
pub(super) fn text_of(path: &Path) -> String {
    let mut text = String::new();
    for chunk in path.as_os_str().as_bytes().utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or_default();
            text.extend(['\\', 'x', digit(byte >> 4), digit(byte & 15)]);
        }
    }
    text
}

/// What is at a path: `None` where nothing is, or a folder, or something that has no content (a socket).
///
/// # Errors
/// It is there, but cannot be read.
pub fn entry(path: &Path) -> io::Result<Option<Entry>> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    if metadata.is_symlink() {
        let target = fs::read_link(path)?;
        return Ok(Some(Entry { mode: Mode::Link, content: blob(target.as_os_str().as_bytes()) }));
    }
    if !metadata.is_file() {
        return Ok(None);
    }
    let mode = if metadata.permissions().mode() & 0o100 == 0 { Mode::File } else { Mode::Executable };
    Ok(Some(Entry { mode, content: blob(&fs::read(path)?) }))
}

/// The entries of many paths, in their order. What cannot be read counts as not there: a test could not read it either.
pub(super) fn entries(paths: &[&Path]) -> Vec<Option<Entry>> {
    let one = |path: &&Path| entry(path).unwrap_or_default();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    if paths.len() < WORTH_A_THREAD || threads == 1 {
        return paths.iter().map(one).collect();
    }
    let share = paths.len().div_ceil(threads);
    std::thread::scope(|scope| {
        let workers: Vec<_> = paths
            .chunks(share)
            .map(|chunk| (chunk, scope.spawn(move || chunk.iter().map(one).collect::<Vec<_>>())))
            .collect();
        let done = workers.into_iter().map(|(chunk, worker)| worker.join().unwrap_or_else(|_| vec![None; chunk.len()]));
        done.flatten().collect()
    })
}

/// The first 128 bits of git's blob id of some bytes.
#[must_use]
pub fn blob(bytes: &[u8]) -> Digest {
    let mut hasher = Sha1::new();
    hasher.update(format!("blob {}\0", bytes.len()));
    hasher.update(bytes);
    let mut first = [0_u8; 16];
    first.copy_from_slice(&hasher.finalize()[..16]);
    Digest(u128::from_be_bytes(first))
}

/// The bytes of a file.
///
/// # Errors
/// It cannot be read.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    fs::read(path)
}

/// A program's path, length and time: another program at the same place shows in one of them.
#[must_use]
pub fn identity(path: &Path) -> String {
    let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let about = fs::metadata(&real).ok();
    let time = about.as_ref().and_then(|about| about.modified().ok());
    format!("{} {:?} {time:?}", real.display(), about.map(|about| about.len()))
}

/// The names in a folder; none if it is none.
#[must_use]
pub fn names(folder: &Path) -> Vec<String> {
    let found = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    found.filter_map(|entry| entry.file_name().into_string().ok()).collect()
}

/// The names in a folder with their kinds, without what tools leave there; `None` if it is no folder.
#[must_use]
pub fn listing(folder: &Path) -> Option<Digest> {
    let mut lines = Vec::new();
    for found in fs::read_dir(folder).ok()?.filter_map(Result::ok) {
        let name = found.file_name();
        let bytes = name.as_bytes();
        if is_cache(&name) || bytes.starts_with(b".coverage") && bytes != b".coveragerc" || bytes.ends_with(b".pyc") {
            continue;
        }
        let kind = found.file_type().map_or(b'?', |kind| match (kind.is_symlink(), kind.is_dir()) {
            (true, _) => b'l',
            (false, true) => b'd',
            (false, false) => b'f',
        });
        lines.push([bytes, &[0, kind]].concat());
    }
    lines.sort_unstable();
    Some(Digest::of_parts(lines.iter().map(Vec::as_slice)))
}

/// Folders in the two upper levels that are not the project's own code, relative to the root: virtual environments, and what
/// tox, nox and npm install into, unless files of the tree are in there.
#[must_use]
pub fn virtual_environments(root: &Path, tree: &Tree) -> Vec<String> {
    let is_installed = |folder: &Path| {
        let named =
            folder.file_name().is_some_and(|name| matches!(name.to_str(), Some("node_modules" | ".tox" | ".nox")));
        named && !tree.has_folder(&text_of(folder)) || is_virtual_environment(&root.join(folder))
    };
    let (mut found, upper): (Vec<PathBuf>, Vec<PathBuf>) =
        folders(root, Path::new("")).into_iter().partition(|f| is_installed(f));
    for folder in upper.iter().filter(|folder| !is_cache(folder.as_os_str())) {
        found.extend(folders(root, folder).into_iter().filter(|f| is_installed(f)));
    }
    let mut names: Vec<String> = found.iter().map(|folder| text_of(folder)).collect();
    names.sort_unstable();
    names
}

/// The folders in `folder`, all relative to the root.
fn folders(root: &Path, folder: &Path) -> Vec<PathBuf> {
    let all = fs::read_dir(root.join(folder)).into_iter().flatten().filter_map(Result::ok);
    let folders = all.filter(|found| found.file_type().is_ok_and(|kind| kind.is_dir()));
    folders.map(|found| folder.join(found.file_name())).collect()
}

/// Tells what imports would find, reading each folder at most once.
#[derive(Debug, Default)]
pub struct ImportProbe {
    /// By folder: the names in it, and whether each is a folder.
    folders: BTreeMap<String, BTreeMap<String, bool>>,
}

impl ImportProbe {
    /// What an import of `name` finds in `folder` (relative to the root, `.` for the root itself), in the order in which
    /// Python looks: `package`, `extension`, `module`, `sourceless`, `namespace` or `absent`.
    pub fn state(&mut self, root: &Path, tree: &Tree, folder: &str, name: &str) -> &'static str {
        let inside = if folder == "." || folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
        if tree.entries.contains_key(&format!("{inside}/__init__.py")) {
            return "package";
        }
        // The rest can be ignored by git, a leftover folder with nothing but a cache in it too, so the disk is asked.
        let names = self.names(root, folder);
        let is_folder = match names.get(name) {
            Some(true) => true,
            // Python follows links.
            Some(false) => root.join(&inside).is_dir(),
            None => false,
        };
        let file = best(names, name);
        if is_folder && best(self.names(root, &inside), "__init__").is_some() {
            return "package";
        }
        file.unwrap_or(if is_folder { "namespace" } else { "absent" })
    }

    fn names(&mut self, root: &Path, folder: &str) -> &BTreeMap<String, bool> {
        self.folders.entry(folder.to_owned()).or_insert_with(|| {
            let found = fs::read_dir(root.join(folder)).into_iter().flatten().filter_map(Result::ok);
            found.map(|f| (text_of(Path::new(&f.file_name())), f.file_type().is_ok_and(|kind| kind.is_dir()))).collect()
        })
    }
}

/// What the files of a folder make of `name`: Python tries extension modules first, then source, then compiled files.
fn best(names: &BTreeMap<String, bool>, name: &str) -> Option<&'static str> {
    let files =
        names.range(name.to_owned()..).take_while(|(found, _)| found.starts_with(name)).filter(|(_, folder)| !**folder);
    let kinds = files.filter_map(|(found, _)| {
        let suffix = found.strip_prefix(name)?.strip_prefix('.')?;
        match suffix.rsplit('.').next() {
            Some("so" | "pyd") => Some((0, "extension")),
            _ if suffix == "py" => Some((1, "module")),
            _ if suffix == "pyc" => Some((2, "sourceless")),
            _ => None,
        }
    });
    kinds.min().map(|(_, kind)| kind)
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests write files")]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn folder_with(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, file).unwrap();
        }
        folder
    }

    #[test]
    fn a_tree_without_git_leaves_out_what_tools_leave_behind() {
        let folder = folder_with(&[
            "a.py",
            "p/b.py",
            "p/__pycache__/b.pyc",
            ".git/HEAD",
            "env/pyvenv.cfg",
            "env/lib/x.py",
            "node_modules/x.js",
            ".tox/a",
            "sub/.git",
            "sub/c.py",
        ]);
        symlink("a.py", folder.path().join("link")).unwrap();
        fs::set_permissions(folder.path().join("a.py"), fs::Permissions::from_mode(0o755)).unwrap();
        let tree = tree(folder.path()).unwrap();
        let found: Vec<_> = tree.entries.iter().map(|(path, entry)| (path.as_str(), entry.mode)).collect();
        let expected =
            [("a.py", Mode::Executable), ("link", Mode::Link), ("p/b.py", Mode::File), ("sub/c.py", Mode::File)];
        assert_eq!(found, expected);
        assert_eq!(virtual_environments(folder.path(), &tree), [".tox", "env", "node_modules"]);
    }

    #[test]
    fn many_files_are_hashed_as_few_are() {
        let names: Vec<String> = (0..200).map(|n| format!("f{n}")).collect();
        let folder = folder_with(&names.iter().map(String::as_str).collect::<Vec<_>>());
        let tree = tree(folder.path()).unwrap();
        assert_eq!(tree.entries.len(), 200);
        assert_eq!(tree.entries["f7"], entry(&folder.path().join("f7")).unwrap().unwrap());
    }

    #[test]
    fn the_content_is_gits_blob_id() {
        let folder = folder_with(&["x"]);
        fs::write(folder.path().join("x"), "hello\n").unwrap();
        let content = entry(&folder.path().join("x")).unwrap().unwrap().content;
        assert_eq!(content.to_string(), "ce013625030ba8dba906f756967f9e9c");
        assert_eq!(entry(folder.path()).unwrap(), None);
        assert_eq!(entry(&folder.path().join("absent")).unwrap(), None);
        assert_eq!(entry(&folder.path().join("x/below")).unwrap(), None);
    }

    #[test]
    fn a_listing_is_of_names_and_kinds() {
        let folder = folder_with(&["a.sql"]);
        let before = listing(folder.path()).unwrap();
        for (file, same) in [("__pycache__/a.pyc", true), (".coverage.host.1", true), ("a.pyc", true), ("b.sql", false)]
        {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
            assert_eq!(listing(folder.path()).unwrap() == before, same, "{file}");
        }
        assert_eq!(listing(&folder.path().join("a.sql")), None);
        assert_eq!(listing(&folder.path().join("absent")), None);
    }

    #[test]
    fn an_import_finds_what_python_would_find() {
        let folder = folder_with(&[
            "pkg/__init__.py",
            "pkg.py",
            "ext.cpython-313-x86_64-linux-gnu.so",
            "ext.py",
            "mod.py",
            "old.pyc",
            "space/x.txt",
            "left/__pycache__/a.pyc",
            "mod.txt",
            "module.py",
            "both/x.py",
            "both.py",
            "src/inner.py",
            "bin/__init__.abi3.so",
        ]);
        symlink("pkg", folder.path().join("linked")).unwrap();
        let tree = tree(folder.path()).unwrap();
        let mut probe = ImportProbe::default();
        for (place, name, expected) in [
            (".", "pkg", "package"),
            (".", "linked", "package"),
            (".", "bin", "package"),
            (".", "ext", "extension"),
            (".", "mod", "module"),
            (".", "both", "module"),
            (".", "old", "sourceless"),
            (".", "space", "namespace"),
            (".", "left", "namespace"),
            (".", "mo", "absent"),
            (".", "nothing", "absent"),
            ("src", "inner", "module"),
            ("absent", "x", "absent"),
        ] {
            assert_eq!(probe.state(folder.path(), &tree, place, name), expected, "{place} {name}");
        }
    }

    #[test]
    fn a_path_that_is_no_text_stays_distinct() {
        assert_eq!(text_of(Path::new(OsStr::from_bytes(b"a/\xff\xfe.py"))), "a/\\xff\\xfe.py");
        assert_eq!(text_of(Path::new("a/\u{e9}.py")), "a/\u{e9}.py");
    }
}
