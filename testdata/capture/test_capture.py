"""What the capture hook keeps, with every Python that it is for. Run by tests/capture.rs."""

import collections
import datetime
import decimal
import enum
import functools
import io
import json
import pathlib
import sys
import threading
import time
import uuid

import pytest

import titer_capture
from titer_capture import Capture, Limits

HERE = str(pathlib.Path(__file__).parent)


class Colour(enum.Enum):
    RED = 1


class Point:
    def __init__(self, x, password="hunter2"):
        self.x, self.password = x, password

    def norm(self, scale, *rest, exact=False, **more):
        scale = scale * 2
        raise ValueError("norm")

    @classmethod
    def make(cls, text):
        raise LookupError(text)

    @staticmethod
    def parse(text):
        raise SyntaxError(text)


class Slots:
    __slots__ = ("a", "b")

    def __init__(self):
        self.a = 1


class Wicked:
    """Whatever one asks of it raises, and is counted."""

    asked = 0

    def _say(self, *_):
        Wicked.asked += 1
        raise RuntimeError("asked")

    __repr__ = __str__ = __eq__ = __len__ = __iter__ = __bool__ = __getattr__ = __call__ = _say
    __hash__ = object.__hash__

    @property
    def __class__(self):
        self._say()

    @property
    def name(self):
        self._say()


class List(list):
    def __iter__(self):
        raise RuntimeError("iterated")


Pair = collections.namedtuple("Pair", "left right")


def captured(call, **options):
    """The first exception's frames and all nodes."""
    try:
        call()
    except Exception as error:
        text = Capture(HERE, **options).of(error)
    told = json.loads(text)
    assert told["v"] == 1
    return told["exceptions"][0], told["nodes"]


def fail(value):
    raise TypeError("fail")


def node_of(value):
    told, nodes = captured(lambda: fail(value))
    return nodes[told["frames"][-1]["arguments"][0]["value"]], nodes


def plain(at, nodes):
    """A node as a value that can be compared."""
    node = nodes[at]
    kind = node["t"]
    if kind == "dict":
        return {plain(key, nodes): plain(value, nodes) for key, value in node["v"]}
    if kind in ("list", "tuple"):
        return [plain(one, nodes) for one in node["v"]]
    if kind == "int":
        return int(node["v"], 0)
    return node.get("v")


SIMPLE = [
    (None, {"t": "none"}),
    (True, {"t": "bool", "v": True}),
    (-12345678901234567890123, {"t": "int", "v": "-12345678901234567890123"}),
    (0.1, {"t": "float", "v": "0.1"}),
    (float("-inf"), {"t": "float", "v": "-inf"}),
    (1 - 2j, {"t": "complex", "v": ["1.0", "-2.0"]}),
    ("a\udc80b\n", {"t": "str", "v": "a\udc80b\n"}),
    (b"\x00\xff", {"t": "bytes", "v": "AP8="}),
    (Ellipsis, {"t": "ref", "module": "builtins", "name": "Ellipsis"}),
    (Colour.RED, {"t": "enum", "class": {"t": "ref", "module": "test_capture", "name": "Colour"}, "v": "RED"}),
    (json.dumps, {"t": "ref", "module": "json", "name": "dumps"}),
    (Point, {"t": "ref", "module": "test_capture", "name": "Point"}),
    (datetime.timezone.utc, {"t": "ref", "module": "datetime", "name": "timezone.utc"}),
    (sys, {"t": "module", "v": "sys"}),
]


@pytest.mark.parametrize("value, node", SIMPLE, ids=[type(value).__name__ + str(at) for at, (value, _) in enumerate(SIMPLE)])
def test_simple_values_are_kept_exactly(value, node):
    assert node_of(value)[0] == node


