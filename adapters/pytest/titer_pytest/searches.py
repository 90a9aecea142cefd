"""What a child imported, and where it looked: all of it is its one window's, so nobody asks who imported whom.

A wrapped `__import__` would stand in the child's tracebacks. Searches of the path are watched instead, at the
finder that makes them: its frame is gone when the module runs. A module that is found runs, and is seen then.
"""

import os
import sys
from itertools import count

import _frozen_importlib_external as external

_INVISIBLE = "<frozen importlib._bootstrap_external>"  # see imports.py


class Searches:
    def __init__(self, tree, events, number):
        self.tree = tree
        self.events = events
        self.number = number
        self.fail = None
        self.on_search = None
        self._told = set()
        self._nodes = count()
        self._undo = None

    def belong_to(self, events):
        """After a fork: everything is told anew."""
        self.events = events
        self._told.clear()

    def tell(self, targets, probes):
        # Another thread may leave out only what is written.
        told = self._told
        targets = [target for target in targets if target[:1] != "=" and target not in told]
        indexes = []
        for target in targets:
            index = next(self._nodes)
            self.events.line("node", i=index, n=target)
            indexes.append(index)
        new = [probe for probe in dict.fromkeys(probes) if probe not in told]
        if indexes or new:
            self.events.line("import", **{"from": -1, "to": indexes, "probes": list(map(list, new)), "w": self.number})
            told.update(targets)
            told.update(new)

    def module_starts(self, path, frame):
        """Module-level code of a first-party file begins, by whatever way."""
        self.tell([path], [])

    # --- searches --------------------------------------------------------------------------------------

    def start(self, fail, on_search):
        self.fail, self.on_search = fail, on_search
        original = external.PathFinder.__dict__["find_spec"]
        search, note = original.__func__, self._note

        def find_spec(cls, fullname, path=None, target=None):
            spec = search(cls, fullname, path, target)
            note(fullname, path, spec)
            return spec

        find_spec.__code__ = find_spec.__code__.replace(co_filename=_INVISIBLE)
        find_spec.__qualname__, find_spec.__module__ = search.__qualname__, search.__module__
        ours = classmethod(find_spec)
        external.PathFinder.find_spec = ours
        self._undo = ours, original

    def stop(self):
        if self._undo and external.PathFinder.__dict__["find_spec"] is self._undo[0]:
            external.PathFinder.find_spec = self._undo[1]
        self.fail = None

    def _note(self, name, path, spec):
        if self.fail is None:
            return
        try:
            self.on_search()
            origin = getattr(spec, "origin", None)
            origin = origin if isinstance(origin, str) else None
            locations = getattr(spec, "submodule_search_locations", None)
            entries = sys.path if path is None else path
            self.tell(self._library(origin), list(self.places(name.rpartition(".")[2], entries, origin, locations)))
        except Exception as error:
            self.fail(f"search {name}: {type(error).__name__}: {error}")

    def _library(self, origin):
        """A compiled module of the project: nobody sees it run."""
        path = self.tree.path(origin) if origin else None
        return [] if path is None or path.endswith((".py", ".pyc")) else [path]

    def places(self, name, entries, origin, is_package):
        """(folder, name) for each first-party folder of `entries` that was looked into, up to where it was found."""
        hit = None
        if origin:
            hit = os.path.dirname(origin)
            hit = os.path.dirname(hit) if is_package else hit
        for folder in self.tree.searched(entries, hit):
            yield folder, name

    def tell_earlier(self, hits, register_file):
        """What was loaded before us: its own code, and the places where a new file would have been found instead."""
        self.tell([], list(self.places("sitecustomize", sys.path, None, False)))
        self.tell([], list(self.places("usercustomize", sys.path, None, False)))
        for name, module in list(sys.modules.items()):
            origin = getattr(module, "__file__", None)
            spec_origin = getattr(getattr(module, "__spec__", None), "origin", None)
            if spec_origin in ("built-in", "frozen") or not isinstance(origin, str):
                continue
            path = self.tree.path(origin)
            if path is not None and path.endswith(".py"):
                hits[register_file(path)] = -1
            top = name.partition(".")[0]
            if top == name:
                self.tell([], list(self.places(top, sys.path, origin, hasattr(module, "__path__"))))
