"""Runs one test with pytest in this process, once, and tells what came of it: the exception itself, wherever a mark would hide it."""

import functools
import gc
import inspect
import os
import time

try:
    import pytest
except ImportError:
    pytest = None

from attempt import told
from public import World
from source import inside
from watch import Watch

TEXT = 200


def judge(request):
    """The answer to `judge`."""
    root = os.path.join(os.path.realpath(request["root"]), "")
    file, test = request["file"], request["test"]
    crash = request.get("crash")
    if inside(root, file) is None:
        return {"v": 1, "refused": "the test's file is not in the tree"}
    if crash and (inside(root, crash.get("path")) is None or type(crash.get("line")) is not int):
        return {"v": 1, "refused": "the crash's file is not in the tree"}
    if not isinstance(test, str) or not all(part.split("[")[0].isidentifier() for part in test.split("::")):
        return {"v": 1, "refused": "the test's name is none of a test"}
    if pytest is None:
        return {"v": 1, "refused": "pytest is not installed for this interpreter"}
    watch = Watch(root, crash)
    watch.prepare()
    before = request.get("after")
    before = before if isinstance(before, str) and before != file and inside(root, before) is not None else None
    seen = Seen(root, before, file, watch)
    try:
        if request.get("stub"):
            why = stubbed(request["stub"], World(root, request.get("first_party") or []))
            if why:
                return {"v": 1, "refused": why}
        os.environ.pop("PYTEST_ADDOPTS", None)
        sink = os.open(os.devnull, os.O_RDWR)
        os.dup2(sink, 1)
        os.dup2(sink, 2)
        # The project's own options may ask for coverage or for other processes.
        # Plugins that shuffle tests would at times run those others after this one.
        others = [before, "-p", "no:randomly", "-p", "no:random_order"] if before else []
        given = [*others, f"{file}::{test}", "-q", "--continue-on-collection-errors", "-p", "no:cacheprovider", "-o", "addopts="]
        given += [f"--rootdir={root}", "--tb=no", "--capture=fd"]
        pytest.main(given, plugins=[seen])
    except SystemExit:
        pass
    finally:
        watch.stop()
    return {
        "v": 1,
        "outcome": seen.outcome or "missing",
        "error": seen.error,
        "hit": watch.hit if crash else None,
        "seconds": round(seen.seconds, 6),
        "network": watch.network,
        "slept": round(watch.slept, 3),
        "clock": watch.clock,
    }


def _first(hook):
    """Before the other plugins' hooks of the name."""
    return pytest.hookimpl(tryfirst=True)(hook) if pytest else hook


class Seen:
    """A pytest plugin that keeps what became of the one test."""

    def __init__(self, root, after, file, watch):
        self.root, self.after, self.file, self.watch = root, after, file, watch
        self.outcome, self.error, self.seconds = None, None, 0.0

    def _is_other(self, node):
        """Whether it is of the tests that run before this one, whose matter they are not."""
        return node.nodeid.split("::")[0] == self.after

    def pytest_collectreport(self, report):
        if report.failed and not self._is_other(report) and self.outcome is None:
            self.outcome = "error"
            self.error = self.error or {
                "type": "CollectError",
                "module": "",
                "path": None,
                "function": None,
                "line": None,
                "text": str(report.longrepr)[-TEXT:],
            }

    def pytest_exception_interact(self, node, call, report):
        if self._is_other(node):
            return
        if report.when == "collect" and call.excinfo is not None:
            error = call.excinfo.value
            # What an import raised stands beneath pytest's own.
            self.error = self._described(error.__cause__ if type(error).__name__ == "CollectError" and error.__cause__ is not None else error)

    @_first
    def pytest_pyfunc_call(self, pyfuncitem):
        if self._is_other(pyfuncitem):
            return
        original = pyfuncitem.obj

        @functools.wraps(original)
        def watched(*given, **named):
            began = time.perf_counter()
            self.watch.start()
            try:
                return original(*given, **named)
            finally:
                self.watch.stop()
                self.seconds = time.perf_counter() - began

        if not inspect.iscoroutinefunction(original):
            pyfuncitem.obj = watched

    @_first
    def pytest_runtest_makereport(self, item, call):
        if not self._is_other(item) and call.excinfo is not None and call.excinfo.typename not in ("Skipped", "Exit"):
            self.error = self._described(call.excinfo.value)

    def pytest_runtest_logreport(self, report):
        if self._is_other(report):
            return
        expected = hasattr(report, "wasxfail")
        if report.when != "call":
            if report.failed:
                self.outcome = "error"
            elif report.skipped and self.outcome is None:
                self.outcome = "xfailed" if expected else "skipped"
            return
        if report.skipped:
            self.outcome = "xfailed" if expected else "skipped"
        elif report.failed:
            self.outcome = "xpassed" if str(report.longrepr).startswith("[XPASS(strict)]") else "failed"
        else:
            self.outcome = "xpassed" if expected else "passed"

    def _described(self, error):
        seen = told(error, self.root)
        own = [frame for frame in seen["own"] if frame[0] != self.file]
        test = [frame for frame in seen["own"] if frame[0] == self.file]
        path, function, line = own[-1] if own else test[-1] if test else (None, None, None)
        return {"type": seen["type"], "module": seen["module"], "path": path, "function": function, "line": line, "text": seen["text"][:TEXT]}


