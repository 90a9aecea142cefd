#!/usr/bin/env python3
"""Replay real commits in order on a suite that takes minutes: how long is FAST's verdict, and does it leave out a test that tells?

The start is recorded whole, history and a stated quiet time are learned, tests are placed. Then every commit runs
as its default branch would (`titer run --record`). For each commit also the part of it that is source is taken back
under its own tests: what then fails and did not before are the tests that tell, and `titer run` must leave none of
them out. See README.md.
"""

import argparse
import json
import re
import shlex
import statistics
import sys
import tempfile
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path

import projects
import runs
import tools

QUIET_DAYS = 180
YOUNG_DAYS = 30

# What makes `overflow = "rest"` count: somebody runs what the first job puts off.
RECIPE = """on: push
jobs:
  rest:
    runs-on: ubuntu-latest
    steps:
      - run: titer run --rest -- python -m pytest
"""


@dataclass
class Row:
    """One commit: what FAST ran and cost, which tests tell, which of them were left out."""

    commit: str
    subject: str
    ran: runs.Ran
    telling: set = field(default_factory=set)
    missed: set = field(default_factory=set)
    back: runs.Ran | None = None
    rest: runs.Ran | None = None
    late: set = field(default_factory=set)
    why: str = ""
    left_out: dict = field(default_factory=dict)
    reasons: dict = field(default_factory=dict)


class Replay:
    """The clone, its environment, the growing ledger, and the command line under which all of it runs."""

    def __init__(self, options, work):
        name = Path(options.repo).resolve()
        name = (name.parent if name.name in ("repo", ".git") else name).name.removesuffix(".git")
        self.tree, self.options = work / f"clone-{name}", options
        if not (self.tree / ".git").exists():
            runs.must(["git", "clone", "-q", "--no-hardlinks", options.repo, self.tree], work)
            (self.tree / ".git" / "info" / "exclude").write_text(projects.IGNORED + ".titer/\n")
        self.commits = self.series(options.count)
        self.start = self.git("rev-parse", f"{self.commits[0]}^").strip()
        self.git("checkout", "-q", "-f", "--detach", self.start)
        inside = projects.environment_of(name, "plain", options.python, work, options.install, self.tree)
        for folder in options.editable:
            runs.must([inside, "-m", "pip", "--disable-pip-version-check", "install", "-q", "--no-deps", "-e", self.tree / folder], work)
        scratch = work / f"fast-{name}"
        # Bytecode stays, as it does for people: every edit here is older than the run before it by more than a second.
        self.bench = tools.Bench(self.tree, {"plain": inside}, (), scratch, options.titer, options.limit, bytecode=True)
        self.ledger, self.config = scratch / "ledger", scratch / "titer.toml"

    def git(self, *arguments):
        return projects.git(self.tree, *arguments)

    def is_test(self, path):
        return re.search(self.options.tests, path) is not None

    def changed(self, commit):
        """What a commit changes, as (source: all of the package but tests, what pytest is to run of its own tests)."""
        paths = self.git("diff", "--name-only", "--no-renames", f"{commit}^", commit).split()
        own = [path for path in paths if path.startswith(f"{self.options.package}/") and not self.is_test(path)]
        cases = {case for path in paths for case in [self.case_of(path)] if case}
        files = [path for path in paths if self.is_test(path) and path.endswith(".py")]
        return own, files + sorted(case for case in cases if case[0] not in files)

    def case_of(self, path):
        """The test file that runs a file of cases, and the name by which its tests can be asked for; None for other files."""
        for pattern, file in (text.split("=", 1) for text in self.options.cases):
            if found := re.search(pattern, path):
                return file, found["case"]
        return None

    def series(self, count):
        """The last commits that change a source file of the package, oldest first: of the branch's own line, or all but merges."""
        line = ["--no-merges", "--topo-order"] if self.options.no_merges else ["--first-parent"]
        listed = self.git("rev-list", *line, self.options.branch, "--", self.options.package).split()
        found = []
        for commit in listed:
            source, tests = self.changed(commit)
            if any(path.endswith(".py") for path in source) and (tests or not self.options.with_tests):
                found.append(commit)
            if len(found) == count:
                break
        return found[::-1]

    def checkout(self, commit):
        """The commit's own tree; what git ignores stays, and with it bytecode, the installation and the suites' records."""
        self.git("checkout", "-q", "-f", "--detach", commit)
        self.git("clean", "-q", "-ffd")
        self.prepare()
        paths = shlex.split(self.options.whole)
        there = [path for path in paths if path.startswith("-") or (self.tree / path).exists()]
        self.bench.arguments = (*shlex.split(self.options.pytest_args), *there)

    def prepare(self):
        """What the project's own way generates before its tests run, and the recipe of CI that says of the second job."""
        if self.options.rest:
            recipe = self.tree / ".github" / "workflows" / "titer-rest.yml"
            recipe.parent.mkdir(parents=True, exist_ok=True)
            recipe.write_text(RECIPE)
        if self.options.prepare:
            runs.must([self.bench.insides["plain"], *shlex.split(self.options.prepare)], self.tree)

    def titer(self, ledger, *arguments, inputs=()):
        """`titer` with something else than tests to run; it must work."""
        command = [self.options.titer, *arguments, "-C", self.tree, "--ledger", ledger, "--config", self.config, *inputs]
        return runs.must(command, self.tree, limit=self.options.limit)

    def run(self, ledger, flag, *more, before=()):
        command = [self.options.titer, "run", "-C", self.tree, "--ledger", ledger, "--config", self.config, flag, *before, "--"]
        return self.bench.run([*command, *self.bench.pytest("plain", *more)])

    def files(self, wanted):
        """The bare tests of these files alone, less those that are not there, and of files of cases those that they name."""
        there = [path for path in wanted if isinstance(path, str) and (self.tree / path).is_file()
                 and re.search(r"^test|_test\.py$", Path(path).name)]
        calls = [there] if there else []
        by_file = {}
        for file, case in (case for case in wanted if not isinstance(case, str)):
            by_file.setdefault(file, []).append(case)
        calls += [[file, "-k", " or ".join(cases)] for file, cases in sorted(by_file.items())]
        inside, more = self.bench.insides["plain"], shlex.split(self.options.pytest_args)
        ran = [self.bench.run(projects.pytest_of(inside, [*more, *call])) for call in calls]
        return runs.together(ran) if ran else None


