//! Reading the user's command line: which program stands where, behind launchers and their options.

/// Programs that start another one named in their arguments.
const LAUNCHERS: [&str; 26] = [
    "uv", "uvx", "poetry", "pdm", "hatch", "pipenv", "rye", "pixi", "conda", "mamba", "tox", "nox", "make", "gmake",
    "just", "task", "sh", "bash", "dash", "zsh", "env", "nice", "time", "timeout", "xvfb-run", "coverage",
];

/// The last part of a program's path.
#[must_use]
pub fn base_name(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or(word)
}

/// Whether `word` names a program that may start another.
#[must_use]
pub fn is_launcher(word: &str) -> bool {
    LAUNCHERS.contains(&base_name(word))
}

/// Whether `word` names a Python interpreter.
#[must_use]
pub fn is_python(word: &str) -> bool {
    let name = base_name(word);
    let rest = name.strip_prefix("python").or_else(|| name.strip_prefix("pypy"));
    rest.is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit() || c == '.' || c == 't'))
}

/// Whether one of Python's own options (before `-m`, `-c` or a script) keeps the environment out.
#[must_use]
pub fn python_ignores_environment(arguments: &[String]) -> bool {
    for argument in arguments {
        match argument.as_str() {
            "-m" | "-c" | "-" => return false,
            word if word.starts_with("--") => {}
            word if word.starts_with('-') => {
                // Options may stand together (`-bI`); `-W` and `-X` take the rest of the word.
                let letters = word[1..].split(['W', 'X']).next().unwrap_or_default();
                if letters.contains('I') || letters.contains('E') {
                    return true;
                }
                if word.contains('m') {
                    return false;
                }
            }
            _ => return false,
        }
    }
    false
}

/// The value of the last option with one of these names: `-n 4`, `-n4`, `--name=4`, `--name 4`.
#[must_use]
pub fn value_of<'a>(command: &'a [String], names: &[&str]) -> Option<&'a str> {
    let mut found = None;
    for (at, word) in command.iter().enumerate() {
        for name in names {
            let Some(rest) = word.strip_prefix(name) else { continue };
            found = match rest.strip_prefix('=') {
                _ if rest.is_empty() => command.get(at + 1).map(String::as_str).or(found),
                Some(value) => Some(value),
                // A short option's value may stand right behind it.
                None if !name.starts_with("--") => Some(rest),
                None => found,
            };
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn an_isolated_python_is_told_from_a_module_option() {
        for (arguments, ignores) in [
            ("-I -m pytest", true),
            ("-bI -m pytest", true),
            ("-E -m pytest", true),
            ("-m pytest -I", false),
            ("-W ignore::E -m pytest", false),
            ("-WIgnore -m pytest", false),
            ("-m pytest", false),
        ] {
            assert_eq!(python_ignores_environment(&words(arguments)), ignores, "{arguments}");
        }
    }

    #[test]
    fn interpreters_are_recognised_by_name() {
        for (word, python) in [
            ("python", true),
            ("/x/bin/python3.13", true),
            ("pypy3", true),
            ("python-config", false),
            ("pytest", false),
        ] {
            assert_eq!(is_python(word), python, "{word}");
        }
    }

    #[test]
    fn an_options_value_is_found_however_it_is_written() {
        let names = ["-n", "--numprocesses"];
        let cases = [
            ("pytest -n 4", Some("4")),
            ("pytest -n4 tests", Some("4")),
            ("pytest --numprocesses=auto", Some("auto")),
            ("pytest --numprocesses 2 -n 3", Some("3")),
            ("pytest --numprocessesandmore=2", None),
            ("pytest tests", None),
            ("pytest -n", None),
        ];
        for (command, expected) in cases {
            assert_eq!(value_of(&words(command), &names), expected, "{command}");
        }
    }
}
