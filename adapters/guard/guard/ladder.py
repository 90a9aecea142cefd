"""The ladder: from what an event holds to a call that raises the same error at the same place. Nothing counts until it has run.

For each event: a web request, then the outermost public frame with the hook's arguments and inner ones after it, then the same from the
vendor's variables. The first call that fails for the right reason is minimised and told.
"""

import time

from attempt import shape_of, try_recipe
from captured import Capture, last_part
from frames import candidates
from literals import Unwritable
from minimise import Minimiser
from nodes import Call, Member, Reference
from public import World
from recipe import named_apart, recipe_of
from source import INNER, find, inside, parsed
from targets import target_of

MOST_ATTEMPTS = 50
MOST_TRIES = 120
MINIMISING = 0.4


class Ladder:
    def __init__(self, request):
        self.began = time.monotonic()
        self.root = request["root"]
        self.world = World(self.root, request.get("first_party") or [])
        self.fault = request["fault"]
        self.events = [one for one in request.get("events") or [] if isinstance(one, dict)]
        self.seconds = _number(request.get("seconds"), 60)
        self.each = _number(request.get("attempt_seconds"), 5)
        self.attempts, self.near, self.whole = [], None, None
        self.function = self._function_of_fault()
        self.line_counts = self.function is not None and self.function.first <= _number(self.fault.get("line"), 0) <= self.function.last

    def _function_of_fault(self):
        whole = inside(self.root, self.fault.get("path"))
        tree = parsed(whole) if whole else None
        return find(tree, last_part(self.fault.get("function")), int(_number(self.fault.get("line"), 0))) if tree is not None else None

    def left(self):
        return self.began + self.seconds - time.monotonic()

    def climb(self):
        """The answer to `reproduce`."""
        found = self._climbed() or (self._finished(*self.near) if self.near else None)
        # `whole` is the call as it was found, not minimised: for a fixed tree that still fails for what is left of it.
        return {
            "v": 1,
            "found": found,
            "whole": self.whole,
            "attempts": self.attempts[:MOST_ATTEMPTS],
            "seconds": round(time.monotonic() - self.began, 3),
        }

    def _climbed(self):
        import web

        for event in self.events:
            found = web.replayed(self, event)
            if found:
                return found
        for rung in ("hook", "vars"):
            for event in self.events:
                if rung == "hook" and not event.get("capture"):
                    continue
                found = self._frames(rung, event)
                if found:
                    return found
        return None

    def _frames(self, rung, event):
        exceptions = [one for one in event.get("exceptions") or [] if isinstance(one, dict)]
        if not exceptions:
            return None
        frames = [frame for frame in exceptions[-1].get("frames") or [] if isinstance(frame, dict)]
        own = [frame for frame in frames if inside(self.root, frame.get("path"))]
        if not own:
            self.note(rung, "the event", "no frame of it lies in the tree")
            return None
        if rung == "vars" and not any(isinstance(frame.get("vars"), dict) and frame["vars"] for frame in own):
            # Whatever fails with guessed arguments alone is a fault of its own.
            self.note(rung, "the event", "it tells no variable of any frame in the tree")
            return None
        capture = Capture(event["capture"]) if rung == "hook" else None
        seen, targets = set(), []
        for at, frame in enumerate(own):
            key = (frame.get("path"), frame.get("function"), frame.get("line"))
            if key in seen or self.left() <= 0:
                continue
            seen.add(key)
            target = target_of(frame, self.world, self.root)
            if isinstance(target, str):
                self.note(rung, f"{frame.get('module') or frame.get('path')}.{last_part(frame.get('function'))}", target)
            else:
                targets.append((target.function.is_local, at, target))
        # A decorator's inner function comes after what it decorates: that has a name.
        for _, at, target in sorted(targets, key=lambda one: one[:2]):
            if self.left() <= 0:
                break
            found = self._frame(rung, target, own, at, capture, len(own) - at)
            if found:
                return found
        return None

    def _frame(self, rung, target, own, at, capture, share):
        frame = own[at]
        known = capture.matching(frame) if capture else None
        if capture and known is None:
            self.note(rung, target.label, "the capture has no such frame")
            return None
        why, tried, until = "no arguments that could be written", set(), time.monotonic() + self.left() / max(1, min(share, 3))
        for node, flags in candidates(target, frame, own, at, capture, known, self.world):
            if time.monotonic() > until or len(tried) >= MOST_TRIES:
                break
            found, why = self._try(rung, target, node, flags, tried, why)
            if found:
                return found
        self.note(rung, target.label, why)
        return None

    def _try(self, rung, target, node, flags, tried, why):
        """One call and, where it only gives something lazy, the call that consumes that; a found answer, and why not."""
        for _ in range(3):
            try:
                recipe = recipe_of(node, self.world)
            except Unwritable as error:
                return None, why if tried else str(error)
            if recipe.call in tried:
                return None, why
            tried.add(recipe.call)
            seen = try_recipe(recipe, self.world, self.each)
            if self.is_same(seen):
                return self._finished(rung, target, node, flags, seen), ""
            if self.is_near(seen) and self.near is None:
                self.near = (rung, target, node, flags, seen)
            if len(tried) == 1 or seen["outcome"] == "raised":
                why = self.why(seen)
            lazy = _consumed(node, seen)
            if lazy is None:
                return None, why
            node = lazy
        return None, why

    def is_near(self, seen, strict=False):
        """The same type at the same function."""
        if (
            seen["outcome"] != "raised"
            or last_part(self.fault.get("type")) not in (seen["type"], seen["module"] + "." + seen["type"])
            or not seen["own"]
        ):
            return False
        path, name, line = seen["own"][-1]
        if path != self.fault.get("path"):
            return False
        wanted = last_part(self.fault.get("function"))
        if name == wanted:
            return True
        # Comprehensions have frames of their own up to Python 3.11.
        return (name in INNER or wanted in INNER) and self.function is not None and self.function.first <= line <= self.function.last

    def is_same(self, seen):
        return self.is_near(seen) and (not self.line_counts or seen["own"][-1][2] == self.fault.get("line"))

    def why(self, seen):
        if seen["outcome"] == "returned":
            return "nothing was raised"
        if seen["outcome"] == "timeout":
            return f"no end within {self.each:g} s"
        if seen["outcome"] != "raised":
            return "the process ended" if seen["outcome"] == "died" else str(seen.get("text"))[:200]
        where = "{} {}:{}".format(*seen["own"][-1]) if seen["own"] else "the call itself"
        return f"raised {seen['type']} in {where} instead"

    def note(self, rung, target, why):
        self.attempts.append({"rung": rung, "target": str(target)[:200], "why": str(why)[:300]})

    def smaller(self, node, seen, recipe_of_node=recipe_of):
        """A smaller call with the same error, on the same way to it."""
        functions, until = {tuple(one[:2]) for one in seen["own"]}, time.monotonic() + min(self.left(), max(5, self.seconds * MINIMISING))
        known = {}

        def holds(whole):
            if time.monotonic() > until:
                return False
            try:
                recipe = recipe_of_node(whole, self.world)
            except Unwritable:
                return False
            key = (tuple(recipe.arrange), recipe.call)
            if key not in known:
                now = try_recipe(recipe, self.world, min(self.each, 2))
                same = (
                    now["outcome"] == "raised" and now["type"] == seen["type"] and now["own"][-1:] == seen["own"][-1:] and now["last"] == seen["last"]
                )
                known[key] = same and shape_of(now["text"]) == shape_of(seen["text"]) and {tuple(one[:2]) for one in now["own"]} <= functions
            return known[key]

        return Minimiser(holds).minimised(node)

    def _finished(self, rung, target, node, flags, seen):
        names, where = (
            [one["name"] for one in target.function.parameters() if one["name"] not in ("self", "cls")],
            {"module": target.module, "name": _defined(target)},
        )
        before = len(recipe_of(node, self.world).call)
        self.whole = self.answer(rung, flags, named_apart(node, self.world, names), where, seen, before)
        node = self.smaller(node, seen)
        return self.answer(rung, flags, named_apart(node, self.world, names), where, seen, before)

    def answer(self, rung, flags, recipe, target, seen, before):
        path, function, line = seen["own"][-1]
        after = len(recipe.call) + sum(len(one) for one in recipe.arrange)
        return {
            "rung": rung,
            "flags": sorted(flags),
            "imports": recipe.imports,
            "arrange": recipe.arrange,
            "call": recipe.call,
            "expects": None,
            "target": target,
            "error": {"type": seen["type"], "module": seen["module"], "path": path, "function": function, "line": line},
            "characters": {"before": before, "after": after},
        }


def _defined(target):
    return target.function.around.qualified if target.function.is_local else target.function.qualified


def _consumed(node, seen):
    """The call that runs what another one only began."""
    if seen["outcome"] != "returned":
        return None
    if seen.get("enters"):
        return Call(Member(Call(Reference("contextlib", "ExitStack")), "enter_context"), [node])
    if seen.get("iterates"):
        return Call(Reference("builtins", "list"), [node])
    if seen.get("awaits"):
        return Call(Reference("asyncio", "run"), [node])
    return None


def _number(value, default):
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else default


def reproduce(request):
    return Ladder(request).climb()
