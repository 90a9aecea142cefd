"""Which files belong to the project, and what they are called from the repository's root."""

import os
import sys

# Folders that hold other people's code or a tool's memory, wherever they are.
IGNORED = frozenset(
    (
        ".git", ".hg", ".titer", ".tox", ".nox", ".venv", "site-packages", "dist-packages", "node_modules",
        "__pycache__", ".pytest_cache", ".hypothesis", ".mypy_cache", ".ruff_cache",
    )
)  # fmt: skip


# The address of a code object. id() raises an audit event, for which our own hook would be called each time.
address = object.__hash__


class Tree:
    """Maps absolute file names to paths from the root. Every answer is remembered: callers ask per call event."""

    def __init__(self, root, exclude):
        self.root = os.path.abspath(root)
        # A file may be named through a link to the root or through the root's real name.
        roots = {self.root, os.path.realpath(self.root)}
        self._starts = tuple(name.rstrip(os.sep) + os.sep for name in roots)
        self._excluded = tuple(path.strip("/") + "/" for path in exclude if path.strip("/"))
        self._excluded += tuple(self._environments_inside())
        self._known = {}

    def path(self, name):
        """Path from the root of a first-party file or folder given by its absolute name, else None."""
        try:
            return self._known[name]
        except KeyError:
            found = self._known[name] = self._find(name)
            return found

    def inside(self, name):
        """Path from the root whether first-party or not; "." for the root itself; None outside."""
        name = os.path.abspath(name)
        for start in self._starts:
            if name.startswith(start):
                return name[len(start) :].replace(os.sep, "/")
            if name + os.sep == start:
                return "."
        return None

    def searched(self, entries, hit):
        """The first-party folders among the `entries` of an import path that were looked into: up to where it was found."""
        for entry in list(entries):
            if not isinstance(entry, str):
                continue
            if entry[:1] != os.sep:
                try:
                    entry = os.path.join(os.getcwd(), entry)
                except OSError:
                    continue  # The working directory is gone; the import system passes over it too.
            folder = self.path(entry.rstrip(os.sep))
            if folder is not None:
                yield folder
            if entry == hit:
                return

    def name_installed_copies(self, copies):
        """Let files outside (installed copies with equal bytes) go by their name in the tree."""
        self._known.update(copies)

    def _find(self, name):
        if not name or name[0] == "<":
            return None
        if name[0] != os.sep and not os.path.isabs(name):
            return None
        if os.sep + "." in name or "//" in name:
            name = os.path.normpath(name)
        path = self.inside(name) if name.startswith(self._starts) or name + os.sep in self._starts else None
        if path is None or (path + "/").startswith(self._excluded):
            return None
        parts = path.split("/")
        if not IGNORED.isdisjoint(parts) or parts[-1].startswith(".coverage"):
            return None
        return path

    def _environments_inside(self):
        # Only an environment *below* the root is left out: with root=/usr/src/app and prefix=/usr all would be.
        for prefix in {sys.prefix, sys.base_prefix}:
            path = self.inside(prefix)
            if path and path != ".":
                yield path + "/"
