//! The proof that a record is in a log, as C2SP describes it (`tlog-proof`): all that somebody needs who has only the log's public key.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::merkle::Hash;

const HEAD: &str = "c2sp.org/tlog-proof@v1";

/// The text of a proof; `note` is the signed checkpoint.
#[must_use]
pub fn text(index: u64, proof: &[Hash], note: &str) -> String {
    let hashes: String = proof.iter().map(|hash| STANDARD.encode(hash) + "\n").collect();
    format!("{HEAD}\nindex {index}\n{hashes}\n{note}")
}

/// Index, hashes and checkpoint of a proof.
///
/// # Errors
/// It is none.
pub fn read(text: &str) -> Result<(u64, Vec<Hash>, &str), String> {
    let wrong = || "it is no proof, which begins with c2sp.org/tlog-proof@v1".to_owned();
    let (head, note) = text.split_once("\n\n").ok_or_else(wrong)?;
    let mut lines = head.lines();
    if lines.next() != Some(HEAD) {
        return Err(wrong());
    }
    let mut next = lines.next().ok_or_else(wrong)?;
    if next.starts_with("extra ") {
        next = lines.next().ok_or_else(wrong)?;
    }
    let index = next.strip_prefix("index ").and_then(|index| index.parse().ok()).ok_or_else(wrong)?;
    let hash = |line: &str| STANDARD.decode(line).ok().and_then(|bytes| Hash::try_from(bytes).ok());
    let hashes: Option<Vec<Hash>> = lines.map(hash).collect();
    Ok((index, hashes.ok_or_else(wrong)?, note))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_is_written_as_others_read_it() {
        let told = text(5, &[[0; 32], [255; 32]], "origin\n9\nroot\n\n\u{2014} key sig\n");
        let lines: Vec<&str> = told.lines().collect();
        assert_eq!(lines[..2], [HEAD, "index 5"]);
        assert_eq!(lines[2], "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
        assert_eq!(lines[4..6], ["", "origin"]);
        assert_eq!(read(&told), Ok((5, vec![[0; 32], [255; 32]], "origin\n9\nroot\n\n\u{2014} key sig\n")));
        assert_eq!(read(&told.replacen("index", "extra AAAA\nindex", 1)), read(&told));
        for wrong in
            ["", "c2sp.org/tlog-proof@v1\n\n", &told.replace("@v1", "@v2"), &told.replace("index 5", "index x")]
        {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        assert_eq!(text(0, &[], "x\n"), "c2sp.org/tlog-proof@v1\nindex 0\n\nx\n");
    }
}
