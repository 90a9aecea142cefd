"""The tools that are compared: how each records, selects and runs, always from a copy of its recorded state."""

import ast
import json
import re
import shutil
import sqlite3
import time
from pathlib import Path

import projects
import runs


class Bench:
    """One project ready to run: its tree, its environments, a scratch folder, the recorded states."""

    def __init__(self, tree, insides, arguments, scratch, titer=None, limit=600, bytecode=False):
        self.tree, self.insides, self.arguments = Path(tree), insides, tuple(arguments)
        self.scratch, self.titer, self.limit, self.bytecode = Path(scratch), titer, limit, bytecode
        self.unsteady = set()
        self.scratch.mkdir(parents=True, exist_ok=True)
        # The plugin runs from a copy: where bytecode is on, its cache must not land beside the scripts.
        copied(runs.REPORTER, self.scratch / "reporter")
        self.states = self.scratch / "states"
        self.states.mkdir(exist_ok=True)

    def run(self, command, **extra):
        ran = runs.tests(command, self.tree, self.scratch, self.limit, self.bytecode, **extra)
        ran.settle(self.unsteady)
        return ran

    def pytest(self, tool, *more):
        return projects.pytest_of(self.insides[tool], (*self.arguments, *more))

    def bare(self):
        """The whole suite, with no tool anywhere near."""
        return self.run(self.pytest("plain"))

    def green(self):
        """Two bare runs that must be green; what they disagree on is known from here on. Returns the second."""
        first, second = self.bare(), self.bare()
        for ran in (first, second):
            if ran.took.exit != 0 or ran.failed:
                raise SystemExit(f"the unedited suite is not green: exit {ran.took.exit}, {sorted(ran.failed)[:5]}\n"
                                 f"{ran.took.output[-2000:]}")
        self.unsteady = runs.unsteady(first.ids, second.ids)
        second.settle(self.unsteady)
        return second

    # --- titer ------------------------------------------------------------------------------------

    def titer_run(self, ledger, *flags):
        return self.run([self.titer, "run", "-C", self.tree, "--ledger", ledger, *flags, "--", *self.pytest("plain")])

    def record_titer(self):
        ledger = fresh(self.states / "titer")
        return self.titer_run(ledger, "--record")

    def ledger(self):
        """A copy of the recorded ledger, for one run only."""
        return copied(self.states / "titer", self.scratch / "ledger")

    def titer_plan(self, ledger):
        """Verdict and reason by test id, from `titer plan --json`; None where it does not answer."""
        command = [self.titer, "plan", "--json", "-C", self.tree, "--ledger", ledger, "--", *self.pytest("plain")]
        env = runs.environment(PYTHONPATH=str(self.scratch / "reporter"), PYTHONDONTWRITEBYTECODE="1")
        return plan_of(runs.process(command, self.tree, env, self.limit).output)

    # --- testmon ----------------------------------------------------------------------------------

    def testmon_run(self):
        """testmon keeps its file in the tree, so the tree must hold the wanted copy already."""
        return self.run(self.pytest("testmon", "--testmon"))

    def record_testmon(self):
        ran = self.testmon_run()
        fresh(self.states / "testmon").mkdir()
        for path in self.tree.glob(".testmondata*"):
            shutil.copy2(path, self.states / "testmon")
        return ran

    def put_testmon(self):
        for path in (self.states / "testmon").iterdir():
            shutil.copy2(path, self.tree)

    # --- coverage contexts ------------------------------------------------------------------------

    def record_contexts(self):
        """`coverage run` with the test's id as the context; import and collection have the empty context."""
        data = fresh(self.states / "contexts.coverage")
        _, module, *rest = self.pytest("contexts")
        command = [self.insides["contexts"], "-m", "coverage", "run", "--rcfile=/dev/null", f"--data-file={data}",
                   f"--include={self.tree}/*", module, *rest]
        # The C tracer by name: the sys.monitoring core loses contexts that are switched by call.
        return self.run(command, PEERS_CONTEXTS="1", COVERAGE_CORE="ctrace")

    def contexts_run(self, recorded):
        """Leave out each recorded test that hit no changed line; the time to decide counts.

        An id that the recording does not know (a new test, an unsteady id) is not left out.
        """
        begun = time.perf_counter()
        hit = contexts_of(self.states / "contexts.coverage", self.tree, changed_lines(self.tree))
        names = self.scratch / "leave-out.json"
        names.write_text(json.dumps(sorted(recorded - hit)))
        deciding = time.perf_counter() - begun
        ran = self.run(self.pytest("contexts"), PEERS_LEAVE_OUT=str(names))
        ran.took.wall += deciding
        return ran


