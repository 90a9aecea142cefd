//! What a command says, drained to its end, the middle of too much left out.
//!
//! Always to its end: a full pipe would stop the command. The beginning says what ran, and the end says why it failed.

use std::collections::VecDeque;
use std::io::Read;

/// How many bytes of a stream are kept: from its beginning, from its end.
const KEPT: (usize, usize) = (64 << 10, 192 << 10);

/// All that a stream says; a stream that fails ends there.
pub(super) fn drained(stream: Option<impl Read>) -> Vec<u8> {
    let mut kept = Kept::default();
    let mut buffer = vec![0; 64 << 10];
    let Some(mut stream) = stream else { return Vec::new() };
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => kept.add(buffer.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    kept.whole()
}

#[derive(Debug, Default)]
struct Kept {
    first: Vec<u8>,
    last: VecDeque<u8>,
    lost: usize,
}

impl Kept {
    fn add(&mut self, bytes: &[u8]) {
        let (first, last) = bytes.split_at(bytes.len().min(KEPT.0 - self.first.len()));
        self.first.extend_from_slice(first);
        self.last.extend(last);
        let over = self.last.len().saturating_sub(KEPT.1);
        self.last.drain(..over);
        self.lost += over;
    }

    fn whole(self) -> Vec<u8> {
        let mut whole = self.first;
        if self.lost > 0 {
            whole.extend_from_slice(format!("\n[{} bytes left out]\n", self.lost).as_bytes());
        }
        whole.extend(self.last);
        whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_middle_of_too_much_is_left_out() {
        let all: Vec<u8> = (0..KEPT.0 + KEPT.1).map(|at| u8::try_from(at % 251).unwrap()).collect();
        assert_eq!(drained(Some(all.as_slice())), all);
        assert_eq!(drained(Some(&b"few"[..])), b"few");
        let more = [b"first".as_slice(), &all, b"last"].concat();
        let kept = drained(Some(more.as_slice()));
        assert!(kept.starts_with(b"first") && kept.ends_with(b"last"));
        assert!(String::from_utf8_lossy(&kept).contains("\n[9 bytes left out]\n"));
    }
}
