//! nextest's configuration: the user's own, with what need not run left out of the default filter of the active profile.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use toml_edit::{DocumentMut, Item, Table, TableLike, value};

/// Bytes of names in one regular expression. nextest asks every part of a filter about every test: with a part for every name
/// 10,000 of 20,000 names take it 8 s, so 0.5 s. It refuses an expression of some 150,000 bytes.
const ENOUGH: usize = 32_000;

/// Names of tests by the binary that nextest says they are in.
pub type Names = BTreeMap<String, BTreeSet<String>>;

/// The files that nextest reads for one call.
#[derive(Debug, Clone, Default)]
pub struct Files {
    /// The user's `--config-file`, else the workspace's `.config/nextest.toml` if there is one.
    own: DocumentMut,
    /// What the user's `--tool-config-file` options name.
    tools: Vec<DocumentMut>,
}

impl Files {
    /// The user's own configuration, if there is one, and the files of other tools in the order of the command line.
    ///
    /// # Errors
    /// If one of them is not TOML: nextest will say so itself.
    pub fn parse(own: Option<&str>, tools: &[&str]) -> Result<Files, String> {
        let parsed =
            |text: &str| text.parse::<DocumentMut>().map_err(|error| format!("nextest's configuration: {error}"));
        let tools = tools.iter().map(|text| parsed(text)).collect::<Result<_, _>>()?;
        Ok(Files { own: parsed(own.unwrap_or_default())?, tools })
    }

    /// The first that has a value there, in the order in which they count.
    fn text(&self, keys: &[&str]) -> Option<&str> {
        std::iter::once(&self.own).chain(&self.tools).find_map(|file| at(file, keys)?.as_str())
    }

    fn has_profile(&self, profile: &str) -> bool {
        profile.starts_with("default")
            || std::iter::once(&self.own).chain(&self.tools).any(|file| at(file, &["profile", profile]).is_some())
    }

    /// A profile, those that it inherits from, and the one that all do.
    fn chain<'a>(&'a self, profile: &'a str) -> Vec<&'a str> {
        let mut chain = vec![profile];
        let mut last = profile;
        while let Some(parent) = self.text(&["profile", last, "inherits"]).filter(|parent| !chain.contains(parent)) {
            chain.push(parent);
            last = parent;
        }
        if !chain.contains(&"default") {
            chain.push("default");
        }
        chain
    }

    /// Whether a default filter hangs on the platform: which of them counts is for nextest to say.
    fn depends_on_platform(&self, profile: &str) -> bool {
        std::iter::once(&self.own).chain(&self.tools).any(|file| match at(file, &["profile", profile, "overrides"]) {
            Some(Item::ArrayOfTables(tables)) => tables.iter().any(|table| table.contains_key("default-filter")),
            Some(Item::Value(list)) => list.as_array().is_some_and(|list| {
                list.iter()
                    .filter_map(|entry| entry.as_inline_table())
                    .any(|table| table.contains_key("default-filter"))
            }),
            _ => false,
        })
    }

    /// The default filter that counts without us.
    fn default_filter(&self, profile: &str) -> Result<&str, String> {
        let chain = self.chain(profile);
        if chain.iter().any(|name| self.depends_on_platform(name)) {
            return Err("an override sets a default filter by platform".to_owned());
        }
        if profile != "default"
            && let Some(filter) = self.text(&["profile", profile, "default-filter"])
        {
            return Ok(filter);
        }
        // nextest 0.9.143 passes both of these over without a word; another may not.
        let between = chain.iter().filter(|name| ![profile, "default"].contains(name));
        if between.clone().any(|name| self.text(&["profile", name, "default-filter"]).is_some()) {
            return Err("a default filter would be inherited from a profile that is not the default one".to_owned());
        }
        let keys = ["profile", "default", "default-filter"];
        match at(&self.own, &keys).and_then(Item::as_str) {
            Some(filter) => Ok(filter),
            None if self.text(&keys).is_some() => Err("another tool sets the default filter".to_owned()),
            None => Ok("all()"),
        }
    }

    /// The user's own configuration with the active profile's default filter narrowed; everything else stays as it is.
    ///
    /// nextest refuses a filter that names a binary which the workspace does not have: `left_out` holds none.
    ///
    /// # Errors
    /// If it cannot be said what the filter is without us: the run is to be whole then.
    pub fn merged(&self, profile: &str, left_out: &Names) -> Result<String, String> {
        if !self.has_profile(profile) {
            return Err(format!("nextest's configuration has no profile `{profile}`"));
        }
        let filter = format!("({})\n& ({})", self.default_filter(profile)?, selection(left_out));
        let mut merged = self.own.clone();
        let profiles = table_in(merged.as_table_mut(), "profile")?;
        table_in(profiles, profile)?.insert("default-filter", value(filter));
        Ok(merged.to_string())
    }

