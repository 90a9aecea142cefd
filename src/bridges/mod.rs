//! The outside world: processes, git, files, the clock, test runners.

pub mod clock;
pub mod commits;
pub mod disk;
pub mod git;
pub mod history;
pub mod packages;
pub mod process;
pub mod runners;
pub mod sources;
pub mod suite_files;
pub mod tracer;
pub mod workspace;
