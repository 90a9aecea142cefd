"""Values as a typed graph that JSON can hold, made without running any code of theirs: no repr, no property, no iterator of a class."""

import base64
import collections
import datetime
import decimal
import enum
import fractions
import functools
import io
import itertools
import math
import pathlib
import re
import sys
import types
import uuid
from time import perf_counter

# A text that is a secret whatever it is called: a bearer's or a basic authorization, a signed token, a key in PEM.
TELLING = re.compile(r"\s*(bearer|basic|token)\s+\S+|eyJ[\w-]{8,}\.[\w-]{8,}\.|-----BEGIN [A-Z ]*PRIVATE KEY", re.IGNORECASE)
CARD = re.compile(r"[0-9](?:[ -]?[0-9]){12,18}")
# What is called so is a secret, whatever it holds.
SECRET = re.compile(
    r"pass(wd|word|phrase)?$|^pw$|secret|token|api_?key|private_?key|access_?key|auth(orization)?$|credential|cookie|session_?(id|key)|csrf|"
    r"signature|bearer|^dsn$|^iban$|card_?(number|no)|cvv|^ssn$", re.IGNORECASE)

DEEPEST = 24
MOST_ITEMS = 1000
LONGEST_TEXT = 16_384
# The clock is read once for so many values.
EACH = 32

_SLOT = type(type("_", (), {"__slots__": ("a",)}).a)
_PATHS = (pathlib.PurePosixPath, pathlib.PureWindowsPath, pathlib.PosixPath, pathlib.WindowsPath)
_SCALARS = (bool, int, float, complex, str, bytes, bytearray)
_CONTAINERS = (list, tuple, set, frozenset, dict, collections.deque)