    /// Where nextest writes the JUnit report that the user asked for: relative to the workspace's root, or absolute.
    #[must_use]
    pub fn junit_path(&self, profile: &str) -> Option<String> {
        let path = self.chain(profile).into_iter().find_map(|name| self.text(&["profile", name, "junit", "path"]))?;
        if path.starts_with('/') {
            return Some(path.to_owned());
        }
        let store = self.text(&["store", "dir"]).unwrap_or("target/nextest");
        Some(format!("{}/{profile}/{path}", store.trim_end_matches('/')))
    }
}

/// The configuration of a tool that asks for a JUnit report at this absolute path. It counts for every profile whose user asked
/// for none; `profile.default` is where the others inherit from, and naming another would bring it into being.
///
/// `skipped` asks for tests that did not run as well, with the reason. Only nextest 0.9.143 and later know the word; those before
/// would warn the user of it.
#[must_use]
pub fn reporting(path: &str, skipped: bool) -> String {
    let path = value(path);
    let skipped = if skipped { "report-skipped = \"all\"\n" } else { "" };
    let output = "store-success-output = false\nstore-failure-output = false\n";
    format!("[profile.default.junit]\npath = {path}\n{output}{skipped}")
}

/// The profile that a call of nextest uses: what `--profile` says, what `NEXTEST_PROFILE` says, whether `MIRI_SYSROOT` is set.
#[must_use]
pub fn active_profile<'a>(option: Option<&'a str>, variable: Option<&'a str>, miri: bool) -> &'a str {
    option.or(variable).unwrap_or(if miri { "default-miri" } else { "default" })
}

/// Everything but the tests named: one that nobody knows yet runs. On many lines, because nextest panics where it has to point
/// beyond the 65,535th column, be it at a mistake of the user's.
fn selection(left_out: &Names) -> String {
    let mut text = String::new();
    for (binary, names) in left_out.iter().filter(|(_, names)| !names.is_empty()) {
        let parts: Vec<String> = portions(names).iter().map(|portion| expression(portion)).collect();
        let or = if text.is_empty() { "" } else { "| " };
        let _ = write!(text, "\n{or}binary_id(={})\n& ({})", plain(binary), parts.join("\n| "));
    }
    if text.is_empty() { "all()".to_owned() } else { format!("not ({text})") }
}

/// Names, in portions that make expressions of a size that is accepted.
fn portions(names: &BTreeSet<String>) -> Vec<Vec<&str>> {
    let mut portions: Vec<Vec<&str>> = Vec::new();
    let mut size = ENOUGH;
    for name in names {
        if size + name.len() > ENOUGH {
            portions.push(Vec::new());
            size = 0;
        }
        size += name.len() + 1;
        if let Some(last) = portions.last_mut() {
            last.push(name);
        }
    }
    portions
}

/// One expression that these names match, and no other.
fn expression(names: &[&str]) -> String {
    let mut text = "test(/^(?:".to_owned();
    for (index, name) in names.iter().enumerate() {
        text.push_str(if index == 0 { "" } else { "|" });
        for char in name.chars() {
            match char {
                'a'..='z' | 'A'..='Z' | '0'..='9' | '_' | ':' => text.push(char),
                // What is special to expressions and what is to nextest (slash, backslash) looks the same.
                other => _ = write!(text, "\\x{{{:x}}}", u32::from(other)),
            }
        }
    }
    text.push_str(")$/)");
    text
}

/// A word after `=` in a filter.
fn plain(word: &str) -> String {
    let special = |char: char| if ",)\\".contains(char) { format!("\\{char}") } else { char.to_string() };
    word.chars().map(special).collect()
}

fn at<'a>(document: &'a DocumentMut, keys: &[&str]) -> Option<&'a Item> {
    keys.iter().try_fold(document.as_item(), |item, key| item.as_table_like()?.get(key))
}

