"""The one object of a process: plan, event file, and the switch that turns everything off."""

import atexit
import json
import os
import sys
import time

from .events import EventFile
from .environment import Injection
from .tree import Tree


class Adapter:
    """Holds what all parts share. `alive` is the switch: once False, no entry point does anything more."""

    def __init__(self, run, folder):
        self.alive = True
        self.config = None
        self.recording = None
        self.second = None
        self.child = None
        self.plan = None
        self.tree = None
        self._copies = None
        self.run = run
        self.injection = Injection(folder)
        self.events = EventFile(os.path.join(run, "events"))

    def begin(self):
        """Read the plan, say hello and start recording. Runs at import, before the first conftest."""
        # First of all: whatever goes wrong below, children and nested pytests must not see us.
        self.injection.withdraw()
        self._notice_forks()
        problem = self._read_plan()
        if problem is None and self.plan.get("record"):
            problem = self._make_recording()
        self._hello()
        if problem is not None:
            self.fail(problem)
        elif self.recording:
            self.safely(self.recording.start)

    def before_conftests(self):
        if self.recording:
            self.recording.before_conftests()

    def begin_second_pass(self, manager):
        if self.plan is not None and self.plan.get("order") == "reverse":
            from .second_pass import SecondPass

            self.second = SecondPass(self)
            manager.register(self.second, "titer-second-pass")

    def bind(self, config):
        from .hooks import Hooks

        self.config = config
        config.pluginmanager.register(Hooks(self, config), "titer-hooks")

    def copies(self):
        """Installed copies of the project's files, and a stale distribution or None. Looked for once: when
        recording before anything is watched, because comparing reads the project's files."""
        if self._copies is None:
            from .installed import Installed

            self._copies = Installed(self.plan, self.tree).copies()
        return self._copies

    # --- the guard -------------------------------------------------------------------------------------

    def safely(self, function, *arguments):
        """Call one of our own functions; whatever it raises turns us off and never reaches the user."""
        if not self.alive:
            return None
        try:
            return function(*arguments)
        except Exception as error:
            self.fail(f"{getattr(function, '__qualname__', function)}: {type(error).__name__}: {error}")
            return None

    def fail(self, what):
        """Say that the process's edges cannot be trusted, then go quiet. What was left out stays left out."""
        if not self.alive:
            return
        try:
            self.events.line("health", ok=False, what=what)
            self.events.flush()
        except Exception:
            pass  # The event file itself is gone: nobody to tell.
        self.turn_off()

    def turn_off(self):
        self.alive = False
        self.stop_recording()

    def stop_recording(self):
        recording, self.recording = self.recording, None
        if recording:
            self._stop(recording)
            if recording.tracer is not None:
                recording.tracer.leave()

    def _stop(self, recording):
        try:
            recording.stop()
        except Exception:
            pass  # Already on the way out; a second failure changes nothing.

    def _at_exit(self):
        if self.child:
            self.child.end()
        else:
            self.stop_recording()

    # --- start -----------------------------------------------------------------------------------------

    def _notice_forks(self):
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._after_fork)

    def _after_fork(self):
        # A forked child shares our file and tables; its edges would be told as the parent's. Where the file
        # tracer tells which process is whose child it tells its own, else it is as unknown as any program.
        if self.child:
            self.child.after_fork()
            return
        recording, self.recording = self.recording, None
        was_alive, self.alive = self.alive, False
        if recording is None:
            return
        if not was_alive or recording.tracer is None:
            self._stop(recording)
            return
        try:
            from . import child  # loaded already, by the recording

            self.child = child.of_fork(self.run, recording)
        except Exception:
            self._stop(recording)  # No event file, and nobody to tell: the tracer says that there was a fork.

    def _read_plan(self):
        """What is wrong with the plan, or None. Without a plan nothing is left out."""
        try:
            with open(os.path.join(self.run, "plan.json"), encoding="utf-8") as file:
                plan = json.load(file)
            if plan["v"] != 1:
                return f"plan.json is of version {plan['v']}"
            self.tree = Tree(plan["root"], plan.get("exclude") or ())
            self.plan = plan
        except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
            return f"plan.json: {type(error).__name__}: {error}"
        return None

    def _make_recording(self):
        """What keeps us from recording, or None. Not started yet: hello comes before everything else."""
        try:
            from .recording import Recording

            self.recording = Recording(self)
        except Exception as error:
            return f"recording: {type(error).__name__}: {error}"
        # Nothing of ours may run while the interpreter takes itself apart.
        atexit.register(self._at_exit)
        return None

    def _hello(self):
        import pytest

        self.events.line(
            "hello",
            pid=os.getpid(),
            ppid=os.getppid(),
            python="%d.%d.%d" % sys.version_info[:3],
            exe=sys.executable,
            pytest=pytest.__version__,
            worker=os.environ.get("PYTEST_XDIST_WORKER", ""),
            argv=list(getattr(sys, "argv", ())),
            cwd=os.getcwd(),
            collector=self.recording.collector if self.recording else "none",
            record=self.recording is not None,
            traced=self.recording is not None and self.recording.tracer is not None,
            t=round(time.time(), 3),
        )
        self.events.flush()