def fresh(path):
    """A path with nothing at it."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    return path


def copied(source, target):
    """A copy of a state in place of whatever was there."""
    fresh(target)
    if source.exists():
        shutil.copytree(source, target, symlinks=True)
    return target


def plan_of(output):
    """The tests of a plan in some text; lines before and after the JSON do not matter."""
    for begin in (match.start() for match in re.finditer(r"^\{", output, re.MULTILINE)):
        try:
            value, _ = json.JSONDecoder().raw_decode(output[begin:])
        except ValueError:
            continue
        if isinstance(value, dict) and isinstance(value.get("tests"), list):
            return {plain(test.get("id", "")): (test.get("verdict", "?"), test.get("reason", "?"))
                    for test in value["tests"]}
    return None


def plain(test_id):
    """pytest's own node id of a titer id."""
    return test_id.removeprefix("pytest::")


def reasons(plan, ran, bases=()):
    """How many of the tests that ran are owed to which reason, most first."""
    counts = {}
    known = {next(iter(runs.settled({test_id}, bases))): found for test_id, found in (plan or {}).items()}
    for test_id in ran - {runs.SESSION}:
        _, reason = known.get(test_id, ("run", "not in the plan"))
        counts[reason] = counts.get(reason, 0) + 1
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


def changed_lines(tree):
    """Old-side lines of every changed Python file, widened to whole statements.

    A pure insertion has no old side: the lines on both sides of it stand for it. New files have none.
    """
    diff = projects.git(tree, "diff", "-U0", "--no-color", "--no-ext-diff", "--no-renames", "HEAD")
    lines, path = {}, None
    for line in diff.splitlines():
        if line.startswith("--- "):
            path = line[6:] if line.startswith("--- a/") and line.endswith(".py") else None
        match = re.match(r"@@ -(\d+)(?:,(\d+))? \+", line)
        if match and path:
            first, size = int(match[1]), int(match[2] or 1)
            lines.setdefault(path, set()).update(range(first, first + size) if size else (first, first + 1))
    return {path: widened(projects.git(tree, "show", f"HEAD:{path}"), found) for path, found in lines.items()}


def widened(text, lines):
    """All lines of each statement that holds a changed line: tracers report a statement's first line only."""
    whole = set(lines)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.stmt):
            marks = [mark.lineno for mark in getattr(node, "decorator_list", [])]
            body = getattr(node, "body", None) or getattr(node, "cases", None)
            # Of a statement with a body only its head; what is inside has statements of its own.
            end = node.end_lineno if not body else max(node.lineno, _first_line(body[0]) - 1)
            head = set(range(min([node.lineno, *marks]), end + 1))
            if head & lines:
                whole |= head
    return whole


def _first_line(node):
    marks = [mark.lineno for mark in getattr(node, "decorator_list", [])]
    return min([getattr(node, "lineno", None) or node.pattern.lineno, *marks])


def hits(data, tree):
    """Every (path, context, lines) of a coverage data file, straight from its SQLite tables."""
    query = ("select path, context, numbits from line_bits join file on file.id = file_id "
             "join context on context.id = context_id")
    with sqlite3.connect(f"file:{data}?mode=ro", uri=True) as base:
        for path, context, bits in base.execute(query):
            try:
                name = Path(path).relative_to(tree).as_posix()
            except ValueError:
                continue
            yield name, context, {byte * 8 + bit for byte, value in enumerate(bits)
                                  for bit in range(8) if value >> bit & 1}


def contexts_of(data, tree, changed):
    """The tests whose recorded lines include a changed one; the empty context names no test."""
    return {context for path, context, lines in hits(data, tree)
            if context and path in changed and lines & changed[path]}


def executed_lines(data, tree):
    """Lines that some test ran, by path."""
    executed = {}
    for path, _context, lines in hits(data, tree):
        executed.setdefault(path, set()).update(lines)
    return executed
