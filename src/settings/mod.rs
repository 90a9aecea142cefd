//! What the user asked for: flags, environment, `titer.toml`, defaults. The only reader of environment variables.

pub mod audit;
pub mod budget;
pub mod forge;
pub mod guard;
pub mod placement;
pub mod policy;
pub mod serve;
pub mod sources;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::model::digest::Digest;
use crate::model::failure::Failure;
use crate::model::map::Home;
use crate::model::suite::Suites;

use policy::Policy;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A flag on the command line.
    Flag(&'static str),
    /// An environment variable.
    Variable(&'static str),
    /// `titer.toml`.
    File(PathBuf),
    /// The compiled-in default.
    Default,
}

/// Flags that every command understands.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// `--ledger`
    pub ledger: Option<String>,
    /// `--config`
    pub config: Option<PathBuf>,
    /// `-C`
    pub folder: Option<PathBuf>,
    /// `-q`
    pub quiet: bool,
    /// `-v`
    pub verbose: bool,
}

/// Everything a command needs to know about what was asked.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The folder the command runs in.
    pub folder: PathBuf,
    /// The repository's root.
    pub root: PathBuf,
    /// Whether git knows the root.
    pub in_git: bool,
    /// The ledger's folder, and who named it.
    pub ledger: (PathBuf, Origin),
    /// Where things are kept that can be made again, outside the project.
    pub cache: PathBuf,
    /// The owners' decisions.
    pub policy: Policy,
    /// What was wrong with the policy file, if so: then the defaults are in force.
    pub policy_failure: Option<String>,
    /// What a pull request is measured by.
    pub base: Base,
    /// `-q`
    pub quiet: bool,
    /// `-v`
    pub verbose: bool,
}

/// Reads a file of a commit: the root, the commit, the file.
pub type ReadFile = dyn Fn(&Path, &str, &str) -> Option<Vec<u8>>;

/// The state of the repository whose policy and suites are in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Base {
    /// The tree itself.
    Tree,
    /// A pull request: those of this commit, on top of which its own may only add tests.
    Commit(String),
    /// A pull request whose base git does not have, where the default branch's own map says how it is there.
    Told(Box<Suites>),
    /// A pull request whose base nobody has: nothing may be left out.
    Missing,
}

impl Settings {
    /// Reads flags, environment and `titer.toml`.
    ///
    /// `root_of` finds the repository that a folder lies in, if git knows one.
    ///
    /// # Errors
    /// A flag names what is not there or cannot be understood.
    pub fn read(flags: &Flags, root_of: &dyn Fn(&Path) -> Option<PathBuf>) -> Result<Self, Failure> {
        let folder = working_folder(flags)?;
        let git_root = root_of(&folder);
        let in_git = git_root.is_some();
        let root = git_root.or_else(|| project_root(&folder)).unwrap_or_else(|| folder.clone());
        let loaded = Policy::load(&root, flags.config.as_deref());
        let (policy, policy_failure) = match loaded {
            Ok(policy) => (policy, None),
            Err(failure) if flags.config.is_some() => return Err(failure),
            Err(failure) => (Policy::defaults(), Some(failure.to_string())),
        };
        let ledger = ledger_folder(flags, &folder, &root, &policy)?;
        Ok(Self {
            cache: cache_folder(),
            folder,
            root,
            in_git,
            ledger,
            policy,
            policy_failure,
            base: Base::Tree,
            quiet: flags.quiet,
            verbose: flags.verbose,
        })
    }

    /// Where this ledger's runs in progress and its lens are kept.
    #[must_use]
    pub fn ledger_cache(&self) -> PathBuf {
        let name = Digest::of(self.ledger.0.as_os_str().as_encoded_bytes()).to_string();
        self.cache.join("ledgers").join(&name[..16])
    }

    /// The same settings with another cache.
    #[must_use]
    pub fn with_cache(&self, cache: PathBuf) -> Self {
        Self { cache, ..self.clone() }
    }

    /// In a pull request, the policy of its base; `resolve` finds a commit by one of its names, `read` a file of it.
    #[must_use]
    pub fn on_base(self, resolve: &dyn Fn(&Path, &str) -> Option<String>, read: &ReadFile) -> Self {
        let read_file = |path: &str| std::fs::read_to_string(path).ok();
        let Some(names) = forge::base(&variable, &read_file).filter(|_| self.in_git) else { return self };
        let Some(commit) = names.iter().find_map(|name| resolve(&self.root, name)) else {
            return Self { base: Base::Missing, ..self };
        };
        let of_base = self.policy.file.clone().or_else(|| Some(self.root.join(policy::FILE)));
        let inside = of_base.as_ref().and_then(|file| file.strip_prefix(&self.root).ok()).map(Path::to_owned);
        // A file from elsewhere is not the change's own.
        let Some(inside) = inside else { return Self { base: Base::Commit(commit), ..self } };
        let inside = inside.to_string_lossy();
        let text = read(&self.root, &commit, &inside).map(|text| String::from_utf8_lossy(&text).into_owned());
        let loaded =
            text.map_or_else(|| Ok(Policy::defaults()), |text| Policy::parse(&text, &self.root.join(&*inside)));
        let (policy, policy_failure) = match loaded {
            Ok(policy) => (policy, None),
            Err(failure) => (Policy::defaults(), Some(format!("on the base of this pull request, {failure}"))),
        };
        // Where the ledger lies is policy, too, unless the caller said it.
        let ledger = match &self.ledger.1 {
            Origin::File(_) | Origin::Default => (self.root.join(&policy.ledger), self.ledger.1.clone()),
            Origin::Flag(_) | Origin::Variable(_) => self.ledger.clone(),
        };
        Self { base: Base::Commit(commit), ledger, policy, policy_failure, ..self }
    }

