"""One capture of one exception: what is told, how much, and how often."""

import json
import os
import sys
import threading
from collections import OrderedDict
from time import monotonic, perf_counter

from .frames import frames_of
from .graph import Graph, class_of

VERSION = 1
# An exception and those that it was raised from.
MOST_EXCEPTIONS = 4
MOST_FINGERPRINTS = 1024
HOUR = 3600.0


class Limits:
    """How much is kept: characters a frame and an event, seconds an event, captures of the same error an hour."""

    def __init__(self, frame=64_000, event=256_000, seconds=0.02, an_hour=6, in_context=32_000):
        self.frame, self.event, self.seconds, self.an_hour, self.in_context = frame, event, seconds, an_hour, in_context


class Capture:
    """Captures exceptions. `root` is the repository (default: the working folder), `packages` what else is yours wherever it lies."""

    def __init__(self, root=None, packages=(), limits=None):
        self.root = os.path.join(os.path.realpath(root or os.getcwd()), "")
        self.packages = tuple(packages)
        self.limits = limits or Limits()
        self._seen, self._lock = OrderedDict(), threading.Lock()
        self._elsewhere = tuple({os.path.join(os.path.realpath(path), "") for path in (sys.prefix, sys.base_prefix) if path})

    def is_own(self, frame):
        """Whether a frame is of the repository or of one of the packages."""
        module = frame.f_globals.get("__name__")
        if type(module) is str and any(module == name or module.startswith(name + ".") for name in self.packages):
            return True
        file = frame.f_code.co_filename
        if file.startswith("<") or f"{os.sep}site-packages{os.sep}" in file or f"{os.sep}dist-packages{os.sep}" in file:
            return False
        file = os.path.realpath(file)
        return file.startswith(self.root) and not any(file.startswith(one) and len(one) > len(self.root) for one in self._elsewhere)

    def of(self, error, is_own=None):
        """What is kept of an exception as a text of JSON (`capture_v1`); None where it was captured often enough, or nothing is ours."""
        is_own = is_own or self.is_own
        if not self._is_wanted(error):
            return None
        began = perf_counter()
        graph = Graph(began + self.limits.seconds)
        told = []
        for one in chain(error):
            room = min(self.limits.frame, self.limits.event - graph.used)
            told.append({"class": class_of(type(one)), "frames": frames_of(one.__traceback__, is_own, graph, room)})
        if not any(one["frames"] for one in told):
            return None
        text = written(told, graph.nodes)
        while len(text) > self.limits.event and shorten(told):
            text = written(told, graph.nodes)
        return text if len(text) <= self.limits.event else None

    def _is_wanted(self, error):
        last = error.__traceback__
        while last is not None and last.tb_next is not None:
            last = last.tb_next
        place = (last.tb_frame.f_code.co_filename, last.tb_lineno) if last is not None else ()
        key, now = (type(error).__module__, type(error).__qualname__, place), monotonic()
        with self._lock:
            since, times = self._seen.pop(key, (now, 0))
            since, times = (now, 0) if now - since >= HOUR else (since, times)
            self._seen[key] = (since, times + 1)
            if len(self._seen) > MOST_FINGERPRINTS:
                self._seen.popitem(last=False)
        return times < self.limits.an_hour


def chain(error):
    """An exception and what it was raised from, itself first."""
    found = []
    while error is not None and len(found) < MOST_EXCEPTIONS and not any(error is one for one in found):
        found.append(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return found


def written(told, nodes):
    """With only those nodes that something leads to, numbered anew."""
    number, kept, waiting = {}, [], []

    def place(at):
        if at not in number:
            number[at] = len(kept)
            kept.append(None)
            waiting.append(at)
        return number[at]

    for argument in (a for one in told for frame in one["frames"] for a in frame["arguments"] if "value" in a):
        argument["value"] = place(argument["value"])
    while waiting:
        at = waiting.pop()
        kept[number[at]] = renumbered(nodes[at] or {"t": "cut"}, place)
    nodes[:] = kept
    return json.dumps({"v": VERSION, "exceptions": told, "nodes": kept}, separators=(",", ":"))


def renumbered(node, place):
    node, sort = dict(node), node["t"]
    if sort == "dict":
        node["v"] = [[place(key), place(value)] for key, value in node["v"]]
    elif sort in ("list", "tuple", "set", "frozenset", "deque", "call", "exception"):
        node["v"] = [place(one) for one in node["v"]]
    for pairs in ("state", "named"):
        if node.get(pairs):
            node[pairs] = [[name, place(one)] for name, one in node[pairs]]
    for single in ("of", "factory"):
        if type(node.get(single)) is int:
            node[single] = place(node[single])
    return node


def shorten(told):
    """Takes the outermost frame's arguments away; whether there was one that had any."""
    for one in reversed(told):
        for frame in one["frames"]:
            if frame["arguments"]:
                frame["arguments"], frame["cut"] = [], True
                return True
    return False
