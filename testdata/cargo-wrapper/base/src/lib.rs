use std::io::Write;

/// ```
/// base::witness("doc of base");
/// ```
pub fn witness(name: &str) {
    if let Some(path) = std::env::var_os("WITNESS") {
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
        file.write_all(format!("{name}\n").as_bytes()).unwrap();
    }
}

#[test]
fn of_base() {
    witness("of_base");
}
