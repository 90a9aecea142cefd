//! `titer audit keygen`: a new key.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::bridges::secrets;
use crate::formats::note::Signer;
use crate::model::failure::Failure;
use crate::settings::audit::KEY_VARIABLE;

/// Makes a key, writes the private one into a file and prints the public one.
///
/// # Errors
/// The name is none, or the file is there or cannot be written.
pub fn run(
    folder: &Path,
    name: &str,
    file: Option<PathBuf>,
    as_json: bool,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let seed = secrets::seed().map_err(|error| Failure::world("the system gives no random bytes").because(error))?;
    let signer = Signer::new(name, seed).map_err(Failure::usage)?;
    let file = folder.join(file.unwrap_or_else(|| PathBuf::from(format!("{}.key", name.replace(['/', '\\'], "-")))));
    secrets::write(&file, &format!("{}\n", signer.secret())).map_err(|error| {
        let failure = Failure::input(format!("the private key cannot be written to {}", file.display())).because(error);
        failure.hint("a key is never written over a file that is there: name another with --out")
    })?;
    let public = signer.public().to_string();
    if as_json {
        let told = json!({"v": 1, "format": "audit_keygen_v1", "public": public, "file": file});
        return crate::commands::say(out, &format!("{told}\n"));
    }
    let text = format!(
        "{public}\nThe private key is in {}: keep it out of the repository; CI gets its text in the variable {KEY_VARIABLE}.\n\
         In titer.toml (whose table [audit] may stand there already): `sealer` is the key that seals the log, `writers` sign moves and decisions \
         (`titer place`, `titer move`), `approvers` sign `titer audit approve`.\n\n\
         [audit]\norigin = \"{name}\"\nsealer = \"{public}\"\nwriters = [\"{public}\"]\napprovers = []\n",
        file.display()
    );
    crate::commands::say(out, &text)
}
