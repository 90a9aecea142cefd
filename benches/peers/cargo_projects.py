"""The Rust projects that are measured, and how crates of crates.io become a checkout with one commit.

cargo itself brings the crates (and their dependencies) from the registry that it is set up for: a package
made for this depends on them, and `cargo metadata` says where their sources lie. They are copied below the
work folder and never become part of this repository.
"""

import json
import os
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import projects
import runs

# What a registry adds to a crate.
_LEFTOVERS = ("Cargo.toml.orig", ".cargo_vcs_info.json", ".cargo-ok", "Cargo.lock")


@dataclass(frozen=True)
class Project:
    """One project: its crates (more than one make a workspace), cargo's arguments, its data files."""

    name: str
    crates: tuple
    arguments: tuple = ()
    data: tuple = ()
    absent: tuple = ()  # files that the registry's archive lacks and the code includes: empty ones stand in
    off: tuple = ()  # tests that need them


PROJECTS = {
    project.name: project
    for project in (
        # Unit tests by the thousand and a build script that writes code.
        Project("bigdecimal", ("bigdecimal=0.4.11",)),
        # A workspace: library, parser generator, virtual machine, a procedural macro that reads grammars.
        Project("pest", ("pest=2.9.6", "pest_meta=2.9.6", "pest_generator=2.9.6", "pest_derive=2.9.6",
                         "pest_vm=2.9.5", "pest_grammars=2.9.5"),
                ("--workspace", "--features", "pest_vm/grammar-extras,pest_derive/grammar-extras"),
                ("*/tests/*.pest", "*/src/grammars/*.pest", "*/examples/*.pest", "*/tests/*.toml",
                 "*/tests/*.json", "*/tests/*.http"),
                tuple(f"pest_meta/resources/test/fuzzsample{number}.grammar" for number in range(1, 7)),
                ("call_limit_stops_comment_backtracking", "handles_deep_nesting")),
        # Unit tests, two dozen test programs, files that tests read while they run.
        Project("petgraph", ("petgraph=0.8.3",), (), ("tests/res/*.txt", "tests/res/**/*.g6")),
    )
}


def at(path, arguments, data):
    """A checkout that somebody prepared."""
    whole = Path(path).resolve()
    name = whole.parent.name if whole.name in ("tree", "repo") else whole.name
    return Project(name, (), tuple(arguments), tuple(data))


def tree_of(project, work):
    """Put the crates of a project side by side once and make them a git repository with one commit."""
    tree = Path(work) / project.name / "tree"
    if (tree / ".git").exists():
        projects.restore(tree)
        return tree
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir(parents=True)
    sources = downloaded(project, tree.parent / "download")
    alone = len(project.crates) == 1
    for name, folder in sources.items():
        shutil.copytree(folder, tree if alone else tree / name, dirs_exist_ok=True,
                        ignore=shutil.ignore_patterns(*_LEFTOVERS))
        own_manifest(tree if alone else tree / name, sources)
    stand_in(tree, project)
    if not alone:
        members = "".join(f'    "{name}",\n' for name in sources)
        (tree / "Cargo.toml").write_text(f'[workspace]\nresolver = "2"\nmembers = [\n{members}]\n')
        (tree / "README.md").write_text(f"# {project.name}\n")
    runs.must(["cargo", "generate-lockfile"], tree)
    committed(tree, project)
    return tree


def downloaded(project, folder):
    """Name and source folder of each crate, from cargo's own store."""
    (folder / "src").mkdir(parents=True, exist_ok=True)
    (folder / "src" / "lib.rs").touch()
    wishes = [crate.split("=") for crate in project.crates]
    lines = "".join(f'{name} = "={version}"\n' for name, version in wishes)
    (folder / "Cargo.toml").write_text('[package]\nname = "download"\nversion = "0.0.0"\nedition = "2021"\n'
                                       f"[workspace]\n[dependencies]\n{lines}")
    runs.must(["cargo", "fetch", "-q"], folder)
    told = json.loads(runs.must(["cargo", "metadata", "-q", "--offline", "--format-version=1"], folder))
    found = {(package["name"], package["version"]): Path(package["manifest_path"]).parent
             for package in told["packages"]}
    return {name: found[name, version] for name, version in wishes}