def main():
    options = arguments()
    work = Path(options.work or tempfile.mkdtemp(prefix="peers-")).resolve()
    work.mkdir(parents=True, exist_ok=True)
    replay = Replay(options, work)
    print(f"{replay.tree.name}, Python {projects.version_of(options.python)}, {len(replay.commits)} commits after "
          f"{replay.start[:9]}", flush=True)
    first, placed = begin(replay)
    rows, bare = [], []
    for commit in replay.commits:
        rows.append(at_commit(replay, commit))
        tell(rows[-1])
        report(replay, rows, bare, first, placed, options.report)
    known = decisions(replay)
    for row in rows:
        row.reasons, row.left_out = known.get(row.commit, ({}, {}))
    report(replay, rows, bare, first, placed, options.report)
    for commit in (replay.start, replay.commits[-1]):
        replay.checkout(commit)
        bare.append(replay.bench.bare())
        print(f"the bare whole run at {commit[:9]}: {took(bare[-1])}", flush=True)
        report(replay, rows, bare, first, placed, options.report)
    return 1 if any(row.missed or row.ran.crashed for row in rows) else 0


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("repo", help="a git repository (bare or not); it is cloned, never written to")
    parser.add_argument("--titer", type=Path, required=True, help="the titer program")
    parser.add_argument("--python", type=Path, default=Path(sys.executable), help="interpreter for the environment")
    parser.add_argument("--work", help="folder for the clone and the environment (default: a temporary one)")
    parser.add_argument("--count", type=int, default=40, help="commits (40)")
    parser.add_argument("--branch", default="HEAD", help="where the series ends (HEAD)")
    parser.add_argument("--with-tests", action="store_true", help="only commits that change tests as well")
    parser.add_argument("--no-merges", action="store_true",
                        help="every commit but merges, for a history whose branch is merged in bulk (default: first parents)")
    parser.add_argument("--prepare", default="", metavar="ARGUMENTS",
                        help="what the project's Python runs in the tree before tests can, e.g. a script that generates files")
    parser.add_argument("--package", required=True, help="the folder of the source; a commit counts if it changes Python there")
    parser.add_argument("--tests", default=r"(^|/)(tests?/|conftest\.py$|test_[^/]*\.py$)",
                        help="paths that are tests and not source (a regular expression)")
    parser.add_argument("--cases", action="append", default=[], metavar="PATTERN=FILE",
                        help="files of data that are a test file's cases: a pattern of their paths whose group `case` is part of the "
                             "names of their tests, and the test file; again for more")
    parser.add_argument("--editable", action="append", default=[], metavar="FOLDER",
                        help="one more folder of the repository that is installed as it stands; again for more")
    parser.add_argument("--install", action="append", default=[], metavar="REQUIREMENT",
                        help="a requirement of the suite; again for more")
    parser.add_argument("--pytest-args", default="", help="what to add to every pytest command line")
    parser.add_argument("--whole", default="", help="what to add to that of the whole suite only, e.g. paths; those that a commit does not have are left away")
    parser.add_argument("--back-args", default="",
                        help="what to add to the runs with the source taken back, e.g. --no-cov: nothing that makes another variant")
    parser.add_argument("--titer-toml", default="", metavar="TEXT",
                        help="first lines of the titer.toml that the owners would have, e.g. `volatile = […]`")
    parser.add_argument("--rest", action="store_true",
                        help="the owners divide long runs (`overflow = \"rest\"`): FAST is the first job, a second one runs what it put off")
    parser.add_argument("--limit", type=float, default=3600, help="seconds after which a run is stopped (3600)")
    parser.add_argument("--report", type=Path, help="write the table there, in Markdown")
    options = parser.parse_args()
    options.titer, options.python = options.titer.resolve(), options.python.absolute()
    return options


