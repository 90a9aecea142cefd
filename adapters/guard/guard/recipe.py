"""The text of a call and what it needs, run without `exec`: imports, plain assignments, then one expression.

The text is our own, but it comes back to us through a file. So it is parsed, and only a small language is understood: literals, names that
were imported or assigned, attributes, calls and operators. What is imported has to be first-party, or known to be harmless.
"""

import ast
import builtins
import importlib
import operator

from literals import Imports, Unwritable, one_line, tree_of
from nodes import Call, Variable

BUILTINS = {
    name: getattr(builtins, name)
    for name in (
        "list tuple set frozenset dict float complex bytearray range slice len "
        "str repr iter next int bool hash setattr delattr getattr bytes sorted sum "
        "min max abs round divmod format ord chr any all reversed memoryview enumerate "
        "zip map filter type object isinstance Ellipsis NotImplemented".split()
    )
}
BUILTINS.update({name: one for name, one in vars(builtins).items() if isinstance(one, type) and issubclass(one, Exception)})
# What tests need beside the project's own names.
HELPERS = {
    "asyncio": ("run",),
    "contextlib": ("ExitStack",),
    "operator": ("setitem", "delitem", "index"),
    "os": ("environ",),
    "copy": ("copy", "deepcopy"),
    "pickle": (),
    "django": ("setup",),
    "django.test": ("Client",),
    "fastapi.testclient": ("TestClient",),
    "starlette.testclient": ("TestClient",),
    "flask": (),
    "math": ("trunc", "floor", "ceil"),
}
_SIGNS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.MatMult: operator.matmul,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Invert: operator.invert,
    ast.Not: operator.not_,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
    ast.In: lambda one, many: one in many,
    ast.NotIn: lambda one, many: one not in many,
}
LONG = 60


class NotUnderstood(ValueError):
    """Something that no recipe holds."""


class Recipe:
    """Imports, assignments and the call, each as text."""

    def __init__(self, imports, arrange, call):
        self.imports, self.arrange, self.call = list(imports), list(arrange), call

    def run(self, world):
        """The value of the call; whatever it raises is raised."""
        names = {}
        for line in [*self.imports, *self.arrange]:
            for statement in ast.parse(line).body:
                self._do(statement, names, world)
        return Evaluator(names).value(ast.parse(self.call, mode="eval").body)

    def _do(self, statement, names, world):
        if isinstance(statement, ast.ImportFrom) and statement.level == 0:
            for one in statement.names:
                names[one.asname or one.name] = imported(world, statement.module, one.name)
        elif isinstance(statement, ast.Import):
            for one in statement.names:
                if one.name in HELPERS:
                    # Only what tests need of it, not all that it can do.
                    helper = importlib.import_module(one.name)
                    names[one.asname or one.name] = Helper({name: getattr(helper, name) for name in HELPERS[one.name]})
                    continue
                if world.load(one.name) is None:
                    raise NotUnderstood(f"{one.name} is not to be imported here")
                module = importlib.import_module(one.name)
                names[one.asname or one.name.split(".")[0]] = module if one.asname else importlib.import_module(one.name.split(".")[0])
        elif isinstance(statement, ast.Assign) and len(statement.targets) == 1:
            value, target = Evaluator(names).value(statement.value), statement.targets[0]
            if isinstance(target, ast.Name):
                names[target.id] = value
            elif isinstance(target, ast.Attribute) and not target.attr.startswith("_"):
                setattr(Evaluator(names).value(target.value), target.attr, value)
            elif isinstance(target, ast.Subscript):
                Evaluator(names).value(target.value)[Evaluator(names).value(target.slice)] = value
            else:
                raise NotUnderstood("an assignment to something else than a name")
        elif isinstance(statement, ast.Expr):
            Evaluator(names).value(statement.value)
        else:
            raise NotUnderstood(f"a statement of the kind {type(statement).__name__}")


def preload(imports, world):
    """Imports what the lines say, if it can be."""
    try:
        Recipe(imports, [], "None").run(world)
    except BaseException:  # noqa: BLE001 - each attempt would say why
        return


def imported(world, module, name):
    if module in HELPERS and name in HELPERS[module]:
        return getattr(importlib.import_module(module), name)
    if world.is_own(module or ""):
        loaded = world.load(module)
        if loaded is None:
            raise NotUnderstood(f"{module}: {world.failed.get(module, 'not first-party')}")
        # A module of a package counts as a name of it.
        if not hasattr(loaded, name) and world.load(f"{module}.{name}") is not None:
            return importlib.import_module(f"{module}.{name}")
        return getattr(loaded, name)
    found = world.find(module, name)
    if found is None:
        raise NotUnderstood(f"{module}.{name} is not to be imported here")
    return found


