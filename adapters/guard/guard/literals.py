"""Trees of values as source text: one line, or wrapped as a formatter would; and Python's own values as trees.

Every text that comes from an event is written by `repr` of a value that we hold, never copied: what looks like code stays a text.
"""

import ast
import math
import re

from nodes import Call, Instance, Item, Literal, Lost, Mapping, Member, Operation, Reference, Sequence, Starred, Variable

WIDTH = 100
_OPERATORS = {
    "+": ast.Add,
    "-": ast.Sub,
    "*": ast.Mult,
    "/": ast.Div,
    "//": ast.FloorDiv,
    "%": ast.Mod,
    "**": ast.Pow,
    "@": ast.MatMult,
    "&": ast.BitAnd,
    "|": ast.BitOr,
    "^": ast.BitXor,
    "<<": ast.LShift,
    ">>": ast.RShift,
}
_COMPARED = {"==": ast.Eq, "!=": ast.NotEq, "<": ast.Lt, "<=": ast.LtE, ">": ast.Gt, ">=": ast.GtE, "in": ast.In}
_UNARY = {"-": ast.USub, "+": ast.UAdd, "~": ast.Invert}
SIGNS = {kind: sign for table in (_OPERATORS, _COMPARED, _UNARY) for sign, kind in table.items()}


class Unwritable(ValueError):
    """There is something in a value that no source text makes."""


class Imports:
    """What has to be imported, under names that do not collide."""

    def __init__(self, taken=()):
        self.lines, self._names, self._taken = [], {}, set(taken)

    def name(self, module, name):
        """The expression by which a test refers to something."""
        top, _, rest = name.partition(".")
        if module == "builtins":
            return name
        if (module, top) not in self._names:
            if not all(part.isidentifier() for part in [*module.split("."), *name.split(".")]):
                raise Unwritable(f"{module}.{name} cannot be imported")
            if top in self._taken:
                self.add(f"import {module}")
                self._names[module, top] = f"{module}.{top}"
            else:
                self.add(f"from {module} import {top}")
                self._taken.add(top)
                self._names[module, top] = top
        return self._names[module, top] + ("." + rest if rest else "")

    def add(self, line):
        if line not in self.lines:
            self.lines.append(line)


def tree_of(node, imports):
    """The syntax tree of a value; raises `Unwritable`."""

    def of(one):
        return tree_of(one, imports)

    if isinstance(node, Literal):
        return _literal(node.value)
    if isinstance(node, Variable):
        return ast.Name(node.name, ast.Load())
    if isinstance(node, Sequence):
        return _sequence(node, [of(one) for one in node.items], imports)
    if isinstance(node, Mapping):
        return ast.Dict([of(key) for key, _ in node.pairs], [of(value) for _, value in node.pairs])
    if isinstance(node, Reference):
        return ast.parse(imports.name(node.module, node.name), mode="eval").body
    if isinstance(node, Call):
        named = [
            ast.keyword(None if isinstance(value, Starred) else name, of(value.value if isinstance(value, Starred) else value))
            for name, value in node.named
        ]
        return ast.Call(of(node.of), [of(one) for one in node.given], named)
    if isinstance(node, Member):
        return ast.Attribute(of(node.of), node.name, ast.Load())
    if isinstance(node, Item):
        return ast.Subscript(of(node.of), of(node.key), ast.Load())
    if isinstance(node, Operation):
        if node.left is None:
            return ast.UnaryOp(_UNARY[node.sign](), of(node.right))
        if node.sign in _COMPARED:
            return ast.Compare(of(node.left), [_COMPARED[node.sign]()], [of(node.right)])
        return ast.BinOp(of(node.left), _OPERATORS[node.sign](), of(node.right))
    if isinstance(node, Lost):
        raise Unwritable(node.why)
    raise Unwritable(f"an object of {node.module}.{node.name}" if isinstance(node, Instance) else "an unknown value")


def _literal(value):
    if isinstance(value, float) and not math.isfinite(value):
        return ast.Call(ast.Name("float", ast.Load()), [ast.Constant(str(value))], [])
    if isinstance(value, complex):
        return ast.Call(ast.Name("complex", ast.Load()), [_literal(value.real), _literal(value.imag)], [])
    if isinstance(value, (int, float)) and not isinstance(value, bool) and (value < 0 or str(value)[0] == "-"):
        return ast.UnaryOp(ast.USub(), ast.Constant(-value))
    return ast.Constant(value)


def _sequence(node, items, imports):
    plain = {"list": ast.List, "tuple": ast.Tuple}
    if node.kind in plain:
        return plain[node.kind](items, ast.Load())
    if node.kind == "set" and items:
        return ast.Set(items)
    given = [] if not items else [ast.Set(items) if node.kind == "frozenset" else ast.List(items, ast.Load())]
    name = imports.name("collections", "deque") if node.kind == "deque" else node.kind
    return ast.Call(ast.Name(name, ast.Load()), given, [])


def text_of(value):
    """A text or bytes in double quotes where that costs no escapes."""
    text = repr(value)
    mark = "b" if isinstance(value, bytes) else ""
    body = text[len(mark) :]
    if body[0] == "'" and '"' not in body:
        body = '"' + body[1:-1].replace("\\'", "'") + '"'
    return mark + body


def one_line(tree):
    """A syntax tree as one line."""
    return _write(tree, None, 0)


def wrapped(tree, indent=0, before=0, width=WIDTH):
    """A syntax tree, on more lines where one is too long; `before` is what stands before it on its line."""
    return _write(tree, width, indent, before)


