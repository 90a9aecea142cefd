"""Smaller arguments for the same error: ddmin (Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", IEEE TSE 28(2), 2002).

It goes over the tree of the call: arguments that may be left away, then the items of containers, then texts, until nothing more goes.
"""

from makers import with_children
from nodes import Call, Literal, Mapping, Sequence

ROUNDS = 4


def ddmin(items, test):
    """A smallest part of a list, in order, for which `test` still holds: none of what is left can be taken away alone."""
    items, parts = list(items), 2
    if items and test([]):
        return []
    while len(items) >= 2:
        size = max(1, len(items) // parts)
        chunks = [items[at : at + size] for at in range(0, len(items), size)]
        for at, chunk in enumerate(chunks):
            rest = [one for other in chunks[:at] + chunks[at + 1 :] for one in other]
            # A half that suffices is worth trying before what is left without it.
            if parts == 2 and test(chunk):
                items, parts = chunk, 2
                break
            if rest and len(rest) < len(items) and test(rest):
                items, parts = rest, max(parts - 1, 2)
                break
        else:
            if size == 1:
                break
            parts = min(len(items), parts * 2)
    return items


class Minimiser:
    """Minimises one call; `holds(node)` says whether a smaller call still fails for the same reason."""

    def __init__(self, holds):
        self.holds, self.root = holds, None

    def minimised(self, node, protected=0):
        self.root = node
        for _ in range(ROUNDS):
            before = self.root.size()
            self._visit((), 0)
            if self.root.size() >= before:
                break
        return self.root

    def _at(self, path):
        node = self.root
        for step in path:
            node = node.children()[step]
        return node

    def _with(self, path, new):
        """The whole call with another part in one place."""

        def rebuilt(node, rest):
            if not rest:
                return new
            children = list(node.children())
            children[rest[0]] = rebuilt(children[rest[0]], rest[1:])
            return with_children(node, children)

        return rebuilt(self.root, path)

    def _holds_with(self, path, new):
        whole = self._with(path, new)
        if self.holds(whole):
            self.root = whole
            return True
        return False

    def _visit(self, path, depth):
        if depth > 40:
            return
        node = self._at(path)
        if isinstance(node, Call):
            ddmin(list(range(len(node.named))), lambda kept: self._holds_with(path, Call(node.of, node.given, [node.named[at] for at in kept])))
            self._fewer_given(path)
        elif isinstance(node, Sequence):
            ddmin(node.items, lambda kept: self._holds_with(path, Sequence(node.kind, kept)))
        elif isinstance(node, Mapping):
            ddmin(node.pairs, lambda kept: self._holds_with(path, Mapping(kept)))
        elif type(node) is Literal and isinstance(node.value, (str, bytes)) and node.value:
            self._shorter(path, node.value)
        for at in range(len(self._at(path).children())):
            if at < len(self._at(path).children()):
                self._visit((*path, at), depth + 1)

    def _fewer_given(self, path):
        node = self._at(path)
        while node.given and self._holds_with(path, Call(node.of, node.given[:-1], node.named)):
            node = self._at(path)

    def _shorter(self, path, value):
        empty = value[:0]
        step = [value[at : at + 1] for at in range(len(value))]
        ddmin(step, lambda kept: self._holds_with(path, Literal(empty.join(kept))))
