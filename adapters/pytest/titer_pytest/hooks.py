"""The pytest hooks that run always: session facts, leaving out, outcomes, the exit code."""

import os
import time

import pytest

from . import gates, shard, variant
from .events import quote
from .identity import Identities
from .installed import Installed

_OUTCOMES = frozenset(("passed", "failed", "skipped"))


class Hooks:
    """Registered on the first Config only, so a pytest inside a test never meets it."""

    def __init__(self, adapter, config):
        self.adapter = adapter
        self.config = config
        self.safely = adapter.safely
        self.events = adapter.events
        self.worker = ""
        self.ids = None
        self.left_out = frozenset()
        self.shard = None
        self.count_left_out = 0
        self.shared = None
        self.current = None
        self.last = None
        self.attempts = {}
        self.session = None

    # --- session ---------------------------------------------------------------------------------------

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session):
        self.session = session
        self.safely(self._session_starts, session.config)

    def _session_starts(self, config):
        if self.adapter.plan is None:
            return
        self.selection = Selection(self)
        config.pluginmanager.register(self.selection, "titer-selection")
        self.ids = Identities(str(config.rootpath), self.adapter.tree)
        if hasattr(config, "workerinput"):
            self.worker = config.workerinput.get("workerid", "gw?")
            self._take_from_controller(config.workerinput.get("titer"))
        else:
            self._aside(self._find_out, config)
        if config.option.collectonly:
            self.left_out = frozenset()
            self.shard = None
            self.adapter.stop_recording()
        if gates.is_controller(config):
            self.worker = "controller"
            # Its workers collect and run; what this process touches nobody depends on.
            self.adapter.stop_recording()
            self.adapter.injection.restore_for_workers()
        if self.adapter.recording:
            self.adapter.recording.session_starts(config, self.ids)
        self._tell_session(config)

    def _aside(self, function, *arguments):
        """Call one of our own that reads the project's files: nobody depends on it."""
        recording = self.adapter.recording
        tracer = recording and recording.tracer
        if not tracer:
            return function(*arguments)
        tracer.step_aside()
        try:
            return function(*arguments)
        finally:
            tracer.enter(recording.windows.current.number)

    def _find_out(self, config):
        """Everything that the plan's section depends on. Workers get the controller's answer, not their own:
        all of them must leave out the same tests."""
        plan, tree = self.adapter.plan, self.adapter.tree
        installed = Installed(plan, tree)
        inputs = variant.inputs(config, plan, tree, installed.names)
        _, stale = self.adapter.copies()
        whole = plan.get("whole")
        if stale:
            whole = "stale-install"
        elif plan.get("coverage") == "run-whole" and gates.coverage_gate(config):
            whole = "coverage-gate"
        elif plan.get("shard") and shard.is_shared_out(config):
            whole = "a plugin shares the tests out"
        self.shared = {
            "inputs": inputs,
            "variant": variant.digest(inputs),
            "whole": whole,
            "stale": stale,
            "launch": gates.launch(installed),
            "copies": bool(self.adapter.copies()[0]),
            "writes": gates.writes_files(config),
            "coverage": gates.measures_coverage(config),
        }
        self._choose_section()

    def _take_from_controller(self, shared):
        if not isinstance(shared, dict):
            raise ValueError("the xdist controller sent nothing")
        self.shared = shared
        self._choose_section()

    def _choose_section(self):
        section = self.adapter.plan.get("sections", {}).get(self.shared["variant"])
        self.known = section is not None
        if self.known and not self.shared["whole"]:
            self.left_out = frozenset(section.get("left_out") or ())
        if self.adapter.plan.get("shard") and not self.shared["whole"]:
            self.shard = shard.Shard(self.adapter.plan["shard"])

    def _tell_session(self, config):
        shared = self.shared
        self.events.line(
            "session",
            worker=self.worker,
            rootdir=variant.project(config, self.adapter.tree),
            inipath=variant.inipath(config, self.adapter.tree),
            variant=shared["variant"],
            inputs=shared["inputs"],
            known=self.known,
            whole=shared["whole"],
            writes=shared["writes"],
            coverage=shared.get("coverage", False),
            collect_only=bool(config.option.collectonly),
            launch=shared["launch"],
            copies=shared.get("copies", False),
        )
        if shared["stale"]:
            self.events.line("health", ok=False, what=f"stale install: {shared['stale']} differs from the tree")
        self.events.flush()

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node):
        """xdist, in the controller: what every worker is told."""
        if self.adapter.alive and self.shared:
            node.workerinput["titer"] = self.shared

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node):
        """xdist, in the controller: a worker went away, having left out as many tests as the others."""
        told = getattr(node, "workeroutput", None)
        if isinstance(told, dict):
            self.count_left_out = max(self.count_left_out, told.get("titer_left_out", 0))

    # --- collection ------------------------------------------------------------------------------------

    def pytest_plugin_registered(self, plugin):
        """Stay the outermost: a conftest found late may also wrap pytest_collection_modifyitems."""
        if self.ids is not None and hasattr(plugin, "pytest_collection_modifyitems"):
            self.safely(self.selection.move_out, plugin)

    def pytest_collectreport(self, report):
        if self.ids is not None:
            self.safely(self.selection.note_collected, report)

    def pytest_deselected(self, items):
        if self.ids is not None and not self.selection.ours:
            self.selection.filtered += len(items)

    # --- tests -----------------------------------------------------------------------------------------

    # A plain hook and logfinish instead of one wrapper: it costs less, and a test that is broken off (Ctrl-C)
    # gets no finish line.
    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item):
        if self.ids is not None:
            self.attempt = 0
            self.safely(self._test_starts, item)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self, nodeid):
        # pytest-rerunfailures says that a test is over after each try, and begins the next one within the same protocol.
        if self.current is None and self.last is not None and self.last.nodeid == nodeid:
            self.safely(self._test_starts, self.last)

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logfinish(self):
        if self.current is not None:
            self.safely(self._test_ends)

    def _test_starts(self, item):
        if self.current is not None:
            self._test_ends()  # A plugin with a protocol of its own did not say that it was over.
        identity = self.ids.of(item)
        self.last = item
        self.current = item.nodeid
        self.quoted = quote(identity)
        self.events.raw('{"v":1,"e":"start","id":%s,"t":%.3f}\n' % (self.quoted, time.time()))
        self.events.flush(after_user_code=False)
        if self.adapter.recording:
            self.adapter.recording.test_starts(item, identity)

    def _test_ends(self):
        self.current = None
        if self.adapter.recording:
            self.adapter.recording.test_ends()
        self.events.raw('{"v":1,"e":"finish","id":%s}\n' % self.quoted)
        self.events.flush()

    def pytest_runtest_logreport(self, report):
        if self.current is not None:
            self.safely(self._tell_own_phase, report)
        elif self.ids is not None:
            self.safely(self._tell_phase_of_worker, report)

    def _tell_own_phase(self, report):
        if report.nodeid != self.current:
            self._tell_phase(report, quote(self.ids.of_nodeid(report.nodeid)), self.worker, 1)
            return
        if report.when == "setup":
            self.attempt += 1
        if self.worker and "#" in self.quoted[-6:]:
            report.titer_id = self.quoted  # Travels to the controller, which knows the node id only.
        self._tell_phase(report, self.quoted, self.worker, self.attempt)

    def _tell_phase_of_worker(self, report):
        """In an xdist controller, which also reports the tests that took their worker down with them."""
        identity = getattr(report, "titer_id", None) or quote(self.ids.of_nodeid(report.nodeid))
        if report.when == "setup":
            self.attempts[identity] = self.attempts.get(identity, 0) + 1
        node = getattr(report, "node", None)
        worker = node.gateway.id if node is not None else self.worker
        self._tell_phase(report, identity, worker, self.attempts.get(identity, 1))
        self.events.flush()

    def _tell_phase(self, report, identity, worker, attempt):
        outcome = report.outcome
        raw = ""
        if outcome not in _OUTCOMES:
            # "rerun" and the like: a try that failed and was not the last word.
            raw = ',"raw":%s' % quote(str(outcome))
            outcome = "failed"
        self.events.raw(
            '{"v":1,"e":"phase","id":%s,"when":"%s","outcome":"%s","xfail":%s,"seconds":%.6f,"worker":"%s",'
            '"attempt":%d%s}\n'
            % (
                identity,
                report.when,
                outcome,
                "true" if hasattr(report, "wasxfail") else "false",
                getattr(report, "duration", None) or 0.0,
                worker,
                attempt,
                raw,
            )
        )

    # --- end -------------------------------------------------------------------------------------------

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session, exitstatus):
        # Not through `safely`: what was left out stays left out, so the code must be mended even when off.
        try:
            output = getattr(self.config, "workeroutput", None)
            if output is not None:
                output["titer_left_out"] = self.count_left_out
            if int(exitstatus) == 5 and self.count_left_out:
                session.exitstatus = pytest.ExitCode.OK
        except Exception as error:
            self.adapter.fail(f"exit code: {error}")

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self, config):
        self.safely(self._end)
        self.adapter.turn_off()

    def _end(self):
        if self.adapter.recording:
            self.adapter.recording.session_ends()
        # Read late: other plugins may change the code in their own pytest_sessionfinish.
        status = getattr(self.session, "exitstatus", None)
        self.events.line("end", exit=None if status is None else int(status), t=round(time.time(), 3))
        self.events.flush()


