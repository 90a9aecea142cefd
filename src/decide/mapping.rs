//! From the frames of an event to code paths of the repository, at the commit that failed. What cannot be told is said with a reason,
//! and with what it blocks: a wrong code path would be worse than none.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::whereabouts::{Prefix, Tree, Whereabouts, rust_name};
use crate::model::code_path::{CodePath, MODULE};
use crate::model::digest::Digest;
use crate::model::fault::{Event, Frame, Read};
use crate::model::shape::{Owner, Shape};

/// How far from its line a text is looked for.
const NEARBY: usize = 40;
/// What an unmapped fault blocks if it is surely no fault of the repository's.
pub const BLOCKS_NOTHING: &str = "-";

/// A source file as it was at the commit.
#[derive(Debug, Clone, Default)]
pub struct SourceFile {
    /// Its lines.
    pub lines: Vec<String>,
    /// Its functions.
    pub shape: Shape,
}

/// Source files by their paths.
pub type Sources = BTreeMap<String, Arc<SourceFile>>;

/// How sure a code path is; the surest is the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Confidence {
    /// There is none.
    None,
    /// Only the file and the function.
    Path,
    /// The text of the line stands nearby.
    Moved,
    /// The text of the line is the same there.
    Line,
}

impl Confidence {
    /// As it is written.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Path => "path",
            Self::Moved => "moved",
            Self::Line => "line",
        }
    }
}

/// Where an event points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapped {
    /// The crash frame's code path.
    pub code: Option<CodePath>,
    /// How sure it is.
    pub confidence: Confidence,
    /// Why there is none, in a few words.
    pub unmapped: String,
    /// What the event blocks then: a file, a folder, nothing ([`BLOCKS_NOTHING`]), or everything (empty).
    pub blocks: String,
    /// For each frame the file that it was found to be, or nothing.
    pub paths: Vec<String>,
    /// How many frames are the repository's.
    pub frames_in_repository: u64,
    /// How many of these were found.
    pub frames_mapped: u64,
    /// The fault: its sort and its place, not its message.
    pub fault: Digest,
}

/// What is known of one frame.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Outside,
    Found {
        path: String,
        function: String,
        confidence: Confidence,
    },
    /// The repository's, and not found in it.
    Lost {
        why: &'static str,
        blocks: String,
    },
    /// Nobody can tell whose it is.
    Unknown {
        folder: String,
    },
}

/// The files that have to be looked into for an event.
#[must_use]
pub fn wanted(event: &Event<Read<'_>>, tree: &Tree, prefixes: &[Prefix]) -> BTreeSet<String> {
    let files = event.frames.iter().map(|frame| tree.find(frame, prefixes));
    files
        .filter_map(|found| if let Whereabouts::Files { paths, .. } = found { Some(paths) } else { None })
        .flatten()
        .collect()
}

/// Maps an event. `sources` holds the [`wanted`] files; one that is not in it cannot be read.
#[must_use]
pub fn map(event: &Event<Read<'_>>, tree: &Tree, prefixes: &[Prefix], sources: &Sources) -> Mapped {
    let places: Vec<Place> =
        event.frames.iter().map(|frame| place(frame, &tree.find(frame, prefixes), sources)).collect();
    let found = places.iter().filter(|place| matches!(place, Place::Found { .. })).count() as u64;
    let lost = places.iter().filter(|place| matches!(place, Place::Lost { .. })).count() as u64;
    let unknown = places.iter().filter(|place| matches!(place, Place::Unknown { .. })).count() as u64;
    let paths =
        places.iter().map(|place| if let Place::Found { path, .. } = place { path.clone() } else { String::new() });
    let mut mapped = Mapped {
        code: None,
        confidence: Confidence::None,
        unmapped: String::new(),
        blocks: String::new(),
        paths: paths.collect(),
        // What nobody can tell counts against the source only where nothing else of the event was found.
        frames_in_repository: found + lost + if found == 0 { unknown } else { 0 },
        frames_mapped: found,
        fault: Digest::default(),
    };
    // The frame that failed is the last one of the repository's.
    let crash = places.iter().rposition(|place| matches!(place, Place::Found { .. } | Place::Lost { .. }));
    match crash.map(|at| &places[at]) {
        Some(Place::Found { path, function, confidence }) => {
            mapped.code = Some(CodePath::new(path, function));
            mapped.confidence = *confidence;
        }
        Some(Place::Lost { why, blocks }) => (mapped.unmapped, mapped.blocks) = ((*why).to_owned(), blocks.clone()),
        _ if places.is_empty() => "no frames".clone_into(&mut mapped.unmapped),
        _ if unknown == 0 => {
            "no frame in the repository".clone_into(&mut mapped.unmapped);
            BLOCKS_NOTHING.clone_into(&mut mapped.blocks);
        }
        _ => {
            let folder = places.iter().rev().find_map(|place| match place {
                Place::Unknown { folder } => Some(folder.clone()),
                Place::Outside | Place::Found { .. } | Place::Lost { .. } => None,
            });
            "no file of the repository fits".clone_into(&mut mapped.unmapped);
            mapped.blocks = folder.unwrap_or_default();
        }
    }
    mapped.fault = fault(event, mapped.code.as_ref(), crash.or_else(|| blamed(&places)));
    mapped
}

