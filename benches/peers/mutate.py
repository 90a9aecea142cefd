

import ast
import random

from sites import SITES
from sources import Edit, Source

KINDS = ("body-return", "data-file", "module-constant", "body-compare", "default-argument", "comment-only",
         "class-attribute", "override-added", "conftest-fixture", "body-constant", "decorator-removed",
         "new-test-file", "import-alias", "test-helper", "body-condition", "function-deleted", "readme-only",
         "new-module", "body-return", "body-compare",
         # Up to here unchanged since the first published figures: `--edits 20` still gives these.
         "module-deleted", "function-added", "method-added", "function-added-and-used", "new-data-file",
         "data-file-deleted", "import-added", "type-annotation", "docstring", "module-constant",
         "class-attribute", "body-constant", "default-argument", "import-alias", "function-deleted",
         "decorator-removed", "method-added", "override-added", "body-condition", "type-annotation")
FALLBACK = "body-constant"
MUTANTS = ("body-return", "body-compare", "body-constant", "body-condition")


class Maker:
    """Finds the sites of a project, once for each kind, and picks from them by seed."""

    def __init__(self, project, tree, seed, executed):
        self.project, self.tree, self.seed, self.executed = project, tree, seed, executed
        self.package = [Source(tree, path) for path in sorted((tree / project.package).rglob("*.py"))]
        self.tests = [Source(tree, path) for path in sorted((tree / project.tests).rglob("*.py"))
                      if path.read_bytes().strip()]
        self.sites, self.made, self.plan = {}, set(), []

    def edit(self, index, attempt=0):
        """The edit number `index`, unlike all before it; another `attempt` is another choice for the same number.

        First choices are made in order and for all kinds at once: asking for edit 7 alone must give edit 7.
        """
        while len(self.plan) < max(index + 1, len(KINDS)):
            self.plan.append(self._make(len(self.plan), 0))
        return self._make(index, attempt) if attempt else self.plan[index]

    def mutants(self, count):
        """Up to `count` different edits inside function bodies, the kinds in turn, on statements that the suite ran."""
        rng = random.Random(f"{self.seed}:{self.project.name}:mutants")
        left = [(kind, self._shuffled(kind, rng)) for kind in MUTANTS]
        while count and left:
            kind, sites = left.pop(0)
            site = next((site for site in sites if site.key not in self.made and site.valid()
                         and self._ran_statement(site)), None)
            if site is not None:
                self.made.add(site.key)
                left.append((kind, sites))
                count -= 1
                yield site.edit(kind)

    def _make(self, index, attempt):
        kind = KINDS[index % len(KINDS)]
        rng = random.Random(f"{self.seed}:{self.project.name}:{index}:{attempt}")
        if kind in _WHOLE_FILES:
            edit = _WHOLE_FILES[kind](self, rng, index)
            key = edit and (kind, *edit.files.items())
            if edit is not None and key not in self.made:
                self.made.add(key)
                return edit
        chosen = self._pick(kind, rng)
        if chosen is not None:
            return chosen.edit(kind)
        chosen = self._pick(FALLBACK, rng)
        return chosen.edit(f"{FALLBACK} (no {kind})")

    def _pick(self, kind, rng):
        for site in self._shuffled(kind, rng):
            if site.key not in self.made and site.valid():
                self.made.add(site.key)
                return site
        return None

    def _shuffled(self, kind, rng):
        if kind not in self.sites:
            self.sites[kind] = list(SITES[kind](self)) if kind in SITES else []
        return iter(rng.sample(self.sites[kind], len(self.sites[kind])))

    def ran(self, source, line):
        """Whether the unedited suite ran this line (everything counts where that is not known)."""
        return not self.executed or line in self.executed.get(source.path, ())

    def loaded(self):
        """The files of the package that the unedited suite loads."""
        return [source for source in self.package if not self.executed or self.executed.get(source.path)]

    def _ran_statement(self, site):
        """Whether the innermost statement around a site ran, not just a branch around it."""
        around = [node for node in ast.walk(site.source.root)
                  if isinstance(node, ast.stmt) and node.lineno <= site.line <= node.end_lineno]
        inner = max(around, key=lambda node: (node.lineno, node.col_offset))
        return any(self.ran(site.source, line) for line in range(inner.lineno, site.line + 1))


def _data_files(maker):
    return sorted({path for glob in maker.project.data for path in maker.tree.glob(glob) if path.is_file()})


def _data_file(maker, rng, _index):
    paths = _data_files(maker)
    if not paths:
        return None
    path = rng.choice(paths)
    name = path.relative_to(maker.tree).as_posix()
    return Edit("data-file", f"{name}: a word put in front", {name: b"CHANGED " + path.read_bytes()})


def _new_data_file(maker, rng, index):
    paths = _data_files(maker)
    if not paths:
        return None
    path = rng.choice(paths)
    name = path.with_name(f"added_{index}{path.suffix}").relative_to(maker.tree).as_posix()
    return Edit("new-data-file", f"{name}: a copy of {path.name}", {name: path.read_bytes()})


def _data_file_deleted(maker, rng, _index):
    paths = _data_files(maker)
    if not paths:
        return None
    name = rng.choice(paths).relative_to(maker.tree).as_posix()
    return Edit("data-file-deleted", name, {name: None})


def _module_deleted(maker, rng, _index):
    """Any module but the package's own `__init__`: nothing else is touched, whoever imports it breaks."""
    whole = f"{maker.project.package}/__init__.py"
    names = [source.path for source in maker.loaded() if source.path != whole]
    name = rng.choice(names)
    return Edit("module-deleted", name, {name: None})


def _readme(maker, _rng, index):
    path = next(path for path in sorted(maker.tree.iterdir()) if path.name.startswith("README"))
    more = b"\nOne more line.\n" * (1 + index // len(KINDS))
    return Edit("readme-only", path.name, {path.name: path.read_bytes() + more})


def _new_module(maker, _rng, index):
    name = f"{maker.project.package}/nobody_imports_{index}.py"
    return Edit("new-module", name, {name: b"VALUE = 1\n\n\ndef unused():\n    return VALUE\n"})


def _new_test_file(maker, _rng, index):
    name = f"{maker.project.tests}/test_brand_new_{index}.py"
    text = b"def test_that_passes():\n    assert True\n\n\ndef test_that_fails():\n    assert False\n"
    return Edit("new-test-file", name, {name: text})


_WHOLE_FILES = {"data-file": _data_file, "readme-only": _readme, "new-module": _new_module,
                "new-test-file": _new_test_file, "new-data-file": _new_data_file,
                "data-file-deleted": _data_file_deleted, "module-deleted": _module_deleted}
