"""Start one process, time it, and read what the reporter plugin wrote about it."""

import json
import os
import re
import signal
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

REPORTER = Path(__file__).resolve().parent / "reporter"

# Variables that would change what pytest, a tool or titer does; a measurement starts without them.
_DROPPED = ("PYTEST", "PYTHON", "TITER", "COVERAGE", "COV_CORE", "TESTMON", "TMNET", "PEERS",
            "GITHUB_", "GITLAB_", "BUILDKITE", "VIRTUAL_ENV", "TOX_", "NOX_")
_DROPPED_WHOLE = ("CI", "CONTINUOUS_INTEGRATION", "BUILD_NUMBER")

# pytest's own exit codes under which the session itself worked: passed, failed, nothing to run.
WORKED = (0, 1, 5)
SESSION = "<session>"


@dataclass
class Took:
    """One finished process: wall and CPU seconds (its children too), exit code, its output."""

    wall: float
    cpu: float
    exit: int
    output: str
    timed_out: bool = False


@dataclass
class Ran:
    """One test run, as the reporter plugin saw it."""

    took: Took
    started: bool = False
    starts: int = 0  # of tests: more than `ids` where a test ran more than once
    collected: set = field(default_factory=set)
    ids: set = field(default_factory=set)
    failed: set = field(default_factory=set)

    @property
    def crashed(self):
        """The session did not end as a session ends (internal error, usage error, a signal)."""
        return self.took.timed_out or self.took.exit not in WORKED

    def settle(self, bases):
        """Give the tests of these bases names that two runs can agree on (see `unsteady`)."""
        self.ids, self.failed = settled(self.ids, bases), settled(self.failed, bases)
        self.collected = settled(self.collected, bases)


def unsteady(first, second):
    """Bases (the id up to the parameters) of ids that two runs of the same code do not share.

    Some suites put the time of day or an address into a parameter's id.
    """
    return {test_id.split("[")[0] for test_id in first ^ second if "[" in test_id}


def settled(ids, bases):
    """The ids with every digit masked, where the base is an unsteady one (their length still tells many apart)."""
    return {re.sub(r"0x[0-9a-fA-F]+|\d", "0", test_id) if test_id.split("[")[0] in bases else test_id
            for test_id in ids}


def environment(**extra):
    """The caller's environment less everything that steers a test run, plus `extra`."""
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith(_DROPPED) and name not in _DROPPED_WHOLE}
    kept["PYTHONHASHSEED"] = "0"
    kept.update(extra)
    return kept


def process(command, cwd, env, limit=600):
    """Run `command` to its end and measure it; kill its whole process group after `limit` seconds."""
    log = os.memfd_create("output") if hasattr(os, "memfd_create") else _scratch()
    begun = time.perf_counter()
    child = subprocess.Popen([str(part) for part in command], cwd=cwd, env=env, stdout=log, stderr=log,
                             stdin=subprocess.DEVNULL, start_new_session=True)
    late = threading.Event()

    def stop():
        late.set()
        os.killpg(child.pid, signal.SIGKILL)

    clock = threading.Timer(limit, stop)
    clock.start()
    try:
        # wait4 and not wait: it returns the resource usage of this child and of what it waited for.
        _, status, usage = os.wait4(child.pid, 0)
    finally:
        clock.cancel()
    wall = time.perf_counter() - begun
    child.returncode = os.waitstatus_to_exitcode(status)
    size = os.lseek(log, 0, os.SEEK_END)
    output = os.pread(log, size, 0).decode(errors="replace")
    os.close(log)
    return Took(wall, usage.ru_utime + usage.ru_stime, child.returncode, output, late.is_set())


def _scratch():
    """A nameless file where the platform has no memfd."""
    import tempfile

    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def tests(command, cwd, scratch, limit=600, bytecode=False, **extra):
    """Run a command that starts pytest with the reporter plugin, and read its report."""
    report = Path(scratch) / "ran.jsonl"
    report.unlink(missing_ok=True)
    env = environment(PYTHONPATH=str(Path(scratch) / "reporter"), PEERS_RAN=str(report), **extra)
    if not bytecode:
        # A file that changes within one second and keeps its size would be served from a stale .pyc.
        env["PYTHONDONTWRITEBYTECODE"] = "1"
    return read(report, process(command, cwd, env, limit))


def read(report, took):
    """Fold the reporter's lines into one `Ran`; a command that ran twice counts once."""
    ran = Ran(took)
    if report.exists():
        for line in report.read_text().splitlines():
            _fold(ran, json.loads(line))
    if ran.crashed:
        # No test names a session that broke before its tests, yet it is what the user must see.
        ran.failed.add(SESSION)
    if took.exit != 0:
        ran.ids.add(SESSION)
    return ran


def _fold(ran, event):
    kind = event["event"]
    if kind == "session":
        ran.started = True
    elif kind == "collected":
        ran.collected = set(event["ids"])
    elif kind == "collect-error":
        ran.ids.add(event["id"])
        ran.failed.add(event["id"])
    elif kind == "start":
        ran.starts += 1
        ran.ids.add(event["id"])
    elif event["outcome"] == "failed":
        ran.failed.add(event["id"])


def together(ran):
    """Several runs as one: the times add up, and the first exit code that is not 0 counts."""
    took = Took(sum(one.took.wall for one in ran), sum(one.took.cpu for one in ran),
                next((one.took.exit for one in ran if one.took.exit != 0), 0), "".join(one.took.output for one in ran),
                any(one.took.timed_out for one in ran))
    return Ran(took, any(one.started for one in ran), sum(one.starts for one in ran),
               set().union(*(one.collected for one in ran)), set().union(*(one.ids for one in ran)),
               set().union(*(one.failed for one in ran)))


def count(ids):
    """How many tests these are; the session itself is not a test."""
    return len(ids - {SESSION})


def must(command, cwd, env=None, limit=900):
    """Run a command that has to work, and stop everything if it does not."""
    took = process(command, cwd, env or environment(), limit)
    if took.exit != 0:
        raise SystemExit(f"failed ({took.exit}): {' '.join(map(str, command))}\n{took.output[-3000:]}")
    return took.output
