"""What a test does beside its assertions: whether a line ran, whether it asked the clock, whom it called over the network, how long it slept.

With `sys.monitoring` (Python 3.12) every place is looked at once; before that a trace function follows the one file and a profile function
the calls of C functions.
"""

import asyncio
import datetime
import os
import sys
import threading
import time

from attempt import own_path

_CLOCKS = (time.time, time.time_ns, time.localtime, time.gmtime, time.ctime, time.strftime)
_DATES = ("now", "utcnow", "today")
_EVENTS = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "socket.bind")
_THE_TOOLS = (3, 4, 5, 2, 1, 0)


class Watch:
    """Watches from `start` to `stop`; `crash` is a file and a line of it."""

    def __init__(self, root, crash):
        self.root = root
        self.file = os.path.realpath(os.path.join(root, crash["path"])) if crash else None
        self.line = crash["line"] if crash else None
        self.hit, self.clock, self.network, self.slept = False, False, [], 0.0
        self._on, self._files, self._tool = False, {}, None

    def prepare(self):
        """Before anything of the project is imported: whoever imports `sleep` gets ours."""
        real, real_async = time.sleep, asyncio.sleep

        def sleep(seconds, *more):
            if self._on:
                self.slept += max(0.0, float(seconds))
            return real(seconds, *more)

        def async_sleep(delay, *more, **named):
            # Zero only gives way to others.
            if self._on and delay > 0:
                self.slept += float(delay)
            return real_async(delay, *more, **named)

        time.sleep, asyncio.sleep = sleep, async_sleep
        sys.addaudithook(self._audit)

    def _audit(self, event, given):
        if not self._on or event not in _EVENTS or len(self.network) >= 20:
            return
        told = given[1] if event in ("socket.connect", "socket.sendto", "socket.bind") else given[:2]
        if isinstance(told, (str, bytes)) and event != "socket.gethostbyname":
            return  # A socket of this machine's file system.
        where = ":".join(str(one) for one in told[:2] if one is not None) if isinstance(told, tuple) else str(told)
        self.network.append(f"{event[len('socket.') :]} {where}"[:200])

    def start(self):
        self._on = True
        if hasattr(sys, "monitoring"):
            self._start_monitoring()
        else:
            if self.file:
                threading.settrace(self._trace)
                sys.settrace(self._trace)
            sys.setprofile(self._profile)

    def stop(self):
        self._on = False
        if self._tool is not None:
            sys.monitoring.set_events(self._tool, 0)
            sys.monitoring.free_tool_id(self._tool)
            self._tool = None
        elif not hasattr(sys, "monitoring"):
            sys.setprofile(None)
            if self.file:
                sys.settrace(None)
                threading.settrace(None)

    def _start_monitoring(self):
        monitoring = sys.monitoring
        free = [one for one in _THE_TOOLS if monitoring.get_tool(one) is None]
        if not free:
            return
        self._tool = free[0]
        monitoring.use_tool_id(self._tool, "titer-guard")
        monitoring.register_callback(self._tool, monitoring.events.LINE, self._monitored_line)
        monitoring.register_callback(self._tool, monitoring.events.CALL, self._monitored_call)
        monitoring.set_events(self._tool, monitoring.events.LINE * bool(self.file) | monitoring.events.CALL)

    def _monitored_line(self, code, line):
        if line == self.line and self._is_file(code.co_filename):
            self.hit = True
        return sys.monitoring.DISABLE

    def _monitored_call(self, code, _offset, called, _first):
        if self._is_ours(code.co_filename):
            if self._is_clock(called):
                self.clock = True
            return None
        return sys.monitoring.DISABLE

    def _trace(self, frame, _event, _value):
        return self._trace_line if self._is_file(frame.f_code.co_filename) else None

    def _trace_line(self, frame, event, _value):
        if event == "line" and frame.f_lineno == self.line:
            self.hit = True
        return self._trace_line

    def _profile(self, frame, event, value):
        if event == "c_call" and self._is_ours(frame.f_code.co_filename) and self._is_clock(value):
            self.clock = True

    @staticmethod
    def _is_clock(called):
        if any(called is one for one in _CLOCKS):
            return True
        of = getattr(called, "__self__", None)
        return isinstance(of, type) and issubclass(of, datetime.date) and getattr(called, "__name__", "") in _DATES

    def _is_file(self, name):
        if name not in self._files:
            self._files[name] = os.path.realpath(name)
        return self._files[name] == self.file

    def _is_ours(self, name):
        key = ("own", name)
        if key not in self._files:
            self._files[key] = own_path(name, self.root) is not None
        return self._files[key]
