#![doc = include_str!("README.md")]

pub mod bridges;
pub mod cli;
pub mod commands;
pub mod decide;
pub mod formats;
pub mod ledger;
pub mod model;
pub mod report;
pub mod settings;