/// What an event without frames blocks: the module that it names, where the repository has it; else the folder of its service, where that
/// is known; else everything.
#[must_use]
pub fn narrowed(event: &Event<Read<'_>>, mapped: Mapped, tree: &Tree, service: Option<&str>) -> Mapped {
    if !event.frames.is_empty() || !mapped.blocks.is_empty() {
        return mapped;
    }
    let module = event.modules.iter().map(|module| {
        match tree.find(&Frame { module: module.clone(), ..Frame::default() }, &[]) {
            Whereabouts::Files { paths, .. } => match paths.as_slice() {
                [only] => only.clone(),
                several => common_folder(several),
            },
            Whereabouts::Missing { folder } => folder,
            Whereabouts::Outside | Whereabouts::Unnamed => String::new(),
        }
    });
    let module = module.into_iter().find(|place| !place.is_empty());
    Mapped { blocks: module.or_else(|| service.map(str::to_owned)).unwrap_or_default(), ..mapped }
}

/// What an event blocks whose commit nobody knows: `mapped` is where it would point today.
#[must_use]
pub fn without_commit(event: &Event<Read<'_>>, mapped: Mapped) -> Mapped {
    if mapped.blocks == BLOCKS_NOTHING {
        return mapped;
    }
    let blocks = mapped.code.map_or(mapped.blocks, |code| code.file);
    let crash = event.frames.len().checked_sub(1);
    Mapped {
        code: None,
        confidence: Confidence::None,
        unmapped: "no commit is known that it ran".to_owned(),
        blocks,
        paths: vec![String::new(); event.frames.len()],
        frames_mapped: 0,
        fault: fault(event, None, crash),
        ..mapped
    }
}

/// Without a frame of the repository's: the last one that is not surely somebody else's, else the last.
fn blamed(places: &[Place]) -> Option<usize> {
    places.iter().rposition(|place| *place != Place::Outside).or_else(|| places.len().checked_sub(1))
}

fn fault(event: &Event<Read<'_>>, code: Option<&CodePath>, crash: Option<usize>) -> Digest {
    let frame = crash.and_then(|at| event.frames.get(at));
    let named = frame.map(|frame| short(&frame.function)).unwrap_or_default();
    let message;
    let parts = match (code, frame) {
        // Where a file's functions are not told apart, the frame's own name for itself does.
        (Some(code), _) if code.function == MODULE => vec![&*event.kind, &code.file, &named],
        (Some(code), _) => vec![&*event.kind, &code.file, &code.function],
        (None, Some(frame)) => {
            let module = if frame.module.is_empty() { last_of(&frame.file) } else { &frame.module };
            vec![&*event.kind, module, &named]
        }
        // A message alone: nothing else tells one from another.
        (None, None) if event.kind.is_empty() => {
            message = super::template::template(&event.message);
            vec!["", &message]
        }
        (None, None) => vec![&*event.kind, ""],
    };
    Digest::of_parts(parts.into_iter().map(str::as_bytes))
}

fn last_of(file: &str) -> &str {
    file.rsplit(['/', '\\']).next().unwrap_or(file)
}

