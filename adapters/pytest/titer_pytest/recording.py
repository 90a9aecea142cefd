"""Recording: puts the collectors together and opens and closes windows as pytest goes along."""

import sys

import pytest

from . import copies
from .files import Files
from .functions import Core, Tracing, choose
from .imports import Imports
from .probe import Probe
from .tracer import found
from .windows import Codes, Windows


class Recording:
    def __init__(self, adapter):
        self.adapter = adapter
        self.events = adapter.events
        self.tree = adapter.tree
        self.codes = Codes()
        self.tracer = found(adapter.plan.get("trace"))
        self.windows = Windows(self.events, self.tree, self.codes, self.tracer)
        self.imports = Imports(self.windows, self.tree, self.events, self.codes, adapter.fail)
        self.files = Files(self.windows, self.tree, adapter.fail)
        self.core = Core(self.windows, self.codes, self.tree, self._module_starts, adapter.fail)
        self.functions = choose(self.core)
        self.fixtures = None
        self.phases = None
        self.last_file = None

    @property
    def collector(self):
        return self.functions.name

    def start(self):
        if self.tracer is not None:
            self.tracer.step_aside()
        # First, because a conftest, or the project's own pytest plugin, may import the installed copy.
        found, _ = self.adapter.copies()
        self.tree.name_installed_copies(found)
        if self.tracer is not None:
            from . import child  # noqa: F401, now, because a fork may have no time for imports

            copies.leave(self.adapter.run, found)
            self.tracer.enter(0)
        self.imports.start()
        self.files.start()
        self.functions.start()
        self.windows.rearm = self.functions.rearm if self.collector != "none" else lambda: None
        self.probe = Probe(self.windows, self.codes, self.tree)
        self.check_health()

    def stop(self):
        self.windows.rearm = lambda: None
        for part in (self.functions, self.imports, self.files):
            part.stop()

    def before_conftests(self):
        if isinstance(self.functions, Tracing):
            self.functions.change_to_profile_if_taken()

    def session_starts(self, config, ids):
        self.fixtures = FixtureHooks(self, ids)
        config.pluginmanager.register(self.fixtures, "titer-recording")
        if isinstance(self.functions, Tracing):
            self.phases = Phases(self, config)
            config.pluginmanager.register(self.phases, "titer-phases")

    def session_ends(self):
        self.windows.settle()
        # A test that was broken off has no window of its own, but fixtures of others were taken down in it.
        for window in self.windows.stack[:0:-1]:
            self.windows.process.add(window)
        self.windows.tell_process()

    def check_health(self):
        # The first time before anything is collected: the tracer stays on then.
        if self.collector == "none":
            if self.last_file is None:
                self.events.line("health", ok=False, what="no two tool ids of sys.monitoring are free")
            return
        self.functions.phase_begins()
        healthy = self.probe.is_healthy()
        self.functions.phase_ends(self.phases is None or self.phases.always is not False)
        if not healthy:
            self.adapter.fail("the probe functions were not seen in their own windows")

    def _module_starts(self, path, frame):
        self.imports.module_starts(path, frame)
        window = self.windows.new("import", path)
        window.frame = frame
        self.windows.push(window)

    # --- tests -----------------------------------------------------------------------------------------

    def test_starts(self, item, identity):
        self._check_file(item)
        self.windows.settle()
        self.test = self.windows.new("test", identity)
        if self.collector == "none":
            self.test.opaque.add("no-free-tool-id")
        self.windows.push(self.test)
        self.fixtures.test_starts()

    def test_ends(self):
        test = self.test
        self.windows.pop(test)
        if self.functions.was_lost():
            # The test (or a debugger) took our function away; what followed was not seen.
            test.closed = False
        self.fixtures.test_ends(test)
        self.windows.tell_process()
        self.windows.tell(test)

    def _check_file(self, item):
        path = item.nodeid.partition("::")[0]
        if path != self.last_file:
            self.last_file = path
            self.check_health()


