//! Which of the programs that titer knows an executable is.

use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::plan::{Plan, Program};

/// The crate's name in a file name that cargo gave to a test program: it ends in a dash and sixteen digits.
pub(crate) fn crate_name(executable: &Path) -> Option<&str> {
    let (name, hash) = executable.file_stem()?.to_str()?.rsplit_once('-')?;
    (hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(name)
}

/// The program that this executable is. None rather than a wrong one: then nothing is left out of it.
pub(crate) fn find<'a>(plan: &'a Plan, executable: &Path) -> Option<&'a Program> {
    let name = crate_name(executable)?;
    let manifest = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR")?);
    let folder = executable.parent().and_then(Path::file_name);
    let is_example = folder.is_some_and(|name| name == "examples");
    let named = plan.programs.iter().filter(|program| {
        program.crate_name == name && program.manifest == manifest && (program.kind == "example") == is_example
    });
    let named: Vec<&Program> = named.collect();
    let root = crate_root(&executable.with_extension("d"));
    match (named.as_slice(), root) {
        // A library and a binary of one name: rustc wrote down what it compiled.
        (_, Some(root)) => named.into_iter().find(|program| is_at(&program.source, &root)),
        ([only], None) => Some(only),
        _ => None,
    }
}

/// The first file that rustc read: the crate's root.
fn crate_root(dep_info: &Path) -> Option<PathBuf> {
    let text = fs::read_to_string(dep_info).ok()?;
    let (_, files) = text.lines().next()?.split_once(": ")?;
    let mut root = String::new();
    let mut letters = files.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => root.extend(letters.next()),
            ' ' => break,
            other => root.push(other),
        }
    }
    (!root.is_empty()).then(|| PathBuf::from(root))
}

/// Whether the file that rustc read is this one. Its path is relative to the workspace's root, which we are not told.
fn is_at(source: &Path, read: &Path) -> bool {
    let (source, read) = (normal(source), normal(read));
    if read.is_absolute() {
        return source == read
            || fs::canonicalize(&read).is_ok_and(|read| fs::canonicalize(&source).is_ok_and(|s| s == read));
    }
    source.ends_with(&read)
}

/// Without `.` and `..`. Leading `..` of a relative path go too: only the end is compared.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                normal.pop();
            }
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => normal.push(part),
        }
    }
    normal
}
