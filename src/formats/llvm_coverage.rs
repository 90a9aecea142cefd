//! LLVM's coverage mapping in an instrumented program: in which file and on which line each function begins.
//!
//! The section `__llvm_covmap` holds lists of file names, one list for each unit of code generation; `__llvm_covfun` holds a
//! record for each function, which names its list by a hash and its regions by indices into it. Versions 4 to 7 of the format
//! (7 is what LLVM 18 to 22 write) are read, 64-bit little endian, from ELF and Mach-O:
//! <https://llvm.org/docs/CoverageMappingFormat.html>. Whatever does not add up refuses the whole program: a function that is
//! not known would be one whose edits go unseen.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use md5::{Digest as _, Md5};
use miniz_oxide::inflate::decompress_to_vec_zlib_with_limit;
use object::{Object as _, ObjectSection as _};
use thiserror::Error;

/// Why the functions of a program are not known.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum NotInstrumented {
    /// No program that could be read.
    #[error("not a 64-bit little-endian ELF or Mach-O program")]
    Foreign,
    /// Built without `-Cinstrument-coverage`.
    #[error("no coverage mapping in the program")]
    Absent,
    /// A version that came later, or much earlier.
    #[error("coverage mapping of the unknown version {0}: 4 to 7 are known")]
    Version(u32),
    /// A section ends too early, or its numbers contradict each other.
    #[error("the coverage mapping is damaged")]
    Damaged,
}

/// Where a function begins.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file as the compiler names it, below the folder in which it ran. `..` is left as it is.
    pub file: Arc<str>,
    /// The first line of its code, from 1.
    pub line: u32,
}

/// The instrumented functions of a program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Functions {
    /// By the hash of the name, as in a profile. One place for each file that holds code of the function; none if no region
    /// of it is code.
    pub by_name: BTreeMap<u64, Vec<Place>>,
}

/// Finds the functions of a program.
///
/// # Errors
/// When there is no coverage mapping, or not all of it is understood.
pub fn functions(program: &[u8]) -> Result<Functions, NotInstrumented> {
    let file = object::File::parse(program).map_err(|_| NotInstrumented::Foreign)?;
    if !file.is_64() || !file.is_little_endian() {
        return Err(NotInstrumented::Foreign);
    }
    let lists = lists(section(&file, "__llvm_covmap")?)?;
    let mut found = Found::default();
    let mut rest = section(&file, "__llvm_covfun")?;
    while !rest.is_empty() {
        found.add(&record(&mut rest)?, &lists)?;
    }
    Ok(found.functions())
}

pub(super) fn section<'a>(file: &object::File<'a>, name: &str) -> Result<&'a [u8], NotInstrumented> {
    let section = file.section_by_name(name).ok_or(NotInstrumented::Absent)?;
    section.data().map_err(|_| NotInstrumented::Damaged)
}

/// More bytes of file names than this are not unpacked: a program with a million files would have less.
const MOST_NAMES: usize = 256 << 20;

/// File names by the hash of their list.
pub(super) type Lists = BTreeMap<u64, Vec<Arc<str>>>;

pub(super) fn lists(mut rest: &[u8]) -> Result<Lists, NotInstrumented> {
    let whole = rest.len();
    let mut room = MOST_NAMES;
    let mut lists = Lists::new();
    while !rest.is_empty() {
        let [_, size, _, version] = [half(&mut rest)?, half(&mut rest)?, half(&mut rest)?, half(&mut rest)?];
        // The number on disk is one less than the one in the documentation.
        if !(3..=6).contains(&version) {
            return Err(NotInstrumented::Version(version.saturating_add(1)));
        }
        let list = take(&mut rest, u64::from(size))?;
        lists.insert(name_hash(list), names(list, version >= 5, &mut room)?);
        align(&mut rest, whole)?;
    }
    Ok(lists)
}

