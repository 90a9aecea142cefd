//! The shop of `testdata/sightings/project` in a repository of its own, and what titer learned of it.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Ending, Interpreter, Repository};

/// The shop, committed long ago as `v1.4.0`.
pub fn shop() -> Repository {
    let repository = Repository::bare(Interpreter { programs: PathBuf::from("/usr/bin") });
    repository.copy_in("testdata/sightings/project");
    repository.git(&["init", "-q", "-b", "main"]);
    repository.commit_at("2026-01-01T00:00:00Z", "at");
    repository.git(&["tag", "v1.4.0"]);
    repository
}

/// A captured body.
pub fn captured(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/sightings/captured").join(name)
}

/// Every captured body, by its name.
pub fn all_captured() -> Vec<(String, Vec<u8>)> {
    let folder = std::fs::read_dir(captured("")).unwrap().map(|entry| entry.unwrap().path());
    let mut all: Vec<(String, Vec<u8>)> = folder
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(&path).unwrap()))
        .collect();
    all.sort();
    all
}

/// `titer learn file PATH`, with more arguments.
pub fn learn(repository: &Repository, path: &Path, more: &[&str]) -> Ending {
    repository.titer(&[&["learn", "file", path.to_str().unwrap()], more].concat())
}

/// An object's values in the order in which they are written.
struct Cells(Vec<Value>);

impl<'de> serde::Deserialize<'de> for Cells {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> serde::de::Visitor<'de> for Reader {
            type Value = Cells;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a row")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Cells, A::Error> {
                let mut cells = Vec::new();
                while let Some((_, value)) = map.next_entry::<String, Value>()? {
                    cells.push(value);
                }
                Ok(Cells(cells))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

/// Rows of a query, each as its cells with blanks between.
pub fn rows(repository: &Repository, query: &str) -> Vec<String> {
    let told = repository.titer(&["sql", query, "--json"]);
    assert_eq!(told.code, Some(0), "{}", told.stderr);
    let cell = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let found: Vec<Cells> =
        serde_json::from_str(&told.stdout).unwrap_or_else(|error| panic!("{error}: {}", told.stdout));
    found.iter().map(|row| row.0.iter().map(cell).collect::<Vec<_>>().join(" ")).collect()
}

/// The ledger's files and how long each is: what shows whether anything was written.
pub fn ledger_files(repository: &Repository) -> Vec<(String, u64)> {
    let files = walkdir::WalkDir::new(repository.path(".titer/ledger")).sort_by_file_name().into_iter().flatten();
    let files = files.filter(|entry| entry.file_type().is_file());
    files.map(|entry| (entry.path().display().to_string(), entry.metadata().unwrap().len())).collect()
}
