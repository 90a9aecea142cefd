//! The private key at hand, with which records are signed as they are written.

use crate::formats::note::Signer;
use crate::model::failure::Failure;
use crate::settings::audit::KEY_VARIABLE;
use crate::settings::{Settings, variable};

const BEGINNING: &str = "PRIVATE+KEY+";

/// The key in the environment: its text, or the file that holds it.
///
/// # Errors
/// What is there is no private key; the sentence does not repeat it.
pub fn signer(settings: &Settings) -> Result<Option<Signer>, Failure> {
    let Some(said) = variable(KEY_VARIABLE).filter(|text| !text.trim().is_empty()) else { return Ok(None) };
    let hint = "it is the text of a private key or the file that holds it; `titer audit keygen NAME` makes one";
    let text = if said.trim_start().starts_with(BEGINNING) {
        said
    } else {
        let failed =
            |error| Failure::input(format!("{KEY_VARIABLE} names no file that can be read")).because(error).hint(hint);
        std::fs::read_to_string(settings.folder.join(said.trim())).map_err(failed)?
    };
    let wrong = |why| Failure::input(format!("{KEY_VARIABLE} holds no private key: {why}")).hint(hint);
    Signer::parse(&text).map(Some).map_err(wrong)
}