class FixtureHooks:
    """Windows of collection and of fixtures that outlive a test. Registered only while recording."""

    def __init__(self, recording, ids):
        self.recording = recording
        self.windows = recording.windows
        self.safely = recording.adapter.safely
        self.ids = ids
        self.alive = {}  # id of a FixtureDef -> (the FixtureDef, its window)
        self.ended = []  # (window, whether in the teardown phase), of this test
        self.used = set()
        self.teardown = None

    # --- collection ------------------------------------------------------------------------------------

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_make_collect_report(self, collector):
        window = self.safely(self._collection_starts, collector)
        yield
        if window is not None:
            self.safely(self._close, window)

    def _collection_starts(self, collector):
        path = self.ids.rebase(collector.nodeid.partition("::")[0]) if collector.nodeid else "."
        window = self.windows.new("collect", path)
        self.windows.push(window)
        return window

    def _close(self, window):
        self.windows.settle()
        self.windows.pop(window)
        self.windows.tell(window)

    # --- fixtures --------------------------------------------------------------------------------------

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_fixture_setup(self, fixturedef, request):
        if fixturedef.scope == "function":
            yield
            return
        window = self.safely(self._fixture_starts, fixturedef)
        yield
        if window is not None:
            self.safely(self._fixture_is_up, window, fixturedef, request)

    def _fixture_starts(self, fixturedef):
        name = f"{fixturedef.scope}:{fixturedef.argname}:{self.ids.rebase(fixturedef.baseid or '')}"
        window = self.windows.new("fixture", name)
        self.windows.push(window)
        return window

    def _fixture_is_up(self, window, fixturedef, request):
        names = set(fixturedef.argnames)
        if "request" in names:
            # It may have asked for others by name, also for some that were up already.
            names |= set(request.fixturenames)
        window.uses |= self._windows_of(names - {fixturedef.argname})
        self.alive[id(fixturedef)] = (fixturedef, window)
        self._close(window)

    def pytest_fixture_post_finalizer(self, fixturedef):
        if fixturedef.scope != "function":
            self.safely(self._fixture_is_down, fixturedef)

    def _fixture_is_down(self, fixturedef):
        _, window = self.alive.pop(id(fixturedef), (None, None))
        if window is not None:
            self.ended.append((fixturedef, window, self.teardown is not None))

    def _windows_of(self, names):
        """Windows of the wide fixtures with these names; None stands for all names. Overridden fixtures share
        a name: both are taken, which can only make a test depend on more."""
        up = list(self.alive.values()) + [(fixturedef, window) for fixturedef, window, _ in self.ended]
        return {window.number for fixturedef, window in up if names is None or fixturedef.argname in names}

    # --- tests -----------------------------------------------------------------------------------------

    def test_starts(self):
        self.ended = []
        self.used = set()
        self.teardown = None

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item):
        self.safely(self._teardown_starts)
        yield
        self.safely(self._teardown_ends, item)

    def _teardown_starts(self):
        self.teardown = self.windows.new("teardown", "")
        self.windows.push(self.teardown)

    def _teardown_ends(self, item):
        # Now, because pytest forgets the request when the test is over; a test that is run again adds to it.
        names = _fixture_names(item)
        self.used = None if names is None or self.used is None else self.used | names
        teardown, self.teardown = self.teardown, None
        if teardown is None:
            return
        self.windows.settle()
        self.windows.pop(teardown)
        for _, window, in_teardown in self.ended:
            if in_teardown:
                window.add(teardown)
        self.recording.test.add(teardown)

    def test_ends(self, test):
        test.uses = self._windows_of(self.used)
        for _, window, in_teardown in self.ended:
            if not in_teardown:
                window.add(test)  # Taken down to be set up with another parameter.
            if not window.is_empty():
                self.windows.tell(window)
        self.ended = []


class Phases:
    """Before Python 3.12: switches the tracer on for the phases of a test and off between them."""

    # Hooks that are over before the first test, or run inside a phase. Wrappers of the phases' own hooks may
    # run outside of ours, so those are not here.
    _HARMLESS = frozenset(
        (
            "pytest_plugins", "pytest_addoption", "pytest_addhooks", "pytest_configure", "pytest_sessionstart",
            "pytest_load_initial_conftests", "pytest_collection", "pytest_collection_modifyitems",
            "pytest_collection_finish", "pytest_collect_file", "pytest_collect_directory", "pytest_ignore_collect",
            "pytest_generate_tests", "pytest_make_parametrize_id", "pytest_itemcollected", "pytest_pycollect_makeitem",
            "pytest_pycollect_makemodule", "pytest_make_collect_report", "pytest_collectreport",
            "pytest_collectstart", "pytest_fixture_setup", "pytest_fixture_post_finalizer", "pytest_pyfunc_call",
            "pytest_markeval_namespace", "pytest_sessionfinish", "pytest_unconfigure", "pytest_report_header",
        )
    )  # fmt: skip

    def __init__(self, recording, config):
        self.functions = recording.functions
        self.safely = recording.adapter.safely
        self.tree = recording.tree
        self.config = config
        self.always = None

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_setup(self):
        self.safely(self.functions.phase_begins)
        yield
        self.safely(self._phase_ends)

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_call(self):
        self.safely(self.functions.phase_begins)
        yield
        self.safely(self._phase_ends)

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self):
        self.safely(self.functions.phase_begins)
        yield
        self.safely(self._phase_ends)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self):
        # Fixtures that are still up (after -x) are taken down here.
        self.safely(self.functions.phase_begins)

    def _phase_ends(self):
        if self.always is None:
            # Late, because a conftest may be loaded during collection.
            plugins = self.config.pluginmanager.get_plugins()
            self.always = any(self._runs_between(plugin) for plugin in plugins)
        self.functions.phase_ends(self.always)

    def _runs_between(self, plugin):
        """True for a plugin of the project that has a hook which may run between the phases of a test."""
        module = plugin if hasattr(plugin, "__file__") else sys.modules.get(type(plugin).__module__)
        if self.tree.path(getattr(module, "__file__", None) or "") is None:
            return False
        return any(name.startswith("pytest_") and name not in self._HARMLESS for name in dir(plugin))


def _fixture_names(item):
    """Names of the fixtures that a test used, those asked for at run time too; None if pytest does not tell."""
    names = getattr(item, "fixturenames", None)
    request = getattr(item, "_request", None) or getattr(item, "fixture_request", None)
    try:
        return set(request.fixturenames) | set(names or ())
    except Exception:
        return None
