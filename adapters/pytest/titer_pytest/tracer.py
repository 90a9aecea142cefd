"""The file tracer: a preloaded library that notes the file calls of the whole process, C code and children too.

It answers `access` on names in a folder that does not exist: that it answers shows that it is there, and the
name says which window the process's calls belong to from now on. `os.access` raises no audit event.
"""

import os

_access = os.access  # held here: a test may replace os.access


_OURS = 0xFFFFFFFF  # the window of what we do ourselves: titer passes over it


class Tracer:
    """Says where the process is. `owner` is the process that numbers the windows."""

    def __init__(self, folder, owner):
        self.folder = folder
        self.owner = owner
        self._own = f"{folder}/window/{owner}-"

    def is_there(self, number):
        """Whether the library answers. If it does, this process is in window `number` from now on."""
        return _access(f"{self._own}{number}", 0)

    def enter(self, number):
        _access(f"{self._own}{number}", 0)

    def step_aside(self):
        """What follows is our own doing, until another window is entered."""
        self.enter(_OURS)

    def leave(self):
        """From now on the process's calls belong to no window."""
        _access(self.folder + "/window/-", 0)


def found(folder):
    """The tracer that the plan names, if it is in this process, else None. The process is in window 0 then."""
    if not folder:
        return None
    tracer = Tracer(folder, os.getpid())
    return tracer if tracer.is_there(0) else None
