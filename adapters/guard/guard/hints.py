"""What other frames and the function's own text say of a frame's variables and of its object.

Where a frame calls the next one, each argument that is a plain name or an attribute of `self` has the value that the next frame's parameter
has: so a variable that the vendor left away comes back. And where the function has run `x = self.name`, the object's `name` was `x`.
"""

import ast

from nodes import Lost
from source import find, inside, own_nodes, parsed

_OPAQUE = ("self", "cls")


class Hints:
    """Inferred values of one frame: variables by name, attributes of its object by name, both as trees."""

    def __init__(self):
        self.variables, self.attributes = {}, {}


def hints_of(function, own, at, known, root, variables_of):
    """The hints for the frame at a place in the stack; `known` are its variables."""
    hints = Hints()
    line = own[at].get("line")
    line = line if type(line) is int else 0
    _assigned(function, line, known, hints)
    if at + 1 < len(own):
        _called(function, line, own[at + 1], root, variables_of, hints)
    return hints


def _assigned(function, line, known, hints):
    """`x = self.name`, and `self.name = x` of a name that is known."""
    stores = {}
    for one in own_nodes(function.tree):
        if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store):
            stores[one.id] = stores.get(one.id, 0) + 1
    for one in own_nodes(function.tree):
        if not isinstance(one, ast.Assign) or one.lineno > line or len(one.targets) != 1:
            continue
        target, value = one.targets[0], one.value
        if isinstance(target, ast.Name) and _attribute(value) and stores.get(target.id) == 1:
            _keep(hints.attributes, _attribute(value), known.get(target.id))


def _called(function, line, inner, root, variables_of, hints):
    whole = inside(root, inner.get("path"))
    tree = parsed(whole) if whole else None
    called = str(inner.get("function") or "").rsplit(".", 1)[-1]
    inner_line = inner.get("line") if type(inner.get("line")) is int else 0
    definition = find(tree, called, inner_line) if tree is not None and not called.startswith("<") else None
    if definition is None:
        return
    values = variables_of(inner)
    parameters = definition.parameters()
    rebound = definition.stored()
    names = {called} | ({definition.owner.rpartition(".")[2]} if definition.owner else set())
    for call in _calls_at(function, line, names):
        plain = [one for one in parameters if one["kind"] in ("positional", "positional-only")]
        if definition.owner and plain and plain[0]["name"] in _OPAQUE:
            receiver = call.func.value if isinstance(call.func, ast.Attribute) else None
            if receiver is not None and called != "__init__":
                _expression(receiver, values.get(plain[0]["name"]), hints)
            plain = plain[1:]
        pairs = list(zip(plain, call.args)) + [(one, keyword.value) for keyword in call.keywords for one in parameters if one["name"] == keyword.arg]
        for parameter, expression in pairs:
            if parameter["name"] not in rebound:
                _expression(expression, values.get(parameter["name"]), hints)


def _calls_at(function, line, names):
    """Calls of one of the names on the line at which the frame stands."""
    for one in own_nodes(function.tree):
        if isinstance(one, ast.Call) and one.lineno <= line <= (one.end_lineno or one.lineno):
            name = one.func.attr if isinstance(one.func, ast.Attribute) else getattr(one.func, "id", None)
            if name in names and not any(isinstance(given, ast.Starred) for given in one.args):
                yield one


def _expression(expression, value, hints):
    if isinstance(expression, ast.Name):
        _keep(hints.variables, expression.id, value)
    elif _attribute(expression):
        _keep(hints.attributes, _attribute(expression), value)


def _attribute(expression):
    """`name` of `self.name`."""
    if isinstance(expression, ast.Attribute) and isinstance(expression.value, ast.Name) and expression.value.id == "self":
        return expression.attr
    return None


def _keep(found, name, value):
    if value is not None and not isinstance(value, Lost):
        found.setdefault(name, value)
