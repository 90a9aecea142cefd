"""Objects made again: which arguments a class's constructor may have been called with, from the attributes that are known.

A parameter's value is looked for in the attribute that `__init__` assigns it to, then in one of its name. What is not found is left at its
default; a parameter without one gets what its annotation says, or the plainest values in turn. Whatever is made is a guess, and flagged.
"""

import inspect

from nodes import DEEPEST, Call, Instance, Item, Literal, Lost, Mapping, Member, Operation, Reference, Sequence, Starred
from source import assigned_from, functions, parsed, use_of
from values import kinds_of

MOST = 24
_EMPTY = {"str": "", "int": 0, "float": 0.0, "bool": False, "bytes": b""}
_GUESSES = (Literal(None), Literal(""), Mapping([]), Sequence("list", []), Literal(0), Literal("a"), Literal(1))
GUESSED = "receiver-guessed"


class Maker:
    """Turns trees with unknown parts into trees that can be written, several for each, the likeliest first."""

    def __init__(self, world, variables=None):
        self.world = world
        # Variables of the same stack by name: what a constructor wants may be among them.
        self.variables = variables or {}
        self._assigned = {}

    def choices(self, node, depth=0):
        """Pairs of a tree without unknown parts and its flags."""
        if depth > DEEPEST or isinstance(node, Lost):
            return []
        if isinstance(node, Instance):
            return self.instances(node, depth)
        if isinstance(node, Reference):
            return [(node, frozenset())] if self.world.find(node.module, node.name) is not None else []
        if isinstance(node, Literal):
            return [(node, frozenset())]
        found = []
        for kind in kinds_of(node):
            flags = frozenset()
            if kind is not node and isinstance(kind, Mapping):
                flags = frozenset(["key-type-lost"])
            elif isinstance(kind, Sequence) and kind.vague and kind.kind != "list":
                flags = frozenset(["sequence-type-lost"])
            found.append([(one, more | flags) for one, more in self._rebuilt(kind, depth)])
        merged = [one for group in found for one in group[:1]] + [one for group in found for one in group[1:]]
        return merged[:MOST]

    def _rebuilt(self, node, depth):
        parts = node.children()
        options = [self.choices(part, depth + 1) for part in parts]
        if not all(options):
            return self._without(node, options)
        found = []
        for picked in varied(options):
            flags = frozenset().union(*(flags for _, flags in picked)) if picked else frozenset()
            found.append((with_children(node, [one for one, _ in picked]), flags))
            if len(found) >= MOST:
                break
        return found

    def _without(self, node, options):
        """A container less the items that are lost: often the error does not need them."""
        if isinstance(node, Sequence):
            items = [option[0][0] for option in options if option]
            return [(Sequence(node.kind, items, True, node.vague), frozenset(["items-lost"]))] if items else []
        if isinstance(node, Mapping):
            pairs = [(options[at][0][0], options[at + 1][0][0]) for at in range(0, len(options), 2) if options[at] and options[at + 1]]
            return [(Mapping(pairs, True, node.vague), frozenset(["items-lost"]))] if pairs else []
        return []

    def instances(self, node, depth=0):
        """Calls of a class that may give such an object."""
        kind = self.world.find(node.module, node.name)
        if not isinstance(kind, type) or depth > 8:
            return []
        if issubclass(kind, type) or inspect.isabstract(kind):
            return []
        target = Reference(kind.__module__, kind.__qualname__)
        if node.given:
            target_call = [
                (Call(target, [one for one, _ in picked]), frozenset([GUESSED]))
                for picked in varied([self.choices(one, depth + 1) for one in node.given])
            ]
            if target_call:
                return target_call[:MOST]
        parameters = parameters_of(kind)
        if parameters is None:
            return [(Call(target), frozenset([GUESSED]))]
        options, slots = [], []
        for parameter in parameters:
            given = self._argument(parameter, kind, node, depth)
            if given is None:
                continue
            slots.append(parameter)
            options.append(given)
        found = []
        for picked in varied(options):
            call = arguments_call(target, slots, picked)
            flags = frozenset([GUESSED]).union(*(flags for _, flags in picked))
            found.append((call, flags))
            if len(found) >= MOST:
                break
        return found

    def _argument(self, parameter, kind, node, depth):
        """What one parameter of a constructor may have been given; None: nothing, it has a default."""
        name, sort = parameter.name, parameter.kind
        attribute = self._attribute(name, kind, node.attributes or {})
        optional = parameter.default is not parameter.empty or sort in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        if attribute is not None:
            known = self.choices(attribute(), depth + 1)
            if known and optional and is_plain_default(known[0][0], parameter.default):
                return None
            if known:
                return known + ([(None, frozenset())] if optional else [])
        if optional:
            return None
        known = []
        for value in self.variables.get(name, ()) if depth < 3 else ():
            known += self.choices(value, depth + 3)[:2]
        if known:
            return known[:4] + self.guesses(parameter, depth, self._use(kind, name))[:3]
        return self.guesses(parameter, depth, self._use(kind, name))

    def _use(self, kind, name):
        """What the constructor of a class uses a parameter as."""
        for base in kind.__mro__:
            module = self.world.load(base.__module__) if "__init__" in vars(base) and self.world.is_own(base.__module__ or "") else None
            tree = parsed(getattr(module, "__file__", None) or "") if module else None
            for function in functions(tree) if tree is not None else ():
                if function.name == "__init__" and function.owner == base.__qualname__:
                    return use_of(function.tree, name)
        return None

    def _attribute(self, name, kind, attributes):
        assigned = self._assigned_of(kind)
        names = [key for key, parameter in assigned.items() if parameter == name] + [
            name,
            "_" + name,
            f"_{kind.__name__.lstrip('_')}__{name}",
            name + "_",
        ]
        for base in kind.__mro__:
            names.append(f"_{base.__name__.lstrip('_')}__{name}")
        for one in names:
            for spelled in (one, f"_{kind.__name__.lstrip('_')}{one}"):
                if spelled in attributes:
                    return attributes[spelled]
        return None

    def _assigned_of(self, kind):
        if kind not in self._assigned:
            found = {}
            for base in reversed(kind.__mro__):
                module = self.world.load(base.__module__) if self.world.is_own(base.__module__ or "") else None
                tree = parsed(getattr(module, "__file__", None) or "") if module else None
                if tree is not None:
                    found.update(assigned_from(tree, base.__qualname__))
            self._assigned[kind] = found
        return self._assigned[kind]

    def guesses(self, parameter, depth, use=None):
        """Plain values for a parameter of which nothing is known: by its annotation, by its use, then in turn."""
        annotation = parameter.annotation
        flags = frozenset([GUESSED])
        if isinstance(annotation, type) and self.world.is_own(annotation.__module__ or "") and depth < 3:
            made = self.instances(Instance(annotation.__module__, annotation.__qualname__), depth + 3)
            return [(one, more | flags) for one, more in made[:3]] + [(Literal(None), flags)]
        text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "") if isinstance(annotation, type) else str(annotation)
        text = text.replace("typing.", "").lower()
        guesses = list(_GUESSES)
        for name, value in _EMPTY.items():
            if text.startswith(name):
                guesses.insert(0, Literal(value))
        if text.startswith(("list", "sequence", "iterable")):
            guesses.insert(0, Sequence("list", []))
        if text.startswith(("dict", "mapping")):
            guesses.insert(0, Mapping([]))
        if use:
            guesses.insert(0, {"dict": Mapping([]), "list": Sequence("list", []), "str": Literal("")}[use])
        return [(one, flags) for one in guesses]


