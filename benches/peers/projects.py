"""The real projects that are measured, and how one of them becomes a tree with virtual environments.

Source archives come from the package index that the user's pip is set up for. They are unpacked under
the work folder and never become part of this repository.
"""

import json
import os
import shutil
import tarfile
from dataclasses import dataclass
from pathlib import Path

import runs

PYTEST = "pytest==8.4.2"
COVERAGE = "coverage==7.17.3"
TESTMON = "pytest-testmon==2.2.0"

# One environment a tool: an installed plugin costs start-up time even where it is not asked for.
TOOLS = {"plain": (), "testmon": (TESTMON, COVERAGE), "contexts": (COVERAGE,)}

# What runs leave behind. A real repository ignores these; a source archive has no ignore file.
IGNORED = "__pycache__/\n*.pyc\n.pytest_cache/\n.testmondata*\n.coverage*\n"


@dataclass(frozen=True)
class Project:
    """One project: its archive, where its code and tests are, and what its suite needs."""

    name: str
    version: str
    package: str
    tests: str
    requires: tuple
    arguments: tuple = ()
    data: tuple = ()


PROJECTS = {
    project.name: project
    for project in (
        Project("marshmallow", "3.26.1", "src/marshmallow", "tests",
                ("packaging==25.0", "simplejson==3.20.1")),
        Project("jinja2", "3.1.6", "src/jinja2", "tests",
                ("MarkupSafe==3.0.2", "trio==0.30.0"), (), ("tests/res/**/*.html", "tests/res/**/*.mixed")),
        # test_serving starts servers on ports of the machine and does not end everywhere.
        Project("werkzeug", "3.1.3", "src/werkzeug", "tests",
                ("MarkupSafe==3.0.2", "watchdog==6.0.0", "ephemeral-port-reserve==1.1.4", "pytest-timeout==2.4.0"),
                ("--ignore=tests/test_serving.py",),
                ("tests/res/*.txt", "tests/multipart/**/*.http", "tests/multipart/**/*.txt")),
    )
}


def version_of(python):
    """`3.13.0` for a path to an interpreter."""
    return runs.must([python, "-c", "import platform; print(platform.python_version())"], os.getcwd()).strip()


def tree_of(project, python, work):
    """Unpack the project's source archive once and make it a git repository with one commit."""
    tree = Path(work) / project.name / "tree"
    if (tree / ".git").exists():
        restore(tree)
        return tree
    archives = Path(work) / "archives"
    archives.mkdir(parents=True, exist_ok=True)
    runs.must([python, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", project.name,
               "-d", archives, f"{project.name}=={project.version}"], work)
    archive = next(path for path in archives.iterdir()
                   if path.name.lower().startswith(f"{project.name}-{project.version}."))
    unpacked = tree.parent / "unpacked"
    shutil.rmtree(unpacked, ignore_errors=True)
    with tarfile.open(archive) as file:
        file.extractall(unpacked, filter="data")
    shutil.rmtree(tree, ignore_errors=True)
    next(unpacked.iterdir()).rename(tree)
    git(tree, "init", "-q", "-b", "main")
    (tree / ".git" / "info").mkdir(exist_ok=True)
    (tree / ".git" / "info" / "exclude").write_text(IGNORED)
    git(tree, "add", "-A", "-f")
    git(tree, "commit", "-q", "-m", f"{project.name} {project.version}")
    return tree


def git(tree, *arguments):
    """Run git in the tree with an identity of its own, and return what it printed."""
    identity = ["-c", "user.name=peers", "-c", "user.email=peers@example.org", "-c", "core.autocrlf=false",
                "-c", "commit.gpgsign=false", "-c", "gc.auto=0", "-c", "core.hooksPath=/dev/null"]
    return runs.must(["git", *identity, *arguments], tree)


def restore(tree):
    """Back to the commit: edits, new files, bytecode and what tools left are gone."""
    git(tree, "checkout", "-q", "-f", "HEAD", "--", ".")
    git(tree, "clean", "-q", "-ffdx")


def environment_of(name, tool, python, work, requires, editable=None):
    """A virtual environment with pinned requirements; made once, again when the list changes."""
    folder = Path(work) / "venvs" / f"{name}-{version_of(python)}-{tool}"
    pinned = [] if any(wish.startswith("pytest==") for wish in requires) else [PYTEST]
    wanted = [*pinned, *TOOLS[tool], *requires, f"-e {editable}" if editable else ""]
    stamp = folder / "requirements.json"
    inside = folder / "bin" / "python"
    if stamp.exists() and json.loads(stamp.read_text()) == wanted:
        return inside
    shutil.rmtree(folder, ignore_errors=True)
    runs.must([python, "-m", "venv", folder], work)
    pip = [inside, "-m", "pip", "--disable-pip-version-check", "install", "-q"]
    runs.must([*pip, *(wish for wish in wanted if wish and not wish.startswith("-e "))], work)
    if editable:
        runs.must([*pip, "--no-deps", "-e", editable], work)
    stamp.write_text(json.dumps(wanted))
    return inside


def environments_of(project, tree, python, work, tools):
    """The environments of all wanted tools for one project, by tool."""
    return {tool: environment_of(project.name, tool, python, work, project.requires, tree) for tool in tools}


def pytest_of(inside, arguments=()):
    """The one pytest command line that every tool runs with.

    The cache plugin stays on because testmon 2.2.0 stops with a KeyError without it, a broken file must
    not hide what the other files would say, and printing hundreds of tracebacks is nobody's selection.
    """
    return [inside, "-m", "pytest", "-q", "--tb=line", "-p", "peers_ran", "--continue-on-collection-errors",
            *arguments]
