"""Windows: the stretches of time that what was seen belongs to (process, import, collect, fixture, test)."""

import os
from _thread import get_ident
from itertools import count

from .events import encode, text
from .files import askers, sort_out
from .tree import address


_NOTHING = ((), (), ())


class Window:
    """One stretch. `hits` maps code index -> index of the nearest first-party caller or -1."""

    __slots__ = (
        "number", "kind", "name", "hits", "touched", "listed", "opaque", "started", "ignored", "parts", "askers",
        "uses", "closed", "frame",
    )  # fmt: skip

    def __init__(self, number, kind, name):
        self.number = number
        self.kind = kind
        self.name = name
        self.hits = {}
        self.touched = {}  # raw path -> True if it was first opened for writing
        self.listed = set()
        self.opaque = set()
        self.started = set()  # programs and forks that the file tracer follows
        self.ignored = set()  # raw paths that were opened or listed to import, collect or report
        self.parts = set()  # numbers of windows whose file calls are this one's, too
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
        self.started |= other.started
        self.ignored |= other.ignored
        self.parts |= other.parts
        if other.kind != "probe":
            self.parts.add(other.number)
        self.askers |= other.askers
        self.closed = self.closed and other.closed

    def is_empty(self):
        return not (
            self.hits or self.touched or self.listed or self.opaque or self.started or self.ignored or self.parts
        )


class Codes:
    """First-party code objects. Keyed by address: code objects compare by content, so equal functions of two
    files would be one key. Each is held, so that its address is not given to another."""

    def __init__(self):
        self.known = {}
        self._count = count()
        self._held = {}  # index -> (code object, its line)
        self._told = set()

    def register(self, code, path):
        index = next(self._count)
        name = getattr(code, "co_qualname", None)
        # The plain name stands in for the qualified one, which Python 3.10 does not know yet.
        named = '"q":%s' % text(name) if name is not None else '"q":null,"n":%s' % text(code.co_name)
        line = '{"v":1,"e":"code","i":%d,"p":%s,"l":%d,%s}\n' % (index, text(path), code.co_firstlineno, named)
        self._held[index] = code, line
        self.known[address(code)] = index
        return index

    def register_file(self, path):
        """The whole file: for modules that were loaded before anything could be seen."""
        index = next(self._count)
        self._held[index] = None, '{"v":1,"e":"code","i":%d,"p":%s,"l":0,"q":"*"}\n' % (index, text(path))
        return index

    def seen(self):
        """Every code object that was named."""
        return [code for code, _ in list(self._held.values()) if code is not None]

    def lines_of(self, indexes):
        """The `code` lines of those that were never named before. When they are written, `were_told` must hear of
        it: only then may another thread leave them out."""
        return "".join(self._held[index][1] for index in set(indexes) - self._told if index >= 0)

    def were_told(self, indexes):
        self._told.update(indexes)

    def forget(self):
        """Nothing was told yet: there is another event file."""
        self._told.clear()


class Windows:
    """The stack of open windows. `current` is the one that hits go to."""

    def __init__(self, events, tree, codes, tracer):
        self.events = events
        self.tree = tree
        self.codes = codes
        self.tracer = tracer
        self.rearm = lambda: None
        self.thread = get_ident()
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
        if window.kind == "import" and get_ident() != self.thread:
            self.beside = self.beside + [window]
            return
        self.stack.append(window)
        self.current = window
        if self.tracer is not None and window.kind != "probe":
            self.tracer.enter(window.number)

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
                break
            self.tell(top)
        if self.tracer is not None and window.kind != "probe":
            self.tracer.enter(self.current.number)

    def settle(self):
        """Close imports that ended without telling (an exception in module-level code)."""
        while self.current.frame is not None and not _is_running(self.current.frame):
            window = self.current
            self.pop(window)
            self.tell(window)

    def tell(self, window):
        """Write a window's line. Its sets are emptied: a later line of the same window adds to it."""
        window.frame = None
        reads, wrote, lists = sort_out(window, self.tree) if window.touched or window.listed else _NOTHING
        traced = _traced(window, self.tree) if self.tracer is not None else ""
        if window is self.process and not (window.hits or reads or wrote or lists or window.opaque or window.parts):
            if not (window.started or window.ignored):
                window.touched, window.listed, window.askers = {}, set(), set()
                return
        by = askers(window, self.tree) if window.askers else ()
        hits = list(window.hits.items())
        named = {index for hit in hits for index in hit}
        named.update([index for _, index in by])
        codes = self.codes.lines_of(named)
        self.events.raw(
            '%s{"v":1,"e":"window","w":%d,"k":"%s","n":%s,"codes":[%s],"reads":%s,"lists":%s,"wrote":%s,"opaque":%s,'
            '"by":%s,"uses":%s,"closed":%s%s}\n'
            % (
                codes,
                window.number,
                window.kind,
                text(window.name),
                ",".join(["[%d,%d]" % hit for hit in hits]),
                _list(reads),
                _list(lists),
                _list(wrote),
                _list(sorted(window.opaque)),
                _list(by),
                _list(sorted(window.uses)),
                "true" if window.closed else "false",
                traced,
            )
        )
        self.codes.were_told(named)
        window.hits, window.touched, window.listed = {}, {}, set()
        window.opaque, window.askers = set(), set()
        window.started, window.ignored, window.parts = set(), set(), set()

    def tell_process(self):
        if not self.process.is_empty():
            self.tell(self.process)


def _list(values):
    return encode(values) if values else "[]"


def _traced(window, tree):
    """What a window's line says only where the file tracer is: it sees more than we do, and must be explained."""
    ignored = {tree.path(os.path.normpath(name)) for name in window.ignored} - {None}
    lists = _list(sorted(window.started)), _list(sorted(ignored)), _list(sorted(window.parts))
    return ',"started":%s,"ignored":%s,"parts":%s' % lists


def _is_running(frame):
    """clear() refuses to touch a frame that is still executing; for one that ended it is harmless."""
    try:
        frame.clear()
    except RuntimeError:
        return True
    return False
