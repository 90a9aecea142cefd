//! What the tests that drive the `titer` binary share: interpreters, scratch repositories, started commands, edits.
#![allow(dead_code, unused_imports, unreachable_pub, reason = "every test file uses its own part of this")]

#[cfg(target_os = "linux")]
pub mod arena;
pub mod asked;
pub mod audited;
pub mod browser;
pub mod cargo;
pub mod cargo_edits;
pub mod cargo_project;
pub mod door;
pub mod edits;
pub mod guarded;
pub mod interpreters;
pub mod jest_edits;
pub mod jest_project;
pub mod made_up;
pub mod on_github;
pub mod on_others;
pub mod recipes;
pub mod rehearsal;
pub mod repository;
pub mod seasoned;
pub mod service;
pub mod shares;
pub mod shop;
pub mod small;
pub mod started;
#[cfg(target_os = "linux")]
pub mod traced;
pub mod tracker;
pub mod watched;

pub use interpreters::{Interpreter, newest, oldest};
pub use repository::{Repository, day};
pub use started::{Ending, Going, is_ignored, says};
