//! The pages of `titer serve`, each made when somebody asks for it.

use std::collections::BTreeMap;

use crate::model::failure::Failure;
use crate::settings::Settings;

/// A page as it is served.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Page {
    /// Its media type.
    pub(super) kind: &'static str,
    /// Its bytes.
    pub(super) body: Vec<u8>,
    /// `ETag`; none where it is empty.
    pub(super) tag: String,
}

/// What the door has seen since it opened: told in `/metrics`.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    /// Requests that were accepted, by door: `sentry`, `otlp`, `webhook`.
    pub(super) accepted: BTreeMap<&'static str, u64>,
    /// Requests that were refused, by reason.
    pub(super) refused: BTreeMap<&'static str, u64>,
    /// Events that became part of the ledger.
    pub(super) decoded: u64,
    /// What was accepted and could not be read.
    pub(super) undecodable: u64,
    /// What was answered 200 and could not be kept.
    pub(super) dropped: u64,
    /// Bytes that wait to be read.
    pub(super) spool_bytes: u64,
    /// How many may.
    pub(super) spool_limit_bytes: u64,
}

/// What pages are made from.
#[derive(Debug)]
pub(super) struct Pages;

impl Pages {
    /// Opens nothing yet.
    pub(super) fn new(_settings: &Settings) -> Self {
        Self
    }

    /// A page by its path; `None`: there is none. Blocking: called on a worker thread.
    pub(super) fn get(&self, path: &str, seen: &Seen) -> Option<Result<Page, Failure>> {
        let text = match path {
            "/" => "titer\n".to_owned(),
            "/version" => format!("{{\"accepted\":{}}}\n", seen.accepted.values().sum::<u64>()),
            _ => return None,
        };
        Some(Ok(Page { kind: "text/plain; charset=utf-8", body: text.into_bytes(), tag: String::new() }))
    }
}
