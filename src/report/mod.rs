//! Speaking: facts and decisions as text for people.

pub mod annotations;
pub mod diagnosis;
pub mod digest;
pub mod explanation;
pub mod guards;
pub mod learned;
pub mod metrics;
pub mod observation;
pub mod outlook;
pub mod overview;
pub mod page;
pub mod phrasing;
pub mod placement;
pub mod recall;
pub mod sealing;
pub mod setup;
pub mod summary;
pub mod table;
