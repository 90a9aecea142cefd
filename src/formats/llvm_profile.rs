//! LLVM's raw profile (`.profraw`): which functions of an instrumented program ran.
//!
//! A program writes a header of 64-bit words and then its memory: ids of the program, a record for each function, counters,
//! bitmaps, names, virtual tables. A record points to its counters by their distance from itself. Versions 8 to 10 (LLVM 14 to
//! 22) are read, as a 64-bit little-endian program writes them with plain counters: <https://llvm.org/docs/InstrProfileFormat.html>.
//! LLVM promises nothing from version to version, so any other is refused, and so is whatever does not add up: a function that
//! is not seen would be a test wrongly left out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use thiserror::Error;

/// Why a file is not a raw profile that can be trusted.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum NotAProfile {
    /// A program that aborts leaves this.
    #[error("the profile is empty: the program ended before it wrote it")]
    Empty,
    /// No raw profile, or one of a 32-bit or big-endian machine.
    #[error("not a raw profile of a 64-bit little-endian program")]
    Foreign,
    /// A version that came later, or much earlier.
    #[error("raw profile of the unknown version {0}: 8 to 10 are known")]
    Version(u64),
    /// Not what `-Cinstrument-coverage` writes: the counters mean something else.
    #[error("raw profile of another kind of instrumentation (variant {0:#x})")]
    Variant(u64),
    /// The file ends before its header says, or its numbers contradict each other.
    #[error("the profile is cut off or damaged")]
    Damaged,
}

const MAGIC: u64 = u64::from_le_bytes([129, b'r', b'f', b'o', b'r', b'p', b'l', 255]);
/// The upper half of the version says what kind of instrumentation it was; 0 is the one for coverage.
const VARIANT: u64 = 0xffff_ffff << 32;
const WORD: usize = 8;
/// Bytes of a virtual table's record, in the version that has them.
const TABLE: u64 = 24;

/// The counters of each function that ran, by the hash of its name. Several profiles may follow each other.
///
/// # Errors
/// When not every byte is understood.
pub fn counters(bytes: &[u8]) -> Result<BTreeMap<u64, Vec<u64>>, NotAProfile> {
    if bytes.is_empty() {
        return Err(NotAProfile::Empty);
    }
    let mut all: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let mut ran = Vec::new();
        rest = after_zeros(profile(rest, &mut |name, own| ran.push((name, own.to_owned())))?);
        for (name, own) in ran {
            let known = all.entry(name).or_default();
            known.resize(known.len().max(own.len() / WORD), 0);
            for (count, more) in known.iter_mut().zip(own.chunks_exact(WORD)) {
                *count = count.saturating_add(word(more, 0)?);
            }
        }
    }
    Ok(all)
}

/// The name hashes of the functions of which at least one counter is not zero. Several profiles may follow each other.
///
/// # Errors
/// When not every byte is understood. Nothing is then known about what ran.
pub fn functions_run(bytes: &[u8]) -> Result<BTreeSet<u64>, NotAProfile> {
    if bytes.is_empty() {
        return Err(NotAProfile::Empty);
    }
    let mut ran = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        rest = after_zeros(profile(rest, &mut |name, _| ran.push(name))?);
    }
    Ok(ran.into_iter().collect())
}

/// Where the parts of one profile lie.
struct Header {
    shape: Shape,
    ids: u64,
    records: u64,
    before_counters: u64,
    counters: u64,
    after_counters: u64,
    bitmap: u64,
    after_bitmap: u64,
    names: u64,
    /// From the first record to the first counter, in the memory of the program.
    distance: u64,
    tables: u64,
    table_names: u64,
}

/// What differs between versions.
#[derive(Clone, Copy)]
struct Shape {
    /// Words of the header.
    header: usize,
    /// Bytes of a function's record.
    record: usize,
    /// Where in a record the number of its counters stands; the numbers of its value sites follow.
    count: usize,
    /// Bytes of the numbers of value sites.
    sites: usize,
}

