"""What the text of a first-party file says of a function: where it is, its parameters, which it rebinds. Parsed, not imported."""

import ast
import os

LARGEST = 5_000_000
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
INNER = ("<listcomp>", "<dictcomp>", "<setcomp>", "<genexpr>", "<lambda>")


class Function:
    """One function definition: the names of what it lies in, its tree."""

    def __init__(self, tree, above):
        self.tree, self.name, self.line = tree, tree.name, tree.lineno
        self.first = min([tree.lineno, *(one.lineno for one in tree.decorator_list)])
        self.last = tree.end_lineno or tree.lineno
        self.above = above

    @property
    def owner(self):
        """The class that it is a member of, as a qualified name; None for a function of the module."""
        names = [one.name for one in self.above if isinstance(one, ast.ClassDef)]
        return ".".join(names) if names and not self.is_local else None

    @property
    def is_local(self):
        return any(isinstance(one, _DEFINITIONS) for one in self.above)

    @property
    def around(self):
        """The outermost function that it lies in, if it is local."""
        for at, one in enumerate(self.above):
            if isinstance(one, _DEFINITIONS):
                return Function(one, self.above[:at])
        return None

    @property
    def qualified(self):
        return ".".join([*(one.name for one in self.above), self.name])

    def decorators(self):
        """Last parts of the decorators' names."""
        found = []
        for one in self.tree.decorator_list:
            one = one.func if isinstance(one, ast.Call) else one
            found.append(one.attr if isinstance(one, ast.Attribute) else getattr(one, "id", ""))
        return found

    @property
    def is_generator(self):
        return any(isinstance(one, (ast.Yield, ast.YieldFrom)) for one in own_nodes(self.tree))

    @property
    def is_async(self):
        return isinstance(self.tree, ast.AsyncFunctionDef)

    def parameters(self):
        """Names, kinds and whether there is a default."""
        given = self.tree.args
        plain = [*given.posonlyargs, *given.args]
        without = len(plain) - len(given.defaults)
        found = [
            {
                "name": one.arg,
                "kind": "positional-only" if at < len(given.posonlyargs) else "positional",
                "default": at >= without,
                "annotation": one.annotation,
            }
            for at, one in enumerate(plain)
        ]
        if given.vararg:
            found.append({"name": given.vararg.arg, "kind": "rest", "default": True, "annotation": None})
        found += [
            {"name": one.arg, "kind": "keyword-only", "default": default is not None, "annotation": one.annotation}
            for one, default in zip(given.kwonlyargs, given.kw_defaults)
        ]
        if given.kwarg:
            found.append({"name": given.kwarg.arg, "kind": "named", "default": True, "annotation": None})
        return found

    def stored(self):
        """Names that the function assigns: its caller may have given something else."""
        return {one.id for one in own_nodes(self.tree) if isinstance(one, ast.Name) and isinstance(one.ctx, (ast.Store, ast.Del))}


def own_nodes(tree):
    """The nodes of a function's body without those of functions in it."""
    waiting = list(tree.body)
    while waiting:
        one = waiting.pop()
        yield one
        if not isinstance(one, (*_DEFINITIONS, ast.Lambda, ast.ClassDef)):
            waiting.extend(ast.iter_child_nodes(one))


def inside(root, path):
    """The absolute name of a file of the tree; None for anything that is not below it."""
    if not isinstance(path, str) or not path or "\0" in path or os.path.isabs(path):
        return None
    whole = os.path.realpath(os.path.join(root, path))
    return whole if whole.startswith(os.path.join(os.path.realpath(root), "")) and os.path.isfile(whole) else None


def parsed(path):
    """The syntax tree of a file, or None."""
    try:
        if os.path.getsize(path) > LARGEST:
            return None
        with open(path, "rb") as file:
            return ast.parse(file.read())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def functions(tree):
    """All function definitions of a module, outer before inner."""
    waiting = [(one, ()) for one in reversed(tree.body)]
    while waiting:
        one, above = waiting.pop()
        if isinstance(one, _DEFINITIONS):
            yield Function(one, above)
        inner = (*above, one) if isinstance(one, (*_DEFINITIONS, ast.ClassDef)) else above
        waiting.extend((child, inner) for child in reversed(list(ast.iter_child_nodes(one))))


def find(tree, name, line):
    """The function that a frame of this name and line is of. For a comprehension or a lambda the function around it."""
    around = [one for one in functions(tree) if one.first <= line <= one.last]
    if name in INNER:
        return around[-1] if around else None
    same = [one for one in around if one.name == name]
    if same:
        return same[-1]
    same = [one for one in functions(tree) if one.name == name]
    # An instrumented or shifted file: the name alone tells it where there is but one.
    return same[0] if len(same) == 1 else None


def module_of(root, path):
    """The dotted name under which a file is imported, from the import roots that lie in the tree."""
    import sys

    whole = inside(root, path)
    if whole is None or not whole.endswith(".py"):
        return None
    best = None
    for entry in sys.path:
        entry = os.path.join(os.path.realpath(entry or os.getcwd()), "")
        if whole.startswith(entry) and (best is None or len(entry) > len(best)) and entry.startswith(os.path.realpath(root)):
            best = entry
    parts = whole[len(best or os.path.join(os.path.realpath(root), "")) : -3].split(os.sep)
    if parts[-1] == "__init__":
        parts.pop()
    return ".".join(parts) if parts and all(part.isidentifier() for part in parts) else None


def assigned_from(tree, class_name):
    """attribute -> parameter, from the `self.attribute = parameter` of a class's `__init__`."""
    found = {}
    for function in functions(tree):
        if function.name != "__init__" or not function.owner or function.owner != class_name:
            continue
        names = {one["name"] for one in function.parameters()}
        for one in own_nodes(function.tree):
            targets, value = (
                (one.targets, one.value)
                if isinstance(one, ast.Assign)
                else ([one.target], one.value)
                if isinstance(one, ast.AnnAssign)
                else ([], None)
            )
            for target in targets:
                if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id == "self" and value is not None:
                    used = [part.id for part in ast.walk(value) if isinstance(part, ast.Name) and part.id in names]
                    # Several expressions of the same parameter: the plainest says most.
                    if len(set(used)) == 1 and (used[0] not in found.values() or isinstance(value, ast.Name)):
                        found = {key: name for key, name in found.items() if name != used[0]} if isinstance(value, ast.Name) else found
                        found[target.attr] = used[0]
    return found


def use_of(tree, name):
    """What a parameter is used as: `dict`, `list` or `str`, by the methods that are called on it; None where nothing tells."""
    for one in ast.walk(tree):
        if isinstance(one, ast.Attribute) and isinstance(one.value, ast.Name) and one.value.id == name:
            for kind, methods in _METHODS.items():
                if one.attr in methods:
                    return kind
    return None


_METHODS = {
    "dict": ("items", "keys", "values", "get", "setdefault", "update"),
    "str": (
        "strip",
        "split",
        "lower",
        "upper",
        "startswith",
        "endswith",
        "replace",
        "encode",
        "lstrip",
        "rstrip",
        "splitlines",
        "format",
        "title",
        "partition",
    ),
    "list": ("append", "extend", "sort", "insert", "reverse"),
}