class Graph:
    """Nodes by number; the same object is one node, so that what is shared or circular stays so."""

    def __init__(self, deadline):
        self.nodes, self.deadline, self.room, self.used = [], deadline, 0, 0
        self._known, self._alive, self._made = {}, [], 0

    def begin(self, room):
        """A new frame with room for so many characters."""
        self.room = room

    def add(self, value, name=None, depth=0):
        """The number of a value's node; `name` is what it is called where it was found."""
        if is_secret(name, value):
            return self._node({"t": "redacted"})
        known = self._known.get(id(value))
        if known is not None:
            return known
        if self.room <= 0 or depth > DEEPEST:
            return self._node({"t": "cut"})
        self._made += 1
        if self._made % EACH == 0 and perf_counter() > self.deadline:
            self.room = 0
        number = self._node(None)
        if type(value) not in (bool, int, float, type(None)):
            self._known[id(value)] = number
            self._alive.append(value)
        node = self._describe(value, depth + 1)
        self.nodes[number] = node
        self._spend(len(node.get("v", "")) + 24 if isinstance(node.get("v"), str) else 24)
        return number

    def _node(self, node):
        self.nodes.append(node)
        return len(self.nodes) - 1

    def _spend(self, characters):
        self.room -= characters
        self.used += characters

    def _describe(self, value, depth):
        kind = type(value)
        if value is None:
            return {"t": "none"}
        if value is Ellipsis or value is NotImplemented:
            return reference("builtins", "Ellipsis" if value is Ellipsis else "NotImplemented")
        for base in _SCALARS:
            if base in kind.__mro__:
                return self._of_class(scalar(base, value), value, base, depth)
        for base in _CONTAINERS:
            if base in kind.__mro__:
                return self._container(value, base, depth)
        if type in kind.__mro__:
            return class_of(value)
        return self._callable(value, depth) or self._made_by_call(value, depth) or self._object(value, depth)

    def _of_class(self, node, value, base, depth):
        """A value of a class that is derived from a type of Python's own: of which, and what it has beside."""
        kind = type(value)
        if kind is base:
            return node
        if issubclass(type(kind), enum.EnumMeta):
            return self._enum(value)
        node["class"] = class_of(kind)
        state = self._state(value, depth)
        if state:
            node["state"] = state
        return node

    def _container(self, value, base, depth):
        kind = type(value)
        if base is dict:
            items, size = [], dict.__len__(value)
            # In one piece: another thread may be changing it.
            for key, item in list(itertools.islice(dict.items(value), MOST_ITEMS)):
                if self.room <= 0:
                    break
                name = key if type(key) is str else None
                items.append([self.add(key, None, depth), self.add(item, name, depth)])
        else:
            items, size = [], base.__len__(value)
            for item in list(itertools.islice(base.__iter__(value), MOST_ITEMS)):
                if self.room <= 0:
                    break
                items.append(self.add(item, None, depth))
        node = {"t": base.__name__, "v": items}
        self._spend(4 * len(items))
        if len(items) < size:
            node["cut"] = size
        if base is collections.deque and value.maxlen is not None:
            node["maxlen"] = value.maxlen
        if kind is collections.defaultdict:
            node.update({"class": class_of(kind), "factory": self.add(value.default_factory, None, depth)})
            return node
        fields = kind.__dict__.get("_fields")
        if base is tuple and type(fields) is tuple:
            node["fields"] = [field for field in fields if type(field) is str]
        return self._of_class(node, value, base, depth)

    def _callable(self, value, depth):
        kind = type(value)
        if kind in (types.FunctionType, types.BuiltinFunctionType):
            module, name = value.__module__, value.__qualname__
            if kind is types.BuiltinFunctionType and type(value.__self__) not in (types.ModuleType, type(None)):
                return {"t": "method", "of": self.add(value.__self__, None, depth), "v": value.__name__}
            node = reference(module, name)
            if not is_importable(module, name, value):
                node["local"] = True
            return node
        if kind is types.MethodType:
            return {"t": "method", "of": self.add(value.__self__, None, depth), "v": value.__func__.__name__}
        if kind is types.ModuleType:
            return {"t": "module", "v": str(value.__name__)}
        if kind is functools.partial:
            return self._call("functools", "partial", depth, value.func, *value.args, **value.keywords)
        return None

    def _made_by_call(self, value, depth):
        """What a call with simple arguments makes again."""
        kind = type(value)
        if kind is datetime.datetime:
            zone = () if value.tzinfo is None else (value.tzinfo,)
            parts = (value.year, value.month, value.day, value.hour, value.minute, value.second, value.microsecond)
            return self._call("datetime", "datetime", depth, *parts, *zone, **({"fold": 1} if value.fold else {}))
        if kind is datetime.date:
            return self._call("datetime", "date", depth, value.year, value.month, value.day)
        if kind is datetime.time:
            zone = () if value.tzinfo is None else (value.tzinfo,)
            return self._call("datetime", "time", depth, value.hour, value.minute, value.second, value.microsecond, *zone)
        if kind is datetime.timedelta:
            return self._call("datetime", "timedelta", depth, value.days, value.seconds, value.microseconds)
        if kind is datetime.timezone:
            if value is datetime.timezone.utc:
                return reference("datetime", "timezone.utc")
            return self._call("datetime", "timezone", depth, value.utcoffset(None))
        if kind is decimal.Decimal:
            return self._call("decimal", "Decimal", depth, str(value))
        if kind is fractions.Fraction:
            return self._call("fractions", "Fraction", depth, value.numerator, value.denominator)
        if kind is uuid.UUID:
            return self._call("uuid", "UUID", depth, str(value))
        if kind in _PATHS:
            return self._call("pathlib", kind.__name__, depth, str(value))
        if kind is range:
            return self._call("builtins", "range", depth, value.start, value.stop, value.step)
        if kind is slice:
            return self._call("builtins", "slice", depth, value.start, value.stop, value.step)
        if kind is re.Pattern:
            return self._call("re", "compile", depth, value.pattern, value.flags & ~re.UNICODE if type(value.pattern) is str else value.flags)
        if kind in (io.StringIO, io.BytesIO) and not value.closed:
            node = self._call("io", kind.__name__, depth, value.getvalue())
            node["at"] = value.tell()
            return node
        if kind.__name__ == "ZoneInfo" and kind.__module__ == "zoneinfo" and type(value.key) is str:
            return self._call("zoneinfo", "ZoneInfo", depth, value.key)
        return None

    def _call(self, module, name, depth, *given, **named):
        node = {"t": "call", "of": reference(module, name), "v": [self.add(one, None, depth) for one in given]}
        if named:
            node["named"] = [[key, self.add(one, key, depth)] for key, one in named.items()]
        return node

    def _enum(self, value):
        name = object.__getattribute__(value, "__dict__").get("_name_")
        return {"t": "enum", "class": class_of(type(value)), "v": name if type(name) is str else ""}

    def _object(self, value, depth):
        kind = type(value)
        if issubclass(type(kind), enum.EnumMeta):
            return self._enum(value)
        if BaseException in kind.__mro__:
            given = BaseException.__dict__["args"].__get__(value)
            return {"t": "exception", "class": class_of(kind), "v": [self.add(one, None, depth) for one in given], "state": self._state(value, depth)}
        state = self._state(value, depth)
        # What is written in C keeps to itself what it is.
        if state is None or not any(is_of_python(base) for base in kind.__mro__):
            return {"t": "opaque", "class": class_of(kind)}
        return {"t": "object", "class": class_of(kind), "state": state}

    def _state(self, value, depth):
        """Attributes that lie in the object itself, as pairs of name and number."""
        found, kind = {}, type(value)
        try:
            own = object.__getattribute__(value, "__dict__")
        except AttributeError:
            own = None
        if type(own) is dict:
            found.update((key, item) for key, item in own.items() if type(key) is str)
        for base in kind.__mro__:
            for name, slot in list(base.__dict__.items()):
                if type(slot) is _SLOT and not name.startswith("__") and is_of_python(base):
                    try:
                        found.setdefault(name, slot.__get__(value))
                    except AttributeError:
                        pass
        state = []
        for name, item in found.items():
            if len(state) == MOST_ITEMS or self.room <= 0:
                break
            self._spend(len(name) + 8)
            state.append([name, self.add(item, name, depth)])
        return state


