//! `titer report`: a real ledger told in every form, and its page opened in a real browser.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails, and it starts programs"
)]

mod support;

use titer::report::page;

#[test]
fn looks() {
    std::fs::write("/tmp/c10/rep/big.html", page::html(&support::made_up::report(90, 7))).unwrap();
}
