//! Memory: the append-only files of facts, the map folded from them, and the lens that answers questions about them.

pub mod duck;
pub mod facts;
pub mod fold;
pub mod imports;
pub mod learned;
pub mod map;
pub mod packing;
pub mod sql;
pub mod store;
pub mod sweep;
