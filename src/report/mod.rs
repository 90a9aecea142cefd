//! Speaking: facts and decisions as text for people.

pub mod diagnosis;
pub mod explanation;
pub mod learned;
pub mod summary;
pub mod table;
