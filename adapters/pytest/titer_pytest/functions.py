"""Which first-party functions ran: one collector for Python 3.12 and up, two for what came before.

All of them report a function at its first call in a window and soon look away from it until the window changes.
"""

import sys

from .hidden import Hidden
from .tree import address

_DEPTH = 12  # how far up a first-party caller is looked for
_CALLS = 4  # of a function in a window: it pays to keep seeing so many, rather than to look away and back
# Ours to ask: the program is told that nobody is there.
_gettrace, _getprofile = sys.gettrace, sys.getprofile
_settrace, _setprofile = sys.settrace, sys.setprofile
if hasattr(sys, "monitoring"):
    _get_tool, _use_tool = sys.monitoring.get_tool, sys.monitoring.use_tool_id


def choose(core):
    """The collector for this interpreter."""
    if hasattr(sys, "monitoring"):
        return Monitoring(core)
    return Tracing(core)


class Core:
    """What every collector does with a code object that begins to run."""

    def __init__(self, windows, codes, tree, module_starts, fail):
        self.windows = windows
        self.known = codes.known
        self.register = codes.register
        self.seen = codes.seen
        self.path = tree.path
        self.module_starts = module_starts
        self.fail = fail
        self.foreign = set()  # __file__ of modules that are not the project's

    def begin(self, code, index, frame, is_module):
        windows = self.windows
        if is_module:
            windows.settle()
            self.module_starts(self.path(code.co_filename), frame)
        elif windows.current.frame is not None:
            windows.settle()
        hits = windows.current.hits
        if index not in hits:
            hits[index] = self.caller(frame)
        for window in windows.beside:
            window.hits.setdefault(index, -1)

    def end_of_module(self, frame):
        windows = self.windows
        for window in windows.stack[::-1] + windows.beside:
            if window.frame is frame:
                beside = window in windows.beside
                windows.pop(window)
                if not beside:
                    windows.tell(window)
                return

    def caller(self, frame):
        known, foreign = self.known, self.foreign
        frame = frame.f_back
        for _ in range(_DEPTH):
            if frame is None:
                return -1
            # Most frames are pytest's. `f_code` raises an audit event, `f_globals` none.
            file = frame.f_globals.get("__file__")
            if file.__class__ is not str:
                file = None
            if file not in foreign:
                index = known.get(address(frame.f_code))
                if index is not None:
                    return index
                if file is not None and self.path(file) is None:
                    foreign.add(file)
            frame = frame.f_back
        return -1

    def went_wrong(self, error):
        if isinstance(error, RecursionError):
            # The user's own recursion reached the limit inside us. One call is lost, nothing else.
            self.windows.current.closed = False
        else:
            self.fail(f"collector: {type(error).__name__}: {error}")


