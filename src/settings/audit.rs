//! The table `[audit]` of `titer.toml`: the log's name, and whose signatures count in it; and which settings decide about tests at all.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The variable that holds the text of a private key.
pub const KEY_VARIABLE: &str = "TITER_SIGNING_KEY";

/// Settings that decide nothing about a test: where facts lie, who is asked for them, who signs.
const ASIDE: &[&str] = &["audit", "ledger", "source"];

/// What the owners decided about the log. Keys are texts as `titer audit keygen` prints them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuditPolicy {
    /// The log's name.
    pub origin: Option<String>,
    /// The key that seals.
    pub sealer: Option<String>,
    /// Keys that sign moves and decisions.
    pub writers: Vec<String>,
    /// Keys that sign approvals.
    pub approvers: Vec<String>,
}

/// The table as it is written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Table {
    origin: Option<String>,
    sealer: Option<String>,
    writers: Option<Vec<String>>,
    approvers: Option<Vec<String>>,
}

impl AuditPolicy {
    /// The same with what a file says.
    pub(super) fn with(self, table: Option<Table>) -> Self {
        let table = table.unwrap_or_default();
        let named = |new: Option<String>, old: Option<String>| new.filter(|text| !text.trim().is_empty()).or(old);
        let keys = |new: Option<Vec<String>>, old: Vec<String>| {
            new.map_or(old, |keys| keys.iter().map(|key| key.trim().to_owned()).collect())
        };
        Self {
            origin: named(table.origin, self.origin).map(|text| text.trim().to_owned()),
            sealer: named(table.sealer, self.sealer).map(|text| text.trim().to_owned()),
            writers: keys(table.writers, self.writers),
            approvers: keys(table.approvers, self.approvers),
        }
    }
}

/// The settings of a `titer.toml` that decide about tests, each with its value as text; none where the text is no TOML.
#[must_use]
pub fn deciding(text: &str) -> BTreeMap<String, String> {
    let Ok(table) = text.parse::<toml::Table>() else { return BTreeMap::new() };
    let mut found = BTreeMap::new();
    for (key, value) in table.into_iter().filter(|(key, _)| !ASIDE.contains(&key.as_str())) {
        flatten(key, value, &mut found);
    }
    found
}

fn flatten(key: String, value: toml::Value, found: &mut BTreeMap<String, String>) {
    if let toml::Value::Table(table) = value {
        table.into_iter().for_each(|(name, value)| flatten(format!("{key}.{name}"), value, found));
    } else {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        found.insert(key, text);
    }
}

/// Where a test wants `titer audit seal` to die: after so many of its steps. Not in a program that was built to be released.
#[must_use]
pub fn death() -> Option<u32> {
    if cfg!(debug_assertions) { super::variable("TITER_TEST_DIE_AFTER")?.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::policy::Policy;

    #[test]
    fn the_table_is_read_and_an_unknown_key_in_it_is_named() {
        let path = std::path::Path::new("titer.toml");
        let text = "[audit]\norigin = \" example.org/log \"\nsealer = \"\"\nwriters = [\" a \"]\n";
        let audit = Policy::parse(text, path).unwrap().audit;
        let expected = AuditPolicy {
            origin: Some("example.org/log".to_owned()),
            writers: vec!["a".to_owned()],
            ..AuditPolicy::default()
        };
        assert_eq!(audit, expected);
        assert_eq!(Policy::defaults().audit, AuditPolicy::default());
        let wrong = Policy::parse("[audit]\nseeler = \"\"\n", path).unwrap_err().to_string();
        assert!(wrong.contains("titer.toml:2") && wrong.contains("seeler"), "{wrong}");
    }

    #[test]
    fn what_decides_about_tests_is_told_apart_from_the_rest() {
        let text = "ledger = \"x\"\nbudget = \"55s\"\n[placement]\nquiet_days = 9\npinned = [\"a\"]\n[audit]\norigin = \"o\"\n";
        let told: Vec<(String, String)> = deciding(text).into_iter().collect();
        let expected = [("budget", "55s"), ("placement.pinned", "[\"a\"]"), ("placement.quiet_days", "9")];
        assert_eq!(told, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
        assert!(deciding("= no").is_empty());
    }
}
