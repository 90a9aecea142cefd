//! How long `titer learn file` takes from a file of production errors to the ledger, beside what the same bytes cost to be read, to be split
//! into lines and to be parsed. Errors are skewed as they are in production: few faults make most sightings, and every message has its values.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a bench is no library, may stop at once, and starts programs"
)]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};

const FILES: usize = 200;
const FUNCTIONS: usize = 20;
const FAULTS: usize = 2000;
const RELEASES: usize = 24;
/// Of a tenth and of all of it: time should grow with the lines, and memory not at all.
const SIGHTINGS: &[usize] = &[200_000, 2_000_000];
const ENVELOPES: &[usize] = &[2_000, 20_000];

fn main() {
    divan::main();
}

/// Numbers without order that are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % end
    }

    /// The first ones often, the last ones hardly ever.
    fn skewed(&mut self, end: usize) -> usize {
        let most = self.below(end) + 1;
        let most = self.below(most) + 1;
        self.below(most)
    }
}

/// A repository of Python with releases, and files of errors beside it.
struct World {
    folder: tempfile::TempDir,
}

impl World {
    fn get() -> &'static Self {
        static WORLD: OnceLock<World> = OnceLock::new();
        WORLD.get_or_init(Self::make)
    }

    fn make() -> Self {
        let world = Self { folder: tempfile::tempdir().unwrap() };
        let root = world.root();
        std::fs::create_dir_all(root.join("app")).unwrap();
        for file in 0..FILES {
            let text: String = (0..FUNCTIONS).fold(String::new(), |mut text, function| {
                writeln!(text, "def step_{function}(order, retries=3):\n    found = prices.get(order.item)\n    return charge_{file}_{function}(order, found)\n\n").unwrap();
                text
            });
            std::fs::write(root.join(format!("app/part_{file}.py")), text).unwrap();
        }
        let git = |arguments: &[&str]| {
            let mut git = Command::new("git");
            git.current_dir(&root).args(["-c", "user.name=a", "-c", "user.email=a@example.org"]).args(arguments);
            assert!(git.env("GIT_COMMITTER_DATE", "2026-01-01T00:00:00Z").output().unwrap().status.success());
        };
        git(&["init", "-q", "-b", "main"]);
        git(&["add", "-A"]);
        for release in 0..RELEASES {
            git(&["commit", "-q", "--allow-empty", "-m", "release"]);
            git(&["tag", &format!("v1.{release}.0")]);
        }
        world
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("shop")
    }

    /// Our own lines, about 900 bytes each.
    fn lines(&self, many: usize) -> PathBuf {
        self.file(&format!("lines-{many}.jsonl"), |text| {
            let mut dice = Dice(42);
            for number in 0..many {
                let fault = dice.skewed(FAULTS);
                let frames: Vec<String> = stack(fault)
                    .map(|(file, function)| {
                        let line = function * 5 + 3;
                        format!(
                            "{{\"file\":\"app/part_{file}.py\",\"abs_path\":\"/srv/shop/app/part_{file}.py\",\"module\":\"app.part_{file}\",\
                             \"function\":\"step_{function}\",\"line\":{line},\"in_app\":true,\"context_line\":\"return charge_{file}_{function}(order, found)\"}}"
                        )
                    })
                    .collect();
                let (id, said, user) = (dice.0, message(fault, &mut dice), dice.skewed(50_000));
                writeln!(
                    text,
                    "{{\"v\":1,\"event\":\"{:016x}{number:016x}\",\"at\":\"{}\",\"type\":\"{}\",\"message\":\"{}\",\"handled\":false,\"level\":\"error\",\
                     \"platform\":\"python\",\"environment\":\"production\",\"service\":\"shop\",\"release\":\"shop@1.{}.0\",\"user\":\"u{}\",\"frames\":[{}]}}",
                    id,
                    at(number, many),
                    kind(fault),
                    said,
                    number * RELEASES / many,
                    user,
                    frames.join(",")
                )
                .unwrap();
            }
        })
    }

    /// Envelopes behind each other, each with an event as the SDK of Python sends it: locals, lines around, breadcrumbs.
    fn envelopes(&self, many: usize) -> PathBuf {
        self.file(&format!("envelopes-{many}"), |text| {
            let mut dice = Dice(43);
            for number in 0..many {
                let fault = dice.skewed(FAULTS);
                let frames: Vec<String> = stack(fault)
                    .map(|(file, function)| {
                        format!(
                            "{{\"filename\":\"app/part_{file}.py\",\"abs_path\":\"/srv/shop/app/part_{file}.py\",\"module\":\"app.part_{file}\",\
                             \"function\":\"step_{function}\",\"lineno\":{},\"in_app\":true,\"pre_context\":[\"\",\"def step_{function}(order, retries=3):\",\
                             \"    found = prices.get(order.item)\"],\"context_line\":\"    return charge_{file}_{function}(order, found)\",\"post_context\":[\"\",\"\"],\
                             \"vars\":{{\"order\":\"<Order {} of {}>\",\"retries\":\"3\",\"found\":\"None\"}}}}",
                            function * 5 + 3, dice.below(1_000_000), dice.below(1000)
                        )
                    })
                    .collect();
                let crumbs: Vec<String> = (0..12)
                    .map(|_| format!("{{\"type\":\"log\",\"category\":\"shop.http\",\"level\":\"info\",\"message\":\"GET /orders/{}\",\"timestamp\":\"{}\",\"data\":{{}}}}", dice.below(1_000_000), at(number, many)))
                    .collect();
                let (id, said, user, server) = (dice.0, message(fault, &mut dice), dice.skewed(50_000), dice.below(40));
                let event = format!(
                    "{{\"event_id\":\"{:016x}{number:016x}\",\"timestamp\":\"{}\",\"level\":\"error\",\"platform\":\"python\",\"environment\":\"production\",\
                     \"release\":\"shop@1.{}.0\",\"server_name\":\"web-{}\",\"user\":{{\"id\":\"u{}\"}},\"exception\":{{\"values\":[{{\"type\":\"{}\",\"value\":\"{}\",\
                     \"mechanism\":{{\"type\":\"generic\",\"handled\":false}},\"stacktrace\":{{\"frames\":[{}]}}}}]}},\"breadcrumbs\":{{\"values\":[{}]}},\
                     \"contexts\":{{\"runtime\":{{\"name\":\"CPython\",\"version\":\"3.12.3\"}}}},\"modules\":{{\"sentry-sdk\":\"2.0.0\",\"urllib3\":\"2.2.1\"}}}}",
                    id, at(number, many), number * RELEASES / many, server, user, kind(fault), said,
                    frames.join(","), crumbs.join(",")
                );
                writeln!(
                    text,
                    "{{\"sent_at\":\"{}\"}}\n{{\"type\":\"event\",\"length\":{}}}\n{event}",
                    at(number, many),
                    event.len()
                )
                .unwrap();
            }
        })
    }

    fn file(&self, name: &str, write: impl FnOnce(&mut String)) -> PathBuf {
        let path = self.folder.path().join(name);
        if !path.exists() {
            let mut text = String::new();
            write(&mut text);
            std::fs::write(&path, text).unwrap();
        }
        path
    }

    /// Learns from a file into a new ledger, with the real program.
    fn learn(&self, file: &Path) {
        let ledger = tempfile::tempdir_in(self.folder.path()).unwrap();
        let mut titer = Command::new(env!("CARGO_BIN_EXE_titer"));
        titer.current_dir(self.root()).args(["learn", "file"]).arg(file).arg("--ledger").arg(ledger.path());
        let told = titer.output().unwrap();
        let said = String::from_utf8_lossy(&told.stdout).into_owned() + &String::from_utf8_lossy(&told.stderr);
        assert!(
            told.status.success() && said.contains("the line is the same") && !said.contains("not mapped"),
            "{said}"
        );
    }
}

