//! Git as a fast index: which files there are, and the blob ids of those that nobody has touched.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::disk;
use super::process::{self, Conversation};
use crate::model::digest::Digest;
use crate::model::tree::{Entry, Mode, Tree};

/// What a git hook, or git itself, sets for its children; it would lead our git to another repository or index.
const MISLEADING: &[&str] = &[
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_EXTERNAL_DIFF",
    "GIT_GRAFT_FILE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_SHALLOW_FILE",
];

/// What differs from the index or the commit. What lies in submodules is looked at on the disk, and how far the branch is from
/// its upstream could take seconds to count.
const STATUS: &[&str] = &[
    "status",
    "--porcelain=v2",
    "-z",
    "--branch",
    "--no-ahead-behind",
    "--no-renames",
    "--untracked-files=no",
    "--ignore-submodules=dirty",
];

/// The nearest folder at or above `folder` that is the top of a repository or of a linked work tree.
#[must_use]
pub fn root(folder: &Path) -> Option<PathBuf> {
    let is_top = |folder: &&Path| {
        let git = folder.join(".git");
        git.join("HEAD").symlink_metadata().is_ok() || git.is_file()
    };
    folder.ancestors().find(is_top).map(Path::to_path_buf)
}

/// Whether git ignores a path, from the root, by whatever rule.
#[must_use]
pub fn ignores(root: &Path, path: &str) -> bool {
    run(root, &["check-ignore", "--quiet", "--", path]).is_ok()
}

/// The address of the remote `origin`, if there is one.
#[must_use]
pub fn address(root: &Path) -> Option<String> {
    let told = String::from_utf8(run(root, &["remote", "get-url", "origin"]).ok()?).ok()?;
    Some(told.trim().to_owned())
}

/// The files that git tracks or would track, as they lie on the disk.
///
/// Three gits run at once. One `git status` with untracked files does the same things one after the other; looking for
/// untracked files beside it takes a third off, measured on 20,000 files and two cores. (`ls-files -m` instead of status looks
/// at one file after the other.)
///
/// # Errors
/// Git is not there, refuses the repository (`safe.directory`), or the repository is broken.
pub fn tree(root: &Path) -> io::Result<Tree> {
    std::thread::scope(|scope| {
        let status = scope.spawn(|| run(root, STATUS));
        let untracked = scope.spawn(|| run(root, &["ls-files", "-o", "--exclude-standard", "-z"]));
        let index = run(root, &["ls-files", "-s", "-v", "-z"])?;
        let mut survey = Survey::of_index(root, &index);
        survey.add_status(&joined(status.join())?);
        survey.add_untracked(&joined(untracked.join())?);
        Ok(survey.into_tree())
    })
}

fn joined<T>(result: std::thread::Result<io::Result<T>>) -> io::Result<T> {
    result.unwrap_or_else(|_| Err(io::Error::other("a thread that ran git ended early")))
}

/// Runs git for the repository whose top is `root` and for no other.
pub(super) fn run(root: &Path, arguments: &[&str]) -> io::Result<Vec<u8>> {
    run_apart(root, arguments, &bound_to(root)?)
}

/// Starts a git that answers what it is asked, for the repository whose top is `root` and for no other.
pub(super) fn converse(root: &Path, arguments: &[&str]) -> io::Result<Conversation> {
    process::converse("env", &apart(arguments), root, &bound_to(root)?)
}

/// The variables that bind git to one repository.
fn bound_to(root: &Path) -> io::Result<[(&'static str, &str); 3]> {
    let top = root.to_str().ok_or_else(|| io::Error::other("the path of the repository is not UTF-8"))?;
    // A `.git` that is not a repository must not be passed over for one further up.
    let ceiling = root.parent().and_then(Path::to_str).unwrap_or("/");
    // With a work tree of its own in its configuration, git would speak of another folder.
    Ok([("LC_ALL", "C"), ("GIT_WORK_TREE", top), ("GIT_CEILING_DIRECTORIES", ceiling)])
}

/// The arguments of `env` that start git without the variables that its caller's git left in the environment.
fn apart<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    let unset = MISLEADING.iter().flat_map(|name| ["-u", name]);
    unset.chain(["git", "--no-optional-locks"]).chain(arguments.iter().copied()).collect()
}

