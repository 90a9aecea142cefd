//! What titer says to a command line, word for word.

#[test]
fn command_lines_are_answered_as_written_down() {
    let cases = trycmd::TestCases::new();
    cases.env("TITER_LEDGER", "").env("CI", "").env("COLUMNS", "120");
    cases.case("testdata/command-line/*.trycmd");
}