def own_manifest(folder, sources):
    """The manifest as its authors have it: crates of the project by path, tests found by themselves."""
    manifest = folder / "Cargo.toml"
    lines = []
    for line in manifest.read_text().splitlines():
        if line == "autotests = false":
            continue
        lines.append(line)
        head = line.strip("[]").split(".")
        if line.startswith("[") and len(head) > 1 and head[-2].endswith("dependencies") and head[-1] in sources:
            lines.append(f'path = "../{head[-1]}"')
    manifest.write_text("\n".join(lines) + "\n")


def stand_in(tree, project):
    """Put empty files where the code includes ones that were not published, and switch off the tests of them."""
    for name in project.absent:
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).touch()
    named = re.compile(rf"#\[test\](?=\s+fn (?:{'|'.join(project.off)})\()")
    for path in sorted(tree.rglob("*.rs")) if project.off else ():
        text = path.read_text()
        if named.search(text):
            path.write_text(named.sub("#[cfg(any())]", text))


def committed(tree, project):
    projects.git(tree, "init", "-q", "-b", "main")
    (tree / ".git" / "info").mkdir(exist_ok=True)
    (tree / ".git" / "info" / "exclude").write_text("target/\n.titer/\n")
    projects.git(tree, "add", "-A", "-f")
    projects.git(tree, "commit", "-q", "-m", " ".join(project.crates) or project.name)


def copy_of(path, work, name):
    """A clone of a prepared checkout, so that nothing is ever written into the user's own."""
    tree = Path(work) / name / "tree"
    if not (tree / ".git").exists():
        tree.parent.mkdir(parents=True, exist_ok=True)
        runs.must(["git", "clone", "-q", "--no-hardlinks", path, tree], tree.parent)
        (tree / ".git" / "info").mkdir(exist_ok=True)
        (tree / ".git" / "info" / "exclude").write_text("target/\n.titer/\n")
    projects.restore(tree)
    if not (tree / "Cargo.lock").exists():
        # Without a lock file every build would be free to take other dependencies.
        runs.must(["cargo", "generate-lockfile"], tree)
        projects.git(tree, "add", "-f", "Cargo.lock")
        projects.git(tree, "commit", "-q", "-m", "a lock file")
    return tree


def chosen(options, work):
    """(project, tree) for each that the options name: prepared checkouts, pinned projects, or all pinned ones."""
    found = []
    for path in options.project or list(PROJECTS):
        if path in PROJECTS:
            found.append((PROJECTS[path], tree_of(PROJECTS[path], work)))
        elif Path(path, ".git").exists() or Path(path, "HEAD").exists():
            project = at(path, options.cargo_args.split(), options.data)
            found.append((project, copy_of(Path(path).resolve(), work, project.name)))
        else:
            raise SystemExit(f"neither a pinned project ({', '.join(PROJECTS)}) nor a git repository: {path}")
    return found


def options_of(parser):
    """The options that all cargo scripts share."""
    parser.add_argument("--titer", type=Path, help="the titer program")
    parser.add_argument("--without-titer", action="store_true", help="the peers only")
    parser.add_argument("--work", help="folder for checkouts and target folders (kept; default: a temporary one)")
    parser.add_argument("--cargo-args", default="", metavar="ARGS",
                        help="what cargo test gets in a checkout given by path, e.g. --workspace")
    parser.add_argument("--data", action="append", default=[], metavar="GLOB", help="data files of such a checkout")
    parser.add_argument("--limit", type=float, default=900, help="seconds after which a run is stopped (900)")


def settled(parser, options):
    """Check what --titer says, once."""
    if not options.without_titer:
        if options.titer is None:
            parser.error("--titer PATH or --without-titer")
        options.titer = options.titer.resolve()
    return options


def main():
    """Prepare the pinned projects in a folder and say where they lie."""
    work = Path(sys.argv[1] if len(sys.argv) > 1 else "peers-cargo").resolve()
    work.mkdir(parents=True, exist_ok=True)
    for project in PROJECTS.values():
        tree = tree_of(project, work)
        print(f"{project.name}: {os.fspath(tree)}  cargo test {' '.join(project.arguments)}")


if __name__ == "__main__":
    main()