def parameters_of(kind):
    """The parameters of a class's constructor; None where Python does not tell."""
    try:
        parameters = list(inspect.signature(kind).parameters.values())
    except (ValueError, TypeError):
        return None
    except BaseException:  # noqa: BLE001 - a class may compute its signature
        return None
    return parameters


def arguments_call(target, parameters, picked):
    """A call by the constructor's own order: what has no default by position, the rest by name."""
    given, named, by_name = [], [], False
    for parameter, (value, _) in zip(parameters, picked):
        if value is None:
            by_name = True
            continue
        if parameter.kind is parameter.VAR_POSITIONAL:
            if isinstance(value, Sequence) and not by_name:
                given += value.items
        elif parameter.kind is parameter.VAR_KEYWORD:
            if isinstance(value, Mapping):
                named += spread(value)
        elif parameter.kind is parameter.POSITIONAL_ONLY or (
            parameter.kind is parameter.POSITIONAL_OR_KEYWORD and parameter.default is parameter.empty and not by_name
        ):
            given.append(value)
        else:
            by_name = True
            named.append((parameter.name, value))
    return Call(target, given, named)


def spread(mapping):
    """The pairs of a dict as named arguments."""
    import keyword

    plain, rest = [], []
    for key, value in mapping.pairs:
        text = key.value if isinstance(key, Literal) else None
        if isinstance(text, str) and text.isidentifier() and not keyword.iskeyword(text):
            plain.append((text, value))
        else:
            rest.append((key, value))
    return plain + ([("**", Starred(Mapping(rest)))] if rest else [])


def varied(options):
    """Ways to pick one of each: all firsts, then another one at a time, then pairs of others."""
    if not options:
        yield []
        return
    if not all(options):
        return
    firsts = [option[0] for option in options]
    yield list(firsts)
    wide = [at for at, option in enumerate(options) if len(option) > 1]
    for at in wide:
        for other in options[at][1:]:
            yield [*firsts[:at], other, *firsts[at + 1 :]]
    for position, at in enumerate(wide):
        for beside in wide[position + 1 :]:
            for one in options[at][1:3]:
                for other in options[beside][1:3]:
                    picked = list(firsts)
                    picked[at], picked[beside] = one, other
                    yield picked


def is_plain_default(node, default):
    """Whether a value is just what the default is."""
    if isinstance(node, Literal):
        return type(node.value) is type(default) and node.value == default
    if isinstance(node, (Sequence, Mapping)) and not node.children():
        return type(default) in (list, dict, tuple, set) and not default and type(default).__name__ == getattr(node, "kind", "dict")
    return False


def with_children(node, children):
    """A tree with other parts."""
    if isinstance(node, Sequence):
        return Sequence(node.kind, children, node.cut, node.vague)
    if isinstance(node, Mapping):
        return Mapping(list(zip(children[::2], children[1::2])), node.cut, node.vague)
    if isinstance(node, Call):
        given = children[1 : 1 + len(node.given)]
        named = [(name, value) for (name, _), value in zip(node.named, children[1 + len(node.given) :])]
        return Call(children[0], given, named)
    if isinstance(node, Member):
        return Member(children[0], node.name)
    if isinstance(node, Item):
        return Item(children[0], children[1])
    if isinstance(node, Operation):
        return Operation(children[0] if node.left is not None else None, node.sign, children[-1])
    if isinstance(node, Starred):
        return Starred(children[0])
    return node
