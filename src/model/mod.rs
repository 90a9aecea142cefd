//! The nouns: what titer talks about, without any input or output.

pub mod change;
pub mod code_path;
pub mod digest;
pub mod edge;
pub mod failure;
pub mod fault;
pub mod finding;
pub mod footprint;
pub mod map;
pub mod outcome;
pub mod plan;
pub mod reason;
pub mod shape;
pub mod test_id;
pub mod touch;
pub mod tree;
pub mod unit;
pub mod window;
