//! The adapters' files, compiled into the binary.

include!(concat!(env!("OUT_DIR"), "/adapters.rs"));
