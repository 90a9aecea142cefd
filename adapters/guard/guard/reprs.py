"""Texts that `repr` made, as trees of values. Parsed, never run: a name counts only where it stands for a class or function that is known.

What Python's own types write reads back as a literal. `Foo(a=1)` is a call of a class that the frame's module knows; `<pkg.Foo object at
0x7f>` is an object of a class and nothing else is known of it; the rest is lost.
"""

import ast
import re

from nodes import DEEPEST, Call, Instance, Literal, Lost, Mapping, Member, Node, Reference, Sequence

LONGEST = 100_000
# Classes of the standard library whose repr is a call that does nothing but make the value.
SAFE = {
    "datetime": ("date", "datetime", "time", "timedelta", "timezone"),
    "decimal": ("Decimal",),
    "fractions": ("Fraction",),
    "uuid": ("UUID",),
    "collections": ("OrderedDict", "defaultdict", "deque", "Counter", "ChainMap", "UserDict", "UserList"),
    "pathlib": ("PurePath", "PurePosixPath", "PureWindowsPath", "PosixPath", "WindowsPath", "Path"),
    "types": ("SimpleNamespace", "MappingProxyType"),
    "ipaddress": ("IPv4Address", "IPv6Address", "IPv4Network", "IPv6Network", "IPv4Interface", "IPv6Interface"),
    "zoneinfo": ("ZoneInfo",),
    "array": ("array",),
    "string": ("Template",),
    "re": ("compile",),
    "io": ("StringIO", "BytesIO"),
    "urllib.parse": ("ParseResult", "SplitResult"),
    "builtins": (
        "range",
        "slice",
        "frozenset",
        "set",
        "bytearray",
        "complex",
        "dict",
        "list",
        "tuple",
        "ValueError",
        "TypeError",
        "KeyError",
        "IndexError",
        "AttributeError",
        "RuntimeError",
        "Exception",
        "OSError",
        "LookupError",
        "ArithmeticError",
        "ZeroDivisionError",
        "UnicodeDecodeError",
        "NotImplementedError",
        "AssertionError",
        "StopIteration",
        "PermissionError",
        "FileNotFoundError",
        "TimeoutError",
        "ConnectionError",
    ),
}
_WHERE = {name: module for module, names in SAFE.items() for name in names}
# Names that a repr writes as they are in no module.
_ALIASES = {"namespace": "SimpleNamespace", "mappingproxy": "MappingProxyType"}
_OBJECT = re.compile(r"<([A-Za-z_][\w.]*?)(?:\.<locals>[\w.<>]*)? (?:object )?at 0x[0-9a-fA-F]+>$")
_CLASS = re.compile(r"<(?:class|enum|type) '([A-Za-z_][\w.]*)'>$")
_FUNCTION = re.compile(r"<function ([A-Za-z_][\w.]*) at 0x[0-9a-fA-F]+>$")
_BUILTIN = re.compile(r"<built-in function ([a-z_]+)>$")
_METHOD = re.compile(r"<bound method [\w.]*?(\w+) of (.*)>$", re.DOTALL)
_ENUM = re.compile(r"<([A-Za-z_]\w*)\.([A-Za-z_]\w*): .*>$", re.DOTALL)
_TOLD = re.compile(r"<([A-Za-z_][\w.]*)[ :(](.*)>$", re.DOTALL)
_QUOTED = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\"""", re.DOTALL)
# The text that an object shows of itself, under no attribute's name.
SHOWN = " shown"
_PAIR = re.compile(r"([A-Za-z_]\w*)[=:] ?('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|[-\w.]+)")


def node_of_repr(text, resolver):
    """The tree of one repr; `resolver(name)` finds what a bare name may stand for (a `Reference`, or None)."""
    if len(text) > LONGEST:
        return _mended(text[:LONGEST] + "...") or Lost("a text of more than 100,000 characters")
    if not text:
        return Lost("an empty text")
    # A lone half of a surrogate pair cannot be parsed; as an escape it can, and is the same text.
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    if text[0] == "<":
        return _of_brackets(text, resolver)
    try:
        plain, objects = _without_objects(text.strip()) if "<" in text else (text.strip(), {})
        within = (lambda name: objects[name] if name in objects else resolver(name) if resolver else None) if objects else resolver
        objects.update({name: node_of_repr(inner, resolver) for name, inner in objects.items() if len(inner) < len(text)})
        return _of_tree(ast.parse(plain, mode="eval").body, within, 0)
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        mended = _mended(text)
        if mended is not None:
            return mended
        return Lost(f"nothing that Python could read: {type(error).__name__}")


_STRING = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[<>]""", re.DOTALL)


