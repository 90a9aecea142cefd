//! What one passing run of one test touched.

use super::digest::Digest;
use super::edge::{Edge, Target};

/// A set of edges shared by many tests, known by its content; it may include other sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdgeSet {
    /// The digest of its edges and of the ids of the sets it includes.
    pub id: Digest,
    /// Its own edges, sorted.
    pub edges: Vec<Edge>,
    /// Other sets that belong to it, sorted.
    pub includes: Vec<Digest>,
}

impl EdgeSet {
    /// A set from what it holds; the order does not matter.
    #[must_use]
    pub fn new(mut edges: Vec<Edge>, mut includes: Vec<Digest>) -> Self {
        edges.sort();
        edges.dedup();
        includes.sort();
        includes.dedup();
        let mut parts: Vec<Vec<u8>> = Vec::with_capacity(edges.len() + includes.len());
        for edge in &edges {
            let Target { kind, path, name } = &edge.target;
            parts.push(format!("{}\0{path}\0{name}\0{}", kind.word(), edge.hash).into_bytes());
        }
        parts.extend(includes.iter().map(|id| format!("includes\0{id}").into_bytes()));
        Self { id: Digest::of_parts(parts.iter().map(Vec::as_slice)), edges, includes }
    }
}

/// The footprint of one passing run of one test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Footprint {
    /// The test's id.
    pub test: String,
    /// The variant it ran under.
    pub variant: String,
    /// The test's own window first, then the wider ones.
    pub sets: Vec<Digest>,
    /// What others ran on its behalf and the process remembered.
    pub memory: Option<Digest>,
    /// Whether it read or listed so much of the tree that it makes nothing known.
    pub walker: bool,
    /// Whether the file tracer saw all that it did: a path that none of its edges names is one that it did not touch.
    pub traced: bool,
    /// Whether its edges name everything that it can depend on, built inputs included: no other path matters to it.
    pub bounded: bool,
}
