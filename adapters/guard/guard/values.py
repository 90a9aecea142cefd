"""Variables as a vendor's SDK wrote them, as trees of values, with what is known to be lost on the way.

sentry-sdk writes containers as lists and objects of JSON and everything in them by `repr`: tuples and sets become lists, keys texts,
of more than ten items ten are left, and what is deeper than five levels is one text.
"""

from nodes import Literal, Lost, Mapping, Sequence
from reprs import node_of_repr

BREADTH = 10
DEEPEST = 40


def node_of_variable(value, resolver, depth=0):
    """The tree of one variable."""
    if depth > DEEPEST:
        return Lost("nested too deep")
    if value is None or isinstance(value, (bool, int, float)):
        return Literal(value)
    if isinstance(value, str):
        return node_of_repr(value, resolver)
    if isinstance(value, list):
        items = [node_of_variable(one, resolver, depth + 1) for one in value[:1000]]
        return Sequence("list", items, cut=len(value) == BREADTH, vague=True)
    if isinstance(value, dict):
        pairs = [(Literal(key), node_of_variable(one, resolver, depth + 1)) for key, one in list(value.items())[:1000]]
        return Mapping(pairs, cut=len(value) == BREADTH, vague=True)
    return Lost("nothing that JSON knows")


def losses(node, found=None, depth=0):
    """The flags of what a tree may have lost."""
    found = set() if found is None else found
    if depth > DEEPEST:
        return found
    if isinstance(node, (Sequence, Mapping)) and node.cut:
        found.add("cut-at-10")
    if isinstance(node, Sequence) and node.vague and node.kind != "list":
        found.add("sequence-type-lost")
    for child in node.children():
        losses(child, found, depth + 1)
    return found


def kinds_of(node):
    """A container read from JSON, as every type that it may have been: the likeliest first."""
    if isinstance(node, Sequence) and node.vague:
        found = [Sequence(kind, node.items, node.cut, True) for kind in ("list", "tuple")]
        if node.items and all(isinstance(one, Literal) for one in node.items) and len({repr(one.value) for one in node.items}) == len(node.items):
            found.append(Sequence("set", node.items, node.cut, True))
        return found
    if isinstance(node, Mapping) and node.vague:
        found = [node]
        for kind in (_whole, _fraction, _constant, _bytes, _tuple):
            keys = [kind(key.value) for key, _ in node.pairs]
            if any(key is not None for key in keys):
                pairs = [(new or old, value) for new, (old, value) in zip(keys, node.pairs)]
                found.append(Mapping(pairs, node.cut))
        return found
    return [node]


def _whole(text):
    digits = text[1:] if text[:1] == "-" else text
    return Literal(int(text)) if digits.isascii() and digits.isdigit() and len(digits) < 40 else None


def _fraction(text):
    try:
        return Literal(float(text)) if "." in text else None
    except ValueError:
        return None


def _constant(text):
    known = {"None": None, "True": True, "False": False}
    return Literal(known[text]) if text in known else None


def _bytes(text):
    return _read(text) if text[:2] in ("b'", 'b"') else None


def _tuple(text):
    return _read(text) if text[:1] == "(" else None


def _read(text):
    node = node_of_repr(text, None)
    return None if isinstance(node, Lost) else node
