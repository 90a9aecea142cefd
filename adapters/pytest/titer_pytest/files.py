"""Files that were opened, folders that were listed, programs that were started: one audit hook.

A hook cannot be removed, so it can be made inert. It runs inside the user's calls: it only notes raw names;
`sort_out` finds out at the end of the window which of them belong to the project.
"""

import os
import sys

from .tree import address

_LIBRARY = os.path.dirname(os.__file__)
# Between the user's call and the event there may be these; they are not who asked.
_BETWEEN = tuple(
    os.path.join(_LIBRARY, name)
    for name in ("pathlib", "os.py", "glob", "fnmatch.py", "tokenize.py", "codecs.py", "importlib/resources")
) + ("<frozen os>", "<frozen codecs>")
_IMPORTLIB = ("<frozen importlib", "<frozen zipimport", os.path.join(_LIBRARY, "importlib") + os.sep)
_REWRITER = os.sep + os.path.join("_pytest", "assertion", "rewrite.py")
_PYTEST = os.sep + "_pytest" + os.sep
_LINECACHE = os.path.join(_LIBRARY, "linecache.py")
_TOKENIZE = os.path.join(_LIBRARY, "tokenize.py")
_CODECS = os.path.join(_LIBRARY, "codecs.py")
_INSPECT = os.path.join(_LIBRARY, "inspect.py")
_COVERAGE = os.sep + "coverage" + os.sep
_WHO_MEASURES = (_COVERAGE + "sysmon.py", os.sep + os.path.join("pytest_cov", "plugin.py"))
_SUBPROCESS = os.path.join(_LIBRARY, "subprocess.py")


# A second interpreter of this process has monitoring, imports and hooks of its own, and none of them is ours.
INTERPRETER = "cpython.PyInterpreterState_New"


