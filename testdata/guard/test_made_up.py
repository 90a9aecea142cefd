"""Faults of many kinds in a made-up package: each becomes a test that fails before and passes after, from variables and from a capture."""

import asyncio
import datetime
import importlib
from decimal import Decimal
from pathlib import Path

import pytest
from guarding import Fault

HERE = Path(__file__).resolve().parent
DEPOT, TOOLS, WEIGH = "parcel/depot.py", "parcel/tools.py", "parcel/_weigh.py"


def depot(**named):
    module = importlib.import_module("parcel.depot")
    return module, module.Depot("north", owner=None, **named)


def tools():
    return importlib.import_module("parcel.tools")


def full():
    module, one = depot(capacity=0)
    one.add(module.Label("a"))


def sized():
    module, one = depot()
    one.fits(module.Size.LARGE)


def lined():
    module, _ = depot()
    module.Label("ann", module.Size.LARGE, ["x"], None).line()


# name: file, what is faulty, what it is mended to, what raises, what the call has to hold (plain variables, with the hook; None: not expected)
CASES = {
    "keyword only, private module": (
        WEIGH,
        '"kg": 1000}[unit]',
        '"kg": 1000}.get(unit, 1)',
        lambda: importlib.import_module("parcel").weigh([{"weight": 3}, {"weight": 4}], unit="lb"),
        'unit="',
        'unit="',
    ),
    "nested dicts": (
        WEIGH,
        'part["weight"]',
        'part.get("weight", 0)',
        lambda: importlib.import_module("parcel").weigh([{"name": "a", "more": {"x": [1]}}]),
        "weigh([{",
        "weigh([{",
    ),
    "method of an instance with arguments": (
        DEPOT,
        "len(self._labels) / self._capacity >= 1",
        "len(self._labels) >= self._capacity",
        full,
        None,
        "capacity=0",
    ),
    "dataclass": (DEPOT, "self.weight.normalize()", "self.weight", lined, "Label(", "Label("),
    "property of a dataclass": (
        DEPOT,
        "return self.tags[0].lower()",
        'return (self.tags or [""])[0]',
        lambda: depot()[0].Label("a").first_tag,
        ".first_tag",
        ".first_tag",
    ),
    "class method": (
        DEPOT,
        "name, weight = text.split(separator)",
        'name, weight = (text.split(separator) + ["1"])[:2]',
        lambda: depot()[0].Label.parse("ann"),
        "Label.parse(",
        "Label.parse(",
    ),
    "static method": (DEPOT, "[-1]", "[-1:]", lambda: depot()[0].Depot.route(["a"]), "Depot.route(", "Depot.route("),
    "enumeration": (DEPOT, "{Size.SMALL: True}[size]", "{Size.SMALL: True}.get(size)", sized, "Size.LARGE", "Size.LARGE"),
    "index": (DEPOT, "self._labels[key.lower()]", "self._labels.get(str(key).lower())", lambda: depot()[1][None], "[None]", "[None]"),
    "named tuples from rebound points": (
        DEPOT,
        "min(points,",
        "min(points or [Point(0, 0)],",
        lambda: depot()[1].nearest([]),
        ".nearest(",
        ".nearest(",
    ),
    "a date": (
        DEPOT,
        "datetime.datetime.combine(day, opening)",
        "datetime.datetime.combine(day or datetime.date(2020, 1, 1), opening)",
        lambda: depot()[1].opened(None, datetime.time(8, 30)),
        ".opened(None)",
        ".opened(None)",
    ),
    "bytes in an iterator": (DEPOT, "// raw[0]", "// (raw[0] or 1)", lambda: list(depot()[0].Reader(b"\x01\x02\x00\x00", 2)), None, "Reader("),
    "generator": (TOOLS, "% size == 0", "== size", lambda: list(tools().chunked(["a", "b"], 0)), "list(chunked(", "list(chunked("),
    "keys that are no texts": (
        TOOLS,
        '".".join(here)',
        '".".join(map(str, here))',
        lambda: tools().flatten({"a": {1: "x"}, "b": "y"}),
        "flatten({",
        "flatten({",
    ),
    "decorator": (
        TOOLS,
        "currency.upper()",
        "(currency or str()).upper()",
        lambda: tools().total(1, 2, currency=None),
        "currency=None",
        "currency=None",
    ),
    "rebound to bytes": (TOOLS, "rest[0]}", "rest[:1]}", lambda: tools().decode("ann"), "decode(", "decode("),
    "a tuple that became a list": (
        TOOLS,
        "return one / other",
        "return one / other if other else 0",
        lambda: tools().ratio((3, 0)),
        "ratio(",
        "ratio(",
    ),
    "raised from another": (
        TOOLS,
        'raise LookupError(f"no {key}") from error',
        "return None",
        lambda: tools().lookup({"a": 1}, "b"),
        "lookup({",
        "lookup({",
    ),
    "no match": (
        TOOLS,
        "int(one) for one in found.groups()",
        "int(one) for one in (found.groups() if found else ())",
        lambda: tools().coordinates(" north "),
        "coordinates(",
        "coordinates(",
    ),
    "rest and named": (
        TOOLS,
        "return sorted(result.items())",
        "return sorted(result.items(), key=repr)",
        lambda: tools().merged({"a": 1}, {1: 2}, b=Decimal("1.5")),
        "merged(",
        "merged(",
    ),
    "whole keys": (TOOLS, "[len(table)]", ".get(len(table))", lambda: tools().counted({5: "x", 7: "y"}), "counted({", "counted({"),
    "a set": (TOOLS, "sorted(items)[0].strip()", "str(sorted(items)[0]).strip()", lambda: tools().unique({1, 2}), "unique(", "unique({"),
    "a coroutine": (
        TOOLS,
        "name.title()",
        '(name or "").title()',
        lambda: asyncio.run(tools().fetched(["ann", None])),
        "run(fetched(",
        "run(fetched(",
    ),
    "a function within": (
        TOOLS,
        "max(len(cell) for cell in row)",
        "max((len(cell) for cell in row), default=0)",
        lambda: tools().outer_of([["a"], []]),
        "outer_of([",
        "outer_of([",
    ),
}


@pytest.mark.parametrize("hook", (False, True), ids=("plain", "hook"))
@pytest.mark.parametrize("name", CASES)
def test_a_fault_becomes_a_test(tmp_path, name, hook):
    file, old, new, work, plain, captured = CASES[name]
    fault = Fault(HERE / "parcel", tmp_path, file, old, new)
    event = fault.raised_by(work, hook=hook)
    if not hook and plain is None:
        assert fault.reproduced(event)["found"] is None
        return
    found, _, _ = fault.passes_the_gate(event)
    assert (captured if hook else plain) in found["call"]
    assert found["rung"] == ("hook" if hook else "vars")
