//! Bytes as sources send them: plain, or packed with gzip, brotli or zstd.

use std::io::Read;

/// More than this is not unpacked: a few bytes can be made to swell without end.
pub const MOST_UNPACKED: u64 = 256 << 20;

/// Larger windows than this are not used on the web (RFC 9659), and cost their size in memory: 8 MiB.
const MOST_WINDOW: u32 = 23;

/// How a body is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// Not at all.
    None,
    /// RFC 1952
    Gzip,
    /// RFC 1950
    Deflate,
    /// RFC 7932
    Brotli,
    /// RFC 8878
    Zstd,
}

impl Coding {
    /// The coding that HTTP's `Content-Encoding` names, or that shows; `None` for one that nobody here unpacks.
    #[must_use]
    pub fn of(declared: Option<&str>, bytes: &[u8]) -> Option<Self> {
        let (is_gzip, is_zstd) = (bytes.starts_with(&[0x1f, 0x8b]), is_packed(bytes));
        let shown = if is_gzip {
            Self::Gzip
        } else if is_zstd {
            Self::Zstd
        } else {
            Self::None
        };
        Some(match declared.unwrap_or_default().trim().to_ascii_lowercase().as_str() {
            // Whoever unpacked it on the way may have left the word there.
            "" | "identity" | "gzip" | "x-gzip" | "zstd" => shown,
            "deflate" => Self::Deflate,
            "br" => Self::Brotli,
            _ => return None,
        })
    }

    fn reader(self, bytes: &[u8]) -> std::io::Result<Box<dyn Read + '_>> {
        Ok(match self {
            Self::None => Box::new(bytes),
            Self::Gzip => Box::new(flate2::read::MultiGzDecoder::new(bytes)),
            Self::Deflate => Box::new(flate2::read::ZlibDecoder::new(bytes)),
            Self::Brotli => Box::new(brotli_decompressor::Decompressor::new(bytes, 1 << 16)),
            Self::Zstd => {
                let mut decoder = zstd::Decoder::with_buffer(bytes)?;
                decoder.window_log_max(MOST_WINDOW)?;
                Box::new(decoder)
            }
        })
    }

    /// Whether bytes unpack to no more than so many, found out without keeping any. What cannot be unpacked is as long as what can be had of it.
    #[must_use]
    pub fn is_within(self, bytes: &[u8], most: u64) -> bool {
        let Ok(mut reader) = self.reader(bytes) else { return true };
        let (mut held, mut length) = ([0; 1 << 14], 0_u64);
        while length <= most {
            match reader.read(&mut held) {
                Ok(0) | Err(_) => return true,
                Ok(more) => length += more as u64,
            }
        }
        false
    }

    /// So many bytes of what is packed, or what can be had of them.
    #[must_use]
    pub fn beginning(self, bytes: &[u8], most: u64) -> Vec<u8> {
        let mut held = Vec::new();
        // What came before the problem is there.
        let _ = self.reader(bytes).and_then(|reader| reader.take(most).read_to_end(&mut held));
        held
    }

    /// Unpacks bytes, up to so many.
    ///
    /// # Errors
    /// They are not packed like that, broken off, or too many; in a few words.
    pub fn unpack(self, bytes: &[u8], most: u64) -> Result<Vec<u8>, String> {
        let mut unpacked = Vec::new();
        let read = self.reader(bytes).and_then(|reader| reader.take(most + 1).read_to_end(&mut unpacked));
        read.map_err(|error| format!("{self:?}: {error}"))?;
        if unpacked.len() as u64 > most { Err(format!("{self:?}: too long unpacked")) } else { Ok(unpacked) }
    }
}

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
    fn a_coding_is_told_by_its_name_or_by_what_shows_and_bounds_hold() {
        let text = vec![b' '; 1 << 20];
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        zlib.write_all(&text).unwrap();
        for (declared, packed, coding) in [
            (None, text.clone(), Coding::None),
            (Some("gzip"), gzip(&text), Coding::Gzip),
            (None, gzip(&text), Coding::Gzip),
            (Some("gzip"), text.clone(), Coding::None),
            (Some("zstd"), zstd::encode_all(&text[..], 3).unwrap(), Coding::Zstd),
            (Some("Deflate "), zlib.finish().unwrap(), Coding::Deflate),
        ] {
            assert_eq!(Coding::of(declared, &packed), Some(coding), "{declared:?}");
            assert_eq!(coding.unpack(&packed, 1 << 20).as_ref(), Ok(&text));
            assert!(coding.unpack(&packed, (1 << 20) - 1).is_err());
            assert!(coding.is_within(&packed, 1 << 20) && !coding.is_within(&packed, (1 << 20) - 1));
        }
        assert_eq!(Coding::of(Some("compress"), b"{}"), None);
        assert!(Coding::Gzip.unpack(b"no", 10).is_err() && Coding::Gzip.is_within(b"no", 10));
    }

    #[test]
    fn what_is_cut_off_says_so_and_gives_what_it_has() {
        let text = b"{\"a\":1}\n".repeat(10_000);
        let packed = gzip(&text);
        let cut = unpack(&packed[..packed.len() / 2]);
        assert!(cut.problem.is_some() && text.starts_with(&cut.bytes));
    }
}
