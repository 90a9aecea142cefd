//! Runs in progress on this machine: what each says of itself when it starts, and what can be told of all of them.

use crate::bridges::runners;
use crate::bridges::workspace::RunFolder;
use crate::decide::selection::Scope;
use crate::report::metrics::{Active, Pipeline};
use crate::settings::Settings;

use super::run::Request;

/// The note's name in a run's folder. Second passes and runs that only record have none: they are part of one that has.
pub const FILE: &str = "active";

/// What a run says of itself: `fast 4`.
#[must_use]
pub fn note(request: &Request) -> Vec<u8> {
    let pipeline = if request.all == Some(Scope::Both) { Pipeline::Weekly } else { Pipeline::Fast };
    format!("{} {}", pipeline.code(), runners::workers(&request.command)).into_bytes()
}

/// The runs into this ledger whose titer is alive, on this machine and with this user's cache.
#[must_use]
pub fn all(settings: &Settings) -> Vec<Active> {
    let folders = RunFolder::in_progress(&settings.ledger_cache());
    folders.iter().filter_map(|folder| read(&folder.read(FILE)?)).collect()
}

fn read(note: &[u8]) -> Option<Active> {
    let (name, workers) = std::str::from_utf8(note).ok()?.split_once(' ')?;
    let pipeline = [Pipeline::Fast, Pipeline::Weekly].into_iter().find(|it| it.code() == name)?;
    Some(Active { pipeline, workers: workers.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_run_says_of_itself_is_read_again() {
        let command = ["pytest", "-n", "3"].map(str::to_owned).to_vec();
        let request = Request { command, all: Some(Scope::Both), ..Request::default() };
        assert_eq!(read(&note(&request)), Some(Active { pipeline: Pipeline::Weekly, workers: 3 }));
        assert_eq!(read(b"slow 3"), None);
    }
}
