"""Installed distributions, by listing folders: asking importlib.metadata costs more than a small suite may.

Also finds installed copies of the project itself, and whether they still equal the tree.
"""

import hashlib
import json
import os
import sys

_SUFFIXES = (".dist-info", ".egg-info")


class Installed:
    """What lies in the folders of sys.path that are not the project's."""

    def __init__(self, plan, tree):
        self.own = set(plan.get("own") or ()) | {"titer-pytest"}
        self.tree = tree
        self.names = []
        self.sites = []
        self._own_folders = []
        for folder in dict.fromkeys(sys.path):
            # A virtual environment inside the root is not the project's either.
            if folder and tree.path(os.path.abspath(folder)) is None:
                self._look_into(folder)
        self.names = sorted(set(self.names))

    def copies(self):
        """({installed file: path in the tree}, name of a stale distribution or None)."""
        found = {}
        for folder in self._own_folders:
            for installed, path in _files_of(folder, self.tree):
                if path is None:
                    return found, os.path.basename(folder)
                found[installed] = path
        return found, None

    def _look_into(self, folder):
        try:
            entries = os.listdir(folder)
        except OSError:
            return
        dists = [entry for entry in entries if entry.endswith(_SUFFIXES)]
        if dists or any(entry.endswith(".pth") for entry in entries):
            self.sites.append(folder)
        for entry in dists:
            self._add(os.path.join(folder, entry), entry)

    def _add(self, path, entry):
        name = entry[: -len(".dist-info")].lower().replace("_", "-")
        url = _read(os.path.join(path, "direct_url.json")) if entry.endswith(".dist-info") else None
        # A folder's name has no "-" before the version: "my_name-1.0-py3.11.egg-info", "my_name.egg-info".
        project = entry.rpartition(".")[0].partition("-")[0].lower().replace("_", "-").replace(".", "-")
        ours, editable = self._is_ours(project, url)
        if not ours:
            self.names.append(name + ("#" + hashlib.sha256(url).hexdigest()[:16] if url else ""))
        elif not editable and project != "titer-pytest":
            self._own_folders.append(path)

    def _is_ours(self, project, url):
        named = project in self.own
        if not url:
            return named, False
        told = json.loads(url)
        path = _path_of(told.get("url", ""))
        local = path is not None and self.tree.inside(path) is not None
        return named or local, bool(told.get("dir_info", {}).get("editable"))


def _path_of(url):
    """The path of a file: URL, else None. urllib.parse knows that, too, and imports a lot."""
    scheme, separator, rest = url.partition("://")
    if scheme != "file" or not separator:
        return None
    first, *others = rest[rest.find("/") :].partition("#")[0].encode("utf-8", "surrogateescape").split(b"%")
    for part in others:
        try:
            first += bytes.fromhex(part[:2].decode("ascii")) + part[2:]
        except ValueError:
            first += b"%" + part
    return os.fsdecode(first)


def _files_of(folder, tree):
    """(installed .py file, its path in the tree or None) for each file that the RECORD of `folder` names."""
    record = _read(os.path.join(folder, "RECORD"))
    site = os.path.dirname(folder)
    base = _installed_from(folder, tree)
    for line in (record or b"").decode("utf-8", "replace").splitlines():
        name = line.rsplit(",", 2)[0].strip('"')
        if name.endswith(".py") and not name.startswith(("..", "/", "__editable__")):
            installed = os.path.join(site, name)
            yield installed, _same_in_tree(name, _read(installed), tree, base)


def _installed_from(folder, tree):
    """The project's folder, with a slash, if the distribution says that it was installed from one in the tree."""
    url = _read(os.path.join(folder, "direct_url.json"))
    if not url:
        return None
    from urllib.parse import unquote, urlsplit

    told = json.loads(url)
    path = tree.inside(unquote(urlsplit(told.get("url", "")).path)) if "dir_info" in told else None
    return None if path is None else "" if path == "." else path + "/"


def _same_in_tree(name, content, tree, base):
    """Path in the tree of the file that `name` was installed from: only one with equal bytes counts."""
    if base is not None:
        # It lies where its project has it: an equal one elsewhere (an older copy, what a build left) is another file.
        for path in (base + "src/" + name, base + name):
            source = _read(os.path.join(tree.root, path))
            if source is not None:
                return path if source == content else None
    for path in _candidates(name, tree):
        if content is not None and _read(os.path.join(tree.root, path)) == content:
            return path
    return None


def _candidates(name, tree):
    yield "src/" + name
    yield name
    tail = "/" + name
    for folder, folders, files in os.walk(tree.root):
        if os.path.basename(folder) == "build" and any(each.startswith(("lib", "bdist.")) for each in folders):
            folders[:] = []  # setuptools keeps there what it built last, maybe long ago
        folders[:] = [each for each in folders if tree.path(os.path.join(folder, each)) is not None]
        if os.path.basename(name) in files:
            path = tree.inside(os.path.join(folder, os.path.basename(name)))
            if path and ("/" + path).endswith(tail):
                yield path


def _read(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return None
