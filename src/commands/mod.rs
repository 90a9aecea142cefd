//! One verb a room: gather, decide, act.

pub mod apart;
pub mod asking;
pub mod doctor;
pub mod explain;
pub mod facts;
pub mod finish;
pub mod gather;
pub mod launch;
pub mod learn;
pub mod parts;
pub mod plan;
pub mod present;
pub mod run;
pub mod salvage;
pub mod second;
pub mod sql;
pub mod strangers;
