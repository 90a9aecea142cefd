"""Run a cargo project with each tool, each in a target folder of its own, and read what ran from the output.

No tool is asked what it did: cargo says which program it starts (`Running ...`), libtest names each test, and
cargo-nextest both in one line. cargo's own `Finished ... in` lines tell the build's seconds from the run's.
"""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

import runs
import tools

PEERS = ("nextest", "affected")
SESSION = runs.SESSION

_PROGRAM = re.compile(r"^\s+Running .*[/\\]([^/\\]+?)(?:\.exe)?\)$")
_DOCTESTS = re.compile(r"^\s+Doc-tests (\S+)$")
_TEST = re.compile(r"^test (.+?)(?: - should panic)? \.\.\. (ok|FAILED|ignored.*)$")
# A test that prints past libtest's capture breaks the line: its failure still shows in the list at the end.
_LIST = "failures:"
_LISTED = re.compile(r"^    (\S+)(?: - should panic)?$")
_NEXTEST = re.compile(r"^\s+(?:TRY \d+ )?(PASS|FAIL|LEAK|ABORT|TIMEOUT|SIG[A-Z]+)(?: \+ LEAK)? \[[^\]]*\] "
                      r"(?:\([^)]*\) )?(\S+) (.+)$")
_FINISHED = re.compile(r"^\s+Finished `.*` profile .* in (?:(\d+)m )?([\d.]+)s$")
_NOT_BUILT = ("could not compile", "failed to parse manifest", "failed to run custom build command",
              "failed to select a version", "failed to load manifest", "could not be found in the")


@dataclass
class Ran:
    """What one run did: the ids of the tests that ran, of those that failed, seconds of build and of run."""

    took: runs.Took
    ids: set = field(default_factory=set)
    failed: set = field(default_factory=set)
    build: float = 0.0
    built: bool = True  # whether cargo got as far as running tests

    @property
    def run(self):
        return max(0.0, self.took.wall - self.build)

    @property
    def crashed(self):
        """It did not end as a test run ends: a compile error, a time limit, a tool's own failure."""
        return self.took.timed_out or not self.built or self.took.exit not in (0, 100, 101)


class Bench:
    """One project ready to run: its tree, a target folder for each tool, titer's recorded ledger."""

    def __init__(self, project, tree, scratch, titer=None, limit=900, llvm=None):
        self.project, self.tree, self.scratch = project, Path(tree), Path(scratch)
        self.titer, self.limit, self.llvm = titer, limit, llvm
        self.scratch.mkdir(parents=True, exist_ok=True)
        self.ledger = self.scratch / "ledger"
        self.recorded = self.scratch / "ledger-recorded"
        self.units = {}

    def environment(self, tool):
        """A target folder for each tool, and nothing of the caller's that would change a build or a run."""
        env = runs.environment(CARGO_TARGET_DIR=str(self.scratch / f"target-{tool}"), CARGO_TERM_COLOR="never")
        for name in ("RUSTFLAGS", "RUST_BACKTRACE", "RUST_TEST_THREADS", "RUSTC_WRAPPER", "CARGO_INCREMENTAL"):
            env.pop(name, None)
        if self.llvm:
            # cargo-affected takes the first that the path has, and an older one cannot read these profiles.
            env["PATH"] = f"{self.llvm}:{env['PATH']}"
        return env

    def process(self, tool, command):
        return runs.process(command, self.tree, self.environment(tool), self.limit)

    def cargo_test(self, *more):
        return ["cargo", "test", *self.project.arguments, *more]

    def titer_command(self, *flags, test=("--no-fail-fast",)):
        return [self.titer, "run", "-C", self.tree, "--ledger", self.ledger, *flags, "--", *self.cargo_test(*test)]

    # --- runs of tests ----------------------------------------------------------------------------

    def full(self, tool="full"):
        """The whole of `cargo test`, with no tool anywhere near."""
        return self.read(self.process(tool, self.cargo_test("--no-fail-fast")))

    def titer_run(self, *flags):
        return self.read(self.process("titer", self.titer_command(*flags)))

    def nextest(self):
        shown = ("--status-level=all", "--final-status-level=none", "--no-fail-fast")
        return self.read(self.process("nextest", ["cargo", "nextest", "run", *self.project.arguments, *shown]))

    def affected(self):
        shown = ("--status-level=all", "--final-status-level=none", "--no-fail-fast")
        command = ["cargo-affected", "affected", "run", "--", *self.project.arguments, *shown]
        return self.read(self.process("affected", command))

    def run(self, tool):
        return {"full": self.full, "titer": self.titer_run, "nextest": self.nextest, "affected": self.affected}[tool]()

    # --- states -----------------------------------------------------------------------------------

    def collect(self):
        """cargo-affected's recording at the committed tree."""
        return self.process("affected", ["cargo-affected", "affected", "collect", "--", *self.project.arguments])

    def record(self):
        """titer's recording of the committed tree, kept to start every edit from."""
        tools.fresh(self.ledger)
        ran = self.titer_run("--record=deep")
        tools.copied(self.ledger, self.recorded)
        return ran

    def warm(self, tool):
        """Build the tree as it is, uncounted: what the last edit left in the target folder is nobody's cost."""
        if tool == "affected":
            return self.affected().took
        building = ["cargo", "nextest", "run", *self.project.arguments, "--no-run"] if tool == "nextest" \
            else self.cargo_test("--no-run")
        return self.process(tool, building)

    def stale(self, tool, test=()):
        """How many units cargo itself does not find fresh in a target folder: 0 if nobody caused a rebuild."""
        took = self.process(tool, self.cargo_test("--no-run", "--message-format=json", *test))
        if took.exit != 0:
            raise SystemExit(f"cargo test --no-run ended with {took.exit}:\n{took.output[-2000:]}")
        return sum(not artifact["fresh"] for artifact in artifacts(took.output))

    def titer_plan(self):
        """Verdict and reason by test id; None where titer gives no plan."""
        command = [self.titer, "plan", "--json", "-C", self.tree, "--ledger", self.ledger, "--",
                   *self.cargo_test("--no-fail-fast")]
        return tools.plan_of(self.process("titer", command).output)

    # --- reading ----------------------------------------------------------------------------------

    def name_units(self):
        """Learn which test program is which unit, from cargo's own messages; their file names tell."""
        took = self.process("full", self.cargo_test("--no-run", "--message-format=json"))
        for artifact in artifacts(took.output):
            unit, name = unit_of(artifact), artifact["target"]["name"].replace("-", "_")
            if artifact["executable"]:
                self.units[stem(artifact["executable"])] = unit
            elif unit.endswith("::lib") and Path(artifact["manifest_path"]).is_relative_to(self.tree):
                self.units[f"doc {name}"] = unit.removesuffix("lib") + "doc"
        return took.exit == 0

    def read(self, took):
        """One run, from its output. Programs that are not known yet are looked up once it is over."""
        programs = {found[1] for found in map(_PROGRAM.match, took.output.splitlines()) if found}
        if programs - self.units.keys():
            self.name_units()
        return read(took, self.units)