    /// In a pull request whose base git does not have: the default branch's policy and suites, as its own last run told them.
    #[must_use]
    pub fn on_home(self, home: Home) -> Self {
        let parsed = home
            .policy
            .map_or_else(|| Ok(Policy::defaults()), |text| Policy::parse(&text, &self.root.join(policy::FILE)));
        let (policy, policy_failure) = match parsed {
            Ok(policy) => (policy, None),
            Err(failure) => (Policy::defaults(), Some(format!("on the default branch, {failure}"))),
        };
        Self { base: Base::Told(Box::new(home.suites)), policy, policy_failure, ..self }
    }

    /// The repository's root as it is called and as it really is.
    #[must_use]
    pub fn roots(&self) -> Vec<PathBuf> {
        let mut roots = vec![self.root.clone()];
        // The working folder's own spelling may lead through a link.
        let spelled = variable("PWD").map(PathBuf::from).filter(|path| path.is_absolute());
        let below = self.folder.strip_prefix(&self.root).map_or(0, |rest| rest.components().count());
        let spelled = spelled.and_then(|path| path.ancestors().nth(below).map(Path::to_owned));
        roots.extend(self.root.canonicalize());
        roots.extend(spelled.filter(|path| path.canonicalize().is_ok_and(|real| roots.contains(&real))));
        roots.sort();
        roots.dedup();
        roots
    }

    /// `folder` from the root, with `/`; `.` for the root itself.
    #[must_use]
    pub fn folder_from_root(&self) -> String {
        let inside = self.folder.strip_prefix(&self.root).unwrap_or(Path::new(""));
        let text = inside.to_string_lossy().into_owned();
        if text.is_empty() { ".".to_owned() } else { text }
    }
}

/// An environment variable as text.
#[must_use]
#[allow(clippy::disallowed_methods, reason = "the only reader of environment variables")]
pub fn variable(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

/// An environment variable as the system has it.
#[must_use]
#[allow(clippy::disallowed_methods, reason = "the only reader of environment variables")]
pub fn raw_variable(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

/// Names and values of all variables whose name starts with one of `prefixes`, sorted.
#[must_use]
#[allow(clippy::disallowed_methods, reason = "the only reader of environment variables")]
pub fn variables_starting_with(prefixes: &[&str]) -> Vec<(String, String)> {
    let all = std::env::vars_os().map(|(n, v)| (n.to_string_lossy().into_owned(), v.to_string_lossy().into_owned()));
    let mut found: Vec<_> = all.filter(|(name, _)| prefixes.iter().any(|prefix| name.starts_with(prefix))).collect();
    found.sort();
    found
}

/// What decides about recording, from the environment.
#[must_use]
pub fn place(policy: &Policy, branch: Option<&str>) -> forge::Place {
    let read = |path: &str| std::fs::read_to_string(path).ok();
    forge::place(&variable, &read, policy.default_branch.as_deref(), branch)
}

fn working_folder(flags: &Flags) -> Result<PathBuf, Failure> {
    let here = std::env::current_dir().map_err(|e| Failure::world("the current folder cannot be found").because(e))?;
    let folder = flags.folder.as_ref().map_or_else(|| here.clone(), |folder| here.join(folder));
    folder.canonicalize().map_err(|e| Failure::usage(format!("-C {}: no such folder", folder.display())).because(e))
}

/// Without git: the nearest folder at or above that says it is a project.
fn project_root(folder: &Path) -> Option<PathBuf> {
    let marks = [policy::FILE, "pyproject.toml", "setup.cfg", "setup.py", "pytest.ini", "tox.ini"];
    folder.ancestors().find(|above| marks.iter().any(|mark| above.join(mark).is_file())).map(Path::to_owned)
}

fn ledger_folder(flags: &Flags, folder: &Path, root: &Path, policy: &Policy) -> Result<(PathBuf, Origin), Failure> {
    let (text, base, origin) = match (&flags.ledger, variable("TITER_LEDGER").filter(|value| !value.is_empty())) {
        (Some(flag), _) => (flag.clone(), folder, Origin::Flag("--ledger")),
        (None, Some(value)) => (value, folder, Origin::Variable("TITER_LEDGER")),
        (None, None) => {
            let origin = policy.file.clone().map_or(Origin::Default, Origin::File);
            (policy.ledger.clone(), root, origin)
        }
    };
    let path = text.strip_prefix("file://").unwrap_or(&text);
    if path.contains("://") {
        let sentence = format!("the ledger {text} is a bucket, which this version of titer does not speak to");
        return Err(Failure::usage(sentence).hint("name a folder: --ledger DIR"));
    }
    Ok((base.join(path), origin))
}

fn cache_folder() -> PathBuf {
    let named = |name: &str| raw_variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = named("HOME").map(|home| home.join(".cache"));
    let base = named("XDG_CACHE_HOME").filter(|path| path.is_absolute()).or(home).unwrap_or_else(std::env::temp_dir);
    base.join("titer")
}