fn place(frame: &Frame, whereabouts: &Whereabouts, sources: &Sources) -> Place {
    let (paths, weak) = match whereabouts {
        Whereabouts::Outside => return Place::Outside,
        Whereabouts::Unnamed => return unnamed(frame),
        Whereabouts::Missing { folder } => return missing(frame, folder),
        Whereabouts::Files { paths, weak } => (paths, *weak),
    };
    let seen = paths.iter().filter_map(|path| Some((path, look(frame, sources.get(path)?, weak)?)));
    let mut seen: Vec<(&String, (Confidence, String))> = seen.collect();
    let best = seen.iter().map(|(_, (confidence, _))| *confidence).max();
    seen.retain(|(_, (confidence, _))| Some(*confidence) == best);
    match (seen.pop(), seen.len()) {
        (Some((path, (confidence, function))), 0) => Place::Found { path: path.clone(), function, confidence },
        (Some(_), _) => Place::Lost { why: "several files of the repository fit", blocks: common_folder(paths) },
        (None, _) if weak => missing(frame, ""),
        (None, _) if frame.in_app == Some(false) && paths.len() > 1 => Place::Outside,
        (None, _) => {
            let blocks = if let [only] = paths.as_slice() { only.clone() } else { common_folder(paths) };
            Place::Lost { why: "the line is not in the file as it was at that commit", blocks }
        }
    }
}

/// Code made at run time has no file; a function of a program without line tables has none either.
fn unnamed(frame: &Frame) -> Place {
    let is_bare = frame.file.is_empty() && frame.abs_path.is_empty();
    match frame.in_app {
        Some(true) if is_bare && !frame.function.is_empty() => Place::Unknown { folder: String::new() },
        None if is_bare && frame.function.contains("::") => Place::Unknown { folder: String::new() },
        _ => Place::Outside,
    }
}

fn missing(frame: &Frame, folder: &str) -> Place {
    match frame.in_app {
        Some(false) => Place::Outside,
        Some(true) => {
            Place::Lost { why: "its file is not in the repository at that commit", blocks: folder.to_owned() }
        }
        None => Place::Unknown { folder: folder.to_owned() },
    }
}

fn common_folder(paths: &[String]) -> String {
    let folders: Vec<Vec<&str>> = paths.iter().map(|path| path.split('/').collect()).collect();
    let Some(first) = folders.first() else { return String::new() };
    let shared = |at: &usize| folders.iter().all(|parts| at + 1 < parts.len() && parts[*at] == first[*at]);
    let depth = (0..first.len()).take_while(shared).count();
    first[..depth].join("/")
}

/// What a file says of a frame: how well it fits, and the function.
fn look(frame: &Frame, file: &SourceFile, weak: bool) -> Option<(Confidence, String)> {
    let line = frame.line.map_or(0, |line| usize::try_from(line).unwrap_or(usize::MAX));
    let named = by_name(&file.shape, &frame.function);
    if !frame.context_line.is_empty() && line > 0 {
        if let Some(at) = nearest(&frame.context_line, &file.lines, line) {
            let confidence = if at == line { Confidence::Line } else { Confidence::Moved };
            return Some((confidence, owner(&file.shape, at)));
        }
        return named.filter(|_| !weak).map(|function| (Confidence::Path, function));
    }
    if weak && frame.in_app != Some(true) {
        return None;
    }
    if line == 0 || line > file.lines.len() {
        return named.map(|function| (Confidence::Path, function));
    }
    let owner = owner(&file.shape, line);
    let own = short(&frame.function);
    let agrees = file.shape.functions.is_empty() || own.is_empty() || own.starts_with('<') || short(&owner) == own;
    Some((Confidence::Path, if agrees { owner } else { named.unwrap_or(owner) }))
}

/// The line nearest to `line` that says the same, from 1.
fn nearest(text: &str, lines: &[String], line: usize) -> Option<usize> {
    let from = line.saturating_sub(NEARBY).max(1);
    let to = line.saturating_add(NEARBY).min(lines.len());
    // Nearly always it is there, and nothing is nearer.
    if lines.get(line - 1).is_some_and(|own| is_same(text, own)) {
        return Some(line);
    }
    (from..=to).filter(|&at| is_same(text, &lines[at - 1])).min_by_key(|&at| (at.abs_diff(line), at))
}

/// Long lines come cut, with a mark where something is left out.
fn is_same(said: &str, line: &str) -> bool {
    let line = line.trim();
    if said.contains("{snip}") {
        let parts = said.split("{snip}").map(|part| part.trim_matches([' ', '\'']));
        return parts.filter(|part| !part.is_empty()).all(|part| line.contains(part));
    }
    !line.is_empty() && said.trim() == line
}