class Monitoring:
    """sys.monitoring with two tools. One sees every code object once and is then switched off there for
    good; the other holds local events on first-party code only, which are cheap to take away and put back."""

    def __init__(self, core):
        self.core = core
        self.disarmed = []
        self.again = {}  # index -> how many more calls in this window are looked at
        self.hidden = Hidden()
        self.tools = self._free()
        self.name = "monitoring" if self.tools else "none"

    def _free(self, besides=None):
        free = [tool for tool in (3, 4, 5, 2, 1, 0) if tool != besides and _get_tool(tool) is None]
        return free[:2] if len(free) >= 2 else []

    def start(self):
        if not self.tools:
            return
        self.hidden.answer(sys.monitoring, "get_tool", lambda found: found == "titer")
        self.hidden.before(sys.monitoring, "use_tool_id", self._give_way)
        self._take_tools()

    def _give_way(self, wanted, *_):
        """The program takes a tool of ours: we go to others, or off, if there are no two left."""
        if wanted not in self.tools:
            return
        try:
            # Until Python 3.14, what we watched would be the next owner's when the tool is freed.
            for code in self.core.seen():
                sys.monitoring.set_local_events(self.tools[1], code, 0)
            self._leave_tools()
            # What we switched off under this number would stay off for them.
            sys.monitoring.restart_events()
            self.tools = self._free(besides=wanted)
            if not self.tools:
                self.core.fail("the program under test took the last free tool ids of sys.monitoring")
                return
            self.disarmed = []
            self._take_tools()
        except Exception as error:
            self.core.went_wrong(error)

    def _take_tools(self):
        monitoring = sys.monitoring
        for tool in self.tools:
            _use_tool(tool, "titer")
        events = monitoring.events
        finder, watcher = self.tools
        self.entry = events.PY_START | events.PY_RESUME
        for event in (events.PY_START, events.PY_RESUME):
            monitoring.register_callback(finder, event, self._make_finder(watcher))
            monitoring.register_callback(watcher, event, self._make_watcher(watcher))
        monitoring.register_callback(watcher, events.PY_RETURN, self._module_returns)
        # A generator that is closed or thrown into resumes without PY_RESUME. Cannot be local; is rare.
        monitoring.register_callback(finder, events.PY_THROW, self._thrown_into)
        monitoring.set_events(finder, self.entry | events.PY_THROW)

    def stop(self):
        self.hidden.stop()
        self._leave_tools()

    def _leave_tools(self):
        monitoring = sys.monitoring
        for tool in self.tools:
            monitoring.set_events(tool, 0)
            for event in ("PY_START", "PY_RESUME", "PY_RETURN", "PY_THROW"):
                monitoring.register_callback(tool, getattr(monitoring.events, event), None)
            monitoring.free_tool_id(tool)
        self.tools = []

    def phase_begins(self):
        """Nothing to do: code that was seen or is foreign costs nothing here."""

    def phase_ends(self, always):
        """Nothing to do."""

    def was_lost(self):
        """Whether something took the tools away since the last time it was asked."""
        return not self.is_in_place()

    def is_in_place(self):
        return all(_get_tool(tool) == "titer" for tool in self.tools)

    def rearm(self):
        self.again.clear()
        if self.disarmed:
            disarmed, self.disarmed = self.disarmed, []
            put, watcher, entry = sys.monitoring.set_local_events, self.tools[1], self.entry
            for code in disarmed:
                put(watcher, code, entry)

    def _make_finder(self, watcher):
        core, path_of, known, disable = self.core, self.core.path, self.core.known, sys.monitoring.DISABLE

        def find(code, offset):
            try:
                path = path_of(code.co_filename)
                if path is not None:
                    self._found(core, known, watcher, code, path)
            except Exception as error:
                core.went_wrong(error)
                return None  # not off: it may be found the next time
            return disable

        return find

    def _found(self, core, known, watcher, code, path):
        index = known.get(address(code))
        if index is None:
            index = core.register(code, path)
        is_module = code.co_name == "<module>"
        core.begin(code, index, sys._getframe(2), is_module)
        if is_module:
            # Runs once: watch for its end instead of its start.
            sys.monitoring.set_local_events(watcher, code, sys.monitoring.events.PY_RETURN)
        else:
            self.disarmed.append(code)

    def _make_watcher(self, watcher):
        core, known, put = self.core, self.core.known, sys.monitoring.set_local_events
        again, caller, frame_of = self.again, self.core.caller, sys._getframe

        # `begin`, written out: this runs for every function of every test.
        def watch(code, offset):
            try:
                index = known[address(code)]
                windows = core.windows
                if windows.current.frame is not None:
                    windows.settle()
                hits = windows.current.hits
                if index not in hits:
                    hits[index] = caller(frame_of(1))
                else:
                    left = again.get(index, _CALLS)
                    if left:
                        again[index] = left - 1
                    else:
                        put(watcher, code, 0)
                        self.disarmed.append(code)
                for window in windows.beside:
                    window.hits.setdefault(index, -1)
            except Exception as error:
                core.went_wrong(error)

        return watch

    def _thrown_into(self, code, offset, exception):
        index = self.core.known.get(address(code))
        if index is not None:
            try:
                self.core.begin(code, index, sys._getframe(1), False)
            except Exception as error:
                self.core.went_wrong(error)

    def _module_returns(self, code, offset, value):
        try:
            self.core.end_of_module(sys._getframe(1))
        except Exception as error:
            self.core.went_wrong(error)


