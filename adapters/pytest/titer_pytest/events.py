"""The event file: whole JSON lines appended to one file of this process (event_v1)."""

import json
import os
import time
from json.encoder import encode_basestring_ascii as quote

# One encoder for all lines: json.dumps with options builds a new one every time.
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

__all__ = ["EventFile", "quote"]


class EventFile:
    """Lines wait in `_lines` until `flush`, which is called at the latest when a test is over."""

    def __init__(self, folder):
        name = f"{os.getpid()}-{time.monotonic_ns()}.jsonl"
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0)
        self._descriptor = _move_up(os.open(os.path.join(folder, name), flags, 0o644))
        self._identity = _identity(self._descriptor)
        self._lines = []

    def line(self, event, **fields):
        self._lines.append('{"v":1,"e":"%s",%s\n' % (event, _encode(fields)[1:]))

    def raw(self, text):
        """A line that the caller wrote by hand because it is written for every test."""
        self._lines.append(text)

    def flush(self, after_user_code=True):
        if not self._lines:
            return
        text, self._lines = "".join(self._lines), []
        # A test may close every descriptor it can find; ours could then be somebody else's file.
        if after_user_code and _identity(self._descriptor) != self._identity:
            raise OSError("the event file was closed by somebody else")
        # A lone surrogate (a file name that is not UTF-8) must not make the line unreadable.
        data = text.encode("utf-8", "replace")
        while data:
            data = data[os.write(self._descriptor, data) :]


def _identity(descriptor):
    status = os.fstat(descriptor)
    return status.st_dev, status.st_ino


def _move_up(descriptor):
    """Use a high number: programs under test expect the low ones to be theirs."""
    try:
        import fcntl

        high = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 200)
    except (ImportError, AttributeError, OSError):
        return descriptor
    os.close(descriptor)
    return high