class Selection:
    """Leaves out what the plan's section lists, after every filter of the user's own."""

    def __init__(self, hooks):
        self.hooks = hooks
        self.filtered = 0
        self.errors = 0
        self.files = {}
        self.ours = False

    def move_out(self, plugin):
        if plugin is not self:
            manager = self.hooks.config.pluginmanager
            manager.unregister(self)
            manager.register(self, "titer-selection")

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(self, config, items):
        yield
        self.hooks.safely(self._leave_out, config, items)

    def _leave_out(self, config, items):
        hooks = self.hooks
        ids = hooks.ids.number(items)
        if hooks.left_out or hooks.shard:
            away = [not self._stays(identity) for identity in ids]
            if any(away):
                hooks.count_left_out = sum(away)
                left = [item for item, is_away in zip(items, away) if is_away]
                items[:] = [item for item, is_away in zip(items, away) if not is_away]
                self.ours = True
                config.hook.pytest_deselected(items=left)
                self.ours = False
        self._in_order(items)
        if hooks.adapter.second is not None:
            hooks.adapter.second.reverse(items, ids, hooks.shared["variant"])
        hooks.events.line(
            "collected",
            ids=ids,
            filtered=self.filtered,
            left_out=hooks.count_left_out,
            errors=self.errors,
            files=sorted(self.files),
        )
        hooks.events.flush()

    def _stays(self, identity):
        shard = self.hooks.shard
        return identity not in self.hooks.left_out and (shard is None or shard.is_own(identity))

    def _in_order(self, items):
        """Whole files in the order that the plan asks for; files that it does not name, new ones, before them."""
        place = {path: number for number, path in enumerate(self.hooks.adapter.plan.get("files", ()), 1)}
        if place:
            items.sort(key=lambda item: place.get(self.hooks.ids.rebase(item.nodeid.partition("::")[0]), 0))

    def note_collected(self, report):
        if report.failed:
            self.errors += 1
        path, separator, _ = report.nodeid.partition("::")
        # A file's own report has no "::", and neither has a folder's.
        if path and not separator and os.path.isfile(self.hooks.config.rootpath / path):
            self.files[self.hooks.ids.rebase(path)] = True
