//! Writing down: bytes to values and back. Every format that leaves the program has a number.

pub mod arena_v1;
mod declared;
pub mod event_v1;
pub mod junit;
pub mod plan_v1;
pub mod python_asides;
mod python_caches;
pub mod python_mentions;
pub mod python_source;
mod python_walk;
pub mod segment_v1;
pub mod selection_v1;
mod setup_script;
pub mod snapshot_v1;
pub mod tables;
pub mod variant_v1;
