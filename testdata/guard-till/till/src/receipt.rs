//! What is printed.

use std::num::ParseIntError;

/// The cents that a line of a receipt says.
pub fn cents(line: &str) -> Result<u32, ParseIntError> {
    let (_, amount) = line.split_once(' ').unwrap_or(("", line));
    let amount = amount.trim_end_matches('c');
    amount.parse()
}
