"""The calls that a frame may be of: its receiver and each argument as known, and otherwise what may have been given.

A parameter that the function rebinds may have had another value: that of a variable of the same name further out, the same as text or as
bytes, another local, or none at all, its default.
"""

import ast

import factories
from hints import hints_of
from makers import Maker, spread, varied
from nodes import Call, Instance, Literal, Lost, Mapping, Node, Reference, Sequence
from source import own_nodes, use_of
from targets import call_of, owner_instance
from values import losses, node_of_variable

MOST_ALTERNATIVES = 14


def candidates(target, frame, own, at, capture, known, world):
    """Pairs of a call's tree and its flags, the likeliest first."""
    resolver = world.resolver(target.module)
    local = variables_of(frame, resolver)
    outer = [variables_of(one, world.resolver(one.get("module") if isinstance(one.get("module"), str) else None)) for one in reversed(own[:at])]
    captured = {one["name"]: one for one in capture.arguments(known)} if known else {}
    hints = hints_of(target.function, own, at, local, world.root, lambda one: variables_of(one, resolver))
    for name, value in hints.variables.items():
        local.setdefault(name, value)
    maker = Maker(world, _by_name([local, *outer]))
    if target.form.startswith("local-of-"):
        yield from _local(target, local, captured, outer, maker)
        return
    parameters = target.function.parameters()
    if target.has_receiver and parameters:
        first, *parameters = parameters
        receivers = _receivers(target, first["name"], local, captured, maker, world, hints)
    else:
        receivers = [(None, frozenset())]
    stored = _stored(target.function, frame.get("line"))
    options = [_options(one, local, captured, outer, stored, maker, use_of(target.function.tree, one["name"])) for one in parameters]
    if target.form == "itself":
        yield from _itself(target, parameters, options, receivers)
        return
    for receiver, more in receivers[:1]:
        yield from _calls(target, receiver, more, parameters, options)
    for receiver, more in receivers[1:]:
        for pair, _ in zip(_calls(target, receiver, more, parameters, options), range(8)):
            yield pair


def _calls(target, receiver, more, parameters, options):
    for picked in varied(options):
        given, named = arranged(parameters, [one for one, _ in picked])
        yield call_of(target, receiver, given, named), frozenset(more).union(*(flags for _, flags in picked))


def _itself(target, parameters, options, receivers):
    """The class called with its constructor's arguments; where it has none of its own, the object as it was made."""
    if target.function.name in ("__init__", "__new__"):
        kinds = [one.of for one, _ in receivers if isinstance(one, Call) and isinstance(one.of, Reference)] + [
            Reference(target.module, target.function.owner)
        ]
        seen = set()
        for kind in kinds:
            if (kind.module, kind.name) in seen:
                continue
            seen.add((kind.module, kind.name))
            for picked in varied(options):
                given, named = arranged(parameters, [one for one, _ in picked])
                yield Call(kind, given, named), frozenset().union(*(flags for _, flags in picked))
    for receiver, more in receivers:
        yield receiver, more


def _local(target, local, captured, outer, maker):
    """A function inside another: the outer one is called, and what it gives is consumed or called in turn."""
    around = target.function.around
    parameters = around.parameters()
    receiver = [(None, frozenset())]
    form = target.form[len("local-of-") :]
    if form in ("method", "class-method", "property", "itself") and parameters:
        first, *parameters = parameters
        receiver = maker.choices(_known(first["name"], local, captured) or Instance(target.module, around.owner))
    options = [_options(one, local, {}, outer, set(), maker) for one in parameters]
    inner = target.function.parameters()
    inner_options = [_options(one, local, captured, outer, set(), maker) for one in inner]
    proxy = type("Around", (), {"form": form, "function": around, "public": target.public})()
    for one, more in receiver[:4]:
        for picked in varied(options):
            given, named = arranged(parameters, [value for value, _ in picked])
            flags = frozenset(more).union(*(flags for _, flags in picked))
            call = call_of(proxy, one, given, named)
            yield call, flags
            for chosen in varied(inner_options):
                given, named = arranged(inner, [value for value, _ in chosen])
                yield Call(call, given, named), flags.union(*(more for _, more in chosen))
                break


def _receivers(target, name, local, captured, maker, world, hints):
    known = _known(name, local, captured)
    if isinstance(known, Instance) and hints.attributes:
        inferred = {key: (lambda value=value: value) for key, value in hints.attributes.items()}
        known = Instance(known.module, known.name, {**inferred, **(known.attributes or {})}, known.given)
    if target.form == "class-method" or target.function.name == "__new__":
        reference = known if isinstance(known, Reference) else Reference(target.module, target.function.owner)
        return [(reference, frozenset())] if target.form == "class-method" else [(Call(reference), frozenset())]
    found = []
    if known is not None and not isinstance(known, Lost):
        if isinstance(known, Instance) and known.attributes is None and name in local and isinstance(local[name], Call):
            known = local[name]
        found += maker.choices(known)
    if isinstance(known, (Literal, Sequence, Mapping)):
        # An object of a class derived from one of Python's own writes itself as that does.
        found = [(Call(Reference(target.module, target.function.owner), [known]), frozenset(["receiver-guessed"]))] + found
    if isinstance(known, Instance):
        found += factories.made(known, world)
    owner = owner_instance(target)
    owner.attributes = {key: (lambda value=value: value) for key, value in hints.attributes.items()}
    found += maker.choices(owner)
    kind = world.find(target.module, target.function.owner)
    for derived in _derived(kind)[:6] if not found and isinstance(kind, type) else ():
        found += maker.choices(Instance(derived.__module__, derived.__qualname__))
    return found


