//! `package.json` and lock files: what of them can matter to every test, and what not.

use serde_json::Value;

use crate::model::digest::Digest;

/// Members that people, registries and tools read that are not there when a test runs.
const ONLOOKERS: [&str; 22] = [
    "author",
    "bugs",
    "commitlint",
    "contributors",
    "description",
    "eslintConfig",
    "files",
    "funding",
    "homepage",
    "husky",
    "keywords",
    "license",
    "lint-staged",
    "maintainers",
    "man",
    "nyc",
    "prettier",
    "private",
    "publishConfig",
    "repository",
    "size-limit",
    "version",
];

/// Names of scripts that have nothing to do with tests.
const OTHER_SCRIPTS: [&str; 11] = [
    "lint",
    "format",
    "prettier",
    "release",
    "publish",
    "prepublish",
    "doc",
    "changelog",
    "version",
    "postversion",
    "preversion",
];

/// What of a `package.json` can matter to any test: its dependencies, how its modules are found, the runner's own settings, scripts.
/// A file that is no JSON counts by its bytes.
#[must_use]
pub fn build(bytes: &[u8]) -> Digest {
    let Ok(Value::Object(mut members)) = serde_json::from_slice(bytes) else { return Digest::of(bytes) };
    members.retain(|name, _| !ONLOOKERS.contains(&name.as_str()));
    if let Some(Value::Object(scripts)) = members.get_mut("scripts") {
        let is_other = |name: &str| OTHER_SCRIPTS.iter().any(|other| name.starts_with(other));
        scripts.retain(|name, _| !is_other(name));
    }
    Digest::of(Value::Object(members).to_string().as_bytes())
}

/// What a lock file says, without the version of the project itself.
#[must_use]
pub fn lock(path: &str, bytes: &[u8]) -> Digest {
    if path.rsplit_once('.').is_none_or(|(_, ending)| ending != "json") {
        return Digest::of(bytes);
    }
    let Ok(mut value) = serde_json::from_slice::<Value>(bytes) else { return Digest::of(bytes) };
    if let Value::Object(members) = &mut value {
        members.remove("version");
        if let Some(Value::Object(own)) = members.get_mut("packages").and_then(|packages| packages.get_mut("")) {
            own.retain(|name, _| !ONLOOKERS.contains(&name.as_str()));
        }
    }
    Digest::of(value.to_string().as_bytes())
}

/// The version that a `package.json` gives its package.
#[must_use]
pub fn version(bytes: &[u8]) -> Option<String> {
    let value: Value = serde_json::from_slice(bytes).ok()?;
    Some(value.get("version")?.as_str()?.to_owned())
}

/// Whether the text of a compiler's configuration gives modules other names than such that end as the module's path does.
#[must_use]
pub fn has_other_names(text: &str) -> bool {
    if text.contains("\"rootDirs\"") {
        return true;
    }
    let Some((_, paths)) = text.split_once("\"paths\"") else { return false };
    let inside = paths.split_once('{').map_or(paths, |(_, inside)| inside);
    let inside = inside.split_once('}').map_or(inside, |(inside, _)| inside);
    // Names stand before a colon; what they mean stands in brackets.
    let names = inside.split(':').filter_map(|part| part.rsplit('"').nth(1));
    names.into_iter().take(inside.matches(':').count()).any(|name| !name.ends_with("/*"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_count_by_what_they_can_change() {
        let base = r#"{"name":"a","version":"1","dependencies":{"b":"1"},"scripts":{"test":"jest","lint":"x"}}"#;
        for (old, new, same) in [
            (r#""version":"1""#, r#""version":"2""#, true),
            (r#""lint":"x""#, r#""lint":"y""#, true),
            (r#""test":"jest""#, r#""test":"X=1 jest""#, false),
            (r#""b":"1""#, r#""b":"2""#, false),
            (r#""name":"a""#, r#""main":"a.js","name":"a""#, false),
            (r#"{"name""#, r#"{ "description": "x", "name""#, true),
        ] {
            let edited = base.replace(old, new);
            assert_ne!(edited, base);
            assert_eq!(build(base.as_bytes()) == build(edited.as_bytes()), same, "{new}");
        }
    }

    #[test]
    fn the_own_version_in_a_lock_file_does_not_count() {
        let text = |own: &str, other: &str| {
            format!(r#"{{"version":"{own}","packages":{{"":{{"version":"{own}"}},"b":{{"version":"{other}"}}}}}}"#)
        };
        let lock = |own, other| lock("package-lock.json", text(own, other).as_bytes());
        assert_eq!(lock("1", "1"), lock("2", "1"));
        assert_ne!(lock("1", "1"), lock("1", "2"));
    }

    #[test]
    fn a_name_that_ends_as_its_path_does_is_no_other_name() {
        for (text, other) in [
            ("{}", false),
            (r#"{"paths": {"@/*": ["src/*"], "~/*": ["./lib/*"]}}"#, false),
            (r#"{"paths": {"config": ["src/configuration.ts"]}}"#, true),
            (r#"{"paths": {"*": ["vendor/*"]}}"#, true),
            (r#"{"rootDirs": ["a", "b"]}"#, true),
        ] {
            assert_eq!(has_other_names(text), other, "{text}");
        }
    }
}