CALLS = [
    (datetime.datetime(2026, 1, 2, 3, tzinfo=datetime.timezone.utc), "datetime", "datetime", 8),
    (datetime.date(2026, 1, 2), "datetime", "date", 3),
    (datetime.timedelta(1, 2, 3), "datetime", "timedelta", 3),
    (decimal.Decimal("1.50"), "decimal", "Decimal", 1),
    (uuid.UUID(int=7), "uuid", "UUID", 1),
    (pathlib.PurePosixPath("a/b"), "pathlib", "PurePosixPath", 1),
    (range(1, 9, 2), "builtins", "range", 3),
    (slice(None, 2), "builtins", "slice", 3),
    (functools.partial(int, base=2), "functools", "partial", 1),
    (io.StringIO("text"), "io", "StringIO", 1),
]


@pytest.mark.parametrize("value, module, name, given", CALLS, ids=[name for _, _, name, _ in CALLS])
def test_what_a_call_makes_again_is_kept_as_that_call(value, module, name, given):
    node, _ = node_of(value)
    assert node["t"] == "call" and (node["of"]["module"], node["of"]["name"]) == (module, name) and len(node["v"]) == given


def test_containers_keep_order_sharing_and_circles():
    shared = [1]
    value = {"b": shared, "a": shared, 3: (4, {5})}
    value["self"] = value
    node, nodes = node_of(value)
    pairs = [(plain(key, nodes), item) for key, item in node["v"]]
    assert [key for key, _ in pairs] == ["b", "a", 3, "self"]
    assert pairs[0][1] == pairs[1][1] and nodes[pairs[3][1]] == node
    assert plain(pairs[0][1], nodes) == [1]


def test_classes_derived_from_pythons_own_say_which_and_are_read_without_their_own_code():
    node, nodes = node_of(List([1, 2]))
    assert (node["t"], node["class"]["name"], [plain(one, nodes) for one in node["v"]]) == ("list", "List", [1, 2])
    node, _ = node_of(Pair(1, 2))
    assert (node["t"], node["fields"], node["class"]["name"]) == ("tuple", ["left", "right"], "Pair")
    node, nodes = node_of(collections.defaultdict(list, a=1))
    assert nodes[node["factory"]] == {"t": "ref", "module": "builtins", "name": "list"}


def test_objects_are_kept_by_their_attributes_slots_too():
    node, nodes = node_of(Point(3))
    assert (node["t"], node["class"]["name"]) == ("object", "Point")
    assert [(name, nodes[at]) for name, at in node["state"]] == [("x", {"t": "int", "v": "3"}), ("password", {"t": "redacted"})]
    node, nodes = node_of(Slots())
    assert [(name, plain(at, nodes)) for name, at in node["state"]] == [("a", 1)]
    assert node_of(threading.Lock())[0]["t"] == "opaque"
    assert node_of(iter([1]))[0]["t"] == "opaque"


def test_no_code_of_a_value_runs():
    node, _ = node_of(Wicked())
    assert (node["t"], node["class"]["name"], Wicked.asked) == ("object", "Wicked", 0)


def test_secrets_are_not_kept_whatever_holds_them():
    value = {"password": "hunter2", "api_key": b"k", "headers": {"Authorization": "x y"}, "other": "Bearer abc", "pan": "4111 1111 1111 1111",
             "order": "4111111111111112", "user": "anna"}
    try:
        fail(value)
    except TypeError as error:
        text = Capture(HERE).of(error)
    assert all(secret not in text for secret in ("hunter2", "x y", "Bearer abc", "aw==", "4111 "))
    # Whatever else has sixteen digits is kept.
    assert "4111111111111112" in text and "anna" in text


def test_a_method_says_whose_it_is_and_which_argument_it_has_assigned_since():
    told, nodes = captured(lambda: Point(1).norm(2, 3, exact=True, more=4))
    frame = told["frames"][-1]
    assert (frame["kind"], frame["owner"]["name"], frame["name"], frame["raised"]) == ("method", "Point", "norm", True)
    arguments = {one["name"]: one for one in frame["arguments"]}
    kinds = {name: one["kind"] for name, one in arguments.items()}
    assert kinds == {"self": "positional", "scale": "positional", "exact": "keyword-only", "rest": "rest", "more": "named"}
    assert [name for name, one in arguments.items() if one.get("rebound")] == ["scale"]
    assert plain(arguments["more"]["value"], nodes) == {"more": 4}