/// The low half of MD5, as LLVM names things by it.
fn name_hash(bytes: &[u8]) -> u64 {
    let digest: [u8; 16] = Md5::digest(bytes).into();
    let [low @ .., _, _, _, _, _, _, _, _] = digest;
    u64::from_le_bytes(low)
}

fn names(mut list: &[u8], folder_first: bool, room: &mut usize) -> Result<Vec<Arc<str>>, NotInstrumented> {
    let [count, length, packed] = [number(&mut list)?, number(&mut list)?, number(&mut list)?];
    let unpacked;
    let mut plain = list;
    if packed > 0 {
        let packed = take(&mut list, packed)?;
        let length = usize::try_from(length).map_err(|_| NotInstrumented::Damaged)?;
        let unpack = decompress_to_vec_zlib_with_limit(packed, length.min(*room));
        unpacked = unpack.map_err(|_| NotInstrumented::Damaged)?;
        plain = &unpacked;
    }
    let mut names: Vec<Arc<str>> = Vec::new();
    for _ in 0..count {
        let length = number(&mut plain)?;
        let name = std::str::from_utf8(take(&mut plain, length)?).map_err(|_| NotInstrumented::Damaged)?;
        let name = match names.first() {
            Some(folder) if folder_first => below(folder, name),
            _ => name.into(),
        };
        *room = room.checked_sub(name.len()).ok_or(NotInstrumented::Damaged)?;
        names.push(name);
    }
    Ok(names)
}

fn below(folder: &str, name: &str) -> Arc<str> {
    let path = Path::new(folder).join(name);
    path.to_str().map_or_else(|| name.into(), Into::into)
}

/// One function's record: what belongs to it and is not yet looked at.
pub(super) struct Record<'a> {
    pub(super) name: u64,
    /// Of the function's structure; 0 for a function of which no code was made.
    structure: u64,
    pub(super) files: u64,
    pub(super) mapping: &'a [u8],
}

pub(super) fn record<'a>(rest: &mut &'a [u8]) -> Result<Record<'a>, NotInstrumented> {
    let whole = rest.len();
    let (name, size) = (word(rest)?, half(rest)?);
    let (structure, files) = (word(rest)?, word(rest)?);
    let mapping = take(rest, u64::from(size))?;
    align(rest, whole)?;
    Ok(Record { name, structure, files, mapping })
}

/// Functions by name, each with whether code was made of it.
#[derive(Default)]
struct Found {
    by_name: BTreeMap<u64, (bool, BTreeSet<Place>)>,
}

impl Found {
    fn add(&mut self, record: &Record<'_>, lists: &Lists) -> Result<(), NotInstrumented> {
        let files = lists.get(&record.files).ok_or(NotInstrumented::Damaged)?;
        let places = places(record.mapping, files)?;
        let used = record.structure != 0;
        match self.by_name.entry(record.name) {
            Entry::Vacant(entry) => {
                entry.insert((used, places));
            }
            Entry::Occupied(mut entry) => {
                let (was_used, known) = entry.get_mut();
                if *was_used == used {
                    known.extend(places);
                } else if used {
                    *entry.get_mut() = (true, places);
                }
            }
        }
        Ok(())
    }

    fn functions(self) -> Functions {
        let plain = |(name, (_, places)): (u64, (bool, BTreeSet<Place>))| (name, places.into_iter().collect());
        Functions { by_name: self.by_name.into_iter().map(plain).collect() }
    }
}

