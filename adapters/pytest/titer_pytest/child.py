"""A process that a test started: the same collectors, one window, and every first hit told at once.

It may be another program that is a Python (`begin`, from sitecustomize) or a fork of a process that records
(`of_fork`). It ends when it likes, so nothing may wait, and nobody is there to hear of our troubles but titer.
"""

import atexit
import os
import sys
import time

from . import copies
from .events import Through
from .files import INTERPRETER, findsource_wrapper, is_importing, is_write, listed_by_imports, reads_code, shows_source, source_of
from .functions import Core, Monitoring, choose
from .searches import Searches
from .tracer import Tracer
from .tree import Tree, address
from .windows import Codes, Window


_TOO_DEEP = "a recursion reached its limit inside the recorder"


def begin(run, plan, told):
    """The recorder of this Python, which window `told` ("owner-number") started. Raises if it cannot be told of."""
    owner, _, number = told.partition("-")
    tree = Tree(plan["root"], plan.get("exclude") or ())
    child = Child(run, tree, int(owner), int(number), plan.get("trace"))
    child.guarded(child.start, plan)
    return child


def of_fork(run, recording):
    """Goes on with a recording's collectors in a fork of its process. Raises if it cannot be told of."""
    tracer, window = recording.tracer, recording.windows.current
    child = Child(run, recording.tree, tracer.owner, window.number, tracer.folder)
    child.guarded(child.take_over, recording)
    return child


class Child:
    def __init__(self, run, tree, owner, number, trace):
        self.run = run
        self.tree = tree
        self.owner = owner
        self.number = number
        self.trace = trace
        self.alive = True
        self.events = Through(os.path.join(run, "events"))
        self.searches = Searches(tree, self.events, number)
        self.codes = self.core = self.functions = self.imports = None
        self.files = ChildFiles(self)

    # --- begin -----------------------------------------------------------------------------------------

    def start(self, plan):
        self.codes = Codes()
        windows = OneWindow(self)
        self.core = Core(windows, self.codes, self.tree, self.searches.module_starts, self.fail)
        self.functions = choose(self.core)
        self._hello(forked=False)
        tracer = Tracer(self.trace, self.owner) if self.trace else None
        if tracer:
            tracer.step_aside()
        self.tree.name_installed_copies(copies.known(self.run, plan, self.tree))
        if tracer:
            tracer.enter(self.number)
        self.files.ignore([*listed_by_imports(), *_main_script()])
        self.searches.tell_earlier(windows.current.hits, self.codes.register_file)
        self.searches.start(self.fail, self.files.wrap_findsource)
        self.files.start()
        self.functions.start()
        atexit.register(self.end)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self.after_fork)

    def before_main(self):
        """The user's own sitecustomize has run, and may have put a tracer where ours was."""
        if self.alive and not isinstance(self.functions, Monitoring):
            self.guarded(self.functions.in_child)

    def take_over(self, recording):
        """In a fork of a recording process."""
        self.codes, self.core = recording.codes, recording.core
        self.functions, self.imports = recording.functions, recording.imports
        recording.files.active = False
        self._go_on()
        self.files.start()

    def after_fork(self):
        """In a fork of a child. The tables are the parent's, the file must be our own."""
        if self.alive:
            self.guarded(self._fork)

    def _fork(self):
        self.events = Through(os.path.join(self.run, "events"))
        self.files.told.clear()
        self.searches.belong_to(self.events)
        self._go_on()

    def _go_on(self):
        windows = OneWindow(self)
        self.codes.forget()
        self.core.windows, self.core.fail = windows, self.fail
        self.core.module_starts = self.searches.module_starts
        if self.imports is not None:
            self.imports.belong_to(windows, self.searches, self.fail)
        self._hello(forked=True)
        self.functions.rearm()
        if not isinstance(self.functions, Monitoring):
            self.functions.in_child()
        # What is under way goes on here.
        frame = sys._getframe()
        while frame is not None:
            index = self.codes.known.get(address(frame.f_code))
            if index is not None and index not in windows.current.hits:
                windows.current.hits[index] = -1
            frame = frame.f_back

    def _hello(self, forked):
        traced = bool(self.trace) and Tracer(self.trace, self.owner).is_there(self.number)
        self.events.line(
            "hello",
            pid=os.getpid(),
            ppid=os.getppid(),
            python="%d.%d.%d" % sys.version_info[:3],
            exe=sys.executable or "",
            worker="",
            argv=[str(each) for each in getattr(sys, "orig_argv", None) or getattr(sys, "argv", ())],
            collector=self.functions.name,
            record=True,
            traced=traced,
            child=True,
            forked=forked,
            owner=self.owner,
            w=self.number,
            t=round(time.time(), 3),
        )
        if self.functions.name == "none":
            raise RuntimeError("no-free-tool-id")

    # --- the guard -------------------------------------------------------------------------------------

    def guarded(self, function, *arguments):
        try:
            function(*arguments)
        except Exception as error:
            self.fail(f"{getattr(function, '__qualname__', function)}: {type(error).__name__}: {error}")

    def fail(self, what):
        """Say that what this process ran is unknown, then go quiet."""
        if not self.alive:
            return
        self.alive = False
        try:
            self.events.line("health", ok=False, what=what)
        except Exception:
            try:
                self.events.discard()
            except Exception:
                pass  # Nothing more can be said from here.
        self._stop()

    def end(self):
        if self.alive:
            self.guarded(self._end)

    def _end(self):
        if not self.events.is_of_this_process():
            return  # Forked by C code, which told nobody.
        if not self.core.windows.current.closed:
            self.fail(_TOO_DEEP)
        elif not self.functions.is_in_place():
            self.fail("something took the recorder's place")
        else:
            self.events.line("end", exit=0, t=round(time.time(), 3))
            self.alive = False
            self._stop()

    def _stop(self):
        for part in (self.functions, self.searches, self.imports, self.files):
            try:
                if part is not None:
                    part.stop()
            except Exception:
                pass  # Already on the way out; a second failure changes nothing.

    # --- what the collectors find ------------------------------------------------------------------------

    def hit(self, index, caller):
        if not self.events.is_of_this_process():
            self._fork()  # by C code, which told nobody
        if not self.core.windows.current.closed:
            self.fail(_TOO_DEEP)
        codes = self.codes.lines_of((index, caller))
        self.events.raw('%s{"v":1,"e":"hit","i":%d,"by":%d}\n' % (codes, index, caller))
        self.codes.were_told((index, caller))