@pytest.mark.parametrize("call, kind, name", [
    (lambda: Point.make("a"), "class-method", "make"),
    (lambda: Point.parse("a"), "static-method", "parse"),
    (lambda: fail(1), "function", "fail"),
])
def test_every_sort_of_function_is_told_apart(call, kind, name):
    frame = captured(call)[0]["frames"][-1]
    assert (frame["kind"], frame["name"], frame["module"]) == (kind, name, "test_capture")


def test_a_function_within_a_function_cannot_be_called_from_elsewhere_and_says_so():
    def inner(value):
        raise KeyError(value)

    assert captured(lambda: inner(1))[0]["frames"][-1]["kind"] == "local"


def test_only_frames_of_the_repository_are_kept_and_those_of_packages_that_are_named():
    def broken():
        json.loads("{")

    frames = captured(broken)[0]["frames"]
    assert {frame["module"] for frame in frames} == {"test_capture"} and not frames[-1]["raised"]
    frames = captured(broken, packages=["json"])[0]["frames"]
    assert frames[-1]["module"] == "json.decoder" and frames[-1]["raised"]


def test_what_an_exception_was_raised_from_is_kept_after_it():
    def chained():
        try:
            fail(1)
        except TypeError as error:
            raise ValueError("after") from error

    try:
        chained()
    except ValueError as error:
        told = json.loads(Capture(HERE).of(error))
    assert [one["class"]["name"] for one in told["exceptions"]] == ["ValueError", "TypeError"]


def test_what_is_large_is_cut_and_says_so():
    assert node_of("x" * 100_000)[0]["cut"] == 100_000
    assert node_of(list(range(5000)))[0]["cut"] == 5000
    deep = []
    for _ in range(500):
        deep = [deep]
    assert any(node["t"] == "cut" for node in node_of(deep)[1])
    try:
        fail([("y" * 10_000) + str(at) for at in range(100)])
    except TypeError as error:
        text = Capture(HERE, limits=Limits(seconds=5)).of(error)
    assert len(text) < 256_000 and '"cut"' in text


def test_a_frame_and_an_event_keep_to_their_room():
    def down(level, value):
        if level == 0:
            raise OSError("down")
        down(level - 1, [value + str(at) for at in range(40)] and value * 2)

    try:
        down(12, "z" * 200)
    except OSError as error:
        text = Capture(HERE, limits=Limits(frame=2000, event=6000, seconds=5)).of(error)
    assert text is not None and len(text) <= 6000
    told = json.loads(text)
    assert told["exceptions"][0]["frames"][-1]["raised"]


def test_it_takes_no_longer_than_it_may():
    value = [[{str(at): [at] * 50} for at in range(200)] for _ in range(50)]
    try:
        fail(value)
    except TypeError as error:
        began = time.perf_counter()
        Capture(HERE, limits=Limits(frame=10**9, event=10**9, seconds=0.02)).of(error)
        took = time.perf_counter() - began
    # Far more than it may, as the machine may be busy; without a bound it takes longer than that.
    assert took < 1.0


def test_the_same_error_is_captured_a_few_times_an_hour():
    capture, kept = Capture(HERE, limits=Limits(an_hour=2)), []
    for _ in range(5):
        try:
            fail(1)
        except TypeError as error:
            kept.append(capture.of(error) is not None)
    assert kept == [True, True, False, False, False]
    try:
        Point.make("other")
    except LookupError as error:
        assert capture.of(error) is not None


def test_an_error_is_sent_whatever_happens_to_its_capture(monkeypatch):
    send = titer_capture.before_send(root=HERE)
    monkeypatch.setattr(Capture, "of", lambda *_: 1 / 0)
    assert send({"level": "error"}, {"exc_info": (TypeError, TypeError("a"), None)}) == {"level": "error"}
    assert titer_capture.before_send(lambda event, hint: None)({}, {}) is None
