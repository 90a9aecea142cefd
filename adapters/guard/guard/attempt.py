"""One call in a forked child: bounded in time and memory, silent, and what came of it told in a few words."""

import json
import os
import re
import select
import signal
import sys
import time
import traceback

from recipe import NotUnderstood

MEMORY = 4 << 30
MOST_FRAMES = 80
LONGEST = 400
_FOREIGN = re.compile(r"[/\\](site|dist)-packages[/\\]|[/\\]lib[/\\]python[0-9.]+[/\\]")
_HERE = os.path.dirname(os.path.abspath(__file__))


def in_child(work, seconds):
    """What `work()` gives, as JSON can hold it; an `outcome` of `timeout` or `died` where it gives nothing."""
    reading, writing = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        _as_child(work, reading, writing)
    os.close(writing)
    text, ended = _read(reading, time.monotonic() + seconds)
    os.close(reading)
    if not ended:
        _kill(child)
    _, status = os.waitpid(child, 0)
    if not ended:
        return {"outcome": "timeout"}
    try:
        return json.loads(text)
    except ValueError:
        return {"outcome": "died", "status": status}


def _as_child(work, reading, writing):
    try:
        os.setsid()
        os.close(reading)
        nothing = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(nothing, number)
        _bound()
        answer = json.dumps(work())
    except BaseException as error:  # noqa: BLE001 - a child always answers
        answer = json.dumps({"outcome": "broken", "text": f"{type(error).__name__}: {str(error)[:200]}"})
    data = answer.encode("utf-8", "backslashreplace")
    while data:
        data = data[os.write(writing, data) :]
    os._exit(0)


def _bound():
    try:
        import resource

        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY if hard == resource.RLIM_INFINITY else min(MEMORY, hard), hard))
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    except (ImportError, OSError, ValueError):
        pass


def _read(reading, until):
    """All that a child writes until it ends, and whether it ended in time."""
    pieces = []
    while True:
        left = until - time.monotonic()
        if left <= 0 or not select.select([reading], [], [], left)[0]:
            return b"", False
        piece = os.read(reading, 1 << 16)
        if not piece:
            return b"".join(pieces), True
        pieces.append(piece)


def _kill(child):
    for kill in (os.killpg, os.kill):
        try:
            kill(child, signal.SIGKILL)
            return
        except OSError:
            continue


def try_recipe(recipe, world, seconds):
    """What a recipe does, in a child."""
    return in_child(lambda: observed(recipe, world), seconds)


def observed(recipe, world):
    try:
        result = recipe.run(world)
    except NotUnderstood as error:
        return {"outcome": "broken", "text": str(error)}
    except BaseException as error:  # noqa: BLE001 - that is what is looked for
        return told(error, world.root)
    return {
        "outcome": "returned",
        "iterates": hasattr(type(result), "__next__"),
        "awaits": hasattr(type(result), "__await__"),
        "enters": hasattr(type(result), "__enter__") and hasattr(result, "gen"),
        "status": getattr(result, "status_code", None),
    }


def told(error, root):
    """Type, text and first-party frames of an exception."""
    frames, own, last = traceback.extract_tb(error.__traceback__, limit=-4000) if error.__traceback__ else [], [], None
    for frame in frames:
        path = own_path(frame.filename, root)
        if path is not None:
            own.append([path, frame.name, frame.lineno])
        if not os.path.abspath(frame.filename).startswith(_HERE):
            last = [os.path.basename(frame.filename), frame.name]
    try:
        text = str(error)[:LONGEST]
    except BaseException as odd:  # noqa: BLE001 - an exception's own __str__
        text = f"<{type(odd).__name__}>"
    kind = type(error)
    return {
        "outcome": "raised",
        "type": kind.__name__,
        "module": kind.__module__,
        "text": text,
        "own": own[-MOST_FRAMES:],
        "last": last,
        "bases": [one.__name__ for one in kind.__mro__],
    }


def own_path(file, root):
    """A first-party file's path from the root; None for any other."""
    whole = os.path.realpath(file)
    if not whole.startswith(root) or file.startswith("<"):
        return None
    inner = whole[len(root) :].replace(os.sep, "/")
    return None if _FOREIGN.search("/" + inner) else inner


_WORDS = re.compile(r"'[^']*'|\"[^\"]*\"|-?[0-9][\w.]*")


def shape_of(text):
    """An exception's text without what depends on the values: what is quoted, and numbers."""
    return _WORDS.sub("?", text)[:200]
