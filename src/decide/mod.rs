//! Thinking: pure decisions from facts. The same inputs give the same answer, on any machine, at any time.

pub mod classify;
pub mod draft;
pub mod graph;
pub mod memory;
pub mod outcomes;
pub mod quiet;
pub mod selection;
pub mod settle;