def is_secret(name, value):
    """Whether a text is one by what it is called or by how it looks."""
    if type(value) not in (str, bytes, bytearray):
        return False
    if name is not None and SECRET.search(name):
        return True
    return type(value) is str and (TELLING.match(value) is not None or is_card(value))


def is_card(text):
    """Whether a text is the number of a payment card: 13 to 19 digits with a right check digit (ISO/IEC 7812-1, Luhn)."""
    if not CARD.fullmatch(text):
        return False
    digits = [int(one) for one in reversed(text) if one.isdigit()]
    return sum(digits[::2]) % 10 == -sum(sum(divmod(2 * one, 10)) for one in digits[1::2]) % 10


def scalar(base, value):
    """One of Python's own simple values."""
    if base is bool:
        return {"t": "bool", "v": bool.__or__(value, False)}
    if base is int:
        number = int.__index__(value)
        # Very long ones cost more to write than anybody reads.
        return {"t": "int", "v": hex(number)} if number.bit_length() > 2000 else {"t": "int", "v": int.__repr__(number)}
    if base is float:
        number = float.__float__(value)
        return {"t": "float", "v": float.__repr__(number) if math.isfinite(number) else ("nan" if number != number else "inf" if number > 0 else "-inf")}
    if base is complex:
        return {"t": "complex", "v": [float.__repr__(complex.__dict__[part].__get__(value)) for part in ("real", "imag")]}
    if base is str:
        text = str.__getitem__(value, slice(0, LONGEST_TEXT))
        node = {"t": "str", "v": str.__str__(text)}
    else:
        text = base.__getitem__(value, slice(0, LONGEST_TEXT))
        node = {"t": base.__name__, "v": base64.b64encode(text).decode("ascii")}
    if base.__len__(value) > LONGEST_TEXT:
        node["cut"] = base.__len__(value)
    return node


def reference(module, name):
    return {"t": "ref", "module": module if type(module) is str else "", "name": name}


def class_of(kind):
    """Where a class is to be imported from; `local` where it cannot be."""
    module, name = (type.__dict__[what].__get__(kind) for what in ("__module__", "__qualname__"))
    node = reference(module, name)
    if not is_importable(module, name, kind):
        node["local"] = True
    return node


def is_of_python(kind):
    """Whether a class was made by a class statement; what is written in C has no room of its own for attributes, or not for both of these."""
    own = type.__getattribute__(kind, "__dict__")
    return "__slots__" in own or ("__dict__" in own and "__weakref__" in own) or any(type(one) is types.FunctionType for one in list(own.values()))


def is_importable(module, name, value):
    """Whether a loaded module holds exactly this under that name."""
    found = sys.modules.get(module) if type(module) is str else None
    for part in name.split("."):
        sorts = type(found).__mro__
        if types.ModuleType in sorts:
            found = types.ModuleType.__getattribute__(found, "__dict__").get(part)
        elif type in sorts:
            found = type.__getattribute__(found, "__dict__").get(part)
            found = found.__func__ if type(found) in (staticmethod, classmethod) else found
        else:
            return False
    return found is value