def artifacts(output):
    """The artifact messages of cargo among whatever else was printed."""
    for line in output.splitlines():
        if line.startswith('{"reason":"compiler-artifact"'):
            yield json.loads(line)


def stem(path):
    return re.sub(r"\.exe$", "", re.split(r"[/\\]", path)[-1])


def unit_of(artifact):
    """titer's name of a test program: NAME::lib, NAME::test/X and so on."""
    package = artifact["package_id"].rsplit("#", 1)[-1]
    folder = artifact["package_id"].rsplit("#", 1)[0].rsplit("/", 1)[-1]
    name = package.rsplit("@", 1)[0] if "@" in package else folder
    kind, own = artifact["target"]["kind"][0], artifact["target"]["name"]
    return f"{name}::{kind}/{own}" if kind in ("bin", "test", "example", "bench") else f"{name}::lib"


def unit_of_binary(binary):
    """The same, from cargo-nextest's name of a program."""
    package, _, rest = binary.partition("::")
    return f"{package}::lib" if not rest else f"{package}::{rest if '/' in rest else f'test/{rest}'}"


def read(took, units):
    """Fold the lines of one run of cargo test or cargo-nextest into one `Ran`."""
    ran, unit, listing = Ran(took), None, False
    for line in took.output.splitlines():
        if found := _FINISHED.match(line):
            ran.build += 60 * int(found[1] or 0) + float(found[2])
        elif found := _PROGRAM.match(line):
            unit = units.get(found[1], f"?::{found[1]}")
        elif found := _DOCTESTS.match(line):
            unit = units.get(f"doc {found[1]}", f"{found[1]}::doc")
        elif found := _NEXTEST.match(line):
            note(ran, f"cargo::{unit_of_binary(found[2])}::{found[3]}", found[1] not in ("PASS", "LEAK"))
        elif unit and (found := _TEST.match(line)) and not found[2].startswith("ignored"):
            # The doctests of a package are one test.
            inner = "" if unit.endswith("::doc") else f"::{found[1]}"
            note(ran, f"cargo::{unit}{inner}", found[2] == "FAILED")
        elif listing and not unit.endswith("::doc") and (found := _LISTED.match(line)):
            note(ran, f"cargo::{unit}::{found[1]}", True)
        listing = bool(unit) and (line == _LIST or listing and bool(_LISTED.match(line)))
    ran.built = not any(words in took.output for words in _NOT_BUILT)
    if not ran.built:
        ran.build = took.wall
    if ran.crashed or (took.exit and not ran.failed):
        ran.failed.add(SESSION)
    return ran


def note(ran, test_id, failed):
    ran.ids.add(test_id)
    if failed:
        ran.failed.add(test_id)


def documented(ids):
    """The ids that are doctests: cargo-nextest and what is built on it do not run them."""
    return {test_id for test_id in ids if test_id.endswith("::doc")}
