"""What the capture hook kept (`capture_v1`) as trees of values. The types are exact; only objects' constructor arguments have to be guessed."""

import base64
import binascii

from nodes import DEEPEST, Call, Instance, Literal, Lost, Mapping, Member, Reference, Sequence

MOST = 10_000
LONGEST = 100_000
_PLAIN = ("list", "tuple", "set", "frozenset", "deque")


class Capture:
    """One capture: its nodes by number, the frames of the exception that was raised."""

    def __init__(self, told):
        self.nodes = told.get("nodes") if isinstance(told, dict) and isinstance(told.get("nodes"), list) else []
        exceptions = told.get("exceptions") if isinstance(told, dict) else None
        first = exceptions[0] if isinstance(exceptions, list) and exceptions and isinstance(exceptions[0], dict) else {}
        self.frames = [frame for frame in first.get("frames") or [] if isinstance(frame, dict)]
        self.left = MOST

    def node(self, number, above=()):
        """The tree of one numbered node; what leads back to itself is lost."""
        if type(number) is not int or not 0 <= number < len(self.nodes):
            return Lost("a value that the capture does not hold")
        if number in above or len(above) > DEEPEST:
            return Lost("a value that holds itself")
        self.left -= 1
        if self.left < 0:
            return Lost("too many values")
        told = self.nodes[number]
        if not isinstance(told, dict):
            return Lost("a value that the capture does not hold")
        above = (*above, number)
        try:
            return self._of(told, above)
        except (ValueError, TypeError, KeyError, AttributeError, binascii.Error, RecursionError):
            return Lost("a value that the capture does not hold whole")

    def _of(self, told, above):
        sort, value = told.get("t"), told.get("v")
        plain = self._plain(told, sort, value, above)
        if plain is not None:
            return self._classed(told, plain, above)
        if sort == "ref":
            return self._reference(told)
        if sort == "call":
            return self._call(told, above)
        if sort == "enum":
            kind = self._reference(told["class"])
            return (
                Reference(kind.module, f"{kind.name}.{value}")
                if isinstance(kind, Reference) and value.isidentifier()
                else Lost("a member of an enumeration")
            )
        if sort in ("object", "exception"):
            kind = self._reference(told["class"])
            if isinstance(kind, Lost):
                return kind
            if sort == "exception":
                given = [self.node(one, above) for one in value or []]
                return (
                    Call(kind, given)
                    if not any(isinstance(one, Lost) for one in given)
                    else Instance(kind.module, kind.name, self._state(told, above))
                )
            return Instance(kind.module, kind.name, self._state(told, above))
        if sort == "method" and isinstance(value, str) and value.isidentifier():
            of = self.node(told["of"], above)
            return of if isinstance(of, Lost) else Member(of, value)
        if sort == "opaque":
            kind = self._reference(told["class"])
            return kind if isinstance(kind, Lost) else Instance(kind.module, kind.name)
        return Lost({"cut": "a value that was cut", "redacted": "a secret"}.get(sort, f"a value of the sort {str(sort)[:20]}"))

    def _plain(self, told, sort, value, above):
        cut = "cut" in told
        if sort == "none":
            return Literal(None)
        if sort == "bool":
            return Literal(bool(value))
        if sort == "int":
            return Literal(int(value, 16) if "x" in value else int(value))
        if sort == "float":
            return Literal(float(value))
        if sort == "complex":
            return Literal(complex(float(value[0]), float(value[1])))
        if sort == "str":
            return Literal(value[:LONGEST]) if isinstance(value, str) else None
        if sort == "bytes":
            return Literal(base64.b64decode(value[: LONGEST // 4 * 4]))
        if sort == "bytearray":
            return Call(Reference("builtins", "bytearray"), [Literal(base64.b64decode(value))])
        if sort in _PLAIN:
            return Sequence(sort, [self.node(one, above) for one in value], cut)
        if sort == "dict":
            return Mapping([(self.node(key, above), self.node(item, above)) for key, item in value], cut)
        return None

    def _classed(self, told, plain, above):
        """A value of a class that is derived from one of Python's own: that class is called with it."""
        if "class" not in told and not told.get("fields"):
            return plain
        if "class" not in told:
            return plain
        kind = self._reference(told["class"])
        if isinstance(kind, Lost):
            return plain
        if told.get("fields") and isinstance(plain, Sequence):
            return Call(kind, [], [(name, one) for name, one in zip(told["fields"], plain.items)])
        if (kind.module, kind.name) == ("collections", "defaultdict"):
            factory = self.node(told["factory"], above) if type(told.get("factory")) is int else Literal(None)
            return Call(kind, [factory, plain]) if not isinstance(factory, Lost) else plain
        if told.get("state"):
            return Instance(kind.module, kind.name, self._state(told, above), (plain,))
        return Call(kind, [plain])

    def _reference(self, told):
        module, name = told.get("module"), told.get("name")
        if told.get("local") or not isinstance(module, str) or not isinstance(name, str) or "<" in name:
            return Lost(f"{str(name)[:60]}, which is in no module")
        return Reference(module, name)

    def _call(self, told, above):
        of = self._reference(told["of"])
        if isinstance(of, Lost):
            return of
        given = [self.node(one, above) for one in told.get("v") or []]
        named = [(name, self.node(one, above)) for name, one in told.get("named") or [] if isinstance(name, str) and name.isidentifier()]
        if of.module == "builtins" and of.name == "range" and len(given) == 3:
            given = _short_range(given)
        if of.module == "datetime" and of.name == "datetime":
            while len(given) > 3 and isinstance(given[-1], Literal) and given[-1].value == 0:
                given.pop()
        if of.module == "re" and of.name == "compile" and len(given) == 2 and isinstance(given[1], Literal) and given[1].value in (0, 32):
            given.pop()
        return Call(of, given, named)

    def _state(self, told, above):
        """Attributes, described only when somebody asks: most of an object is never needed."""
        state = {}
        for pair in told.get("state") or []:
            name, number = pair
            if isinstance(name, str):
                state[name] = lambda number=number: self.node(number, above)
        return state

    def matching(self, frame):
        """The captured frame that is the same as one of the event's."""
        for one in self.frames:
            same = str(one.get("function")) == last_part(frame.get("function")) and one.get("line") == frame.get("line")
            if same and self._is_there(one, frame):
                return one
        return None

    @staticmethod
    def _is_there(one, frame):
        """Whether both are of one module; a stack that came as text names only the file."""
        if frame.get("module"):
            return one.get("module") == frame["module"]
        path, file = frame.get("path"), one.get("file")
        return bool(path) and isinstance(file, str) and ("/" + file.replace("\\", "/")).endswith("/" + path)

    def arguments(self, frame):
        """What a frame was given: dicts of name, kind, value (a tree, or None where it is gone), rebound."""
        found = []
        for one in frame.get("arguments") or []:
            if not isinstance(one, dict) or not isinstance(one.get("name"), str) or not one["name"].isidentifier():
                continue
            value = self.node(one["value"]) if "value" in one else None
            found.append({"name": one["name"], "kind": one.get("kind"), "value": value, "rebound": bool(one.get("rebound"))})
        return found


def _short_range(given):
    start, stop, step = given
    if isinstance(step, Literal) and step.value == 1:
        return [stop] if isinstance(start, Literal) and start.value == 0 else [start, stop]
    return given


def last_part(function):
    """`Foo.bar` is told by some SDK versions where others tell `bar`."""
    text = function if isinstance(function, str) else ""
    return text.rsplit(".", 1)[-1]