def begin(replay):
    """The recorded whole run, what is learned, and where tests go: the run, and what place said."""
    tools.fresh(replay.ledger)
    tools.fresh(replay.tree / ".titer")
    replay.checkout(replay.start)
    today = datetime.now(timezone.utc).date()
    # The commits are of the past and titer's clock is not: days are counted from the day of the first commit.
    since = (today - datetime.fromtimestamp(int(replay.git("log", "-1", "--format=%ct", replay.start)), timezone.utc)
             .date()).days
    divided = 'overflow = "rest"\n' if replay.options.rest else ""
    replay.config.write_text(f"{divided}{replay.options.titer_toml}\n[placement]\nquiet_days = {QUIET_DAYS + since}\nyoung_days = {YOUNG_DAYS + since}\n"
                             f"most_moves = 1000000\n")
    first = replay.run(replay.ledger, "--record")
    print(f"recorded as the start: {took(first)}, {runs.count(first.ids)} tests", flush=True)
    replay.titer(replay.ledger, "learn", "git")
    nothing = replay.bench.scratch / "production.jsonl"
    nothing.write_text("")
    covers = f"{today - timedelta(days=365)}..{today}"
    replay.titer(replay.ledger, "learn", "file", nothing, "--covers", covers)
    placed = json.loads(of_json(replay.titer(replay.ledger, "place", "--json")))
    print(f"placed: {len(placed['moves'])} tests to WEEKLY; {rules(placed)}", flush=True)
    return first, placed


def of_json(text):
    return text[text.index("{"):]


def rules(placed):
    counts = {}
    for entry in placed["rules"]:
        counts[entry["rule"]] = counts.get(entry["rule"], 0) + entry["tests"]
    return ", ".join(f"{rule} {tests}" for rule, tests in counts.items())


def at_commit(replay, commit):
    """The commit as its branch would run it, then its source taken back under its tests."""
    replay.checkout(commit)
    row = Row(commit, replay.git("log", "-1", "--format=%s").strip(), replay.run(replay.ledger, "--record"))
    if replay.options.rest:
        row.rest = replay.run(replay.ledger, "--record", before=["--rest"])
    source, tests = replay.changed(commit)
    good = replay.files(tests)
    if good is None:
        row.why = "it changes no file of tests"
        return row
    take_back(replay, commit, source)
    bad = replay.files(tests)
    # A file that cannot be collected any more tells as one.
    row.telling = {test for test in bad.failed - good.failed if test in good.ids or "::" not in test} - {runs.SESSION}
    if not row.telling:
        row.why = "its tests pass without it"
        return row
    ledger = tools.copied(replay.ledger, replay.bench.scratch / "ledger-for-back")
    more = shlex.split(replay.options.back_args)
    row.back = replay.run(ledger, "--no-record", *more)
    row.missed = row.telling - row.back.ids
    if row.missed and replay.options.rest:
        # What the first job put off is not left out if the second one of the same commit runs it.
        row.late = row.missed & replay.run(ledger, "--no-record", *more, before=["--rest"]).ids
        row.missed -= row.late
    return row