class Hits(dict):
    """First hits. One is told before it is known, or an error between the two would lose it."""

    def __init__(self, tell):
        self.tell = tell

    def __setitem__(self, index, caller):
        self.tell(index, caller)
        dict.__setitem__(self, index, caller)


class OneWindow:
    """Stands where a runner has its stack of windows."""

    def __init__(self, child):
        self.current = self.process = Window(child.number, "process", "")
        self.current.hits = Hits(child.hit)
        self.codes = child.codes
        self.stack = [self.current]
        self.beside = []

    def settle(self):
        """No window ends here."""


class ChildFiles:
    """The audit hook of a child. The file tracer sees all files; only we know who opened or listed them."""

    def __init__(self, child):
        self.child = child
        self.tree = child.tree
        self.told = set()
        self.active = False
        self._findsource = None

    def start(self):
        self.active = True
        handlers = {
            "open": self._opened,
            "os.listdir": self._listed,
            "os.scandir": self._listed,
            INTERPRETER: lambda: self.child.fail("sub-interpreter"),
        }
        if not isinstance(self.child.functions, Monitoring):
            handlers["sys.settrace"] = lambda: self.child.functions.others_come("settrace", _asks(2))
            handlers["sys.setprofile"] = lambda: self.child.functions.others_come("setprofile", _asks(2))

        def hook(event, args):
            if event in handlers and self.active:
                try:
                    handlers[event](*args)
                except RecursionError:
                    self.child.core.windows.current.closed = False
                except OSError:
                    pass  # Not explained: the tracer's word counts.
                except Exception as error:
                    self.child.fail(f"audit {event}: {type(error).__name__}: {error}")

        sys.addaudithook(hook)
        self.wrap_findsource()

    def stop(self):
        self.active = False
        if self._findsource is not None:
            inspect, ours, original = self._findsource
            if inspect.findsource is ours:
                inspect.findsource = original

    def ignore(self, names):
        self._tell("ignored", names)

    def _tell(self, what, names):
        paths = {self.tree.path(os.path.normpath(name)) for name in names} - {None}
        new = sorted(path for path in paths if (what, path) not in self.told)
        if new:
            self.told.update((what, path) for path in new)
            self.child.events.line("touched", **{what: new})

    def _opened(self, path, mode, flags):
        if isinstance(path, int):
            return
        path = os.fsdecode(path)
        if not path.endswith((".py", ".pyc")) or is_write(mode, flags):
            return
        if path[:1] != os.sep:
            path = os.path.join(os.getcwd(), path)
            if mode is None and not os.path.lexists(path):
                return  # Relative to a descriptor that the event does not tell.
        path = source_of(path)
        if self.tree.path(os.path.normpath(path)) is not None:
            asker = _asks(2)
            self._tell("ignored" if reads_code(asker) and not shows_source(asker) else "reads", [path])

    def _listed(self, path=None):
        if isinstance(path, int):
            return
        path = os.path.join(os.getcwd(), os.fsdecode(path or "."))
        if self.tree.path(os.path.normpath(path)) is not None:
            self._tell("ignored" if is_importing(_asks(2)) else "lists", [path])

    def wrap_findsource(self):
        """When inspect is there, which is not imported for our sake. What it reads before is seen as it is opened."""
        inspect = sys.modules.get("inspect")
        if self._findsource is None and hasattr(inspect, "findsource"):
            original = inspect.findsource
            ours = findsource_wrapper(original, self, lambda path: self._tell("reads", [path]))
            self._findsource = inspect, ours, original
            inspect.findsource = ours


def _asks(depth):
    """The frame that the event comes from, or None: the interpreter itself."""
    try:
        return sys._getframe(depth + 1)
    except ValueError:
        return None


def _main_script():
    """The interpreter opens it before any Python runs; its code is seen when it runs."""
    name = (getattr(sys, "argv", None) or [""])[0]
    if isinstance(name, str) and name.endswith((".py", ".pyc")):
        try:
            yield source_of(os.path.join(os.getcwd(), name))
        except OSError:
            pass  # The working directory is gone.