def stubbed(stub, world):
    """Puts something else in the target's place, wherever it is known by its name; a sentence if that cannot be done."""
    module, name, how = stub.get("module"), stub.get("name"), stub.get("with")
    if how not in ("none", "default", "raise"):
        return "the stub is of no known kind"
    loaded = world.load(module)
    if loaded is None:
        return f"the target's module cannot be imported: {world.failed.get(module, 'it is not first-party')}"
    *above, last = str(name).split(".")
    owner = loaded
    for part in above:
        owner = getattr(owner, part, None)
    member = inspect.getattr_static(owner, last, None) if owner is not None else None
    if member is None:
        return "the target is not there"
    stand_in = _stand_in(member, how, last)
    if stand_in is None:
        return "the target is nothing that can be called"
    setattr(owner, last, stand_in)
    # A route or a registry holds the function itself, under no name of a module.
    for one in gc.get_referrers(member):
        _replaced(one, member, stand_in)
    return None


def _replaced(holder, member, stand_in):
    names = holder if type(holder) is dict else getattr(holder, "__dict__", None)
    if type(names) is not dict or type(holder).__name__ == "frame":
        return
    for key, value in list(names.items()):
        if value is member and key not in ("member", "__wrapped__"):
            try:
                if names is holder:
                    names[key] = stand_in
                else:
                    setattr(holder, key, stand_in)
            except (AttributeError, TypeError):
                continue


def _stand_in(member, how, name):
    if isinstance(member, (staticmethod, classmethod)):
        return type(member)(_stand_in(member.__func__, how, name))
    if isinstance(member, property):
        return property(_stand_in(member.fget, how, name), member.fset, member.fdel)
    if isinstance(member, functools.cached_property):
        made = functools.cached_property(_stand_in(member.func, how, name))
        made.__set_name__(None, name)
        return made
    if not callable(member):
        return None
    if how == "raise":

        def raising(*_given, **_named):
            raise RuntimeError("a stand-in for the function under test")

        return raising
    if how == "none":
        if inspect.iscoroutinefunction(member):

            async def nothing(*_given, **_named):
                return None
        else:

            def nothing(*_given, **_named):
                return None

        return nothing
    return _default(member)


def _default(member):
    """Calls the real one and gives the plainest other value of the type that it gives."""

    def plain(result):
        kind = type(result)
        for value in {
            str: ("", "x"),
            int: (0, 1),
            float: (0.0, 1.0),
            bool: (False, True),
            bytes: (b"", b"x"),
            list: ([], [None]),
            dict: ({}, {"x": None}),
            tuple: ((), (None,)),
            set: (set(), {None}),
        }.get(kind, ()):
            if value != result:
                return value
        return None

    # Where the real one raises, the test has to notice that nothing is raised any more.
    if inspect.iscoroutinefunction(member):

        async def given(*args, **named):
            try:
                return plain(await member(*args, **named))
            except Exception:  # noqa: BLE001 - whatever it raises
                return None
    else:

        def given(*args, **named):
            try:
                return plain(member(*args, **named))
            except Exception:  # noqa: BLE001 - whatever it raises
                return None

    return given