class Tracing:
    """sys.settrace for call events only, or sys.setprofile where a tracer is there already (coverage).

    This runs at every call of the whole process, so what it does for foreign code decides the cost. `id()` and
    `frame.f_code` raise audit events, which call our own audit hook: hence module globals first, and keys that
    are made of the code's place."""

    def __init__(self, core):
        self.core = core
        self.foreign = core.foreign
        self.skip = set()  # places of code that was seen in this window
        self.with_profile = _gettrace() is not None
        self.function = None
        self.lost = False
        self.installing = False
        self.threading = None  # the frame of that module while it is imported
        self.hidden = Hidden()

    @property
    def name(self):
        return "setprofile" if self.with_profile else "settrace"

    def start(self):
        self.function = self._make_profiler() if self.with_profile else self._make_tracer()
        self.hidden.stop()
        for module in filter(None, (sys, sys.modules.get("threading"))):
            for name in ("gettrace", "getprofile"):
                self.hidden.answer(module, name, lambda found: found is not None and found is self.function)
        self.hidden.unless(sys, "setprofile" if self.with_profile else "settrace", self._is_put_back)
        self.install()

    def _is_put_back(self, function=None):
        """Whoever was told that nobody is there puts nobody back (doctest does): then we stay."""
        if function is None and self._get() is self.function:
            return True
        if function is not self.function:
            self.lost = True
        return False

    def install(self):
        self.installing = True  # both calls raise audit events
        # A child that has no threads is not made to import what they need: see `_first`.
        if "threading" in sys.modules and self._of_threads() is None:
            self._hand_to_threads(self.function)
        self._set(self.function)
        self.installing = False

    def _hand_to_threads(self, function):
        threading = sys.modules["threading"]
        (threading.setprofile if self.with_profile else threading.settrace)(function)

    def _of_threads(self):
        threading = sys.modules.get("threading")
        return getattr(threading, "_profile_hook" if self.with_profile else "_trace_hook", None)

    def change_to_profile_if_taken(self):
        """Coverage takes the tracer's place before the first conftest is loaded."""
        taken = _gettrace()
        if not self.with_profile and taken is not self.function:
            sys.modules["threading"].settrace(taken)
            self.with_profile = True
            self.start()

    # Most calls of a run are pytest's own. Once collection is over, its phases (set-up, call, teardown) are
    # traced and the rest is not, which halves the cost, unless the project has hooks that run in between.

    def phase_begins(self):
        others = self._get()
        if others is None:
            self.install()
        elif others is not self.function:
            self.lost = True  # A debugger, or a test that left its tracer behind: it was here first.

    def phase_ends(self, always):
        if self._of_threads() is not self.function:
            self.lost = True  # What ran in new threads was not seen.
        if self._get() is not self.function:
            self.lost = True
        elif not always:
            self._set(None)

    def was_lost(self):
        lost, self.lost = self.lost, False
        return lost

    def _get(self):
        return _getprofile() if self.with_profile else _gettrace()

    def _set(self, function):
        (_setprofile if self.with_profile else _settrace)(function)

    def stop(self):
        if self.function is None:
            return
        self.installing = True
        self.hidden.stop()
        if self._get() is self.function:
            self._set(None)
        if self._of_threads() is self.function:
            self._hand_to_threads(None)
        self.function = None  # other threads may still call it; `_first` then does nothing

    # In a child nobody looks after the tracer, so whoever comes must be noticed at once.

    def is_in_place(self):
        return self._get() is self.function

    def in_child(self):
        """After a fork, or after the user's own start-up code: take a place if there is one."""
        taken = self._get()
        if taken is None:
            self.install()
        elif taken is not self.function:
            self.others_come("setprofile" if self.with_profile else "settrace", None)

    def others_come(self, place, frame):
        """Something is about to set a tracer or a profiler of its own."""
        if self.installing or self.function is None or self._is_new_thread(frame):
            return
        if place == "setprofile":
            if self.with_profile:
                self.core.fail("a profiler took the recorder's place")
        elif not self.with_profile:
            self.with_profile = True
            self.start()

    def _is_new_thread(self, frame):
        # threading hands our own function to each thread that begins.
        threading = sys.modules.get("threading")
        return frame is not None and threading is not None and frame.f_code.co_filename == threading.__file__

    def rearm(self):
        self.skip.clear()

    def _make_tracer(self):
        foreign, first = self.foreign, self._first

        def trace(frame, event, arg):
            try:
                if frame.f_globals["__file__"] in foreign:
                    return None
            except (KeyError, TypeError):
                pass
            try:
                if not first(frame):
                    return None
            except RecursionError:
                self.core.windows.current.closed = False  # no room for us, and none for the user's call either
                return None
            frame.f_trace_lines = False
            return module_trace

        def module_trace(frame, event, arg):
            if event == "return":
                self._module_returns(frame)
            return module_trace

        return trace

    def _make_profiler(self):
        foreign, first = self.foreign, self._first

        def profile(frame, event, arg):
            if event == "call":
                try:
                    if frame.f_globals["__file__"] in foreign:
                        return
                except (KeyError, TypeError):
                    pass
                try:
                    first(frame)
                except RecursionError:
                    self.core.windows.current.closed = False
            elif event == "return" and (self.core.windows.current.frame is frame or self.threading is frame):
                self._module_returns(frame)

        return profile

    def _first(self, frame):
        """Look at a call that is not known to be foreign. True if module-level code begins."""
        if self.function is None:
            return False
        code = frame.f_code
        place = (code.co_filename, code.co_firstlineno, code.co_name)
        if place in self.skip:
            return False
        core = self.core
        try:
            path = core.path(code.co_filename)
            if path is None:
                self._note_foreign(frame.f_globals.get("__file__"))
                return self._is_threading(frame)
            index = core.known.get(address(code))
            if index is None:
                index = core.register(code, path)
            is_module = code.co_name == "<module>"
            core.begin(code, index, frame, is_module)
            self.skip.add(place)  # after a new window may have emptied it
            return is_module
        except Exception as error:
            core.went_wrong(error)
            return False

    def _note_foreign(self, file):
        # Code from a string (a namedtuple's, a dataclass's) runs with the globals of one of our files, too.
        if isinstance(file, str) and self.core.path(file) is None:
            self.foreign.add(file)

    def _is_threading(self, frame):
        if frame.f_code.co_name != "<module>" or frame.f_globals.get("__name__") != "threading":
            return False
        self.threading = frame
        return True

    def _module_returns(self, frame):
        try:
            if frame is self.threading:
                self.threading = None
                self._hand_to_threads(self.function)
            else:
                self.core.end_of_module(frame)
        except Exception as error:
            self.core.went_wrong(error)
