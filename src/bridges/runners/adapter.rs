//! The adapters' files, compiled into the binary.

include!(concat!(env!("OUT_DIR"), "/adapters.rs"));

/// The file tracer.
pub const TRACER: Option<&[u8]> = None;