/// Reads the profile at the start, tells each function that ran with the bytes of its counters, returns what follows it.
fn profile<'a>(bytes: &'a [u8], ran: &mut dyn FnMut(u64, &[u8])) -> Result<&'a [u8], NotAProfile> {
    let header = header(bytes)?;
    let mut rest = bytes.get(header.shape.header * WORD..).ok_or(NotAProfile::Damaged)?;
    take(&mut rest, header.ids, 1)?;
    let records = take(&mut rest, header.records, header.shape.record)?;
    take(&mut rest, header.before_counters, 1)?;
    let counters = take(&mut rest, header.counters, WORD)?;
    for skipped in [header.after_counters, header.bitmap, header.after_bitmap] {
        take(&mut rest, skipped, 1)?;
    }
    let tables = header.tables.checked_mul(TABLE).ok_or(NotAProfile::Damaged)?;
    for padded in [header.names, tables, header.table_names] {
        take(&mut rest, padded.checked_next_multiple_of(WORD as u64).ok_or(NotAProfile::Damaged)?, 1)?;
    }
    let mut distance = header.distance;
    let mut owned = 0;
    for record in records.chunks_exact(header.shape.record) {
        let own = counters_of(record, header.shape, counters, distance)?;
        owned += own.len();
        // No counter has two owners. Without this a small file could cost hours.
        if owned > counters.len() {
            return Err(NotAProfile::Damaged);
        }
        if own.iter().any(|byte| *byte != 0) {
            ran(word(record, 0)?, own);
        }
        distance = distance.wrapping_sub(header.shape.record as u64);
    }
    Ok(rest)
}

fn header(bytes: &[u8]) -> Result<Header, NotAProfile> {
    if word(bytes, 0) != Ok(MAGIC) {
        return Err(NotAProfile::Foreign);
    }
    let version = word(bytes, 1)?;
    if version & VARIANT != 0 {
        return Err(NotAProfile::Variant(version >> 32));
    }
    let shape = match version {
        8 => Shape { header: 11, record: 48, count: 40, sites: 4 },
        9 => Shape { header: 14, record: 64, count: 48, sites: 4 },
        10 => Shape { header: 16, record: 64, count: 48, sites: 6 },
        _ => return Err(NotAProfile::Version(version)),
    };
    let field = |index: usize| word(bytes, index);
    let (has_bitmap, has_tables) = (version > 8, version > 9);
    let optional = |present: bool, index: usize| if present { field(index) } else { Ok(0) };
    let names = if has_bitmap { 9 } else { 7 };
    Ok(Header {
        shape,
        ids: field(2)?,
        records: field(3)?,
        before_counters: field(4)?,
        counters: field(5)?,
        after_counters: field(6)?,
        bitmap: optional(has_bitmap, 7)?,
        after_bitmap: optional(has_bitmap, 8)?,
        names: field(names)?,
        distance: field(names + 1)?,
        tables: optional(has_tables, 13)?,
        table_names: optional(has_tables, 14)?,
    })
}

fn counters_of<'a>(record: &[u8], shape: Shape, all: &'a [u8], distance: u64) -> Result<&'a [u8], NotAProfile> {
    let from = usize::try_from(word(record, 2)?.wrapping_sub(distance)).map_err(|_| NotAProfile::Damaged)?;
    let tail = record.get(shape.count..).ok_or(NotAProfile::Damaged)?;
    let (count, tail) = tail.split_first_chunk().ok_or(NotAProfile::Damaged)?;
    let sites = tail.get(..shape.sites).ok_or(NotAProfile::Damaged)?;
    let length = (u32::from_le_bytes(*count) as usize).saturating_mul(WORD);
    let own = all.get(from..).and_then(|own| own.get(..length)).ok_or(NotAProfile::Damaged)?;
    // A function has a counter at least. Values seen at its sites would stand after the profile, and coverage records none.
    let is_sound = !own.is_empty() && sites.iter().all(|byte| *byte == 0);
    is_sound.then_some(own).ok_or(NotAProfile::Damaged)
}

fn word(bytes: &[u8], index: usize) -> Result<u64, NotAProfile> {
    let found = bytes.get(index * WORD..).and_then(|rest| rest.first_chunk());
    found.map(|word| u64::from_le_bytes(*word)).ok_or(NotAProfile::Damaged)
}

/// Cuts so many things of that size off the front.
fn take<'a>(rest: &mut &'a [u8], count: u64, size: usize) -> Result<&'a [u8], NotAProfile> {
    let length = usize::try_from(count).ok().and_then(|count| count.checked_mul(size)).ok_or(NotAProfile::Damaged)?;
    let (taken, left) = rest.split_at_checked(length).ok_or(NotAProfile::Damaged)?;
    *rest = left;
    Ok(taken)
}

fn after_zeros(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.get(zeros..).unwrap_or_default()
}