def _write(tree, width, indent, before=0):
    line = _Writer(None).text(tree, 0)
    if width is None or indent + before + len(line) <= width:
        return line
    return _Writer(width).text(tree, indent, before)


class _Writer:
    def __init__(self, width):
        self.width = width

    def text(self, tree, indent, before=0):
        kind = type(tree).__name__
        method = getattr(self, "_" + kind.lower(), None)
        if method is None:
            return ast.unparse(tree)
        if self.width is not None:
            flat = _Writer(None).text(tree, 0)
            if indent + before + len(flat) <= self.width:
                return flat
        return method(tree, indent)

    def _constant(self, tree, indent):
        value = tree.value
        if not isinstance(value, (str, bytes)):
            return repr(value)
        flat = text_of(value)
        room = (self.width or 0) - indent - 4
        if self.width is None or len(flat) <= max(room, 40) or self.width - indent < 40:
            return flat
        pieces, at = [], 0
        while at < len(value):
            step = max(8, room - 8)
            while step > 8 and len(text_of(value[at : at + step])) > room:
                step = step * 3 // 4
            pieces.append(text_of(value[at : at + step]))
            at += step
        pad = "\n" + " " * (indent + 4)
        return "(" + pad + pad.join(pieces) + "\n" + " " * indent + ")"

    def _many(self, opening, items, closing, indent):
        """Items between brackets; `items` are functions of an indent."""
        if self.width is None or not items:
            return opening + ", ".join(item(0) for item in items) + closing
        pad = "\n" + " " * (indent + 4)
        return opening + pad + pad.join(item(indent + 4) + "," for item in items) + "\n" + " " * indent + closing

    def _of(self, tree):
        return lambda indent: self.text(tree, indent, 1)

    def _list(self, tree, indent):
        return self._many("[", [self._of(one) for one in tree.elts], "]", indent)

    def _set(self, tree, indent):
        return self._many("{", [self._of(one) for one in tree.elts], "}", indent)

    def _tuple(self, tree, indent):
        if len(tree.elts) == 1 and self.width is None:
            return "(" + self.text(tree.elts[0], 0) + ",)"
        return self._many("(", [self._of(one) for one in tree.elts], ")", indent)

    def _dict(self, tree, indent):
        def pair(key, value):
            if key is None:
                return lambda at: "**" + self.text(value, at, 3)
            flat = _Writer(None).text(key, 0)
            return lambda at: flat + ": " + self.text(value, at, len(flat) + 3)

        return self._many("{", [pair(key, value) for key, value in zip(tree.keys, tree.values)], "}", indent)

    def _call(self, tree, indent):
        def named(one):
            name = one.arg + "=" if one.arg else "**"
            return lambda at: name + self.text(one.value, at, len(name) + 1)

        items = [self._of(one) for one in tree.args] + [named(one) for one in tree.keywords]
        of = self.text(tree.func, indent)
        # The only argument's own brackets are enough.
        if self.width is not None and len(items) == 1 and not tree.keywords and isinstance(tree.args[0], (ast.List, ast.Dict, ast.Set)):
            return of + "(" + self.text(tree.args[0], indent, len(of) + 2) + ")"
        return self._many(of + "(", items, ")", indent)

    def _attribute(self, tree, indent):
        value = self.text(tree.value, indent)
        if isinstance(tree.value, (ast.UnaryOp, ast.BinOp, ast.Compare, ast.Await)) or re.fullmatch(r"[0-9]+", value):
            value = "(" + value + ")"
        return value + "." + tree.attr

    def _subscript(self, tree, indent):
        return self.text(tree.value, indent) + "[" + self.text(tree.slice, indent) + "]"

    def _side(self, tree, indent):
        text = self.text(tree, indent)
        return "(" + text + ")" if isinstance(tree, (ast.BinOp, ast.Compare, ast.UnaryOp)) else text

    def _compare(self, tree, indent):
        parts = [self._side(tree.left, indent)]
        for sign, right in zip(tree.ops, tree.comparators):
            parts += [SIGNS.get(type(sign)) or {"Is": "is", "IsNot": "is not", "NotIn": "not in"}[type(sign).__name__], self._side(right, indent)]
        return " ".join(parts)

    def _binop(self, tree, indent):
        return self._side(tree.left, indent) + " " + SIGNS[type(tree.op)] + " " + self._side(tree.right, indent)

    def _unaryop(self, tree, indent):
        if isinstance(tree.op, ast.Not):
            return "not " + self._side(tree.operand, indent)
        return SIGNS[type(tree.op)] + self._side(tree.operand, indent)


def node_of(value, depth=0):
    """Python's own plain values, exactly, as a tree; None for anything else."""
    if depth > 12:
        return None
    kind = type(value)
    if value is None or kind in (bool, int, float, complex, str, bytes):
        return Literal(value)
    if kind in (list, tuple, set, frozenset):
        items = [node_of(one, depth + 1) for one in value]
        if any(one is None for one in items):
            return None
        if kind in (set, frozenset):
            items.sort(key=lambda one: one_line(tree_of(one, Imports())))
        return Sequence(kind.__name__, items)
    if kind is dict:
        pairs = [(node_of(key, depth + 1), node_of(item, depth + 1)) for key, item in value.items()]
        return None if any(key is None or item is None for key, item in pairs) else Mapping(pairs)
    if kind.__module__ in ("datetime", "decimal", "fractions", "uuid", "collections", "pathlib"):
        from reprs import node_of_repr

        return node_of_repr(repr(value), None) if kind.__name__ in repr(value)[:60] else None
    return None
