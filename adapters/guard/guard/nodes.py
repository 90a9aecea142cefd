"""What a value is made of, as a small tree: from it come the text of a test, and smaller values to try.

Nothing in such a tree runs. What cannot be written as a literal is a reference to a public name or a call of one; what is not known
well enough to be written is an `Instance` (a class and perhaps its attributes) or `Lost`, which `makers` turns into something or not.
"""

DEEPEST = 60


class Node:
    __slots__ = ()

    def children(self):
        return []

    def size(self):
        """How many characters' worth it is, roughly: what is minimised."""
        return 1 + sum(child.size() for child in self.children())


class Literal(Node):
    """None, a boolean, a number, a text, bytes, `...`."""

    __slots__ = ("value",)

    def __init__(self, value):
        self.value = value

    def size(self):
        return len(self.value) + 2 if isinstance(self.value, (str, bytes)) else 2


class Fixed(Literal):
    """A literal that stays as it is when the rest is minimised."""

    __slots__ = ()


class Variable(Node):
    """A name that was assigned before."""

    __slots__ = ("name",)

    def __init__(self, name):
        self.name = name


class Sequence(Node):
    """A list, tuple, set, frozenset, deque or bytearray's like; `cut`: there were more."""

    __slots__ = ("kind", "items", "cut", "vague")

    def __init__(self, kind, items, cut=False, vague=False):
        self.kind, self.items, self.cut, self.vague = kind, list(items), cut, vague

    def children(self):
        return self.items


class Mapping(Node):
    """A dict as pairs; `vague`: the keys were written as texts whatever they were."""

    __slots__ = ("pairs", "cut", "vague")

    def __init__(self, pairs, cut=False, vague=False):
        self.pairs, self.cut, self.vague = list(pairs), cut, vague

    def children(self):
        return [one for pair in self.pairs for one in pair]


class Reference(Node):
    """Something that can be imported, by module and qualified name."""

    __slots__ = ("module", "name")

    def __init__(self, module, name):
        self.module, self.name = module, name

    def size(self):
        return 4


class Call(Node):
    """A call of something: of a reference or of a member."""

    __slots__ = ("of", "given", "named")

    def __init__(self, of, given=(), named=()):
        self.of, self.given, self.named = of, list(given), list(named)

    def children(self):
        return [self.of, *self.given, *(value for _, value in self.named)]


class Member(Node):
    """An attribute of something."""

    __slots__ = ("of", "name")

    def __init__(self, of, name):
        self.of, self.name = of, name

    def children(self):
        return [self.of]


class Item(Node):
    """`of[key]`."""

    __slots__ = ("of", "key")

    def __init__(self, of, key):
        self.of, self.key = of, key

    def children(self):
        return [self.of, self.key]


class Operation(Node):
    """`left op right`, or `op right`."""

    __slots__ = ("left", "sign", "right")

    def __init__(self, left, sign, right):
        self.left, self.sign, self.right = left, sign, right

    def children(self):
        return [one for one in (self.left, self.right) if one is not None]


class Starred(Node):
    """`**value` among named arguments whose names are none of Python's."""

    __slots__ = ("value",)

    def __init__(self, value):
        self.value = value

    def children(self):
        return [self.value]


class Instance(Node):
    """An object of a class; `attributes` says name -> a function that gives the attribute's node; None: unknown."""

    __slots__ = ("module", "name", "attributes", "given")

    def __init__(self, module, name, attributes=None, given=()):
        self.module, self.name, self.attributes, self.given = module, name, attributes, given


class Lost(Node):
    """What cannot be made again; why."""

    __slots__ = ("why",)

    def __init__(self, why):
        self.why = why