/// Whether a file of this name is a profile of a program that was built to be recorded and did not know its environment.
#[must_use]
pub fn is_stray_profile(name: &str) -> bool {
    let ending = Path::new(name).extension();
    name.starts_with("default_") && ending.is_some_and(|ending| ending == "profraw")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A profile as a program of that version writes it; the first function's counters stand last.
    fn sample(version: u64, functions: &[(u64, &[u64])]) -> Vec<u8> {
        let (head, record, sites): (usize, usize, usize) = match version {
            8 => (11, 48, 4),
            9 => (14, 64, 4),
            _ => (16, 64, 6),
        };
        let counters: Vec<u64> = functions.iter().rev().flat_map(|(_, own)| own.iter().copied()).collect();
        let distance = 0x1000_u64;
        let mut header = vec![MAGIC, version, 8, functions.len() as u64, 0, counters.len() as u64, 8];
        header.extend([0, 0].iter().take(if version > 8 { 2 } else { 0 }));
        header.extend([5, distance]);
        header.resize(head, 0);
        let mut bytes: Vec<u8> = header.into_iter().chain([77]).flat_map(u64::to_le_bytes).collect();
        let mut left = counters.len();
        for (index, (name, own)) in functions.iter().enumerate() {
            left -= own.len();
            let pointer = distance.wrapping_add((left * WORD) as u64).wrapping_sub((index * record) as u64);
            let words = (record - 8 - sites) / WORD;
            let start = bytes.len();
            bytes.extend([*name, 1, pointer].into_iter().chain([0; 3]).take(words).flat_map(u64::to_le_bytes));
            bytes.resize(start + if version == 8 { 40 } else { 48 }, 0);
            bytes.extend(u32::try_from(own.len()).unwrap().to_le_bytes());
            bytes.resize(start + record, 0);
        }
        bytes.extend(counters.into_iter().chain([0]).flat_map(u64::to_le_bytes));
        bytes.extend(*b"names\0\0\0");
        bytes
    }

    const THREE: &[(u64, &[u64])] = &[(30, &[0, 0]), (20, &[0, 7, 0]), (10, &[1])];

    fn with_word(index: usize, word: u64) -> Vec<u8> {
        let mut bytes = sample(10, THREE);
        bytes[index * WORD..][..WORD].copy_from_slice(&word.to_le_bytes());
        bytes
    }

    #[test]
    fn a_function_ran_if_any_of_its_counters_is_not_zero() {
        for version in 8..=10 {
            assert_eq!(functions_run(&sample(version, THREE)), Ok(BTreeSet::from([10, 20])), "version {version}");
        }
    }

    #[test]
    fn profiles_that_follow_each_other_are_read_all() {
        let both = [sample(10, THREE), vec![0; 16], sample(9, &[(40, &[1])])].concat();
        assert_eq!(functions_run(&both), Ok(BTreeSet::from([10, 20, 40])));
    }

    #[test]
    fn a_program_without_functions_ran_none() {
        assert_eq!(functions_run(&sample(10, &[])), Ok(BTreeSet::new()));
    }

    #[test]
    fn a_profile_cut_off_anywhere_is_refused() {
        for version in 8..=10 {
            let whole = sample(version, THREE);
            for length in 1..whole.len() {
                assert!(functions_run(&whole[..length]).is_err(), "version {version}, {length} bytes");
            }
        }
        assert_eq!(functions_run(&[]), Err(NotAProfile::Empty));
    }

    #[test]
    fn what_is_not_known_is_refused_by_name() {
        let cases = [
            (with_word(0, MAGIC.swap_bytes()), NotAProfile::Foreign),
            (with_word(0, MAGIC & !(0xff << 16) | u64::from(b'R') << 16), NotAProfile::Foreign),
            (with_word(1, 7), NotAProfile::Version(7)),
            (with_word(1, 11), NotAProfile::Version(11)),
            (with_word(1, 10 + (1 << 56)), NotAProfile::Variant(1 << 24)),
            (with_word(1, 10 + (1 << 60)), NotAProfile::Variant(1 << 28)),
            (with_word(3, u64::MAX), NotAProfile::Damaged),
            (with_word(10, 0), NotAProfile::Damaged),
            ([sample(10, THREE), vec![1]].concat(), NotAProfile::Foreign),
        ];
        for (bytes, why) in cases {
            assert_eq!(functions_run(&bytes), Err(why));
        }
    }

    #[test]
    fn counters_with_two_owners_are_refused() {
        let mut bytes = sample(10, &[(1, &[0; 4]), (2, &[0; 4])]);
        let second = (16 + 1) * WORD + 64;
        bytes[second + 48] = 5;
        bytes[second + 16..][..8].copy_from_slice(&0x1000_u64.wrapping_sub(64).to_le_bytes());
        assert_eq!(functions_run(&bytes), Err(NotAProfile::Damaged));
    }
}