/// The first line of code in each file of a function.
fn places(mut mapping: &[u8], files: &[Arc<str>]) -> Result<BTreeSet<Place>, NotInstrumented> {
    let rest = &mut mapping;
    let mut own = Vec::new();
    for _ in 0..number(rest)? {
        let index = usize::try_from(number(rest)?).map_err(|_| NotInstrumented::Damaged)?;
        own.push(files.get(index).ok_or(NotInstrumented::Damaged)?);
    }
    for _ in 0..number(rest)? {
        // An expression is two counters.
        number(rest)?;
        number(rest)?;
    }
    let mut expanded = BTreeSet::new();
    let mut first = Vec::new();
    for _ in &own {
        first.push(first_line(rest, &mut expanded)?);
    }
    if !rest.is_empty() {
        return Err(NotInstrumented::Damaged);
    }
    let lines = own.into_iter().zip(first).zip(0..);
    // What a macro expands to stands where the macro is defined; the function stands where it is used.
    let written = lines.filter(|(_, id)| !expanded.contains(id)).map(|(line, _)| line);
    Ok(written.filter_map(|(file, line)| Some(Place { file: file.clone(), line: line? })).collect())
}

/// Reads the regions of one file: the first line with code, and which other files are expanded into it.
fn first_line(rest: &mut &[u8], expanded: &mut BTreeSet<u64>) -> Result<Option<u32>, NotInstrumented> {
    let mut first = None;
    let mut line: u32 = 0;
    for _ in 0..number(rest)? {
        let region = region(number(rest)?)?;
        for _ in 0..region.numbers {
            number(rest)?;
        }
        let step = u32::try_from(number(rest)?).map_err(|_| NotInstrumented::Damaged)?;
        line = line.checked_add(step).ok_or(NotInstrumented::Damaged)?;
        let [_column, _lines, _end_column] = [number(rest)?, number(rest)?, number(rest)?];
        if region.is_code {
            first = Some(first.map_or(line, |known: u32| known.min(line)));
        }
        expanded.extend(region.expands);
    }
    Ok(first)
}

/// What the first number of a region says.
pub(super) struct Region {
    pub(super) is_code: bool,
    expands: Option<u64>,
    /// How many more numbers stand before its lines.
    pub(super) numbers: usize,
}

pub(super) fn region(head: u64) -> Result<Region, NotInstrumented> {
    let plain = Region { is_code: true, expands: None, numbers: 0 };
    let other = |numbers: usize| Region { is_code: false, expands: None, numbers };
    // Two bits for the kind of counter, one for an expansion, then what either needs.
    match (head & 3, head & 4, head >> 3) {
        (1..=3, _, _) | (0, 0, 0) => Ok(plain),
        (0, 4, file) => Ok(Region { is_code: false, expands: Some(file), numbers: 0 }),
        // Skipped lines; a branch with two counters; a decision of two numbers; a branch of a decision with three more.
        (0, 0, 2) => Ok(other(0)),
        (0, 0, 4 | 5) => Ok(other(2)),
        (0, 0, 6) => Ok(other(5)),
        _ => Err(NotInstrumented::Damaged),
    }
}

/// A number in LEB128.
pub(super) fn number(rest: &mut &[u8]) -> Result<u64, NotInstrumented> {
    let mut value = 0;
    for shift in (0..u64::BITS).step_by(7) {
        let (byte, left) = rest.split_first().ok_or(NotInstrumented::Damaged)?;
        *rest = left;
        let bits = u64::from(byte & 0x7f);
        if bits << shift >> shift != bits {
            break;
        }
        value |= bits << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(NotInstrumented::Damaged)
}

fn half(rest: &mut &[u8]) -> Result<u32, NotInstrumented> {
    let (half, left) = rest.split_first_chunk().ok_or(NotInstrumented::Damaged)?;
    *rest = left;
    Ok(u32::from_le_bytes(*half))
}

fn word(rest: &mut &[u8]) -> Result<u64, NotInstrumented> {
    let (word, left) = rest.split_first_chunk().ok_or(NotInstrumented::Damaged)?;
    *rest = left;
    Ok(u64::from_le_bytes(*word))
}

fn take<'a>(rest: &mut &'a [u8], length: u64) -> Result<&'a [u8], NotInstrumented> {
    let length = usize::try_from(length).map_err(|_| NotInstrumented::Damaged)?;
    let (taken, left) = rest.split_at_checked(length).ok_or(NotInstrumented::Damaged)?;
    *rest = left;
    Ok(taken)
}

