"""The edits of a cargo project: a fixed order of kinds, and for each a place chosen by the seed."""

import random
import re
from dataclasses import dataclass
from pathlib import Path

import cargo_sites
import projects

# Twenty, mixed: a short series has something of everything.
KINDS = ("return", "const", "comparison", "data-file", "arithmetic", "trait-default", "build-script", "new-test",
         "comparison", "macro-body", "feature", "return", "comment", "new-test-file", "arithmetic", "derive-removed",
         "module-added", "comparison", "readme", "const")
FALLBACK = "comparison"
INSIDE = ("return", "comparison", "arithmetic", "trait-default")


@dataclass
class Edit:
    """What is written over a tree: path to new content."""

    kind: str
    what: str
    files: dict

    def apply(self, tree):
        for name, data in self.files.items():
            path = Path(tree) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)


class Maker:
    """Makes edit number n of a seed; the same number and attempt give the same edit."""

    def __init__(self, project, tree, seed, compiled):
        self.project, self.tree, self.seed = project, Path(tree), seed
        tracked = projects.git(tree, "ls-files").splitlines()
        # Only what is compiled at all: code behind features that are off breaks nothing.
        names = [name for name in tracked if name.endswith(".rs") and (not compiled or name in compiled)]
        self.scripts = [name for name in tracked if Path(name).name == "build.rs"]
        code = [name for name in names if "src" in Path(name).parts and name not in self.scripts
                and "tests" not in re.split(r"[/.]", name)]
        self.sources = [cargo_sites.Source(name, (self.tree / name).read_text()) for name in code]
        self.packages = sorted(name for name in tracked if Path(name).name == "Cargo.toml"
                               and "[package]" in (self.tree / name).read_text())
        self.roots = [name for name in code if name.endswith("src/lib.rs")]
        self.sites, self.made = {}, set()

    def edit(self, index, attempt=0):
        rng = random.Random(f"{self.seed} {self.project.name} {index} {attempt}")
        kind = KINDS[index % len(KINDS)]
        if kind in _FILES:
            found = _FILES[kind](self, rng, index)
        else:
            found = self.pick(kind, rng)
        if found:
            return found
        found = self.pick(FALLBACK, rng)
        return Edit(f"{FALLBACK} (no {kind})", found.what, found.files)

    def pick(self, kind, rng):
        """One site of a kind that no edit has taken: first a file, then a place, or long files would win."""
        if kind not in self.sites:
            self.sites[kind] = {source.path: found for source in self.sources
                                if (found := list(cargo_sites.SITES[kind](source)))}
        by_file = self.sites[kind]
        for path in rng.sample(sorted(by_file), len(by_file)):
            for site in rng.sample(by_file[path], len(by_file[path])):
                if site not in self.made:
                    self.made.add(site)
                    text = (self.tree / path).read_text()
                    return Edit(kind, site.what, {path: (text[:site.begin] + site.new + text[site.end:]).encode()})
        return None

    def folder(self, rng, with_root=False):
        """The folder of one package; of one with a library where that is asked."""
        if with_root:
            return rng.choice(self.roots).removesuffix("src/lib.rs")
        return rng.choice(self.packages).removesuffix("Cargo.toml")


def _data_file(maker, rng, _index):
    names = sorted({path for glob in maker.project.data for path in maker.tree.glob(glob) if path.is_file()})
    names = [path for path in names if path.stat().st_size]
    if not names:
        return None
    path = rng.choice(names)
    lines = path.read_text().splitlines(keepends=True)
    number = rng.choice([number for number, line in enumerate(lines) if line.strip()])
    name = path.relative_to(maker.tree).as_posix()
    kept = "".join(line for at, line in enumerate(lines) if at != number)
    return Edit("data-file", f"{name}: line {number + 1} removed", {name: kept.encode()})


def _build_script(maker, rng, _index):
    if not maker.scripts:
        return None
    name = rng.choice(maker.scripts)
    text = (maker.tree / name).read_text()
    found = rng.choice([*re.finditer(r'(?<=")\d+(?=")', text)] or [*re.finditer(r"\b\d+\b", text)] or [None])
    if found is None:
        return Edit("build-script", f"{name}: a line at its end", {name: f"{text}\nconst _MORE: u8 = 1;\n".encode()})
    new = str(int(found[0]) + 1)
    changed = text[:found.start()] + new + text[found.end():]
    return Edit("build-script", f"{name}: {found[0]} -> {new}", {name: changed.encode()})


def _feature(maker, rng, _index):
    """The default features taken away, or one more among them."""
    for name in rng.sample(maker.packages, len(maker.packages)):
        text = (maker.tree / name).read_text()
        found = re.search(r"^default = \[([^\]]*)\]", text, re.MULTILINE)
        if found and (had := re.findall(r'"([^"]+)"', found[1])):
            gone = rng.choice(had)
            kept = ", ".join(f'"{feature}"' for feature in had if feature != gone)
            changed = text[:found.start()] + f"default = [{kept}]" + text[found.end():]
            return Edit("feature", f"{name}: {gone} no longer on by default", {name: changed.encode()})
    return None


def _new_test_file(maker, rng, index):
    name = f"{maker.folder(rng)}tests/brand_new_{index}.rs"
    text = "#[test]\nfn passes() {}\n\n#[test]\nfn fails() {\n    assert_eq!(1 + 1, 3);\n}\n"
    return Edit("new-test-file", name, {name: text.encode()})


def _module_added(maker, rng, index):
    folder = maker.folder(rng, with_root=True)
    root, name = f"{folder}src/lib.rs", f"{folder}src/added_{index}.rs"
    text = (maker.tree / root).read_text() + f"\n#[cfg(test)]\nmod added_{index};\n"
    module = "fn double(number: u32) -> u32 {\n    number + 2\n}\n\n#[test]\nfn doubles() {\n    " \
             "assert_eq!(double(3), 6);\n}\n"
    return Edit("module-added", f"{name}, one failing test in it", {root: text.encode(), name: module.encode()})


def _readme(maker, _rng, index):
    name = next(path.name for path in sorted(maker.tree.iterdir()) if path.name.startswith("README"))
    text = (maker.tree / name).read_bytes() + b"\nOne more line.\n" * (1 + index // len(KINDS))
    return Edit("readme", name, {name: text})


_FILES = {"data-file": _data_file, "build-script": _build_script, "feature": _feature, "readme": _readme,
          "new-test-file": _new_test_file, "module-added": _module_added}


def compiled(target, tree):
    """The tracked files that cargo's dep-info names for this tree."""
    found = set()
    for path in Path(target).glob("debug/deps/*.d"):
        for name in re.findall(r"(?:\\ |[^\s:])+(?=:\n|:$)", path.read_text(), re.MULTILINE):
            # rustc writes paths of workspace members relative to the workspace.
            whole = (Path(tree) / name.replace("\\ ", " ")).resolve()
            if whole.is_relative_to(Path(tree).resolve()):
                found.add(whole.relative_to(Path(tree).resolve()).as_posix())
    return found
