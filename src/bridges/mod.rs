//! The outside world: processes, git, files, the clock, test runners.

pub mod batch_history;
pub mod clock;
pub mod commit_tree;
pub mod commits;
pub mod disk;
pub mod door;
pub mod git;
pub mod github;
pub mod history;
pub mod log_branch;
pub mod mcp;
pub mod node_packages;
pub mod packages;
pub mod process;
pub mod proposal;
pub mod runners;
pub mod sandbox;
pub mod secrets;
pub mod sources;
pub mod suite_files;
pub mod titer_log;
pub mod tracer;
pub mod warm;
pub mod whole_file;
pub mod workspace;