class Helper:
    """A module of which a recipe may use some names."""

    def __init__(self, names):
        self.__dict__.update(names)

    def __getattr__(self, name):
        raise NotUnderstood(f"the name {name} of a module that is not the project's")


class Evaluator:
    """The value of one expression."""

    def __init__(self, names):
        self.names = names

    def value(self, tree):
        method = getattr(self, "_" + type(tree).__name__.lower(), None)
        if method is None:
            raise NotUnderstood(f"an expression of the kind {type(tree).__name__}")
        return method(tree)

    def _constant(self, tree):
        return tree.value

    def _name(self, tree):
        if tree.id in self.names:
            return self.names[tree.id]
        if tree.id in BUILTINS:
            return BUILTINS[tree.id]
        raise NotUnderstood(f"the name {tree.id}")

    def _list(self, tree):
        return [self.value(one) for one in tree.elts]

    def _tuple(self, tree):
        return tuple([self.value(one) for one in tree.elts])

    def _set(self, tree):
        return {self.value(one) for one in tree.elts}

    def _dict(self, tree):
        return {self.value(key): self.value(value) for key, value in zip(tree.keys, tree.values)}

    def _attribute(self, tree):
        if tree.attr.startswith("__"):
            raise NotUnderstood(f"the attribute {tree.attr}")
        return getattr(self.value(tree.value), tree.attr)

    def _subscript(self, tree):
        return self.value(tree.value)[self.value(tree.slice)]

    def _index(self, tree):
        return self.value(tree.value)

    def _slice(self, tree):
        return slice(*(None if one is None else self.value(one) for one in (tree.lower, tree.upper, tree.step)))

    def _unaryop(self, tree):
        return _SIGNS[type(tree.op)](self.value(tree.operand))

    def _binop(self, tree):
        return _SIGNS[type(tree.op)](self.value(tree.left), self.value(tree.right))

    def _compare(self, tree):
        if len(tree.ops) != 1:
            raise NotUnderstood("a chain of comparisons")
        return _SIGNS[type(tree.ops[0])](self.value(tree.left), self.value(tree.comparators[0]))

    def _call(self, tree):
        of, given, named = self.value(tree.func), [], {}
        for one in tree.args:
            if isinstance(one, ast.Starred):
                given.extend(self.value(one.value))
            else:
                given.append(self.value(one))
        for one in tree.keywords:
            named.update(self.value(one.value) if one.arg is None else {one.arg: self.value(one.value)})
        return of(*given, **named)


class PublicImports(Imports):
    """Imports under public names only."""

    def __init__(self, world, taken=()):
        super().__init__(taken)
        self.world = world

    def name(self, module, name):
        if module == "builtins" or module in HELPERS:
            return super().name(module, name)
        if not self.world.is_own(module):
            return super().name(*_offered(self.world, module, name))
        found = self.world.find(module, name)
        public = self.world.public(found, module, name) if found is not None else None
        if public is None:
            raise Unwritable(f"{module}.{name} has no public name")
        return super().name(*public)


def _offered(world, module, name):
    """A class of an installed package: from the package above where it is offered there."""
    if not any(part.startswith("_") for part in module.split(".")):
        return module, name
    found, parts = world.find(module, name), module.split(".")
    for upto in range(1, len(parts)):
        above = ".".join(parts[:upto])
        if not any(part.startswith("_") for part in parts[:upto]) and world.find(above, name) is found:
            return above, name
    raise Unwritable(f"{module}.{name} has no public name")


def recipe_of(node, world, taken=()):
    """The recipe of one call; raises `Unwritable`."""
    imports = PublicImports(world, taken)
    try:
        text = one_line(tree_of(node, imports))
    except RecursionError as error:
        raise Unwritable("nested too deep") from error
    return Recipe(imports.lines, [], text)


def named_apart(node, world, names):
    """A recipe in which long arguments have names of their own; `names` are the parameters' of the arguments by position."""
    imports = PublicImports(world, names)
    arrange, call = [], node
    if isinstance(node, Call) and len(one_line(tree_of(node, PublicImports(world)))) > LONG + 30:
        given, named = list(node.given), list(node.named)
        for at, one in enumerate(given):
            if at < len(names) and len(one_line(tree_of(one, PublicImports(world)))) > LONG:
                arrange.append(f"{names[at]} = {one_line(tree_of(one, imports))}")
                given[at] = Variable(names[at])
        call = Call(node.of, given, named)
    return Recipe(imports.lines, arrange, one_line(tree_of(call, imports)))
