use base::witness;
use libtest_mimic::{Arguments, Failed, Trial, run};

fn trial(name: &'static str, kind: &'static str) -> Trial {
    Trial::test(name, move || {
        witness(&format!("{kind}{name}"));
        Ok::<(), Failed>(())
    })
    .with_kind(kind)
}

fn main() {
    let mut trials = vec![trial("two words", ""), trial("-dash", ""), trial("shared", "a"), trial("shared", "")];
    trials.push(trial("put off", "").with_ignored_flag(true));
    run(&Arguments::from_args(), trials).exit()
}
