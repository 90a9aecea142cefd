//! The nouns: what titer talks about, without any input or output.

pub mod change;
pub mod code_path;
pub mod commit;
pub mod digest;
pub mod edge;
pub mod evidence;
pub mod failure;
pub mod fault;
pub mod finding;
pub mod footprint;
pub mod guard;
pub mod map;
pub mod outcome;
pub mod placed;
pub mod plan;
pub mod project;
pub mod reason;
pub mod record;
pub mod reported;
pub mod shape;
pub mod suite;
pub mod test_id;
pub mod touch;
pub mod tree;
pub mod unit;
pub mod window;