/// The table of that name, made if there is none.
fn table_in<'a>(parent: &'a mut dyn TableLike, name: &str) -> Result<&'a mut dyn TableLike, String> {
    if !parent.contains_key(name) {
        let mut table = Table::new();
        table.set_implicit(true);
        parent.insert(name, Item::Table(table));
    }
    let found = parent.get_mut(name).and_then(Item::as_table_like_mut);
    found.ok_or_else(|| format!("nextest's configuration: `{name}` is not a table"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(of: &[(&str, &[&str])]) -> Names {
        of.iter()
            .map(|(binary, names)| ((*binary).to_owned(), names.iter().map(|name| (*name).to_owned()).collect()))
            .collect()
    }

    fn merged(own: &str, profile: &str) -> Result<String, String> {
        Files::parse(Some(own), &[])?.merged(profile, &names(&[("app", &["a", "m::b(1)"])]))
    }

    const OURS: &str = "not (\nbinary_id(=app)\n& (test(/^(?:a|m::b\\x{28}1\\x{29})$/)))";

    #[test]
    fn only_the_active_profile_changes_and_the_rest_stays_word_for_word() {
        let own = "# ours\n[scripts.setup.z]\ncommand = 'z'\n[scripts.setup.a]\ncommand = 'a'\n\n[profile.ci]\nretries = 2 # often\n";
        assert_eq!(merged(own, "ci").unwrap(), format!("{own}default-filter = '''\n(all())\n& ({OURS})'''\n"));
    }

    #[test]
    fn what_counts_without_us_is_the_profiles_own_filter_else_the_default_ones() {
        let own =
            "[profile.default]\ndefault-filter = 'test(x)'\n[profile.ci]\ndefault-filter = 'test(y)'\n[profile.slow]\n";
        for (profile, filter) in
            [("ci", "test(y)"), ("slow", "test(x)"), ("default", "test(x)"), ("default-miri", "test(x)")]
        {
            let merged = merged(own, profile).unwrap();
            let read = Files::parse(Some(&merged), &[]).unwrap();
            assert_eq!(
                read.text(&["profile", profile, "default-filter"]),
                Some(&*format!("({filter})\n& ({OURS})")),
                "{merged}"
            );
        }
    }

    #[test]
    fn every_way_to_write_a_table_is_changed() {
        for own in [
            "profile.ci.retries = 1",
            "profile = { ci = { retries = 1 } }",
            "[profile]\nci = { retries = 1 }",
            "[profile.ci]",
        ] {
            let merged = merged(own, "ci").unwrap();
            assert!(
                Files::parse(Some(&merged), &[]).unwrap().text(&["profile", "ci", "default-filter"]).is_some(),
                "{merged}"
            );
        }
        for own in ["", "profile = {}", "[profile]", "profile.ci = {}", "[profile.ci]"] {
            let merged = merged(own, "default").unwrap();
            assert!(
                Files::parse(Some(&merged), &[]).unwrap().text(&["profile", "default", "default-filter"]).is_some(),
                "{merged}"
            );
        }
    }

    #[test]
    fn where_it_cannot_be_said_what_counts_without_us_the_run_is_whole() {
        let by_platform =
            "[[profile.default.overrides]]\nplatform = 'cfg(unix)'\ndefault-filter = 'none()'\n[profile.ci]\n";
        let inline = "profile.ci.overrides = [{ platform = 'cfg(unix)', default-filter = 'none()' }]";
        let inherited = "[profile.a]\ndefault-filter = 'none()'\n[profile.ci]\ninherits = 'a'\n";
        for own in [by_platform, inline, inherited, "profile = 1", "[profile.other]", "not toml"] {
            assert!(merged(own, "ci").is_err(), "{own}");
        }
        let tool = "[profile.default]\ndefault-filter = 'none()'";
        let files = Files::parse(None, &[tool]).unwrap();
        assert!(files.merged("default", &Names::new()).is_err());
    }

    #[test]
    fn a_report_that_the_user_asked_for_is_found_through_what_a_profile_inherits_from() {
        let own =
            "[profile.a]\njunit.path = 'a.xml'\n[profile.ci]\ninherits = 'a'\n[profile.abs.junit]\npath = '/x/y.xml'\n";
        let files = Files::parse(Some(own), &["store.dir = 'kept/'"]).unwrap();
        assert_eq!(files.junit_path("ci").as_deref(), Some("kept/ci/a.xml"));
        assert_eq!(files.junit_path("abs").as_deref(), Some("/x/y.xml"));
        assert_eq!(files.junit_path("default"), None);
        let files = Files::parse(None, &["profile.default.junit.path = 'b.xml'"]).unwrap();
        assert_eq!(files.junit_path("ci").as_deref(), Some("target/nextest/ci/b.xml"));
    }

    #[test]
    fn many_names_are_divided_and_none_is_lost() {
        let many: BTreeSet<String> = (0..20_000).map(|number| format!("test_{number}")).collect();
        let portions = portions(&many);
        assert!(portions.len() > 1 && portions.iter().all(|portion| portion.join("|").len() <= ENOUGH));
        assert_eq!(portions.concat().len(), many.len());
    }

    #[test]
    fn the_profile_is_what_the_command_says_else_the_environment() {
        assert_eq!(active_profile(Some("a"), Some("b"), true), "a");
        assert_eq!(active_profile(None, Some("b"), true), "b");
        assert_eq!(active_profile(None, None, true), "default-miri");
        assert_eq!(active_profile(None, None, false), "default");
    }
}
