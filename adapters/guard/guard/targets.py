"""From a frame to the call that a test would write: which definition it is of, under which public name, in which form.

A method's frame becomes a call on an object, a property's an attribute, `__init__`'s a call of the class, `__getitem__`'s an index.
"""

from literals import Unwritable
from nodes import Call, Instance, Item, Literal, Member, Operation, Reference
from public import is_private
from source import INNER, find, inside, module_of, parsed

_BINARY = {
    "add": "+",
    "sub": "-",
    "mul": "*",
    "truediv": "/",
    "floordiv": "//",
    "mod": "%",
    "pow": "**",
    "matmul": "@",
    "and": "&",
    "or": "|",
    "xor": "^",
    "lshift": "<<",
    "rshift": ">>",
}
_COMPARED = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_UNARY = {"neg": "-", "pos": "+", "invert": "~"}
_BUILTIN = {
    "len": "len",
    "str": "str",
    "repr": "repr",
    "bytes": "bytes",
    "int": "int",
    "float": "float",
    "bool": "bool",
    "hash": "hash",
    "iter": "list",
    "next": "next",
    "reversed": "reversed",
    "abs": "abs",
    "round": "round",
    "complex": "complex",
    "format": "format",
    "divmod": "divmod",
    "index": "int",
    "setattr": "setattr",
    "delattr": "delattr",
    "getattr": "getattr",
    "getattribute": "getattr",
    "trunc": "int",
}
_ITSELF = ("__init__", "__new__", "__post_init__", "__attrs_post_init__")
_PROPERTIES = ("property", "cached_property", "lazy_property", "hybrid_property", "classproperty", "reify", "cachedproperty")


class Target:
    """A function of the tree that a test may call."""

    def __init__(self, module, function, form, public):
        self.module, self.function, self.form, self.public = module, function, form, public

    @property
    def label(self):
        return f"{self.module}.{self.function.qualified}"

    @property
    def has_receiver(self):
        return self.form in ("method", "property", "class-method", "itself", "setter")


def target_of(frame, world, root):
    """The target of a frame, or a sentence on why there is none."""
    path = frame.get("path")
    whole = inside(root, path)
    if whole is None:
        return "the frame's file is not in the tree"
    module = module_of(root, path)
    if module is None or not world.is_own(module):
        return "the frame's file is no first-party module"
    name = str(frame.get("function") or "").rsplit(".", 1)[-1]
    if name == "<module>":
        return "it is the body of a module"
    tree = parsed(whole)
    line = frame.get("line")
    function = find(tree, name, line if type(line) is int else 0) if tree is not None else None
    if function is None:
        return f"no function {name[:60]} at that line of the tree"
    if name in INNER:
        return "it is a part of the function around it"
    if world.load(module) is None:
        return world.failed.get(module, "the module cannot be imported")
    if function.is_local:
        return _local(module, function, world)
    return _public(module, function, world)


def _local(module, function, world):
    outer = function.around
    found = _public(module, outer, world)
    return found if isinstance(found, str) else Target(module, function, "local-of-" + found.form, found.public)


def _public(module, function, world):
    owner = function.owner
    name = function.name
    if owner is None:
        found = world.find(module, name)
        if found is None:
            return "the name is not the function's any more" if not is_private(name) else "no public name"
        public = world.public(found, module, name)
        return Target(module, function, "function", public) if public else "no public name"
    kind = world.find(module, owner)
    if not isinstance(kind, type):
        return f"the class {owner} cannot be found"
    if is_private(name) and not (name.startswith("__") and name.endswith("__")):
        return "no public name"
    decorators = function.decorators()
    form = "method"
    if name in _ITSELF:
        form = "itself"
    elif "classmethod" in decorators or name == "__class_getitem__":
        form = "class-method"
    elif "staticmethod" in decorators:
        form = "static-method"
    elif "setter" in decorators:
        form = "setter"
    elif any(one in _PROPERTIES or one.endswith("property") for one in decorators):
        form = "property"
    # Whether the class itself is public shows when the receiver is written: it may be one of a public class that is derived from it.
    return Target(module, function, form, world.public(kind, module, owner) or (module, owner))


def call_of(target, receiver, given, named):
    """The call of a target; `receiver` is an object's tree, or a class's."""
    form, name = target.form, target.function.name
    if form == "function":
        return Call(Reference(*target.public), given, named)
    if form == "static-method":
        return Call(Member(Reference(*target.public), name), given, named)
    if form == "class-method":
        return Call(Member(receiver, name), given, named)
    if form == "property":
        return Member(receiver, name)
    if form == "setter":
        return Call(Reference("builtins", "setattr"), [receiver, Literal(name), *given])
    if name.startswith("__") and name.endswith("__"):
        return _special(name[2:-2], receiver, given, named)
    return Call(Member(receiver, name), given, named)


def _special(name, receiver, given, named):
    if name == "call":
        return Call(receiver, given, named)
    if name == "getitem" and given:
        return Item(receiver, given[0])
    if name == "contains" and given:
        return Operation(given[0], "in", receiver)
    if name in _COMPARED and given:
        return Operation(receiver, _COMPARED[name], given[0])
    if name in _BINARY and given:
        return Operation(receiver, _BINARY[name], given[0])
    if name[:1] in "ri" and name[1:] in _BINARY and given:
        return Operation(given[0], _BINARY[name[1:]], receiver) if name[0] == "r" else Operation(receiver, _BINARY[name[1:]], given[0])
    if name in _UNARY:
        return Operation(None, _UNARY[name], receiver)
    if name in _BUILTIN:
        return Call(Reference("builtins", _BUILTIN[name]), [receiver, *given], named)
    if name in ("setitem", "delitem"):
        return Call(Reference("operator", name), [receiver, *given])
    if name == "enter":
        return Call(Member(Call(Reference("contextlib", "ExitStack")), "enter_context"), [receiver])
    if name in ("deepcopy", "copy"):
        return Call(Reference("copy", name), [receiver])
    raise Unwritable(f"nothing writes a call of __{name}__")


def owner_instance(target):
    """An object of the class that a method is of, of which nothing is known."""
    return Instance(target.module, target.function.owner)
