"""Installed copies of the project's files, found once an environment and left in the run's folder for children."""

import os
import sys

from .events import text


def leave(run, found):
    """Write down `found` ({installed file: path in the tree}) for the processes that tests start."""
    name = _name(run)
    temporary = f"{name}.{os.getpid()}"
    with open(temporary, "w", encoding="utf-8", errors="replace") as file:
        file.write("{%s}" % ",".join(f"{text(installed)}:{text(path)}" for installed, path in found.items()))
    os.replace(temporary, name)


def known(run, plan, tree):
    """The same, read; in an environment that is not the runner's, found out and written down."""
    try:
        with open(_name(run), encoding="utf-8") as file:
            content = file.read()
    except OSError:
        from .installed import Installed

        found, stale = Installed(plan, tree).copies()
        if stale:
            raise ValueError(f"stale install: {stale} differs from the tree") from None
        leave(run, found)
        return found
    if content == "{}":
        return {}
    import json

    return json.loads(content)


def _name(run):
    number = int.from_bytes(os.fsencode(sys.prefix), "little") % (2**61 - 1)
    return os.path.join(run, f"copies-{number:x}.json")