/// Steps to the next multiple of 8 from where the rest had that length; the last one may lack its padding.
fn align(rest: &mut &[u8], whole: usize) -> Result<(), NotInstrumented> {
    let padding = (whole - rest.len()).next_multiple_of(8) - (whole - rest.len());
    take(rest, padding.min(rest.len()) as u64).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file_list(names: &[&str], packed: bool) -> Vec<u8> {
        let plain: Vec<u8> = names.iter().flat_map(|name| [&[short(name.len())], name.as_bytes()].concat()).collect();
        let body = if packed { miniz_oxide::deflate::compress_to_vec_zlib(&plain, 6) } else { plain.clone() };
        let sizes = [short(names.len()), short(plain.len()), if packed { short(body.len()) } else { 0 }];
        [sizes.as_slice(), &body].concat()
    }

    /// A number small enough to be its own encoding.
    fn short(number: usize) -> u8 {
        u8::try_from(number).ok().filter(|byte| *byte < 0x80).unwrap()
    }

    fn read_list(list: &[u8], folder_first: bool) -> Result<Vec<String>, NotInstrumented> {
        let mut room = 1000;
        names(list, folder_first, &mut room).map(|names| names.iter().map(ToString::to_string).collect())
    }

    fn files() -> Vec<Arc<str>> {
        ["/w", "/w/a.rs", "/w/b.rs"].map(Arc::from).to_vec()
    }

    fn place(file: &str, line: u32) -> Place {
        Place { file: file.into(), line }
    }

    /// `(head, line step)` of regions without numbers between them.
    fn regions(regions: &[(u8, u8)]) -> Vec<u8> {
        let lines = regions.iter().flat_map(|(head, step)| [*head, *step, 5, 0, 9]);
        [short(regions.len())].into_iter().chain(lines).collect()
    }

    /// Regions of files with these indices, without expressions.
    fn mapping(files: &[u8], of_each: &[Vec<u8>]) -> Vec<u8> {
        [&[short(files.len())], files, &[0], of_each.concat().as_slice()].concat()
    }

    const CODE: u8 = 1;
    const SKIPPED: u8 = 2 << 3;
    const EXPANDS_SECOND: u8 = 1 << 3 | 4;

    #[test]
    fn names_stand_below_the_folder_of_the_compiler() {
        let names = ["/w", "src/lib.rs", "/else/x.rs"];
        for packed in [false, true] {
            let list = file_list(&names, packed);
            assert_eq!(read_list(&list, true).unwrap(), ["/w", "/w/src/lib.rs", "/else/x.rs"]);
            assert_eq!(read_list(&list, false).unwrap(), names);
        }
    }

    #[test]
    fn names_that_do_not_fit_are_refused() {
        let long = "x".repeat(100);
        let list = file_list(&[&long], true);
        assert!(names(&list, true, &mut 99).is_err());
        assert!(read_list(&list[..list.len() - 1], true).is_err());
        assert!(read_list(&[9, 1, 0, b'a'], true).is_err());
    }

    #[test]
    fn a_function_begins_with_the_first_code_in_each_of_its_files() {
        let code = regions(&[(CODE, 7), (CODE, 2)]);
        let cases = [
            ("one file", mapping(&[1], std::slice::from_ref(&code)), vec![place("/w/a.rs", 7)]),
            ("a constant counter", mapping(&[1], &[regions(&[(0, 4)])]), vec![place("/w/a.rs", 4)]),
            ("skipped lines first", mapping(&[1], &[regions(&[(SKIPPED, 3), (CODE, 1)])]), vec![place("/w/a.rs", 4)]),
            (
                "two files",
                mapping(&[1, 2], &[code.clone(), regions(&[(CODE, 3)])]),
                vec![place("/w/a.rs", 7), place("/w/b.rs", 3)],
            ),
            (
                "an expansion",
                mapping(&[1, 2], &[regions(&[(CODE, 5), (EXPANDS_SECOND, 1)]), code]),
                vec![place("/w/a.rs", 5)],
            ),
            ("no code", mapping(&[1], &[regions(&[(SKIPPED, 3)])]), vec![]),
            (
                "a branch",
                mapping(&[1], &[vec![2, 4 << 3, 1, 5, 2, 1, 0, 1, CODE, 1, 1, 0, 1]]),
                vec![place("/w/a.rs", 3)],
            ),
            ("a decision", mapping(&[1], &[vec![1, 5 << 3, 1, 2, 2, 1, 0, 1]]), vec![]),
            ("its branch", mapping(&[1], &[vec![1, 6 << 3, 1, 5, 0, 1, 2, 2, 1, 0, 1]]), vec![]),
            ("expressions", vec![1, 1, 1, 1, 5, 1, CODE, 3, 1, 0, 1], vec![place("/w/a.rs", 3)]),
        ];
        for (what, mapping, expected) in cases {
            let found: Vec<Place> = places(&mapping, &files()).expect(what).into_iter().collect();
            assert_eq!(found, expected, "{what}");
        }
    }

    #[test]
    fn a_mapping_that_does_not_add_up_is_refused() {
        let good = mapping(&[1], &[regions(&[(CODE, 7)])]);
        for length in 0..good.len() {
            assert!(places(&good[..length], &files()).is_err(), "{length} bytes");
        }
        let unknown_kind = mapping(&[1], &[regions(&[(7 << 3, 7)])]);
        for bad in [unknown_kind, mapping(&[3], &[regions(&[])]), [good.as_slice(), &[0]].concat(), vec![0xff; 20]] {
            assert_eq!(places(&bad, &files()), Err(NotInstrumented::Damaged));
        }
    }

    #[test]
    fn a_function_without_code_gives_way_to_the_same_with_code() {
        let list = BTreeMap::from([(9, files())]);
        let [at_3, at_5, at_8] = [3, 5, 8].map(|line| mapping(&[1], &[regions(&[(CODE, line)])]));
        let lines = |records: &[(u64, &Vec<u8>)]| -> Vec<u32> {
            let mut found = Found::default();
            for (structure, mapping) in records {
                found.add(&Record { name: 1, structure: *structure, files: 9, mapping }, &list).unwrap();
            }
            found.functions().by_name[&1].iter().map(|place| place.line).collect()
        };
        assert_eq!(lines(&[(0, &at_3)]), [3]);
        assert_eq!(lines(&[(0, &at_3), (7, &at_5)]), [5]);
        assert_eq!(lines(&[(7, &at_5), (0, &at_3)]), [5]);
        assert_eq!(lines(&[(7, &at_5), (6, &at_8)]), [5, 8]);
    }

    #[test]
    fn a_name_is_hashed_as_llvm_does() {
        // MD5 of nothing is d41d8cd98f00b204 e9800998ecf8427e.
        assert_eq!(name_hash(b""), 0x04b2_008f_d98c_1dd4);
    }

    #[test]
    fn a_list_of_an_unknown_version_is_refused() {
        let list = |version: u32| -> Vec<u8> {
            let names = file_list(&["/w"], false);
            let halves = [0, u32::try_from(names.len()).unwrap(), 0, version];
            halves.into_iter().flat_map(u32::to_le_bytes).chain(names).chain([0; 2]).collect()
        };
        assert_eq!(lists(&[list(6), list(5)].concat()).unwrap().len(), 1);
        assert_eq!(lists(&list(7)), Err(NotInstrumented::Version(8)));
        assert_eq!(lists(&list(2)), Err(NotInstrumented::Version(3)));
        assert!(lists(&list(6)[..20]).is_err());
    }

    #[test]
    fn what_is_no_instrumented_program_is_refused() {
        for bytes in [b"".as_slice(), b"#!/bin/sh", b"\x7fELF"] {
            assert_eq!(functions(bytes), Err(NotInstrumented::Foreign));
        }
    }
}
