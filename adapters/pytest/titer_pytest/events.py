"""The event file: whole JSON lines appended to one file of this process (event_v1)."""

import os
import sys
import time

__all__ = ["EventFile", "Through", "encode", "quote", "text"]


def _encoder():
    """One encoder for all lines. The json package would build a new one for each, and imports re."""
    try:
        from _json import encode_basestring, make_encoder

        make = make_encoder(None, None, encode_basestring, None, ":", ",", False, False, True)
        if "".join(make({"a": [1, True, None, "\u00e4\n"]}, 0)) == '{"a":[1,true,null,"\u00e4\\n"]}':
            return lambda value: "".join(make(value, 0)), encode_basestring
    except Exception:
        pass  # Another interpreter, or one that changed what is its own business.
    import json
    from json.encoder import encode_basestring

    return json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode, encode_basestring


encode, text = _encoder()
try:
    from _json import encode_basestring_ascii as quote
except ImportError:
    from json.encoder import encode_basestring_ascii as quote


class EventFile:
    """Lines wait in `_lines` until `flush`, which is called at the latest when a test is over."""

    def __init__(self, folder):
        self._pid = os.getpid()
        self._name = os.path.join(folder, f"{self._pid}-{time.monotonic_ns()}.jsonl")
        self._open()
        self._lines = []

    def line(self, event, **fields):
        self._lines.append('{"v":1,"e":"%s",%s\n' % (event, encode(fields)[1:]))

    def raw(self, text):
        """A line that the caller wrote by hand because it is written for every test."""
        self._lines.append(text)

    def flush(self, after_user_code=True):
        count = len(self._lines)
        if not count:
            return
        text = "".join(self._lines[:count])
        del self._lines[:count]  # not a new list: another thread may be adding to this one
        if not self.is_of_this_process():
            raise OSError("forked by code that told nobody")
        # A test may close every descriptor it can find; ours could then be somebody else's file.
        if after_user_code and not self._is_ours():
            raise OSError("the event file was closed by somebody else")
        self._write(text)

    def _open(self):
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0)
        self._descriptor = _move_up(os.open(self._name, flags, 0o644))
        self._identity = _identity(self._descriptor)

    def _is_ours(self):
        return _identity(self._descriptor) == self._identity

    def is_of_this_process(self):
        return os.getpid() == self._pid

    def _write(self, text):
        # A lone surrogate (a file name that is not UTF-8) must not make the line unreadable.
        data = text.encode("utf-8", "replace")
        while data:
            data = data[os.write(self._descriptor, data) :]


class Through(EventFile):
    """Every line is written at once: the process may end at any moment without a word."""

    def line(self, event, **fields):
        self.raw('{"v":1,"e":"%s",%s\n' % (event, encode(fields)[1:]))

    def raw(self, text):
        try:
            ours = self._is_ours()
        except OSError:
            ours = False
        if not ours:
            self._open()  # A daemon closes every descriptor that it did not open itself.
        self._write(text)

    def flush(self, after_user_code=True):
        """Nothing waits."""

    def discard(self):
        """Without the file titer knows nothing of this process and takes it as unknown; with a part of it, too much."""
        os.unlink(self._name)


def _identity(descriptor):
    status = os.fstat(descriptor)
    return status.st_dev, status.st_ino


def _move_up(descriptor):
    """Use a high number: programs under test expect the low ones to be theirs."""
    if "fcntl" in sys.modules:
        return _move_up_at_once(descriptor)
    for high in range(200, 232):
        try:
            os.fstat(high)
        except OSError:
            break  # free. fcntl would find it alone, but takes longer to import than the rest of a child's start
    else:
        return descriptor
    try:
        os.dup2(descriptor, high, inheritable=False)
    except OSError:
        return descriptor
    os.close(descriptor)
    return high


def _move_up_at_once(descriptor):
    """The same where other threads may open files meanwhile."""
    try:
        import fcntl

        high = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 200)
    except (AttributeError, OSError):
        return descriptor
    os.close(descriptor)
    return high
