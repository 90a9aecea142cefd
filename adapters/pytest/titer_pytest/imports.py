"""Who imported whom, and where else each name was looked for.

Nodes are first-party files and modules from elsewhere ("=name"), so that a chain may pass through a library.
A repeated import costs one look-up. The wrappers stand in for `builtins.__import__` and for importlib's own
entry, which importlib.import_module uses; module-level code that starts without either (runpy, a loader's
exec_module) is told by the function collector.
"""

import builtins
import os
import sys

import _frozen_importlib as bootstrap

from .tree import address

# The name of importlib's own code. Warnings do not count such frames (stacklevel), and reports leave them out:
# the wrappers must be as invisible as the machinery that they stand in for.
_INVISIBLE = "<frozen importlib._bootstrap>"
_MACHINERY = ("<frozen importlib", os.path.join(os.path.dirname(os.__file__), "importlib") + os.sep)
_REWRITER = os.sep + os.path.join("_pytest", "assertion", "rewrite.py")
# These import the user's files on nobody's behalf but the current window's.
_NOBODY = frozenset(("pytest", "_pytest", "pluggy", "importlib", "xdist", "execnet", "titer_pytest"))


class Imports:
    def __init__(self, windows, tree, events, codes, fail):
        self.windows = windows
        self.tree = tree
        self.events = events
        self.codes = codes
        self.fail = fail
        self.active = False
        self._seen = set()
        self._told = set()
        self._nodes = {}
        self._ran = {}  # module name -> file whose module-level code was begun under it
        self._wrappers = ()
        self.of_child = None

    # --- start and end ---------------------------------------------------------------------------------

    def start(self):
        self.active = True
        self._original = builtins.__import__
        self._original_gcd = bootstrap._gcd_import
        self._import = _invisible(self._make_import(self._original))
        self._gcd = _invisible(self._make_gcd(self._original_gcd))
        self._wrappers = (self._import.__code__, self._gcd.__code__)
        builtins.__import__ = self._import
        bootstrap._gcd_import = self._gcd
        self._tell_earlier()

    def stop(self):
        self.active = False
        if builtins.__import__ is getattr(self, "_import", None):
            builtins.__import__ = self._original
        if bootstrap._gcd_import is getattr(self, "_gcd", None):
            bootstrap._gcd_import = self._original_gcd

    def belong_to(self, windows, searches, fail):
        """In a fork: everything is told anew, and is its one window's."""
        self.windows, self.of_child, self.fail = windows, searches, fail
        self._seen.clear()

    def _tell_earlier(self):
        """What was loaded before us: its own code belongs to the process, and so do the places where a new
        file would have been found instead."""
        names = {"sitecustomize", "usercustomize"}
        for name, module in list(sys.modules.items()):
            names.add(name.partition(".")[0])
            path = self._path_of(module)
            if path is not None and path.endswith(".py"):
                self.windows.process.hits[self.codes.register_file(path)] = -1
        probes = [probe for name in sorted(names) for probe in self._top_probes(name)]
        self._tell(-1, [], probes, self.windows.process)

    # --- the wrappers ----------------------------------------------------------------------------------

    def _make_import(self, original):
        seen, note = self._seen, self._note_statement

        # The look-up stands apart from the import: a KeyError of the import must stay the user's.
        def __import__(name, globals=None, locals=None, fromlist=(), level=0):
            __tracebackhide__ = True
            try:
                key = (globals["__file__"], name, fromlist, level)
                known = key in seen or (*key, self.windows.current.number) in seen
            except (KeyError, TypeError):
                known = False
            if known:
                return original(name, globals, locals, fromlist, level)
            window = self.windows.current
            try:
                return original(name, globals, locals, fromlist, level)
            finally:
                note(window, name, globals, fromlist, level)

        return __import__

    def _make_gcd(self, original):
        note = self._note_call

        def _gcd_import(name, package=None, level=0):
            __tracebackhide__ = True
            window = self.windows.current
            try:
                return original(name, package, level)
            finally:
                note(window, name, package, level, _frame(1))

        return _gcd_import

    def _note_statement(self, window, name, globals, fromlist, level):
        if not self.active:
            return
        try:
            absolute = _absolute(name, _package(globals) if level else "", level)
            frame = _frame(2)
            if not globals or "__file__" not in globals:
                importer = self._importer(frame)
                globals = importer.f_globals if importer else {}
            asked = self._is_asked(window, frame)
            self._note(window, globals, absolute, tuple(fromlist or ()), frame, asked)
            key = (globals.get("__file__"), name, fromlist, level)
            self._seen.add((*key, window.number) if asked else key)
        except TypeError:
            pass  # A list as fromlist, a name that is no string: not to be remembered, and the import said so.
        except Exception as error:
            self.fail(f"import {name}: {type(error).__name__}: {error}")

    def _note_call(self, window, name, package, level, frame):
        if not self.active:
            return
        try:
            frame = self._importer(frame)
            asked = self._is_asked(window, frame)
            key = (frame and frame.f_globals.get("__file__"), name, package, level, asked and window.number, "call")
            # Nobody's imports are the window's: each window says so anew.
            if key in self._seen and not self._is_nobody(frame and frame.f_globals):
                return
            self._seen.add(key)
            self._note(window, frame.f_globals if frame else {}, _absolute(name, package, level), (), frame, asked)
        except Exception as error:
            self.fail(f"import {name}: {type(error).__name__}: {error}")

    def module_starts(self, path, frame):
        """Module-level code of a first-party file begins, by whatever way."""
        self._ran[frame.f_globals.get("__name__")] = path
        if self.of_child is not None:
            self.of_child.module_starts(path, frame)
            return
        importer = frame.f_back
        while importer is not None:
            code = importer.f_code
            if code is self._wrappers[0] or code is self._wrappers[1]:
                return  # The wrapper tells it when it is done, with the places that were searched.
            if not code.co_filename.startswith(_MACHINERY) and not code.co_filename.endswith(_REWRITER):
                break
            importer = importer.f_back
        self._edge(self.windows.current, importer.f_globals if importer else {}, [path], [], importer)

    # --- edges -----------------------------------------------------------------------------------------

    def _importer(self, frame):
        while frame is not None and frame.f_code.co_filename.startswith(_MACHINERY):
            frame = frame.f_back
        return frame

    def _is_asked(self, window, frame):
        """Whether a function of the project asks for a module while a test runs: then the module is that of the tests that
        ask for it, loaded already or not, and not of all who load the function's file."""
        if self.of_child is not None or window.kind not in ("test", "fixture") or frame is None:
            return False
        return frame.f_code.co_name != "<module>" and self.tree.path(frame.f_globals.get("__file__") or "") is not None

    def _is_nobody(self, globals):
        if not globals:
            return True
        if self.tree.path(globals.get("__file__") or "") is not None:
            return False
        name = globals.get("__name__") or ""
        return not isinstance(name, str) or not name or name.partition(".")[0] in _NOBODY

    def _note(self, window, globals, absolute, fromlist, frame, asked=False):
        names = _with_parents(absolute)
        probes = []
        for name in names:
            probes += self._probes(name)
        package = sys.modules.get(absolute)
        if fromlist and hasattr(package, "__path__"):
            for name in self._submodules(package, absolute, fromlist):
                probes += self._probes(name)
                names.append(name)
        if asked:
            self._edge(window, globals, self._loaded(names), [], frame, asked)
            names = []
        self._edge(window, globals, self._loaded(names), probes, frame)

    def _loaded(self, names):
        targets = [self._name_of(name) for name in names if name in sys.modules or name in self._ran]
        return [target for target in targets if target]

    def _submodules(self, package, absolute, fromlist):
        wanted = set(fromlist)
        if "*" in wanted:
            wanted |= {name for name in getattr(package, "__all__", ()) if isinstance(name, str)}
        for name in sorted(wanted - {"*"}):
            full = f"{absolute}.{name}"
            # An attribute that is no module was found without a search.
            if full in sys.modules or name not in vars(package):
                yield full

    def _edge(self, window, globals, targets, probes, frame, asked=False):
        if not targets and not probes:
            return
        if self.of_child is not None:
            self.of_child.tell(targets, probes)
            return
        if self._is_nobody(globals):
            # pytest's own lazy imports happen in some window by chance; those of the user's files do not.
            ours = any(not target.startswith("=") for target in targets)
            self._tell(-1, targets, probes, window if ours else self.windows.process)
            return
        path = self.tree.path(globals.get("__file__") or "")
        self._tell(path or "=" + globals["__name__"], targets, probes, window, self._asking(frame) if asked else None)
        if path is None and any(not target.startswith("=") for target in targets):
            # A library that imports the project's files does it for somebody: for the nearest of ours.
            self._tell(self._nearest(frame) or -1, targets, probes, window)

    def _nearest(self, frame):
        while frame is not None:
            path = self.tree.path(frame.f_code.co_filename)
            if path is not None:
                return path
            frame = frame.f_back
        return None

    def _asking(self, frame):
        """The project's functions that are under way, as indexes of code; and those of them that a library called, where
        it did: the library may keep what it got."""
        found, inner, known, called = set(), set(), self.codes.known, False
        while frame is not None:
            index = known.get(address(frame.f_code))
            if index is not None:
                found.add(index)
                if not called:
                    inner.add(index)
            elif not self._is_nobody(frame.f_globals):
                called = True
            frame = frame.f_back
        return {"by": sorted(found), "called": sorted(inner) if called else []}

    def _tell(self, importer, targets, probes, window, asking=None):
        number = window.number if importer == -1 or asking is not None else None
        key = (importer, number, tuple(targets), tuple(map(tuple, probes)))
        if key in self._told:
            return
        self._told.add(key)
        fields = {
            "from": importer if importer == -1 else self._node(importer),
            "to": [self._node(target) for target in targets],
            "probes": [list(probe) for probe in dict.fromkeys(map(tuple, probes))],
        }
        if number is not None:
            fields["w"] = number
        if asking is not None:
            fields.update(asking)
        self.events.line("import", **fields)

    def _node(self, name):
        index = self._nodes.get(name)
        if index is None:
            index = self._nodes[name] = len(self._nodes)
            self.events.line("node", i=index, n=name)
        return index

    def _path_of(self, module):
        name = getattr(module, "__file__", None)
        return self.tree.path(name) if isinstance(name, str) else None

    def _name_of(self, name):
        module = sys.modules.get(name)
        # An import that failed is gone from sys.modules, and some modules put another object in their place.
        path = self._path_of(module) or self._ran.get(name)
        if path is not None:
            return path
        return None if _is_built_in(module, name) else "=" + name

    # --- where a name is looked for ----------------------------------------------------------------------

    def _probes(self, name):
        parent, _, last = name.rpartition(".")
        if not parent:
            return self._top_probes(name)
        try:
            folders = list(getattr(sys.modules.get(parent), "__path__", ()))
        except Exception:
            return []  # a lazy path object that cannot be walked any more
        inside = (self.tree.path(folder) for folder in folders if isinstance(folder, str))
        return [(folder, last) for folder in inside if folder is not None]

    def _top_probes(self, name):
        module = sys.modules.get(name)
        if name in sys.builtin_module_names or _is_built_in(module, name):
            return []
        return [(folder, name) for folder in self.tree.searched(sys.path, _container(module))]


def _frame(depth):
    """The frame that many calls up; None where the interpreter itself imports and no Python runs."""
    try:
        return sys._getframe(depth + 1)
    except ValueError:
        return None


def _invisible(function):
    function.__code__ = function.__code__.replace(co_filename=_INVISIBLE)
    return function


def _is_built_in(module, name):
    spec = getattr(module, "__spec__", None)
    return getattr(spec, "origin", None) in ("built-in", "frozen")


def _container(module):
    """The sys.path entry that a top-level module was found in; None for a namespace or an unknown loader."""
    name = getattr(module, "__file__", None)
    if not isinstance(name, str):
        return None
    folder = os.path.dirname(name)
    return os.path.dirname(folder) if hasattr(module, "__path__") else folder


def _package(globals):
    package = globals.get("__package__")
    if package is None:
        package = globals.get("__name__", "")
        if "__path__" not in globals:
            package = package.rpartition(".")[0]
    return package


def _absolute(name, package, level):
    if not level:
        return name
    base = (package or "").rsplit(".", level - 1)[0]
    return f"{base}.{name}" if name else base


def _with_parents(name):
    parts = name.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts) + 1)]