class Files:
    """The audit hook and the two wrappers that see what raises no event."""

    def __init__(self, windows, tree, fail):
        self.windows = windows
        self.tree = tree
        self.fail = fail
        self.traced = windows.tracer is not None
        self.active = False
        self._undo = []

    def start(self):
        self.active = True
        if self.traced:
            self.windows.process.ignored.update(listed_by_imports())
        sys.addaudithook(self._make_hook())
        self._wrap_findsource()
        self._wrap_fork_exec()

    def stop(self):
        self.active = False
        for module, name, ours, original in self._undo:
            if getattr(module, name, None) is ours:
                setattr(module, name, original)

    # --- the hook --------------------------------------------------------------------------------------

    def _make_hook(self):
        handlers = {
            "open": self._opened,
            "os.listdir": self._listed,
            "os.scandir": self._listed,
            "sqlite3.connect": self._connected,
            INTERPRETER: lambda: self._opaque("sub-interpreter"),
        }
        for event in _PROCESS_EVENTS:
            handlers[event] = None

        def hook(event, args):
            if event in handlers and self.active:
                try:
                    handler = handlers[event]
                    if handler is None:
                        self._started(event, args)
                    else:
                        handler(*args)
                except RecursionError:
                    self.windows.current.closed = False  # the user's own recursion, at its limit inside us
                except OSError:
                    # The working directory is gone, or a descriptor is none: what was meant is not to be known.
                    self.windows.current.opaque.add(f"{event} unresolved")
                except Exception as error:
                    self.fail(f"audit {event}: {type(error).__name__}: {error}")

        return hook

    def _window(self):
        if self.windows.current.frame is not None:
            self.windows.settle()
        return self.windows.current

    def _note_asker(self, window, name):
        """Which code of the project was running: what it keeps of the file may serve others later."""
        known = self.windows.codes.known
        frame = sys._getframe(2)
        while frame is not None:
            index = known.get(address(frame.f_code))
            if index is not None:
                break
            frame = frame.f_back
        window.askers.add((name, -1 if frame is None else index))

    def _opaque(self, what):
        window = self._window()
        window.opaque.add(what)
        self._note_asker(window, what)

    def _opened(self, path, mode, flags):
        if not isinstance(path, (str, bytes, os.PathLike)):
            return  # a descriptor
        path = os.fsdecode(path)
        if path[:1] != os.sep and not os.path.isabs(path):
            full = os.path.join(os.getcwd(), path)
            if mode is None and not _resolves(full, flags):
                # Relative to a descriptor that the event does not tell. shutil's are those it is deleting.
                if not sys._getframe(2).f_code.co_filename.endswith("shutil.py"):
                    self._opaque("os.open relative")
                return
            path = full
        if path.endswith((".py", ".pyc")):
            if self.tree.inside(path) is None:
                return
            is_code = reads_code(sys._getframe(2))
            path = source_of(path)
            if is_code:
                if self.traced:
                    self._window().ignored.add(path)
                return
        window = self._window()
        if path not in window.touched:
            window.touched[path] = is_write(mode, flags)
        if self.tree.inside(path) is not None:
            self._note_asker(window, path)

    def _listed(self, path=None):
        if isinstance(path, int):
            path = os.readlink(f"/proc/self/fd/{path}") if os.path.isdir("/proc/self/fd") else "?"
        path = os.path.join(os.getcwd(), os.fsdecode(path or "."))
        # Most listings are of folders elsewhere; only the others need a look at who asked.
        if self.tree.path(os.path.normpath(path)) is None:
            return
        frame = _asker(sys._getframe(2))
        name = frame.f_code.co_filename if frame else ""
        if _PYTEST in name or name.startswith(_IMPORTLIB):
            if self.traced:
                self._window().ignored.add(path)
            return
        window = self._window()
        window.listed.add(path)
        self._note_asker(window, path)

    def _connected(self, database):
        name = os.fsdecode(database)
        if name.startswith("file:"):
            name = name[len("file:") :].partition("?")[0]
        if name and name != ":memory:":
            window = self._window()
            path = os.path.join(os.getcwd(), name)
            window.touched.setdefault(path, False)
            self._note_asker(window, path)

    def _started(self, event, args):
        # subprocess has told of the child already when it goes on to posix_spawn.
        if event == "os.posix_spawn" and sys._getframe(2).f_code.co_filename == _SUBPROCESS:
            return
        self._starts(f"{event} {_program(event, args)}".strip())

    def _starts(self, what):
        """A program or a fork. Where the file tracer is, its files are seen; else nothing of it is."""
        window = self._window()
        (window.started if self.traced else window.opaque).add(what)
        self._note_asker(window, what)

    # --- what raises no event --------------------------------------------------------------------------

    def _wrap_findsource(self):
        import inspect

        self._replace(inspect, "findsource", findsource_wrapper(inspect.findsource, self, self._source_asked_for))

    def _source_asked_for(self, path):
        window = self._window()
        window.touched.setdefault(path, False)
        self._note_asker(window, path)

    def _wrap_fork_exec(self):
        """multiprocessing's spawn and forkserver come straight here; subprocess has told already."""
        try:
            import _posixsubprocess
        except ImportError:
            return
        original = _posixsubprocess.fork_exec

        def fork_exec(*args):
            if self.active and sys._getframe(1).f_code.co_filename != _SUBPROCESS:
                try:
                    program = os.path.basename(os.fsdecode(args[0][0]))
                    self._starts(f"_posixsubprocess.fork_exec {program}")
                except Exception as error:
                    self.fail(f"fork_exec: {error}")
            return original(*args)

        self._replace(_posixsubprocess, "fork_exec", fork_exec)

    def _replace(self, module, name, ours):
        self._undo.append((module, name, ours, getattr(module, name)))
        setattr(module, name, ours)


_PROCESS_EVENTS = (
    "subprocess.Popen", "os.system", "os.posix_spawn", "os.spawn", "os.exec", "os.fork", "os.forkpty", "pty.spawn",
)  # fmt: skip


def findsource_wrapper(original, files, note):
    """inspect.getsource answers from linecache: a read that opens nothing the second time."""

    def findsource(object):
        if files.active:
            try:
                path = _source_asked_for(sys.modules["inspect"], object, sys._getframe(1))
                if path is not None:
                    note(path)
            except Exception:
                pass  # Not an object with a source; the original says so in its own words.
        return original(object)

    return findsource


def _source_asked_for(inspect, object, frame):
    while frame is not None and frame.f_code.co_filename == _INSPECT:
        frame = frame.f_back
    if frame is not None and _PYTEST in frame.f_code.co_filename:
        return None  # for a report
    name = inspect.getsourcefile(object) or inspect.getfile(object)
    return None if name[:1] == "<" else os.path.abspath(name)