/// Runs git for the repository whose top is `root`, with another index than its own.
pub(super) fn run_with_index(root: &Path, arguments: &[&str], index: &Path) -> io::Result<Vec<u8>> {
    let index = index.to_str().ok_or_else(|| io::Error::other("the path of the index is not UTF-8"))?;
    let set = format!("GIT_INDEX_FILE={index}");
    let unset = MISLEADING.iter().filter(|name| **name != "GIT_INDEX_FILE").flat_map(|name| ["-u", name]);
    let all: Vec<&str> = unset.chain([set.as_str(), "git"]).chain(arguments.iter().copied()).collect();
    process::capture("env", &all, root, &bound_to(root)?)
}

/// Runs git for the repository whose top is `root`, with `input` on its standard input.
pub(super) fn feed(root: &Path, arguments: &[&str], input: &[u8]) -> io::Result<Vec<u8>> {
    process::feed("env", &apart(arguments), root, &bound_to(root)?, input)
}

/// Runs git without the variables that its caller's git left in the environment. `env` costs half a millisecond.
fn run_apart(folder: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> io::Result<Vec<u8>> {
    process::capture("env", &apart(arguments), folder, environment).map_err(|error| {
        let text = error.to_string();
        io::Error::other(text.find("git --no-optional-locks").map_or(text.clone(), |from| text[from..].to_owned()))
    })
}

/// The files found so far, by their raw paths. Without an entry: hash what lies on the disk.
struct Survey<'a> {
    root: &'a Path,
    files: BTreeMap<Cow<'a, [u8]>, Option<Entry>>,
    /// Submodules and repositories inside this one.
    nested: Vec<Vec<u8>>,
    commit: Option<String>,
    branch: Option<String>,
    /// Whether a tracked file differs from the commit.
    modified: bool,
    /// Whether there is a file that git does not track.
    untracked: bool,
}

impl<'a> Survey<'a> {
    /// Reads `TAG MODE ID STAGE<tab>PATH<nul>`.
    fn of_index(root: &'a Path, output: &'a [u8]) -> Self {
        let (mut files, mut nested) = (Vec::new(), Vec::new());
        for record in records(output) {
            let Some(tab) = record.iter().position(|&byte| byte == b'\t') else { continue };
            let (Ok(facts), path) = (std::str::from_utf8(&record[..tab]), &record[tab + 1..]) else { continue };
            let mut facts = facts.split(' ');
            let (tag, mode, id, stage) = (facts.next(), facts.next(), facts.next(), facts.next());
            if mode == Some("160000") {
                nested.push(path.to_vec());
                continue;
            }
            // Small letters are assumed unchanged, S is sparse, a stage is a conflict: git does not look at the disk there.
            // Ids of 64 digits are SHA-256, which we do not compute, so they could not be compared with what we hash.
            let is_told = tag == Some("H") && stage == Some("0");
            let id = id.filter(|id| is_told && id.len() == 40).and_then(Digest::from_hex);
            let entry = mode.and_then(Mode::from_octal).zip(id).map(|(mode, content)| Entry { mode, content });
            files.push((Cow::Borrowed(path), entry));
        }
        // The index is sorted, so this builds the map in one pass.
        let files = files.into_iter().collect();
        Self { root, files, nested, commit: None, branch: None, modified: false, untracked: false }
    }

    /// Reads `# branch.oid ID`, `# branch.head NAME`, and one line for each path that differs, which is its last field.
    fn add_status(&mut self, output: &[u8]) {
        for record in records(output) {
            let fields = match record.first() {
                Some(b'1') => 9,
                Some(b'u') => 11,
                _ => {
                    self.add_heading(&String::from_utf8_lossy(record));
                    continue;
                }
            };
            self.modified = true;
            let path = record.splitn(fields, |&byte| byte == b' ').last().unwrap_or_default();
            if let Some(entry) = self.files.get_mut(path) {
                *entry = None;
            }
        }
    }