def _without_objects(text):
    """A text whose `<... at 0x7f>` are names, and what each of these stands for."""
    found, pieces, depth, begin, last = {}, [], 0, 0, 0
    for one in _STRING.finditer(text):
        if one[0] == "<":
            begin = one.start() if depth == 0 else begin
            depth += 1
        elif one[0] == ">" and depth:
            depth -= 1
            if depth == 0:
                name = f"_object_{len(found)}"
                found[name] = text[begin : one.end()]
                pieces += [text[last:begin], name]
                last = one.end()
    return "".join([*pieces, text[last:]]), found


def _mended(text):
    """A text whose end was cut off: as long as it is."""
    found = re.match(r"""(b?)(['"])""", text)
    if not found or not text.endswith("..."):
        return None
    body = text[:-3]
    for back in range(6):
        try:
            return Literal(ast.literal_eval(body[: len(body) - back] + found[2]))
        except (SyntaxError, ValueError, MemoryError, RecursionError):
            continue
    return None


def _of_tree(tree, resolver, depth):
    if depth > DEEPEST:
        return Lost("nested too deep")

    def of(one):
        return _of_tree(one, resolver, depth + 1)

    if isinstance(tree, ast.Constant):
        return Literal(tree.value)
    if isinstance(tree, (ast.List, ast.Tuple, ast.Set)):
        return Sequence(type(tree).__name__.lower(), [of(one) for one in tree.elts])
    if isinstance(tree, ast.Dict) and all(tree.keys):
        return Mapping([(of(key), of(value)) for key, value in zip(tree.keys, tree.values)])
    if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub):
        inner = of(tree.operand)
        return Literal(-inner.value) if isinstance(inner, Literal) and type(inner.value) in (int, float, complex) else Lost("a sign before no number")
    if isinstance(tree, ast.BinOp):
        try:
            return Literal(ast.literal_eval(tree))
        except (ValueError, TypeError, MemoryError, RecursionError):
            return Lost("an expression")
    if isinstance(tree, ast.Name) and tree.id in ("inf", "nan"):
        return Literal(float(tree.id))
    if isinstance(tree, (ast.Name, ast.Attribute)):
        return _named(_dotted(tree), resolver)
    if isinstance(tree, ast.Call):
        return _of_call(tree, resolver, of)
    return Lost("an expression")


def _dotted(tree):
    parts = []
    while isinstance(tree, ast.Attribute):
        parts.append(tree.attr)
        tree = tree.value
    return ".".join([tree.id, *reversed(parts)]) if isinstance(tree, ast.Name) else ""


def _named(name, resolver):
    """`Color.RED`, `datetime.timezone.utc`, `re.IGNORECASE`."""
    if name == "datetime.timezone.utc":
        return Reference("datetime", "timezone.utc")
    if re.fullmatch(r"re\.[A-Z]+", name):
        return Reference("re", name[3:])
    found = resolver(name) if resolver and name else None
    return found or Lost(f"the name {name[:60]}")


