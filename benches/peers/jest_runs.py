"""Runs of jest, bare and by each tool, and what jest's own report says of them."""

import json
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import jest_projects
import projects
import runs

PEERS = ("changedSince", "findRelated")
TOOLS = ("titer", *PEERS)
# What stands for a file or a session that broke before its tests.
BROKEN = "<broken>"
_OWED = ("select reason, count(*) as tests from test_decisions where verdict = 'run' and run_id = "
         "(select run_id from runs order by started_at desc limit 1) group by reason")


@dataclass
class Ran:
    """One run: how many tests each test file ran, and the names of the tests that failed in it."""

    took: runs.Took
    reported: bool = False
    files: dict = field(default_factory=dict)
    failed: dict = field(default_factory=dict)

    @property
    def tests(self):
        return sum(self.files.values())

    def news(self, base):
        """Test files that fail otherwise than they did at the start."""
        return {name for name, tests in self.failed.items() if tests - base.failed.get(name, set())}

    def said(self):
        """titer's own lines, less the marker."""
        return [line[6:].strip() for line in self.took.output.splitlines() if line.startswith("titer:")]


class Bench:
    """One project's tree with a cache folder for each tool, or the second would live on what the first compiled."""

    def __init__(self, project, tree, scratch, titer, limit):
        self.project, self.tree, self.scratch = project, Path(tree), Path(scratch)
        self.titer, self.limit = titer, limit
        self.recorded = self.scratch / "recorded"
        self.orders = {}

    def run(self, tool, flags=(), arguments=()):
        """One run by one tool on the tree as it is; none where the tool would have nothing to look at."""
        report = self.scratch / f"ran-{tool}.json"
        if report.exists():
            report.unlink()
        jest = ["npx", "jest", *self.project.arguments, *arguments, "--json", f"--outputFile={report}"]
        if tool == "titer":
            jest = [self.titer, "run", *flags, "--", *jest]
        elif tool == "changedSince":
            jest.append("--changedSince=HEAD")
        elif tool == "findRelated":
            changed = [name for name in self.changed() if (self.tree / name).exists()]
            if not changed:
                return Ran(runs.Took(0.0, 0.0, 0, ""), True)
            jest += ["--passWithNoTests", "--findRelatedTests", *changed]
        return self.read(report, self.process(tool, jest))

    def process(self, tool, command):
        # jest keeps its cache in the folder for temporary files.
        temporary = self.scratch / "tmp" / tool
        temporary.mkdir(parents=True, exist_ok=True)
        return runs.process(command, self.tree, jest_projects.environment(TMPDIR=str(temporary)), self.limit)

    def read(self, report, took):
        """Fold jest's report; a run that leaves none broke as a whole, unless it had nothing to do."""
        ran = Ran(took)
        if report.exists() and not took.timed_out:
            ran.reported = True
            for result in json.loads(report.read_text())["testResults"]:
                name = os.path.relpath(result["name"], os.path.realpath(self.tree))
                states = [(one["fullName"], one["status"]) for one in result["assertionResults"]]
                ran.files[name] = sum(state in ("passed", "failed") for _, state in states)
                if result["status"] == "failed":
                    ran.failed[name] = {test for test, state in states if state == "failed"} or {BROKEN}
        elif took.exit != 0:
            ran.failed[runs.SESSION] = {BROKEN}
        return ran

    def changed(self):
        """Paths that differ from the commit, new files too; a file that moved is one gone and one new."""
        gone = projects.git(self.tree, "diff", "--name-only", "--no-renames", "-z", "HEAD").split("\0")
        new = projects.git(self.tree, "ls-files", "-o", "--exclude-standard", "-z").split("\0")
        return sorted({name for name in gone + new if name})

    def keep(self):
        """What is recorded now is the state that each edit starts from."""
        shutil.rmtree(self.recorded, ignore_errors=True)
        shutil.copytree(self.tree / ".titer", self.recorded, symlinks=True)

    def keep_orders(self):
        """jest runs first what failed or took long last time, and some suites end by their order."""
        self.orders = {path: path.read_bytes() for path in self.scratch.glob("tmp/*/*/perf-cache-*")}

    def rewind(self, recorded):
        """The tree as committed, with the ledger as recorded or with none, and jest's memory of the last order."""
        jest_projects.restore(self.tree)
        for path, order in self.orders.items():
            path.write_bytes(order)
        if recorded:
            shutil.copytree(self.recorded, self.tree / ".titer", symlinks=True)

    def owed(self, ran):
        """How many of the tests of titer's newest run are owed to which reason, most first."""
        if not ran.tests:
            return {}
        took = self.process("titer", [self.titer, "sql", "--json", _OWED])
        try:
            rows = json.loads(took.output[took.output.index("["):])
        except ValueError:
            return {"titer sql gave no decisions": ran.tests}
        return {row["reason"]: row["tests"] for row in sorted(rows, key=lambda row: -row["tests"])}

    def coverage(self):
        """What a bare run loads and which of its lines lie in functions that ran, by path."""
        folder = self.scratch / "coverage"
        self.process("full", ["npx", "jest", *self.project.arguments, "--coverage", "--coverageReporters=json",
                              f"--coverageDirectory={folder}"])
        found = {}
        for path, told in json.loads((folder / "coverage-final.json").read_text()).items():
            if any(told["s"].values()):
                found[os.path.relpath(path, os.path.realpath(self.tree))] = _functions(told)
        return found


def _functions(told):
    """Lines of functions that ran, and lines of any function."""
    ran, cold = set(), set()
    for key, function in told["fnMap"].items():
        lines = range(function["loc"]["start"]["line"], function["loc"]["end"]["line"] + 1)
        (ran if told["f"][key] else cold).update(lines)
    return ran - cold, ran | cold


def last_line(took):
    """What a broken run said at its end, for a line of a table."""
    lines = [line.strip() for line in took.output.splitlines() if line.strip() and not line.startswith("titer:")]
    return lines[-1][:120] if lines else "nothing was printed"
