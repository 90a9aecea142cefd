"""How we came in (PYTHONPATH, PYTEST_PLUGINS, TITER_RUN), and taking it back so that no child sees us.

A subprocess, a pytester run or a nested pytest.main of a test must behave as without titer. The one
exception is an xdist controller: it runs no tests itself and its workers must come up with us.
"""

import os
import sys

NAME = "titer_pytest.plugin"


class Injection:
    """What was in the environment when we were loaded."""

    def __init__(self, folder):
        self.folder = folder
        self.original = {}

    def withdraw(self):
        """Take our names out of sys.path and the environment, leaving the user's own values as they were."""
        ours = os.path.realpath(self.folder)
        sys.path[:] = [entry for entry in sys.path if not (entry and os.path.realpath(entry) == ours)]
        self._drop("TITER_RUN", None, lambda part: True)
        self._drop("PYTHONPATH", os.pathsep, lambda part: part and os.path.realpath(part) == ours)
        self._drop("PYTEST_PLUGINS", ",", lambda part: part.strip() == NAME)

    def restore_for_workers(self):
        """Put the names back. Only for an xdist controller, just before it starts its workers."""
        os.environ.update(self.original)
        # xdist gives its workers the sys.path that it saw at start, which may be after we left it.
        paths = getattr(sys.modules.get("xdist.plugin"), "_sys_path", None)
        if isinstance(paths, list) and self.folder not in paths:
            paths.insert(0, self.folder)

    def _drop(self, name, separator, is_ours):
        value = os.environ.get(name)
        if value is None:
            return
        parts = [value] if separator is None else value.split(separator)
        kept = [part for part in parts if not is_ours(part)]
        if len(kept) == len(parts):
            return
        self.original[name] = value
        if kept and any(kept):
            os.environ[name] = separator.join(kept)
        else:
            del os.environ[name]
