//! What sort of file a path is: how much a change of it may mean.

/// The class of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PathClass {
    /// Never an unknown path (documentation, editor files, CI configuration); recorded edges on it still count.
    Inert,
    /// Source of a runner's language: traced whenever it is used.
    Source,
    /// A file that holds many tools' tables; it counts table by table.
    Tables,
    /// Builds the code: a change of it selects all.
    BuildInput,
    /// Anything else: known only while a test is known to touch it.
    Data,
}

/// The language of a runner's tests: which files are its source, and which tables speak to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Language {
    /// Python.
    Python,
    /// Rust.
    Rust,
    /// JavaScript and TypeScript.
    Script,
}

/// Endings of JavaScript and TypeScript.
pub const SCRIPT_ENDINGS: [&str; 8] = ["js", "cjs", "mjs", "jsx", "ts", "cts", "mts", "tsx"];

/// What the tests of a runner are like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TestSort {
    /// Their language.
    pub language: Language,
    /// Whether the runner can only leave out whole files.
    pub by_file: bool,
}

/// What of a path can change which tests a runner finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FoundBy {
    /// That it comes or goes.
    Presence,
    /// What it means, too.
    Meaning,
    /// Any byte of it, too.
    Content,
}

/// A file that does not count as a whole: what of it matters to whom is told by its fingerprints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableFile {
    /// `pyproject.toml`.
    Pyproject,
    /// `pytest.toml`.
    PytestToml,
    /// `pytest.ini`.
    PytestIni,
    /// `tox.ini`.
    ToxIni,
    /// `setup.cfg`.
    SetupCfg,
    /// `setup.py`.
    SetupScript,
    /// What pip is told to install.
    Requirements,
    /// `uv.lock`.
    UvLock,
    /// `poetry.lock`.
    PoetryLock,
}

impl TableFile {
    /// The kind of table file at `path`, told by its name.
    #[must_use]
    pub fn of(path: &str) -> Option<Self> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        match name {
            "pyproject.toml" => Some(Self::Pyproject),
            "pytest.toml" | ".pytest.toml" => Some(Self::PytestToml),
            "pytest.ini" | ".pytest.ini" => Some(Self::PytestIni),
            "tox.ini" => Some(Self::ToxIni),
            "setup.cfg" => Some(Self::SetupCfg),
            "setup.py" => Some(Self::SetupScript),
            "uv.lock" => Some(Self::UvLock),
            "poetry.lock" => Some(Self::PoetryLock),
            _ => {
                let (stem, ending) = name.rsplit_once('.')?;
                let named = stem.contains("requirements") || stem.contains("constraints");
                let listed = matches!(ending, "txt" | "in") && (named || is_requirements_folder(folder));
                listed.then_some(Self::Requirements)
            }
        }
    }

    /// Whether pytest may take it for its configuration.
    #[must_use]
    pub fn may_configure_the_runner(self) -> bool {
        matches!(self, Self::Pyproject | Self::PytestToml | Self::PytestIni | Self::ToxIni | Self::SetupCfg)
    }
}

/// `requirements/dev.txt`.
fn is_requirements_folder(folder: &str) -> bool {
    folder == "requirements"
}