def _derived(kind):
    found = []
    for one in type.__subclasses__(kind):
        found += [one, *_derived(one)]
    return found


def _known(name, local, captured):
    told = captured.get(name)
    if told is not None and told["value"] is not None and not isinstance(told["value"], Lost):
        return told["value"]
    return local.get(name)


def _options(parameter, local, captured, outer, stored, maker, use=None):
    """What one parameter may have been given: pairs of a tree (None: nothing) and flags."""
    name, kind = parameter["name"], parameter["kind"]
    value = _known(name, local, captured)
    rebound = name in stored or (name not in local and bool(captured.get(name, {}).get("rebound")))
    optional = parameter["default"]
    found = []
    if value is not None:
        found += _with_losses(value, maker)
    if rebound:
        found = [(one, flags | {"param-rebound"}) for one, flags in found]
        others = [_with_losses(frame[name], maker)[:2] for frame in outer if name in frame]
        found = found[:3] + [(one, flags | {"param-rebound"}) for group in others for one, flags in group] + found[3:]
        found += [(one, frozenset(["param-rebound"])) for one in _other_forms(value)]
        if optional:
            found.insert(0 if not found or isinstance(value, (Lost, Instance)) else 1, (None, frozenset(["param-rebound"])))
        found += [
            (one, flags | {"param-rebound"})
            for key, other in local.items()
            if key != name and not isinstance(other, (Instance, Lost))
            for one, flags in _with_losses(other, maker)[:1]
        ][:6]
    if kind in ("rest", "named") and (not found or not all(isinstance(one, (Sequence, Mapping)) for one, _ in found)):
        found = [(one, flags) for one, flags in found if isinstance(one, (Sequence, Mapping))] or [(None, frozenset())]
    if not found and optional:
        return [(None, frozenset())]
    if not found:
        for frame in outer:
            if name in frame:
                found += _with_losses(frame[name], maker)[:2]
        found += [(one, flags | {"argument-guessed"}) for one, flags in maker.guesses(_Parameter(parameter), 1, use)]
    elif optional and value is not None and not isinstance(value, (Literal,)):
        found.append((None, frozenset()))
    return found[:MOST_ALTERNATIVES]


class _Parameter:
    def __init__(self, parameter):
        self.name = parameter["name"]
        self.annotation = ast.unparse(parameter["annotation"]) if parameter["annotation"] is not None else ""


def _with_losses(value, maker):
    return [(one, flags | losses(one)) for one, flags in maker.choices(value)]


def _other_forms(value):
    """The same as text or as bytes, or as one of several."""
    if not isinstance(value, Literal):
        return [Sequence("tuple", value.items)] if isinstance(value, Sequence) and value.kind == "list" and not value.vague else []
    if isinstance(value.value, str):
        found = [Sequence("list", [value])]
        try:
            found.insert(0, Literal(value.value.encode()))
        except UnicodeEncodeError:
            pass
        digits = value.value.strip()
        return found + ([Literal(int(digits))] if digits.isascii() and digits.isdigit() and len(digits) < 20 else [])
    if isinstance(value.value, bytes):
        try:
            return [Literal(value.value.decode())]
        except UnicodeDecodeError:
            return []
    if isinstance(value.value, (int, float)) and not isinstance(value.value, bool):
        return [Literal(str(value.value))]
    return []


def arranged(parameters, values):
    """Arguments by position and by name, as a person would write them: what has no default by position."""
    given, named = [], []
    rest = next((value for one, value in zip(parameters, values) if one["kind"] == "rest"), None)
    by_position = isinstance(rest, Sequence) and bool(rest.items)
    gap = False
    for one, value in zip(parameters, values):
        kind = one["kind"]
        if value is None:
            gap = gap or kind in ("positional", "positional-only")
        elif kind == "positional-only" or (kind == "positional" and not gap and (by_position or not one["default"])):
            given.append(value)
        elif kind == "rest":
            given += value.items if isinstance(value, Sequence) and not gap else []
        elif kind == "named":
            named += spread(value) if isinstance(value, Mapping) else []
        else:
            gap = gap or kind == "positional"
            named.append((one["name"], value))
    return given, named


def _stored(function, line):
    """Names that are assigned before the line at which it raised, or in a loop around it."""
    line = line if type(line) is int else 1 << 30
    loops = [(one.lineno, one.end_lineno or 0) for one in own_nodes(function.tree) if isinstance(one, (ast.For, ast.While, ast.AsyncFor))]
    line = max([end for begin, end in loops if begin <= line <= end], default=line)
    return {
        one.id for one in own_nodes(function.tree) if isinstance(one, ast.Name) and isinstance(one.ctx, (ast.Store, ast.Del)) and one.lineno <= line
    }


def variables_of(frame, resolver):
    """A frame's variables as trees."""
    told = frame.get("vars")
    if not isinstance(told, dict):
        return {}
    return {name: node_of_variable(value, resolver) for name, value in list(told.items())[:200] if isinstance(name, str) and name.isidentifier()}


def _by_name(frames):
    """All variables of a stack, those of the nearest frame first."""
    found = {}
    for variables in frames:
        for name, value in variables.items():
            if isinstance(value, Node) and not isinstance(value, (Lost, Instance)):
                found.setdefault(name, []).append(value)
    return found
