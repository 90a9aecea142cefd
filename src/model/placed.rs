//! What a placement comes to: moves, and what they are worth.

use std::collections::BTreeMap;

use super::evidence::Ground;
use super::suite::Suite;

/// One test changes its suite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// The test.
    pub test: String,
    /// Where it was.
    pub from: Suite,
    /// Where it goes.
    pub to: Suite,
    /// Why.
    pub ground: Ground,
    /// The last day of its stay, where that ends by itself.
    pub until: Option<String>,
    /// What it takes, in microseconds.
    pub median_us: i64,
}

/// What a placement comes to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Placed {
    /// Moves, in the order of tests.
    pub moves: Vec<Move>,
    /// Moves to WEEKLY that wait for the next placement, as only so many are made in one go.
    pub waiting: usize,
    /// How many tests of each suite each rule speaks for.
    pub rules: BTreeMap<(Suite, &'static str), usize>,
    /// Tests of each suite and what they take, in microseconds: before, after.
    pub sizes: [BTreeMap<Suite, (usize, i64)>; 2],
    /// Tests that move back within 90 days of a move.
    pub restless: Vec<String>,
}