/// The frames of a fault, oldest first: those that call are shared by many.
fn stack(fault: usize) -> impl Iterator<Item = (usize, usize)> {
    let depth = 3 + fault % 4;
    (0..depth).map(move |level| {
        let place = fault >> (2 * (depth - 1 - level));
        ((place * 7 + level) % FILES, place % FUNCTIONS)
    })
}

fn kind(fault: usize) -> &'static str {
    ["ValueError", "KeyError", "LookupError", "TimeoutError", "shop.errors.OutOfStock"][fault % 5]
}

fn message(fault: usize, dice: &mut Dice) -> String {
    match fault % 3 {
        0 => format!("no price for 'item {}' of order {}", dice.below(10_000), dice.below(1_000_000)),
        1 => format!(
            "user{}@example.org timed out after {}.5ms at /srv/data/{}.json",
            dice.below(9999),
            dice.below(900),
            dice.below(99)
        ),
        _ => "order has no address to send it to".to_owned(),
    }
}

/// From April to September 2026, in order.
fn at(number: usize, of: usize) -> String {
    let second = number * 183 * 86_400 / of;
    let (day, rest) = (second / 86_400, second % 86_400);
    format!(
        "2026-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z",
        4 + day / 31,
        1 + day % 30,
        rest / 3600,
        rest / 60 % 60,
        rest % 60,
        number % 1_000_000
    )
}

