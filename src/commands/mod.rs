//! One verb a room: gather, decide, act.

pub mod active;
pub mod apart;
pub mod asking;
pub mod audit;
pub mod basis;
pub mod budget;
pub mod doctor;
pub mod evidence;
pub mod explain;
pub mod facts;
pub mod finish;
pub mod gather;
pub mod guard;
pub mod home;
pub mod init;
pub mod lacking;
pub mod launch;
pub mod learn;
pub mod mcp;
pub mod observe;
pub mod parts;
pub mod place;
pub mod plan;
pub mod present;
pub mod report;
pub mod run;
pub mod salvage;
pub mod second;
pub mod serve;
pub mod shards;
pub mod sql;
pub mod strangers;
pub mod suites;
pub mod weekly;

use std::io::{ErrorKind, Write};

use crate::model::failure::Failure;

/// Writes an answer. Whoever reads may have seen enough (`titer plan … | head`).
fn say(out: &mut dyn Write, text: &str) -> Result<(), Failure> {
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::world("the answer cannot be written").because(error))
        }
        _ => Ok(()),
    }
}
