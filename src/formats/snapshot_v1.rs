//! `snapshot_v1`: the map in one file, which `titer run` reads instead of a database.
//!
//! Layout: 8 bytes magic, version (u32, little endian), how far the log was read (u64), length of the body (u64), BLAKE3 of the
//! body (32 bytes), body (postcard). Whatever is not exactly so is no snapshot: the reader falls back to running everything.

use crate::model::map::Map;

/// The number of this format; hashes of syntax are part of it, so a new parser is a new number.
pub const VERSION: u32 = 8;

const MAGIC: &[u8; 8] = b"TITERMAP";
const HEADER: usize = 8 + 4 + 8 + 8 + 32;

/// Why some bytes are not a snapshot of this version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotASnapshot {
    /// The magic is missing.
    #[error("it is not a titer snapshot")]
    Foreign,
    /// Another version wrote it.
    #[error("it has format {0}, this titer reads format {VERSION}")]
    OtherVersion(u32),
    /// It ends too early, or its checksum is wrong.
    #[error("it is torn or damaged")]
    Torn,
}

/// The snapshot's bytes.
#[must_use]
pub fn write(map: &Map) -> Vec<u8> {
    let body = postcard::to_stdvec(map).unwrap_or_default();
    let mut bytes = Vec::with_capacity(HEADER + body.len());
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&map.position.to_le_bytes());
    bytes.extend_from_slice(&(body.len() as u64).to_le_bytes());
    bytes.extend_from_slice(blake3::hash(&body).as_bytes());
    bytes.extend_from_slice(&body);
    bytes
}

/// Reads a snapshot.
///
/// # Errors
/// The bytes are not a snapshot of this version, whole and undamaged.
pub fn read(bytes: &[u8]) -> Result<Map, NotASnapshot> {
    if bytes.get(..8) != Some(MAGIC.as_slice()) {
        return Err(NotASnapshot::Foreign);
    }
    let header = bytes.get(..HEADER).ok_or(NotASnapshot::Torn)?;
    let mut version = [0_u8; 4];
    version.copy_from_slice(&header[8..12]);
    let version = u32::from_le_bytes(version);
    if version != VERSION {
        return Err(NotASnapshot::OtherVersion(version));
    }
    let body = &bytes[HEADER..];
    if blake3::hash(body).as_bytes().as_slice() != &header[28..HEADER] {
        return Err(NotASnapshot::Torn);
    }
    let map: Map = postcard::from_bytes(body).map_err(|_| NotASnapshot::Torn)?;
    // A checksum says that the bytes are as they were written, not that whoever wrote them was right.
    if map.is_sound() { Ok(map) } else { Err(NotASnapshot::Torn) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map() -> Map {
        Map { position: 7, strings: vec!["src/a.py".into()], ..Map::default() }
    }

    #[test]
    fn a_snapshot_survives_being_written_and_read() {
        assert_eq!(read(&write(&map())), Ok(map()));
    }

    #[test]
    fn a_snapshot_cut_anywhere_is_refused() {
        let bytes = write(&map());
        for length in 0..bytes.len() {
            assert!(read(&bytes[..length]).is_err(), "cut at {length}");
        }
    }

    #[test]
    fn a_snapshot_whose_rows_point_nowhere_is_refused() {
        let set =
            crate::model::map::SetRow { id: crate::model::digest::Digest(1), edges: vec![5], includes: Vec::new() };
        assert_eq!(read(&write(&Map { sets: vec![set], ..map() })), Err(NotASnapshot::Torn));
    }

    #[test]
    fn a_snapshot_of_another_version_says_so() {
        let mut bytes = write(&map());
        bytes[8] = 9;
        assert_eq!(read(&bytes), Err(NotASnapshot::OtherVersion(9)));
    }
}
