"""Objects that no constructor makes from what is known of them, but a public function does: `parse(text)`, `Thing.from_string(text)`.

Only functions whose name says that they make something of a text are tried, with texts that the object shows of itself.
"""

import inspect

from nodes import Call, Item, Literal, Member, Reference
from reprs import SHOWN

NAMES = (
    "parse",
    "loads",
    "from_string",
    "fromstring",
    "from_str",
    "from_text",
    "from_json",
    "from_dict",
    "parse_string",
    "parsestring",
    "parse_one",
    "decode",
    "create",
    "make",
    "build",
    "new",
    "compile",
)
MOST_TEXTS, MOST = 2, 12
_TELLING = (SHOWN, "value", "text", "source", "raw", "string", "data", "content", "name")


def made(instance, world):
    """Calls of factories that may give such an object, with their flags."""
    kind = world.find(instance.module, instance.name)
    if not isinstance(kind, type) or not world.is_own(kind.__module__):
        return []
    found = []
    for text in _texts(instance.attributes or {}):
        for factory in _factories(kind, world):
            call = Call(factory, [text])
            found += [(call, frozenset(["receiver-guessed"])), (Item(call, Literal(0)), frozenset(["receiver-guessed"]))]
    return found[:MOST]


def _texts(attributes):
    found = []
    for name in _TELLING:
        if name in attributes and len(found) < MOST_TEXTS:
            node = attributes[name]()
            if isinstance(node, Literal) and isinstance(node.value, (str, bytes)):
                found.append(node)
    return found


def _factories(kind, world):
    """References to what makes objects: class methods first, then functions of the package."""
    found = []
    for name in NAMES:
        if isinstance(inspect.getattr_static(kind, name, None), classmethod):
            found.append(Member(Reference(kind.__module__, kind.__qualname__), name))
    top = kind.__module__.split(".")[0]
    for module in dict.fromkeys([top, kind.__module__.rpartition(".")[0] or top, kind.__module__]):
        loaded = world.load(module)
        for name in NAMES:
            one = inspect.getattr_static(loaded, name, None) if loaded is not None else None
            if inspect.isfunction(one) and world.is_own(one.__module__ or "") and _takes_one(one):
                reference = Reference(one.__module__, one.__qualname__)
                if not any(isinstance(other, Reference) and other.name == reference.name for other in found):
                    found.append(reference)
    return found


def _takes_one(function):
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (ValueError, TypeError):
        return False
    required = [
        one for one in parameters if one.default is one.empty and one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)
    ]
    return bool(parameters) and len(required) <= 1