def listed_by_imports():
    """Folders that the import system has listed before anybody looked."""
    for finder in list(sys.path_importer_cache.values()):
        path = getattr(finder, "path", None)
        if isinstance(path, str) and (path[:1] == os.sep or os.path.isabs(path)):
            yield path


def sort_out(window, tree):
    """(reads, wrote, lists) of a window: sorted paths from the root."""
    reads, wrote, lists = set(), set(), set()
    for name, was_write in window.touched.items():
        path = tree.path(name)
        if path is not None:
            (wrote if was_write else reads).add(path)
    for name in window.listed:
        path = tree.path(os.path.normpath(name))
        if path is not None:
            lists.add(path)
    return sorted(reads), sorted(wrote), sorted(lists)


def askers(window, tree):
    """[what, code] of a window: which code of the project read, listed or started what; -1 where none ran."""
    found = set()
    for name, index in window.askers:
        found.add((tree.path(os.path.normpath(name)) if name[:1] == os.sep else name, index))
    return sorted((what, index) for what, index in found if what is not None)


def is_write(mode, flags):
    """True where the old content cannot have been seen."""
    if isinstance(mode, str):
        return "w" in mode or "x" in mode
    if not isinstance(flags, int):
        return False
    access = flags & (os.O_WRONLY | os.O_RDWR)
    fresh = flags & os.O_TRUNC or flags & os.O_EXCL
    return bool(access and fresh) or (access == os.O_WRONLY and not flags & os.O_APPEND)


def _resolves(path, flags):
    return os.path.lexists(path) or bool(isinstance(flags, int) and flags & os.O_CREAT)


def _asker(frame):
    while frame is not None and frame.f_code.co_filename.startswith(_BETWEEN):
        frame = frame.f_back
    return frame


def is_importing(frame):
    """True if the import system looks into a folder; None stands for the interpreter itself."""
    frame = _asker(frame)
    return frame is None or frame.f_code.co_filename.startswith(_IMPORTLIB)


def reads_code(frame):
    """True if a .py is opened to be imported, rewritten, run, measured, or shown in a traceback or warning."""
    frame = _asker(frame)
    if frame is None:
        return True
    name = frame.f_code.co_filename
    if name.startswith(_IMPORTLIB):
        # loader.get_data called by others (pkgutil.get_data) is a read like any other.
        outer = frame.f_back.f_code.co_filename if frame.f_back else ""
        return frame.f_code.co_name != "get_data" or outer.startswith(_IMPORTLIB) or outer.endswith(_REWRITER)
    return name == _LINECACHE or name.endswith(_REWRITER) or (_COVERAGE in name and _measures(frame))


def _measures(frame):
    """True if coverage reads a source for its measurement or pytest-cov's report: no test sees what is in it. False
    if a test asked coverage itself."""
    while frame is not None:
        name = frame.f_code.co_filename
        if name.endswith(_WHO_MEASURES):
            return True
        if _COVERAGE not in name and not name.startswith(_LIBRARY) and os.sep + "pytest_cov" + os.sep not in name:
            return False
        frame = frame.f_back
    return False


def shows_source(frame):
    """True if linecache opens a file for inspect, which hands the text to who asked; not for a report of pytest's."""
    while frame is not None and frame.f_code.co_filename.startswith((_LINECACHE, _TOKENIZE, _CODECS)):
        frame = frame.f_back
    asked = frame is not None and frame.f_code.co_filename == _INSPECT
    while frame is not None and frame.f_code.co_filename == _INSPECT:
        frame = frame.f_back
    return asked and (frame is None or _PYTEST not in frame.f_code.co_filename)


def source_of(path):
    """The .py that a .pyc in __pycache__ was made from."""
    folder, name = os.path.split(path)
    if name.endswith(".pyc") and os.path.basename(folder) == "__pycache__":
        return os.path.join(os.path.dirname(folder), name.split(".")[0] + ".py")
    return path


def _program(event, args):
    if event in ("os.fork", "os.forkpty"):
        return ""
    first = args[1] if event == "os.spawn" else args[0]
    if event == "subprocess.Popen":
        first = args[0] or args[1]
    if isinstance(first, (list, tuple)):
        first = first[0] if first else ""
    try:
        first = os.fsdecode(first)
    except TypeError:
        return "?"
    if event == "os.system":
        first = first.split()[0] if first.split() else ""
    return os.path.basename(first)
