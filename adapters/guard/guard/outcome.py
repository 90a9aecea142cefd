"""What the call gives once the fault is fixed: the value that a test will hold it to.

Two fresh processes run it, with other hash seeds and in other time zones: what they do not agree on is no check.
"""

import dataclasses
import json
import os
import subprocess
import sys
import tempfile

from attempt import in_child, told
from literals import Imports, Unwritable, node_of, one_line, tree_of
from nodes import Reference
from public import World, is_private
from recipe import NotUnderstood, PublicImports, Recipe
from reprs import is_lost, node_of_repr

LONGEST = 1500
SHORT = 160
MOST_CHECKS = 5
_UNDER = ({"PYTHONHASHSEED": "1", "TZ": "UTC"}, {"PYTHONHASHSEED": "4242", "TZ": "Asia/Tokyo"})


def evaluate(request):
    """The answer to `evaluate`."""
    first, second = (_in_process(request, variables) for variables in _UNDER)
    for seen in (first, second):
        if seen.get("outcome") not in ("raised", "value", "opaque", "response"):
            return {"v": 1, "refused": seen.get("refused") or f"the call gave no value: {seen.get('text') or seen.get('outcome')}"}
    if first["outcome"] == "raised" or second["outcome"] == "raised":
        return _raised(first, second, request["found"])
    if first["outcome"] == "response" and second["outcome"] == "response":
        same = first["status"] == second["status"]
        if not same:
            return {"v": 1, "refused": "the response's status is another in each run"}
        return {"v": 1, "outcome": "response", "status": first["status"], "checks": [one for one in first["checks"] if one in second["checks"]]}
    if first["outcome"] == "value" and first.get("literal") == second.get("literal"):
        return {"v": 1, "outcome": "value", "literal": first["literal"], "stable": True}
    checks = [one for one in first["checks"] if one in second["checks"]]
    if not checks:
        return {"v": 1, "refused": "nothing of what the call gives is the same in two runs"}
    imports = [line for line in first.get("imports", []) if line in second.get("imports", [])]
    return {"v": 1, "outcome": "opaque", "checks": checks, "imports": imports}


def _raised(first, second, found):
    if first["outcome"] != second["outcome"] or first["type"] != second["type"]:
        return {"v": 1, "refused": "the call does something else in each run"}
    error = found.get("error") or {}
    if first["type"] == error.get("type") or error.get("type") in first["bases"]:
        return {"v": 1, "outcome": "same-error"}
    return {"v": 1, "outcome": "raises", "type": first["type"], "module": first["public"]}


def _in_process(request, variables):
    seconds = request.get("attempt_seconds") or 5
    with tempfile.TemporaryDirectory() as folder:
        question, answer = os.path.join(folder, "request.json"), os.path.join(folder, "answer.json")
        with open(question, "w", encoding="ascii") as file:
            json.dump({**request, "do": "observe"}, file)
        command = [sys.executable, "-X", "utf8", "-B", os.path.dirname(os.path.abspath(__file__)), question, answer]
        try:
            subprocess.run(
                command,
                env={**os.environ, **variables},
                timeout=seconds + 30,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                check=False,
            )
            with open(answer, encoding="ascii") as file:
                return json.load(file)
        except subprocess.TimeoutExpired:
            return {"refused": f"the call did not end within {seconds:g} s"}
        except (OSError, ValueError):
            return {"refused": "the process that ran the call ended without an answer"}


def observe(request):
    """What one process sees: asked by `evaluate` alone."""
    found = request["found"]
    recipe = Recipe(found.get("imports") or [], found.get("arrange") or [], found["call"])
    world = World(request["root"], request.get("first_party") or [])
    # Imports take their time once, and are not the call's.
    seconds = (request.get("attempt_seconds") or 5) + 10
    return in_child(lambda: _observed(recipe, world, found), seconds)


def _observed(recipe, world, found):
    try:
        result = recipe.run(world)
    except NotUnderstood as error:
        return {"outcome": "broken", "text": str(error)}
    except BaseException as error:  # noqa: BLE001 - whatever the call raises is the answer
        seen = told(error, world.root)
        seen["public"] = _public_module(type(error), world)
        return seen
    if found.get("rung") == "request":
        import web

        return web.seen(result)
    return described(result, world)


def _public_module(kind, world):
    """Where a test imports an exception from."""
    try:
        imports = PublicImports(world)
        imports.name(kind.__module__, kind.__qualname__)
        return imports.lines[0].split()[1] if imports.lines else "builtins"
    except Unwritable:
        return kind.__module__


def described(result, world):
    """A value as a literal if it has one, else what can be checked of it."""
    node = node_of(result)
    if node is not None and not _is_odd(result):
        imports = Imports()
        text = one_line(tree_of(node, imports))
        if len(text) <= LONGEST and not imports.lines:
            return {"outcome": "value", "literal": text, "checks": _kind_of(result, world)[0], "imports": _kind_of(result, world)[1]}
        if len(text) <= LONGEST:
            return {"outcome": "opaque", "checks": [f"result == {text}"], "imports": imports.lines}
    same = _as_base(result) or _equal(result, world)
    if same:
        return same
    return _weak(result, world)


