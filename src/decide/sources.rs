//! The source files of which something has to be known to draft footprints.

use std::collections::BTreeSet;

use crate::model::window::Trace;

use super::{modules, units};

/// First-party source files that the trace names; their shapes are needed to draft it.
#[must_use]
pub fn sources(trace: &Trace) -> BTreeSet<&str> {
    let codes = trace.codes.values().map(|code| code.path.as_str());
    let modules = trace.modules.values().filter_map(|module| module.file());
    let read = trace.windows.iter().filter(|_| trace.collector == modules::BY_MODULE).flat_map(|window| &window.reads);
    let others = trace.types.iter().chain(read).map(String::as_str);
    codes.chain(modules).chain(units::sources(trace)).chain(others).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::window::{Window, WindowKind};

    #[test]
    fn what_is_read_is_a_source_only_where_modules_are_told() {
        let mut window = Window::new(WindowKind::Test, "t", 1);
        window.reads.insert("run.sh".to_owned());
        let mut trace = Trace { windows: vec![window], ..Trace::default() };
        assert!(sources(&trace).is_empty());
        trace.collector = modules::BY_MODULE.to_owned();
        assert_eq!(sources(&trace), BTreeSet::from(["run.sh"]));
    }
}
