//! What nextest calls a test program, and what units are called.

/// The unit of a program: `app` is `app::lib`, `app::cli` is `app::test/cli`, `app::bin/x` is itself. `package` says what the
/// package is called here: most often as nextest calls it.
#[must_use]
pub fn unit_of(binary: &str, package: impl Fn(&str) -> String) -> String {
    match binary.split_once("::") {
        None => format!("{}::lib", package(binary)),
        Some((name, rest)) if rest.contains('/') => format!("{}::{rest}", package(name)),
        Some((name, rest)) => format!("{}::test/{rest}", package(name)),
    }
}

/// The program of a unit; none for doctests and whole packages, which nextest does not run.
#[must_use]
pub fn binary_of(unit: &str) -> Option<String> {
    let (package, program) = unit.split_once("::")?;
    // Two packages of one name are not in one workspace; the other one is a dependency, and its version no part of the name.
    let package = package.split_once('@').map_or(package, |(name, _)| name);
    match program.split_once('/') {
        None if program == "lib" => Some(package.to_owned()),
        Some(("test", name)) => Some(format!("{package}::{name}")),
        Some(("bin" | "example" | "bench", _)) => Some(format!("{package}::{program}")),
        None | Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_program_has_one_name_on_either_side() {
        for (binary, unit) in [
            ("app", "app::lib"),
            ("app::cli", "app::test/cli"),
            ("app::bin/app", "app::bin/app"),
            ("app::example/x", "app::example/x"),
            ("app::bench/x", "app::bench/x"),
        ] {
            assert_eq!(unit_of(binary, str::to_owned), unit);
            assert_eq!(binary_of(unit).as_deref(), Some(binary));
        }
    }

    #[test]
    fn a_package_that_is_named_with_its_version_is_found_by_its_name() {
        assert_eq!(unit_of("app::cli", |name| format!("{name}@1.0.0")), "app@1.0.0::test/cli");
        assert_eq!(binary_of("app@1.0.0::lib").as_deref(), Some("app"));
    }

    #[test]
    fn doctests_and_packages_are_no_programs() {
        for unit in ["app", "app::doc", "app::other/x"] {
            assert_eq!(binary_of(unit), None, "{unit}");
        }
    }
}
