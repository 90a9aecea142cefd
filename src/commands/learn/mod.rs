//! `titer learn`: what production and history tell becomes part of the ledger.

pub mod code;
pub mod file;
pub mod keep;
pub mod pull;