def _is_odd(value):
    """Whether a value is not equal to itself, as not-a-number is."""
    try:
        return not value == value
    except BaseException:  # noqa: BLE001 - an __eq__ of theirs
        return True


def _as_base(result):
    """A text, number or container of a derived class, where it equals the plain value that it holds."""
    for base in (str, bytes, int, float, dict, list, tuple):
        if isinstance(result, base) and type(result) is not base:
            try:
                plain = base(result)
                node = node_of(plain)
                text = one_line(tree_of(node, Imports())) if node is not None else ""
                if text and len(text) <= LONGEST and result == plain and (base is not tuple or not hasattr(result, "_fields")):
                    return {"outcome": "opaque", "checks": [f"result == {text}"], "imports": []}
            except Exception:  # noqa: BLE001 - whatever their class does
                return None
    return None


def _equal(result, world):
    """`result == Point(x=1)`, where its repr makes an equal object of a class that says what equal is."""
    kind = type(result)
    if kind.__eq__ is object.__eq__:
        return None
    try:
        text = repr(result)
        node = node_of_repr(text, world.resolver(kind.__module__ if world.is_own(kind.__module__) else None)) if len(text) <= LONGEST else None
        if node is None or is_lost(node):
            return None
        imports = PublicImports(world)
        tree = tree_of(node, imports)
        recipe = Recipe(imports.lines, [], one_line(tree))
        if type(recipe.run(world)) is kind and recipe.run(world) == result:
            return {"outcome": "opaque", "checks": [f"result == {recipe.call}"], "imports": imports.lines}
    except Exception:  # noqa: BLE001 - whatever their __repr__ and __eq__ do
        return None
    return None


def _kind_of(result, world):
    kind = type(result)
    if kind.__module__ == "builtins":
        return (
            [f"isinstance(result, {kind.__name__})"]
            if kind.__name__ in ("str", "int", "list", "dict", "tuple", "set", "bytes", "float", "bool")
            else []
        ), []
    imports = PublicImports(world)
    try:
        name = one_line(tree_of(Reference(kind.__module__, kind.__qualname__), imports))
    except (Unwritable, AttributeError):
        return [], []
    return [f"isinstance(result, {name})"], imports.lines


def _weak(result, world):
    checks, imports = _kind_of(result, world)
    if hasattr(type(result), "__next__"):
        return _items(result) or {"outcome": "opaque", "checks": checks, "imports": imports}
    try:
        size = len(result)
        checks.append(f"len(result) == {size}")
    except Exception:  # noqa: BLE001 - their __len__, or none
        pass
    if isinstance(result, (str, bytes)):
        checks.append(f"result.startswith({one_line(tree_of(node_of(result[:40]), Imports()))})")
    for name in _attributes(result):
        if len(checks) > MOST_CHECKS:
            break
        try:
            node, needed = node_of(getattr(result, name)), Imports()
            text = one_line(tree_of(node, needed)) if node is not None else ""
        except Exception:  # noqa: BLE001 - a property of theirs
            continue
        if text and len(text) <= SHORT and " at 0x" not in text:
            sign = "is" if text in ("None", "True", "False") else "=="
            checks.append(f"result.{name} {sign} {text}")
            imports = imports + [line for line in needed.lines if line not in imports]
    own_text = type(result).__str__ is not object.__str__ and not isinstance(result, (list, dict, set, tuple, BaseException))
    if own_text and len(checks) <= MOST_CHECKS:
        try:
            text = str(result)
            if len(text) <= SHORT and " at 0x" not in text:
                checks.append(f"str(result) == {one_line(tree_of(node_of(text), Imports()))}")
        except Exception:  # noqa: BLE001 - their __str__
            pass
    return {"outcome": "opaque", "checks": checks, "imports": imports}


def _items(result):
    """The items of an iterator, where they are literals and end."""
    items = []
    try:
        for one in result:
            items.append(one)
            if len(items) > 1000:
                return None
        node = node_of(items)
    except Exception:  # noqa: BLE001 - their iterator
        return None
    text = one_line(tree_of(node, Imports())) if node is not None else ""
    return {"outcome": "opaque", "checks": [f"list(result) == {text}"], "imports": []} if text and len(text) <= LONGEST else None


def _attributes(result):
    if dataclasses.is_dataclass(result):
        names = [one.name for one in dataclasses.fields(result)]
    else:
        names = list(getattr(result, "__dict__", ())) or [name for kind in type(result).__mro__ for name in _slots(kind)]
        names += [name for kind in type(result).__mro__ if kind is not object for name, one in vars(kind).items() if isinstance(one, property)]
    return [name for name in dict.fromkeys(names) if isinstance(name, str) and name.isidentifier() and not is_private(name)]


def _slots(kind):
    slots = kind.__dict__.get("__slots__", ())
    return [slots] if isinstance(slots, str) else list(slots)