def _of_call(tree, resolver, of):
    name = _dotted(tree.func)
    if any(isinstance(one, ast.Starred) for one in tree.args) or any(one.arg is None for one in tree.keywords):
        return Lost("a call with unpacked arguments")
    given, named = [of(one) for one in tree.args], [(one.arg, of(one.value)) for one in tree.keywords]
    # The frame's own module first: it may have a class that is called as one of Python's.
    target = (resolver(name) if resolver and name else None) or safe(name)
    if target is None:
        return Lost(f"a call of {name[:60] or 'something'}")
    if isinstance(target, Reference) and target.module == "builtins" and target.name in ("set", "frozenset", "list", "tuple") and len(given) == 1:
        if isinstance(given[0], Sequence):
            return Sequence(target.name, given[0].items)
    if not isinstance(target, Reference):
        return Lost(f"a call of {name[:60]}")
    if any(isinstance(one, Lost) for one in [*given, *(value for _, value in named)]):
        # Some of what it shows may do as attributes.
        known = {key: (lambda value=value: value) for key, value in named if not isinstance(value, Lost)}
        return Instance(target.module, target.name, known or None, tuple(given))
    if target.name == "defaultdict" and given and not isinstance(given[0], (Reference, Literal)):
        return Lost("a defaultdict of an unknown factory")
    return Call(target, given, named)


def safe(name):
    """A reference to one of the standard library's plain classes by the name that its repr writes."""
    module, _, last = name.rpartition(".")
    last = _ALIASES.get(last, last)
    if not module:
        return Reference(_WHERE[last], last) if last in _WHERE else None
    return Reference(module, last) if last in SAFE.get(module, ()) else None


def _of_brackets(text, resolver):
    found = _CLASS.match(text)
    if found:
        return _referred(found[1], resolver)
    found = _FUNCTION.match(text)
    if found:
        return (resolver(found[1]) if resolver else None) or Lost(f"the function {found[1][:60]}")
    found = _BUILTIN.match(text)
    if found:
        return (
            Reference("builtins", found[1])
            if found[1] in ("len", "sorted", "min", "max", "sum", "abs", "repr", "ord", "chr", "any", "all")
            else Lost(text[:60])
        )
    found = _METHOD.match(text)
    if found:
        inner = node_of_repr(found[2], resolver) if len(found[2]) < len(text) else Lost("a method")
        return inner if isinstance(inner, Lost) else Member(inner, found[1])
    found = _ENUM.match(text)
    if found:
        kind = resolver(found[1]) if resolver else None
        return Reference(kind.module, f"{kind.name}.{found[2]}") if isinstance(kind, Reference) else Lost(f"the member {found[1][:60]}")
    found = _OBJECT.match(text)
    if found:
        return _instance(found[1], None, resolver)
    found = _TOLD.match(text)
    if found:
        told = {key: (lambda value=value: node_of_repr(value, None)) for key, value in _PAIR.findall(found[2][:2000])}
        quoted = _QUOTED.search(found[2][:2000])
        if quoted and not told:
            told[SHOWN] = lambda: node_of_repr(quoted[0], None)
        return _instance(found[1], told or None, resolver)
    return Lost(f"an object written as {text[:40]}")


def _instance(name, attributes, resolver):
    module, _, last = name.rpartition(".")
    known = resolver(last) if resolver else None
    if not module:
        return Instance(known.module, known.name, attributes) if isinstance(known, Reference) else Lost(f"an object of {name[:60]}")
    return Instance(module, last, attributes)


def _referred(name, resolver):
    module, _, last = name.rpartition(".")
    if not module:
        import builtins

        return Reference("builtins", name) if isinstance(getattr(builtins, name, None), type) else Lost(f"the class {name[:60]}")
    return Reference(module, last)


def is_lost(node, depth=0):
    """Whether something in a tree cannot be made again."""
    if isinstance(node, Lost) or depth > DEEPEST:
        return True
    return isinstance(node, Node) and any(is_lost(one, depth + 1) for one in node.children())