    fn add_heading(&mut self, line: &str) {
        // "(initial)" is no commit, "(detached)" no branch.
        let value = |name: &str| line.strip_prefix(name).filter(|value| !value.starts_with('(')).map(str::to_owned);
        self.commit = value("# branch.oid ").or(self.commit.take());
        self.branch = value("# branch.head ").or(self.branch.take());
    }

    fn add_untracked(&mut self, output: &[u8]) {
        // What an environment, or a folder for what was built, says of itself.
        let marks: [&[u8]; 2] = [b"pyvenv.cfg", b"CACHEDIR.TAG"];
        let environments: Vec<&[u8]> = records(output)
            .filter_map(|path| marks.iter().find_map(|mark| path.strip_suffix(*mark)))
            .filter(|folder| folder.ends_with(b"/"))
            .collect();
        for path in records(output) {
            let foreign = path.split(|&byte| byte == b'/').any(|part| disk::is_foreign(OsStr::from_bytes(part)))
                || environments.iter().any(|folder| path.starts_with(folder));
            if foreign {
                continue;
            }
            self.untracked = true;
            match path.strip_suffix(b"/") {
                Some(folder) => self.nested.push(folder.to_vec()),
                None => drop(self.files.insert(Cow::Owned(path.to_vec()), None)),
            }
        }
    }

    fn into_tree(mut self) -> Tree {
        for folder in std::mem::take(&mut self.nested) {
            for file in disk::files_below(&self.root.join(OsStr::from_bytes(&folder))) {
                if let Ok(path) = file.strip_prefix(self.root) {
                    self.files.insert(Cow::Owned(path.as_os_str().as_bytes().to_vec()), None);
                }
            }
        }
        let unknown = self.files.iter().filter(|(_, entry)| entry.is_none());
        let paths: Vec<PathBuf> = unknown.map(|(path, _)| self.root.join(OsStr::from_bytes(path))).collect();
        let mut hashed = disk::entries(&paths.iter().map(PathBuf::as_path).collect::<Vec<_>>()).into_iter();
        let present = self.files.into_iter().filter_map(|(path, entry)| {
            let entry = entry.or_else(|| hashed.next().flatten())?;
            Some((text_of(&path), entry))
        });
        let entries = present.collect();
        let (modified, dirty) = (self.modified, self.modified || self.untracked);
        Tree { entries, commit: self.commit, branch: self.branch, dirty, modified }
    }
}

/// The path as text, each of another text.
pub(super) fn text_of(path: &[u8]) -> String {
    if let Ok(text) = std::str::from_utf8(path) {
        return text.to_owned();
    }
    disk::text_of(Path::new(OsStr::from_bytes(path)))
}

