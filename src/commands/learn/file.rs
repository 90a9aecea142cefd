//! `titer learn file`, `envelope` and `otlp`: sightings from a file or from standard input.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;

use crate::formats::instant;
use crate::formats::packed::MOST_UNPACKED;
use crate::formats::sighting_file::{self, Format};
use crate::model::failure::Failure;
use crate::report::learned;
use crate::settings::Settings;

use super::keep::{Keeper, Teller};
use super::sightings::lines_in;

/// A file of lines is read in pieces of this size, each of which is kept by itself.
const PIECE: usize = 8 << 20;

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The file, or `-` for standard input.
    pub path: String,
    /// The format; else it is told by the beginning.
    pub format: Option<Format>,
    /// What the source is called; `file` if not given.
    pub source: Option<String>,
    /// The source's name of the project.
    pub project: Option<String>,
    /// The service that failed.
    pub service: Option<String>,
    /// `FROM..TO`, the period that was observed.
    pub covers: Option<String>,
    /// `FROM=TO`: what frames begin with, and the folder that it is in the repository.
    pub prefixes: Vec<String>,
}

/// Learns from a file.
///
/// # Errors
/// The file cannot be read, nothing in it can, or the ledger cannot be written. What was kept before that stays.
pub fn run(settings: &Settings, request: &Request, out: &mut dyn Write, talk: &mut dyn Write) -> Result<(), Failure> {
    let teller = Teller {
        source: request.source.clone().unwrap_or_else(|| "file".to_owned()),
        project: request.project.clone().unwrap_or_default(),
        service: request.service.clone().unwrap_or_default(),
        covers: request.covers.as_deref().map(covers).transpose()?,
    };
    let mut reader = open(settings, &request.path)?;
    let mut keeper = Keeper::open(settings, &request.prefixes)?;
    let done = read(&mut reader, request, &teller, &mut keeper);
    // What was kept is said also where the rest failed.
    let name = if request.path == "-" { "standard input" } else { &request.path };
    learned::write(&keeper.learned, name, settings.quiet, out, talk)
        .map_err(|error| Failure::world("what was learned cannot be printed").because(error))?;
    done?;
    if keeper.learned.is_nothing() {
        return Err(Failure::input(format!("nothing in {name} could be read"))
            .hint("`--format` says what it is: sentry, envelope, otlp or jsonl"));
    }
    Ok(())
}

/// `2026-01-01..2026-11-21`; a day ends at its end.
fn covers(text: &str) -> Result<(String, String), Failure> {
    let wrong = || {
        Failure::usage(format!("--covers {text} is no period"))
            .hint("write two days or times in UTC: --covers 2026-01-01..2026-11-21")
    };
    let (from, to) = text.split_once("..").ok_or_else(wrong)?;
    let from = instant::of_text(from).ok_or_else(wrong)?;
    let to = if to.len() == 10 { format!("{to}T23:59:59Z") } else { to.to_owned() };
    let to = instant::of_text(&to).ok_or_else(wrong)?;
    if from <= to { Ok((from, to)) } else { Err(wrong()) }
}

fn open(settings: &Settings, path: &str) -> Result<Box<dyn Read>, Failure> {
    if path == "-" {
        return Ok(Box::new(std::io::stdin()));
    }
    let full = settings.folder.join(Path::new(path));
    let file = std::fs::File::open(full).and_then(|file| {
        if file.metadata()?.is_dir() { Err(std::io::Error::other("it is a folder")) } else { Ok(file) }
    });
    match file {
        Ok(file) => Ok(Box::new(file)),
        Err(error) => Err(Failure::input(format!("{path} cannot be read")).because(error)),
    }
}

fn read(reader: &mut dyn Read, request: &Request, teller: &Teller, keeper: &mut Keeper<'_>) -> Result<(), Failure> {
    let broke = |error| Failure::world(format!("{} broke off", request.path)).because(error);
    let mut held = Vec::new();
    reader.take(PIECE as u64).read_to_end(&mut held).map_err(broke)?;
    if teller.covers.is_some() && held.trim_ascii().is_empty() {
        // Nothing was seen, and that is what it says.
        return keeper.keep(&held, sighting_file::decode(Format::Jsonl, &held, 0), teller);
    }
    let format = request.format.or_else(|| sighting_file::detect(&held)).ok_or_else(|| {
        let sentence = format!("{} is in no format that titer reads", request.path);
        Failure::input(sentence).hint("`--format` says what it is: sentry, envelope, otlp or jsonl")
    })?;
    if !sighting_file::is_by_line(format, &held) {
        reader.take(MOST_UNPACKED).read_to_end(&mut held).map_err(broke)?;
        if held.len() as u64 >= MOST_UNPACKED {
            let sentence = format!("{} is larger than {} MiB", request.path, MOST_UNPACKED >> 20);
            return Err(Failure::input(sentence)
                .hint("split it, or write it as lines of `sighting_v1`, which are read piece by piece"));
        }
        return keeper.keep(&held, sighting_file::decode(format, &held, 0), teller);
    }
    by_piece(reader, held, request, teller, keeper)
}

/// Reads, maps and packs the next pieces while earlier ones are kept, in their order, so that it makes no difference who was faster.
fn by_piece(
    reader: &mut dyn Read,
    mut held: Vec<u8>,
    request: &Request,
    teller: &Teller,
    keeper: &mut Keeper<'_>,
) -> Result<(), Failure> {
    let broke = |error| Failure::world(format!("{} broke off", request.path)).because(error);
    let maker = Arc::clone(&keeper.maker);
    let work = |piece: &[u8], before: u64| maker.make(piece, sighting_file::decode_piece(piece, before), teller, 1);
    let work = &work;
    std::thread::scope(|scope| {
        let mut before = 0;
        let mut started = VecDeque::new();
        let mut is_last = false;
        while !is_last || !started.is_empty() {
            if !is_last {
                is_last = held.len() < PIECE;
                // A piece ends with a line, so that the same file is cut the same way again.
                let whole = if is_last { None } else { held.iter().rposition(|&byte| byte == b'\n') };
                let mut next = held.split_off(whole.map_or(held.len(), |at| at + 1));
                let piece = std::mem::take(&mut held);
                if !is_last {
                    next.reserve_exact(PIECE - next.len());
                    let room = (PIECE - next.len()) as u64;
                    reader.take(room).read_to_end(&mut next).map_err(broke)?;
                }
                held = next;
                if !piece.is_empty() {
                    let lines = lines_in(&piece);
                    started.push_back(scope.spawn(move || work(&piece, before)));
                    before += lines;
                }
            }
            // One more than can work at once: then there is always one to begin with.
            while started.len() > keeper.threads || (is_last && !started.is_empty()) {
                let Some(oldest) = started.pop_front() else { break };
                let made = oldest.join().map_err(|_| Failure::world("a thread that read lines ended early"))?;
                keeper.take(made?)?;
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_is_two_times_in_order() {
        let period = covers("2026-01-01..2026-11-21").unwrap();
        assert_eq!(period, ("2026-01-01T00:00:00.000000Z".to_owned(), "2026-11-21T23:59:59.000000Z".to_owned()));
        for wrong in ["", "2026-01-01", "2026-11-21..2026-01-01", "a..b", "2026-01-01.."] {
            assert!(covers(wrong).is_err(), "{wrong}");
        }
    }
}
