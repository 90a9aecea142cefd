//! Thinking: pure decisions from facts. The same inputs give the same answer, on any machine, at any time.

pub mod alone;
pub mod balance;
pub mod children;
pub mod classify;
pub mod deep;
pub mod diagnosis;
pub mod draft;
pub mod graph;
pub mod history;
pub mod layout;
pub mod memory;
pub mod modules;
pub mod orders;
pub mod outcomes;
pub mod places;
pub mod quiet;
pub mod selection;
pub mod settle;
pub mod sources;
mod specifiers;
pub mod timeline;
pub mod together;
pub mod touches;
mod unexplained;
pub mod units;
mod walkers;
mod workers;