#[divan::bench(args = SIGHTINGS, sample_count = 3, sample_size = 1)]
fn own_lines(bencher: Bencher<'_, '_>, sightings: usize) {
    let file = World::get().lines(sightings);
    bencher.counter(ItemsCount::new(sightings)).bench(|| World::get().learn(&file));
}

#[divan::bench(args = SIGHTINGS, sample_count = 3, sample_size = 1)]
fn own_lines_in_bytes(bencher: Bencher<'_, '_>, sightings: usize) {
    let file = World::get().lines(sightings);
    bencher.counter(BytesCount::new(file.metadata().unwrap().len())).bench(|| World::get().learn(&file));
}

#[divan::bench(args = SIGHTINGS, sample_count = 3, sample_size = 1)]
fn own_lines_floor_reading_and_splitting(bencher: Bencher<'_, '_>, sightings: usize) {
    let file = World::get().lines(sightings);
    let lines = || std::fs::read(&file).unwrap().split(|&byte| byte == b'\n').count();
    bencher.counter(ItemsCount::new(sightings)).bench(lines);
}

#[divan::bench(args = SIGHTINGS, sample_count = 3, sample_size = 1)]
fn own_lines_floor_parsing(bencher: Bencher<'_, '_>, sightings: usize) {
    let file = World::get().lines(sightings);
    bencher.counter(ItemsCount::new(sightings)).bench(|| {
        let bytes = std::fs::read(&file).unwrap();
        let lines = bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
        lines
            .map(|line| serde_json::from_slice::<serde_json::Value>(line).unwrap())
            .filter(serde_json::Value::is_object)
            .count()
    });
}

#[divan::bench(args = ENVELOPES, sample_count = 3, sample_size = 1)]
fn envelopes(bencher: Bencher<'_, '_>, events: usize) {
    let file = World::get().envelopes(events);
    bencher.counter(BytesCount::new(file.metadata().unwrap().len())).bench(|| World::get().learn(&file));
}

#[divan::bench(args = ENVELOPES, sample_count = 3, sample_size = 1)]
fn envelopes_floor_parsing(bencher: Bencher<'_, '_>, events: usize) {
    let file = World::get().envelopes(events);
    bencher.counter(BytesCount::new(file.metadata().unwrap().len())).bench(|| {
        let bytes = std::fs::read(&file).unwrap();
        let lines = bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
        lines
            .map(|line| serde_json::from_slice::<serde_json::Value>(line).unwrap())
            .filter(serde_json::Value::is_object)
            .count()
    });
}
