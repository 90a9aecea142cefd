//! Rust's standard library at work: files, folders, children.
use std::fs;
use std::os::unix::process::CommandExt;
use std::process::Command;

fn main() {
    fs::read("a.txt").unwrap();
    fs::metadata("one.txt").unwrap();
    assert!(!fs::exists("gone.txt").unwrap());
    assert!(fs::read_dir("sub").unwrap().count() > 0);
    fs::canonicalize("way").unwrap();
    fs::read_link("link").unwrap();
    fs::copy("two.txt", "copied.txt").unwrap();
    Command::new("cat").arg("three.txt").output().unwrap();
    Command::new("cat").arg("four.txt").env_clear().output().unwrap();
    Command::new("cat").arg("../five.txt").current_dir("sub").output().unwrap();
    let mut command = Command::new("cat");
    // SAFETY: nothing happens in it; its being there makes the standard library fork.
    unsafe { command.arg("six.txt").pre_exec(|| Ok(())) }.output().unwrap();
    std::env::set_current_dir("sub").unwrap();
    fs::read("b.txt").unwrap();
}