fn records(output: &[u8]) -> impl Iterator<Item = &[u8]> {
    output.split(|&byte| byte == 0).filter(|record| !record.is_empty())
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests write files and run git")]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    struct Repository {
        folder: tempfile::TempDir,
    }

    impl Repository {
        fn new(options: &[&str]) -> Self {
            let repository = Self { folder: tempfile::tempdir().unwrap() };
            repository.git(&[["init", "-q", "-b", "main"].as_slice(), options].concat());
            repository
        }

        fn path(&self) -> &Path {
            self.folder.path()
        }

        fn git(&self, arguments: &[&str]) {
            let who = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "protocol.file.allow=always"];
            run_apart(self.path(), &[who.as_slice(), arguments].concat(), &[]).unwrap();
        }

        fn write(&self, path: &str, text: &str) {
            let path = self.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }

        fn commit(&self, files: &[&str]) {
            for file in files {
                self.write(file, file);
            }
            self.git(&["add", "-A"]);
            self.git(&["commit", "-q", "-m", "x"]);
        }

        /// The tree, after a check that every entry says what is on the disk.
        fn tree(&self) -> Tree {
            let tree = tree(self.path()).unwrap();
            for (path, entry) in &tree.entries {
                assert_eq!(disk::entry(&self.path().join(path)).unwrap(), Some(*entry), "{path}");
            }
            tree
        }

        fn paths(&self) -> Vec<String> {
            self.tree().entries.into_keys().collect()
        }
    }

    #[test]
    fn a_clean_tree_is_what_was_committed() {
        let repository = Repository::new(&[]);
        repository.commit(&["a.py", "p/b c.py", "p/\u{e9}\"\n.py"]);
        let tree = repository.tree();
        assert_eq!(tree.entries.keys().collect::<Vec<_>>(), ["a.py", "p/b c.py", "p/\u{e9}\"\n.py"]);
        assert_eq!((tree.branch.as_deref(), tree.dirty, tree.modified), (Some("main"), false, false));
        assert_eq!(tree.commit.map(|commit| commit.len()), Some(40));
        assert_eq!(root(&repository.path().join("p")).as_deref(), Some(repository.path()));
        assert_eq!(tree.entries, disk::tree(repository.path()).unwrap().entries);
    }

    #[test]
    fn a_repository_without_a_commit_has_a_tree() {
        let repository = Repository::new(&[]);
        repository.write("a", "1");
        let tree = repository.tree();
        assert_eq!((tree.entries.len(), tree.commit, tree.branch.as_deref()), (1, None, Some("main")));
        assert!(tree.dirty);
    }

    #[test]
    fn what_lies_on_the_disk_wins_over_the_index() {
        let repository = Repository::new(&[]);
        repository.commit(&[
            "changed",
            "deleted",
            "staged",
            "mode",
            "becomes-folder",
            "becomes-link",
            "folder/x",
            "same",
        ]);
        repository.git(&["checkout", "-q", "--detach"]);
        repository.write("changed", "2");
        fs::remove_file(repository.path().join("deleted")).unwrap();
        repository.write("staged", "2");
        repository.git(&["add", "staged"]);
        repository.write("staged", "3");
        fs::set_permissions(repository.path().join("mode"), fs::Permissions::from_mode(0o755)).unwrap();
        fs::remove_file(repository.path().join("becomes-folder")).unwrap();
        repository.write("becomes-folder/y", "1");
        fs::remove_file(repository.path().join("becomes-link")).unwrap();
        symlink("same", repository.path().join("becomes-link")).unwrap();
        fs::remove_dir_all(repository.path().join("folder")).unwrap();
        repository.write("folder", "1");
        repository.write("intended", "1");
        repository.git(&["add", "-N", "intended"]);
        repository.write(".gitignore", "ignored\n");
        repository.write("ignored", "1");
        repository.write("new/file", "1");
        let tree = repository.tree();
        let expected = [
            ".gitignore",
            "becomes-folder/y",
            "becomes-link",
            "changed",
            "folder",
            "intended",
            "mode",
            "new/file",
            "same",
            "staged",
        ];
        assert_eq!(tree.entries.keys().collect::<Vec<_>>(), expected);
        assert_eq!((tree.entries["becomes-link"].mode, tree.entries["mode"].mode), (Mode::Link, Mode::Executable));
        assert!(tree.modified && tree.branch.is_none());
    }

    #[test]
    fn untracked_and_staged_files_make_a_tree_dirty() {
        let repository = Repository::new(&[]);
        repository.commit(&["a"]);
        for leftover in ["__pycache__/a.pyc", "env/pyvenv.cfg", "env/lib/x.py", "node_modules/x/y.js"] {
            repository.write(leftover, "1");
        }
        assert_eq!((repository.paths(), repository.tree().dirty), (vec!["a".to_owned()], false));
        repository.write("b", "1");
        let tree = repository.tree();
        assert_eq!((tree.dirty, tree.modified), (true, false));
        repository.git(&["add", "b"]);
        assert!(repository.tree().modified);
    }

    #[test]
    fn files_that_git_was_told_not_to_look_at_are_looked_at() {
        let repository = Repository::new(&[]);
        repository.commit(&["assumed", "skipped", "sparse"]);
        repository.git(&["update-index", "--assume-unchanged", "assumed"]);
        repository.git(&["update-index", "--skip-worktree", "skipped", "sparse"]);
        repository.write("assumed", "2");
        repository.write("skipped", "2");
        fs::remove_file(repository.path().join("sparse")).unwrap();
        assert_eq!(repository.paths(), ["assumed", "skipped"]);
    }

    #[test]
    fn a_conflict_is_hashed_from_the_disk() {
        let repository = Repository::new(&[]);
        repository.commit(&["a"]);
        repository.git(&["checkout", "-q", "-b", "other"]);
        repository.write("a", "other");
        repository.commit(&[]);
        repository.git(&["checkout", "-q", "main"]);
        repository.write("a", "main");
        repository.commit(&[]);
        assert!(run(repository.path(), &["merge", "other"]).is_err());
        let tree = repository.tree();
        assert_eq!((tree.entries.len(), tree.modified), (1, true));
    }

    #[test]
    fn submodules_and_nested_repositories_are_walked() {
        let (inner, repository) = (Repository::new(&[]), Repository::new(&[]));
        inner.commit(&["in.py", "deep/in.py"]);
        repository.commit(&["a"]);
        repository.git(&["submodule", "--quiet", "add", inner.path().to_str().unwrap(), "module"]);
        repository.commit(&[]);
        fs::create_dir(repository.path().join("nested")).unwrap();
        run_apart(&repository.path().join("nested"), &["init", "-q"], &[]).unwrap();
        repository.write("nested/n.py", "1");
        repository.write("module/in.py", "2");
        repository.write("module/new.py", "2");
        assert_eq!(
            repository.paths(),
            [".gitmodules", "a", "module/deep/in.py", "module/in.py", "module/new.py", "nested/n.py"]
        );
        assert_eq!(root(&repository.path().join("module/deep")), Some(repository.path().join("module")));
        let module = tree(&repository.path().join("module")).unwrap();
        assert_eq!(module.entries.keys().collect::<Vec<_>>(), ["deep/in.py", "in.py", "new.py"]);
    }

    #[test]
    fn a_linked_work_tree_and_a_sha256_repository_have_trees() {
        let repository = Repository::new(&[]);
        repository.commit(&["a"]);
        let other = tempfile::tempdir().unwrap();
        let linked = other.path().join("linked");
        repository.git(&["worktree", "add", "-q", "-b", "side", linked.to_str().unwrap()]);
        fs::write(linked.join("b"), "1").unwrap();
        assert_eq!(root(&linked).as_deref(), Some(linked.as_path()));
        let there = tree(&linked).unwrap();
        assert_eq!((there.branch.as_deref(), there.entries.len()), (Some("side"), 2));
        let repository = Repository::new(&["--object-format=sha256"]);
        repository.commit(&["a"]);
        assert_eq!((repository.paths().len(), repository.tree().commit.map(|id| id.len())), (1, Some(64)));
    }

    #[test]
    fn a_folder_that_only_looks_like_a_repository_is_an_error() {
        let outer = Repository::new(&[]);
        outer.commit(&["a"]);
        outer.write("inner/.git/HEAD", "nonsense");
        outer.write("inner/b", "1");
        assert!(tree(&outer.path().join("inner")).is_err());
        assert_eq!(root(&outer.path().join("inner/x")), Some(outer.path().join("inner")));
        fs::remove_file(outer.path().join("inner/.git/HEAD")).unwrap();
        assert_eq!(root(&outer.path().join("inner")).as_deref(), Some(outer.path()));
    }

    #[test]
    fn paths_that_are_no_text_stay_apart() {
        let repository = Repository::new(&[]);
        for name in [b"\xff.py".as_slice(), b"\xfe.py"] {
            fs::write(repository.path().join(OsStr::from_bytes(name)), name).unwrap();
        }
        repository.git(&["add", "-A"]);
        let tree = tree(repository.path()).unwrap();
        assert_eq!(tree.entries.keys().collect::<Vec<_>>(), ["\\xfe.py", "\\xff.py"]);
    }
}
