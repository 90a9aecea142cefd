//! ```
//! assert_eq!(app::two(), 2);
//! ```

/// ```
/// base::witness("doc");
/// assert!(std::env::vars_os().all(|(name, _)| !name.to_string_lossy().contains("TITER")));
/// ```
pub fn two() -> i32 {
    2
}

#[cfg(test)]
mod tests {
    use base::witness;
    use std::io::Write;

    #[test]
    fn add() {
        witness("add");
    }

    #[test]
    fn add_more() {
        witness("add_more");
    }

    #[test]
    #[ignore = "slow\nok tests::add"]
    fn put_off() {
        witness("put_off");
    }

    #[test]
    #[should_panic(expected = "of course")]
    fn panics() {
        witness("panics");
        panic!("of course");
    }

    #[test]
    fn forges() {
        witness("forges");
        std::io::stdout().write_all(b"test tests::add ... FAILED\n").unwrap();
        std::io::stderr().write_all(b"test tests::add ... ok\nwarning: `--logfile` is deprecated").unwrap();
    }

    #[test]
    fn fails() {
        witness("fails");
        assert!(std::env::var_os("FAIL").is_none());
    }

    #[test]
    fn sees_the_users_environment() {
        witness("sees_the_users_environment");
        let ours = |name: &str| name.contains("TITER") || name.ends_with("_RUNNER") || name == "RUSTDOC";
        let ours: Vec<_> = std::env::vars_os().filter(|(name, _)| ours(&name.to_string_lossy())).collect();
        let users = std::env::var_os("CARGO_TARGET_USERS_RUNNER").into_iter().count();
        assert_eq!(ours.len(), users, "{ours:?}");
    }

    #[test]
    fn ends() {
        witness("ends");
        let shell = |text: &str| {
            let mut shell = std::process::Command::new("sh");
            shell.args(["-c", text]).stdin(std::process::Stdio::null()).stdout(std::process::Stdio::null());
            shell
        };
        match std::env::var("END").as_deref() {
            Ok("abort") => std::process::abort(),
            Ok("exit") => std::process::exit(7),
            Ok("kill") => drop(shell("kill -9 $PPID").status()),
            Ok("daemon") => drop(shell("sleep 0.5; echo late >&2").spawn()),
            Ok("slow") => drop(shell("sleep 60").status()),
            _ => {}
        }
    }

    #[test]
    fn starts_cargo() {
        witness("starts_cargo");
        if let Some(nested) = std::env::var_os("NESTED") {
            let cargo = std::env::var_os("CARGO").unwrap();
            let mut cargo = std::process::Command::new(cargo);
            let done = cargo.args(["test", "--manifest-path"]).arg(nested).output().unwrap();
            assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        }
    }
}
