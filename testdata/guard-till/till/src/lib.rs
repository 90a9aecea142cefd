//! A till: what a basket costs.

pub mod prices;
pub mod receipt;
