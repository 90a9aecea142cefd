"""Windows: the stretches of time that what was seen belongs to (process, import, collect, fixture, test)."""

import threading

from .files import askers, sort_out


class Window:
    """One stretch. `hits` maps code index -> index of the nearest first-party caller or -1."""

    __slots__ = ("number", "kind", "name", "hits", "touched", "listed", "opaque", "askers", "uses", "closed", "frame")

    def __init__(self, number, kind, name):
        self.number = number
        self.kind = kind
        self.name = name
        self.hits = {}
        self.touched = {}  # raw path -> True if it was first opened for writing
        self.listed = set()
        self.opaque = set()
        self.askers = set()  # (raw path or opaque mark, code index or -1)
        self.uses = set()
        self.closed = True
        self.frame = None  # of the module-level code, in an import window

    def add(self, other):
        """Take over what `other` saw."""
        for index, caller in list(other.hits.items()):
            self.hits.setdefault(index, caller)
        for path, wrote in list(other.touched.items()):
            self.touched.setdefault(path, wrote)
        self.listed |= other.listed
        self.opaque |= other.opaque
        self.askers |= other.askers
        self.closed = self.closed and other.closed

    def is_empty(self):
        return not (self.hits or self.touched or self.listed or self.opaque)


class Codes:
    """First-party code objects. Keyed by id: code objects compare by content, so equal functions of two
    files would be one key. Each is held, so that its id is not given to another."""

    def __init__(self):
        self.known = {}
        self._held = []
        self._lines = {}

    def register(self, code, path):
        index = len(self._held)
        self._held.append(code)
        name = getattr(code, "co_qualname", None)
        line = {"i": index, "p": path, "l": code.co_firstlineno, "q": name}
        if name is None:
            line["n"] = code.co_name
        self._lines[index] = line
        self.known[id(code)] = index
        return index

    def register_file(self, path):
        """The whole file: for modules that were loaded before anything could be seen."""
        index = len(self._held)
        self._held.append(None)
        self._lines[index] = {"i": index, "p": path, "l": 0, "q": "*"}
        return index

    def seen(self):
        return [code for code in self._held if code is not None]

    def tell(self, indexes, events):
        """Write the `code` lines of those that were never named before."""
        for index in indexes:
            line = self._lines.pop(index, None)
            if line is not None:
                events.line("code", **line)


class Windows:
    """The stack of open windows. `current` is the one that hits go to."""

    def __init__(self, events, tree, codes):
        self.events = events
        self.tree = tree
        self.codes = codes
        self.rearm = lambda: None
        self.thread = threading.get_ident()
        self._count = 0
        self.process = self.new("process", "")
        self.stack = [self.process]
        self.current = self.process
        # Imports under way in other threads: what runs meanwhile may be theirs or ours, so it is both's.
        self.beside = []

    def new(self, kind, name):
        window = Window(self._count, kind, name)
        self._count += 1
        return window

    def push(self, window):
        self.rearm()
        if window.kind == "import" and threading.get_ident() != self.thread:
            self.beside = self.beside + [window]
            return
        self.stack.append(window)
        self.current = window

    def pop(self, window):
        """Close `window` and whatever is still open above it."""
        self.rearm()
        if window in self.beside:
            self.beside = [other for other in self.beside if other is not window]
            self.tell(window)
            return
        if window not in self.stack:
            return
        while True:
            top = self.stack.pop()
            self.current = self.stack[-1]
            if top is window:
                return
            self.tell(top)

    def settle(self):
        """Close imports that ended without telling (an exception in module-level code)."""
        while self.current.frame is not None and not _is_running(self.current.frame):
            window = self.current
            self.pop(window)
            self.tell(window)

    def tell(self, window):
        """Write a window's line. Its sets are emptied: a later line of the same window adds to it."""
        window.frame = None
        reads, wrote, lists = sort_out(window, self.tree)
        if window is self.process and not (window.hits or reads or wrote or lists or window.opaque):
            window.touched, window.listed, window.askers = {}, set(), set()
            return
        self.codes.tell(window.hits, self.events)
        by = askers(window, self.tree)
        self.codes.tell([index for _, index in by if index >= 0], self.events)
        self.codes.tell([caller for caller in window.hits.values() if caller >= 0], self.events)
        self.events.line(
            "window",
            w=window.number,
            k=window.kind,
            n=window.name,
            codes=[[index, caller] for index, caller in window.hits.items()],
            reads=reads,
            lists=lists,
            wrote=wrote,
            opaque=sorted(window.opaque),
            by=by,
            uses=sorted(window.uses),
            closed=window.closed,
        )
        window.hits, window.touched, window.listed = {}, {}, set()
        window.opaque, window.askers = set(), set()

    def tell_process(self):
        if not self.process.is_empty():
            self.tell(self.process)


def _is_running(frame):
    """clear() refuses to touch a frame that is still executing; for one that ended it is harmless."""
    try:
        frame.clear()
    except RuntimeError:
        return True
    return False
