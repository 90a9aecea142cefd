//! Bytes as sources send them: plain, or packed with gzip, brotli or zstd.

use std::io::Read;

/// More than this is not unpacked: a few bytes can be made to swell without end.
pub const MOST_UNPACKED: u64 = 256 << 20;

/// What was in some bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unpacked {
    /// All of it, or what could be had.
    pub bytes: Vec<u8>,
    /// Why it is not all.
    pub problem: Option<String>,
}

/// Whether bytes are packed so that it shows.
#[must_use]
pub fn is_packed(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1f, 0x8b]) || bytes.starts_with(&[0x28, 0xb5, 0x2f, 0xfd])
}

/// Unpacks bytes if they are packed.
#[must_use]
pub fn unpack(bytes: &[u8]) -> Unpacked {
    if bytes.starts_with(&[0x1f, 0x8b]) {
        return drain(flate2::read::MultiGzDecoder::new(bytes), "gzip");
    }
    if bytes.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        return match zstd::Decoder::new(bytes) {
            Ok(decoder) => drain(decoder, "zstd"),
            Err(error) => Unpacked { bytes: Vec::new(), problem: Some(format!("zstd: {error}")) },
        };
    }
    let plain = || Unpacked { bytes: bytes.to_vec(), problem: None };
    let is_text = bytes.iter().find(|byte| !byte.is_ascii_whitespace()).is_none_or(|first| *first == b'{');
    if is_text {
        return plain();
    }
    // Brotli has no mark of its own: what unpacks to an object was brotli.
    let tried = drain(brotli_decompressor::Decompressor::new(bytes, 1 << 16), "brotli");
    if tried.bytes.starts_with(b"{") { tried } else { plain() }
}

fn drain(reader: impl Read, name: &str) -> Unpacked {
    let mut bytes = Vec::new();
    let mut problem =
        reader.take(MOST_UNPACKED + 1).read_to_end(&mut bytes).err().map(|error| format!("{name}: {error}"));
    let most = usize::try_from(MOST_UNPACKED).unwrap_or(usize::MAX);
    if bytes.len() > most {
        bytes.truncate(most);
        problem = Some(format!("{name}: more than {} MiB unpacked; unpack the file first", MOST_UNPACKED >> 20));
    }
    Unpacked { bytes, problem }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn packed_and_plain_bytes_are_the_same_bytes() {
        let text = br#"{"event_id":"1"}"#.repeat(100);
        // `{"a":1}` as the brotli program packs it.
        let brotli = [0x0b, 0x03, 0x80, 0x7b, 0x22, 0x61, 0x22, 0x3a, 0x31, 0x7d, 0x03];
        for packed in [gzip(&text), zstd::encode_all(&text[..], 3).unwrap(), text.clone()] {
            assert_eq!(unpack(&packed), Unpacked { bytes: text.clone(), problem: None });
        }
        assert_eq!(unpack(&brotli), Unpacked { bytes: br#"{"a":1}"#.to_vec(), problem: None });
    }

    #[test]
    fn what_is_cut_off_says_so_and_gives_what_it_has() {
        let text = b"{\"a\":1}\n".repeat(10_000);
        let packed = gzip(&text);
        let cut = unpack(&packed[..packed.len() / 2]);
        assert!(cut.problem.is_some() && text.starts_with(&cut.bytes));
    }
}