def take_back(replay, commit, source):
    there = set(replay.git("ls-tree", "-r", "--name-only", f"{commit}^", "--", *source).split("\n"))
    for path in source:
        if path in there:
            replay.git("checkout", "-q", f"{commit}^", "--", path)
        else:
            (replay.tree / path).unlink(missing_ok=True)
    replay.prepare()


def decisions(replay):
    """By commit, how many tests ran for which reason, and how many were left out for which: as the ledger keeps it."""
    query = ("SELECT runs.commit_id, verdict, reason, SUM(decisions.tests) AS tests FROM decisions JOIN (SELECT DISTINCT "
             "run_id, commit_id FROM runs) AS runs USING (run_id) GROUP BY ALL")
    told = replay.titer(replay.ledger, "sql", "--json", inputs=[query])
    known = {}
    for line in json.loads(told[told.index("["):]):
        ran, left_out = known.setdefault(line["commit_id"], ({}, {}))
        (left_out if line["verdict"] == "left out" else ran)[line["reason"]] = int(line["tests"])
    return known


def took(run):
    return f"{run.took.wall:.1f} s wall, {run.took.cpu:.1f} s CPU, exit {run.took.exit}"


def tell(row):
    print(f"{row.commit[:9]} ran {runs.count(row.ran.ids):5}  {took(row.ran)}  "
          f"rest {second(row)}  {len(row.telling)} tell{' LATE ' + ', '.join(sorted(row.late)) if row.late else ''}{' MISSED ' + ', '.join(sorted(row.missed)) if row.missed else ''} {row.why}  "
          f"{row.subject[:60]}", flush=True)


def listed(counts):
    return ", ".join(f"{reason} {tests}" for reason, tests in sorted(counts.items(), key=lambda it: -it[1]))


def second(row):
    return f"{runs.count(row.rest.ids)} in {row.rest.took.wall:.0f} s" if row.rest and row.rest.ids else "-"


def named(row, most=2):
    names = [test.rsplit("/", 1)[-1] for test in sorted(row.telling)]
    return ", ".join(f"`{name}`" for name in names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def report(replay, rows, bare, first, placed, file):
    """The table, in Markdown: written after every commit, so that nothing is lost of a replay that is stopped."""
    walls = [row.ran.took.wall for row in rows]
    cpus = [row.ran.took.cpu for row in rows]
    telling = [row for row in rows if row.telling]
    lines = [
        f"{len(rows)} commits after {replay.start[:9]}: FAST's verdict {statistics.median(walls):.1f} s wall (median; most "
        f"{max(walls):.1f}), {statistics.median(cpus):.1f} s CPU (most {max(cpus):.1f}); tests run, median "
        f"{statistics.median(runs.count(row.ran.ids) for row in rows):.0f}. Under 60 s wall: "
        f"{sum(wall < 60 for wall in walls)}, CPU: {sum(cpu < 60 for cpu in cpus)}.",
        f"The bare whole run: {'; '.join(took(run) for run in bare)}; {runs.count(first.ids)} tests. "
        f"The first, recorded: {took(first)}.",
        f"Placed at the start: {len(placed['moves'])} to WEEKLY; {rules(placed)}.",
        f"Source taken back: {len(telling)} commits with {sum(len(row.telling) for row in telling)} tests that tell; left out "
        f"{sum(len(row.missed) for row in rows)}" + (f", put off to the second job {sum(len(row.late) for row in rows)}." if any(
            row.rest for row in rows) else "."),
        "",
        "| commit | wall s | CPU s | ran | second job | left out | why | back: tell | back: ran | back: left out | which | |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        back = f"{len(row.telling)} | {runs.count(row.back.ids)} | {len(row.missed)}" if row.back else "0 | - | -"
        lines.append(f"| {row.commit[:9]} | {row.ran.took.wall:.1f} | {row.ran.took.cpu:.1f} | {runs.count(row.ran.ids)} | "
                     f"{second(row)} | {listed(row.left_out)} | {listed(row.reasons)} | {back} | {named(row) or row.why} | "
                     f"{row.subject[:50].replace('|', '/')} |")
    missed = [f"- {row.commit[:9]} left out {test}" for row in rows for test in sorted(row.missed)]
    text = "\n".join([*lines, *missed]) + "\n"
    if file:
        file.write_text(text)
    if len(bare) > 1:
        print(text)


if __name__ == "__main__":
    sys.exit(main())
