"""Comes first on the path of every Python that a test starts: starts titer's recorder and makes way.

The file tracer puts the folder of this file in front of PYTHONPATH. It is gone before the user's code runs, and
the user's own sitecustomize is imported in this one's place, or found missing in the same way. Read by every
Python that anybody starts, hence in words that old ones understand, too.
"""

import os
import sys


def _withdraw():
    """Take our traces away; says which window started us, or None where we have no business."""
    ours = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [entry for entry in sys.path if entry != ours]
    sys.path_importer_cache.pop(ours, None)
    first, separator, theirs = os.environ.get("PYTHONPATH", "").partition(os.pathsep)
    if first and os.path.abspath(first) == ours:
        if separator:
            os.environ["PYTHONPATH"] = theirs
        else:
            del os.environ["PYTHONPATH"]
    window = os.environ.pop("TITER_CHILD", None)
    # With TITER_RUN this may become a pytest, whose plugin records, or it starts one.
    if not window or "TITER_RUN" in os.environ or sys.version_info < (3, 9):
        return None
    # Everything that is imported is printed.
    if sys.flags.verbose or "importtime" in sys._xoptions or "PYTHONPROFILEIMPORTTIME" in os.environ:
        return None
    return os.path.dirname(ours), window


class _Plain:
    """What json's scanner asks its decoder: json itself imports re, which costs more than all the rest here."""

    strict = True
    object_hook = object_pairs_hook = None
    parse_float, parse_int, parse_constant = float, int, float


def _plan(run):
    try:
        file = open(os.path.join(run, "child", "plan.json"), encoding="utf-8")  # the same without what is left out
    except OSError:
        file = open(os.path.join(run, "plan.json"), encoding="utf-8")
    with file:
        text = file.read().strip()
    try:
        from _json import make_scanner
    except ImportError:
        import json

        return json.loads(text)
    return make_scanner(_Plain)(text, 0)[0]


def _start(run, window):
    # PYTHONDONTWRITEBYTECODE is about the user's folders. Ours is compiled once for all processes of all runs.
    theirs, sys.dont_write_bytecode = sys.dont_write_bytecode, False
    try:
        plan = _plan(run)
        folder = os.path.dirname(plan["adapter"])
        sys.path.insert(0, folder)
        try:
            from titer_pytest import child
        finally:
            sys.path.remove(folder)
            for looked_into in (folder, plan["adapter"]):
                sys.path_importer_cache.pop(looked_into, None)
        return child.begin(run, plan, window)
    finally:
        sys.dont_write_bytecode = theirs


_child = None
try:
    _found = _withdraw()
    if _found:
        _child = _start(*_found)
except Exception:
    pass  # No event file: what this process read is known, what it ran is not, and titer takes it as unknown.
_ours = sys.modules.pop("sitecustomize", None)  # held: an old Python empties a module that nobody holds
try:
    import sitecustomize  # noqa: F401, the user's own; its errors, and that it is not there, are site's to tell
finally:
    if _child is not None:
        _child.before_main()
