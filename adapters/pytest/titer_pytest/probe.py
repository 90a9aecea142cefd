"""Health: two functions that we run ourselves, each in a window of its own, must be seen there and only there."""

import os
from types import FunctionType

from .tree import address

_SOURCE = "def first():\n    pass\n\ndef second():\n    pass\n"


class Probe:
    """The functions live under a file name inside the root that does not exist. Nothing is written there."""

    def __init__(self, windows, codes, tree):
        self.windows = windows
        self.codes = codes
        name = os.path.join(tree.root, f"titer-probe-{os.getpid()}.py")
        space = {}
        # Taken out, not executed: that would be seen as the import of a file of the project.
        code = compile(_SOURCE, name, "exec")
        for constant in code.co_consts:
            if hasattr(constant, "co_name"):
                space[constant.co_name] = FunctionType(constant, {})
        self.functions = (space["first"], space["second"])

    def is_healthy(self):
        seen = [self._seen_in_own_window(function) for function in self.functions]
        return seen == [(True, False), (False, True)]

    def _seen_in_own_window(self, function):
        windows = self.windows
        outer = windows.current
        window = windows.new("probe", "")
        windows.push(window)
        function()
        windows.pop(window)
        indexes = [self.codes.known.get(address(each.__code__)) for each in self.functions]
        seen = tuple(index is not None and window.hits.pop(index, None) is not None for index in indexes)
        outer.add(window)  # what another thread did meanwhile
        return seen
