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
}
