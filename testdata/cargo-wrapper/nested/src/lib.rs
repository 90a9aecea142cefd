#[test]
fn nested() {}
