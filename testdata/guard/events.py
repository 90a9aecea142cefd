"""Events as sentry-sdk writes them, made from an exception: variables by `repr`, containers cut at ten, keys as texts, five levels deep."""

import json
import sys
import types
from pathlib import Path

from asking import CAPTURE

BREADTH, DEPTH = 10, 5


def variable(value, depth=0):
    if depth < DEPTH and isinstance(value, dict):
        return {str(key): variable(one, depth + 1) for key, one in list(value.items())[:BREADTH]}
    if depth < DEPTH and isinstance(value, (list, tuple, set, frozenset)):
        return [variable(one, depth + 1) for one in list(value)[:BREADTH]]
    try:
        return repr(value)[:1024]
    except Exception:
        return "<broken repr>"


def event_of(error, root, request=None, hook=False):
    """The event of an exception as the workbench is given it."""
    exceptions, one = [], error
    while one is not None:
        exceptions.insert(0, {"type": type(one).__name__, "value": str(one), "frames": frames_of(one.__traceback__, root)})
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)
    return {"exceptions": exceptions, "capture": captured(error, root) if hook else None, "request": request}


def frames_of(traceback, root):
    found = []
    while traceback is not None:
        frame = traceback.tb_frame
        path = Path(frame.f_code.co_filename)
        inside = root in path.parents
        told = list(frame.f_locals.items())[:BREADTH]
        found.append(
            {
                "path": path.relative_to(root).as_posix() if inside else "",
                "module": frame.f_globals.get("__name__", ""),
                "function": frame.f_code.co_name,
                "line": traceback.tb_lineno,
                "vars": {name: variable(value) for name, value in told} if inside else None,
            }
        )
        traceback = traceback.tb_next
    return found


def captured(error, root):
    if str(CAPTURE) not in sys.path:
        sys.path.insert(0, str(CAPTURE))
    import titer_capture

    text = titer_capture.Capture(root=str(root), limits=titer_capture.Limits(seconds=5)).of(error)
    return json.loads(text) if text else None


def fault_of(event):
    frames = [one for one in event["exceptions"][-1]["frames"] if one["path"]]
    return {"type": event["exceptions"][-1]["type"], **{key: frames[-1][key] for key in ("path", "function", "line")}}


def names_of(root):
    return sorted({one.name for one in Path(root).iterdir() if one.is_dir()} | {one.stem for one in Path(root).glob("*.py")})


def forget(root):
    """Modules of a tree are imported anew by the next test."""
    for name, module in list(sys.modules.items()):
        if isinstance(module, types.ModuleType) and str(getattr(module, "__file__", None) or "").startswith(str(root)):
            del sys.modules[name]
