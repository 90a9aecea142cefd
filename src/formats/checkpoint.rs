//! Checkpoints of a log as C2SP describes them (`tlog-checkpoint`): the log's name, its size, its root, each on a line of its own.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::merkle::Hash;

/// What a log was at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's name, `example.org/shop/suite-log`.
    pub origin: String,
    /// How many leaves.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
}

impl Checkpoint {
    /// Its lines, without signatures.
    #[must_use]
    pub fn lines(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, STANDARD.encode(self.root))
    }

    /// Reads the lines of a note. Further lines are extensions, which this program has none of.
    ///
    /// # Errors
    /// They are no checkpoint; the sentence says why.
    pub fn parse(lines: &str) -> Result<Self, String> {
        let mut all = lines.lines();
        let (origin, size, root) = (all.next(), all.next(), all.next());
        let (Some(origin), Some(size), Some(root)) = (origin, size, root) else {
            return Err("it is no checkpoint, which has three lines".to_owned());
        };
        let number: u64 = size.parse().map_err(|_| format!("its size \"{size}\" is no number"))?;
        let is_plain = number.to_string() == size;
        let bytes = STANDARD.decode(root).ok().and_then(|bytes| Hash::try_from(bytes).ok());
        match bytes {
            Some(root) if is_plain && !origin.is_empty() => Ok(Self { origin: origin.to_owned(), size: number, root }),
            _ => Err("it is no checkpoint: its size or its root is not written as it must be".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_implementation_reads_our_checkpoint() {
        let ours = Checkpoint { origin: "example.org/shop/suite-log".to_owned(), size: 604, root: [9; 32] };
        let theirs = tlog_tiles::checkpoint::Checkpoint::from_bytes(ours.lines().as_bytes()).unwrap();
        assert_eq!((theirs.origin(), theirs.size(), theirs.hash().0), (ours.origin.as_str(), 604, ours.root));
        assert_eq!(theirs.to_bytes(), ours.lines().as_bytes());
        assert_eq!(Checkpoint::parse(&ours.lines()), Ok(ours));
    }

    #[test]
    fn what_is_no_checkpoint_is_refused() {
        let root = STANDARD.encode([9; 32]);
        for wrong in [
            "",
            "a\n1\n",
            "a\nx\nAAAA\n",
            "a\n1\nAAAA\n",
            &format!("a\n01\n{root}\n"),
            &format!("\n1\n{root}\n"),
            &format!("a\n-1\n{root}\n"),
        ] {
            assert!(Checkpoint::parse(wrong).is_err(), "{wrong}");
        }
    }
}