fn owner(shape: &Shape, line: usize) -> String {
    match shape.owner(u32::try_from(line).unwrap_or(u32::MAX), None) {
        Owner::Function(function) => function.name.clone(),
        Owner::Module | Owner::Unknown => MODULE.to_owned(),
    }
}

/// The only function that a frame's name for it can mean.
fn by_name(shape: &Shape, function: &str) -> Option<String> {
    let own = short(function);
    if own == "<module>" {
        return Some(MODULE.to_owned());
    }
    let exact = shape.functions.iter().find(|known| known.name == function);
    let mut fitting = shape.functions.iter().filter(|known| !own.is_empty() && short(&known.name) == own);
    match (exact, fitting.next(), fitting.next()) {
        (Some(known), _, _) | (None, Some(known), None) => Some(known.name.clone()),
        _ => None,
    }
}

/// The last part of a qualified name.
fn short(function: &str) -> String {
    let plain = if function.contains("::") { rust_name(function) } else { function.to_owned() };
    plain.rsplit(['.', ':']).next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::shape::FunctionShape;

    /// `shop/billing.py`: f at 3 to 5, C.g at 7 to 9; `web/app.js`, whose functions are not told apart; two `views.py`.
    fn sources() -> Sources {
        let function = |name: &str, lines| FunctionShape {
            name: name.to_owned(),
            lines: vec![lines],
            body: Digest::default(),
            remembers: false,
            fills: false,
        };
        let file = |text: &str, functions| SourceFile {
            lines: text.lines().map(str::to_owned).collect(),
            shape: Shape { functions, parsed: true, ..Shape::default() },
        };
        let file = |text: &str, functions| Arc::new(file(text, functions));
        let billing = "import x\n\ndef f():\n    x()\n    y()\n\n    def g(self):\n        z()\n        w()\n";
        BTreeMap::from([
            ("shop/billing.py".to_owned(), file(billing, vec![function("C.g", (7, 9)), function("f", (3, 5))])),
            ("web/app.js".to_owned(), file("a();\nb();\n", vec![])),
            ("a/views.py".to_owned(), file("one()\n", vec![])),
            ("b/views.py".to_owned(), file("two()\n", vec![])),
        ])
    }

    fn frame(file: &str, line: u32, function: &str, context_line: &str, in_app: Option<bool>) -> Frame {
        let (file, function, context_line) = (file.to_owned(), function.to_owned(), context_line.to_owned());
        Frame { file, function, context_line, line: (line > 0).then_some(line), in_app, ..Frame::default() }
    }

    fn mapped(frames: Vec<Frame>) -> Mapped {
        let sources = sources();
        let tree = Tree::new(sources.keys().map(String::as_str));
        map(&Event { kind: "E".into(), frames: frames.into(), ..Event::default() }, &tree, &[], &sources)
    }

    fn said(frames: Vec<Frame>) -> String {
        let mapped = mapped(frames);
        match mapped.code {
            Some(code) => format!("{code} {}", mapped.confidence.word()),
            None => format!("{} [{}]", mapped.unmapped, mapped.blocks),
        }
    }

    #[test]
    fn the_line_says_the_function_and_its_text_how_sure_that_is() {
        for (at, expected) in [
            (frame("shop/billing.py", 4, "f", "x()", None), "shop/billing.py f line"),
            (frame("shop/billing.py", 5, "f", "x()", None), "shop/billing.py f moved"),
            (frame("shop/billing.py", 44, "f", "x()", None), "shop/billing.py f moved"),
            (frame("shop/billing.py", 45, "f", "x()", None), "shop/billing.py f path"),
            (frame("shop/billing.py", 8, "g", "", None), "shop/billing.py C.g path"),
            (frame("shop/billing.py", 4, "g", "", None), "shop/billing.py C.g path"),
            (frame("shop/billing.py", 8, "<genexpr>", "z()", None), "shop/billing.py C.g line"),
            (frame("shop/billing.py", 1, "<module>", "import x", None), "shop/billing.py <module> line"),
            (frame("shop/billing.py", 0, "C.g", "", None), "shop/billing.py C.g path"),
            (frame("web/app.js", 2, "Object.run", "b();", None), "web/app.js <module> line"),
            (frame("web/app.js", 2, "run", "", None), "web/app.js <module> path"),
            (frame("views.py", 1, "", "two()", None), "b/views.py <module> line"),
        ] {
            assert_eq!(said(vec![at.clone()]), expected, "{at:?}");
        }
    }

    #[test]
    fn what_cannot_be_told_says_why_and_what_it_blocks() {
        for (frames, expected) in [
            (vec![], "no frames []"),
            (vec![frame("/usr/lib/python3.12/json/x.py", 1, "f", "", None)], "no frame in the repository [-]"),
            (
                vec![frame("shop/billing.py", 4, "h", "other()", None)],
                "the line is not in the file as it was at that commit [shop/billing.py]",
            ),
            (
                vec![frame("shop/billing.py", 99, "h", "", None)],
                "the line is not in the file as it was at that commit [shop/billing.py]",
            ),
            (vec![frame("views.py", 1, "", "", None)], "several files of the repository fit []"),
            (
                vec![frame("shop/gone.py", 1, "f", "", Some(true))],
                "its file is not in the repository at that commit [shop]",
            ),
            (vec![frame("/srv/x/gone.py", 1, "f", "", None)], "no file of the repository fits []"),
            (vec![frame("/srv/x/billing.py", 4, "h", "other()", None)], "no file of the repository fits []"),
            (vec![frame("/x/gone.py", 1, "f", "", Some(false))], "no frame in the repository [-]"),
        ] {
            assert_eq!(said(frames.clone()), expected, "{frames:?}");
        }
    }

    #[test]
    fn the_frame_that_failed_is_the_last_one_of_the_repository() {
        let ours = frame("shop/billing.py", 4, "f", "x()", None);
        let theirs = frame("/usr/lib/python3.12/json/x.py", 1, "loads", "", None);
        let made = frame("<string>", 1, "__init__", "", Some(true));
        assert_eq!(said(vec![ours.clone(), theirs, made]), "shop/billing.py f line");
        // A file of ours that is not there may be what failed.
        let gone = frame("/srv/dist/bundle.js", 1, "f", "", Some(true));
        let both = mapped(vec![ours, gone]);
        assert_eq!(
            (both.unmapped.as_str(), both.frames_in_repository, both.frames_mapped),
            ("its file is not in the repository at that commit", 2, 1)
        );
    }

    #[test]
    fn a_fault_is_its_sort_and_its_place_and_not_its_message_or_its_line() {
        let at = |line, text| mapped(vec![frame("shop/billing.py", line, "f", text, None)]).fault;
        assert_eq!(at(4, "x()"), at(5, "y()"));
        assert_ne!(at(4, "x()"), at(8, "z()"));
        let script = |function| mapped(vec![frame("web/app.js", 2, function, "b();", None)]).fault;
        assert_ne!(script("run"), script("stop"));
    }

    #[test]
    fn an_event_without_frames_blocks_what_it_names_and_else_its_service_and_else_everything() {
        let sources = sources();
        let tree = Tree::new(sources.keys().map(String::as_str));
        for (modules, service, expected) in [
            (vec!["shop.billing"], Some("web"), "shop/billing.py"),
            (vec!["root", "shop.billing"], None, "shop/billing.py"),
            (vec!["shop.gone"], None, "shop"),
            (vec!["views"], Some("web"), "web"),
            (vec!["celery.app.trace"], Some("web"), "web"),
            (vec![], Some("web"), "web"),
            (vec!["views"], None, ""),
            (vec![], None, ""),
        ] {
            let modules = modules.iter().map(|module| (*module).to_owned()).collect();
            let event = Event { kind: "E".into(), modules, ..Event::default() };
            let mapped = map(&event, &tree, &[], &sources);
            assert_eq!((mapped.unmapped.as_str(), mapped.blocks.as_str()), ("no frames", ""));
            assert_eq!(narrowed(&event, mapped, &tree, service).blocks, expected, "{event:?} {service:?}");
        }
        let event = Event {
            frames: [frame("/srv/x/gone.py", 1, "f", "", None)].into(),
            modules: vec!["shop.billing".to_owned()],
            ..Event::default()
        };
        let mapped = map(&event, &tree, &[], &sources);
        assert_eq!(narrowed(&event, mapped, &tree, Some("web")).blocks, "", "frames say more than names");
    }

    #[test]
    fn without_a_commit_the_file_of_today_is_only_blocked() {
        let event = Event { frames: [frame("shop/billing.py", 4, "f", "x()", None)].into(), ..Event::default() };
        let today = without_commit(&event, mapped(event.frames.to_vec()));
        assert_eq!((today.code, today.blocks.as_str(), today.frames_mapped), (None, "shop/billing.py", 0));
    }
}
