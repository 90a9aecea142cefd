"""The jest projects that are measured: what they are, how one gets them, and how a copy becomes a tree of ours.

A checkout is prepared once, by hand or by `python jest_projects.py FOLDER`: git clone at a tag, npm install. It is
copied before anything is measured and never written to. The copy gets one commit more, so that "what changed since
HEAD" is the edit and not what the installation left behind.
"""

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import projects
import runs

# commander's tests parse the process's own arguments, and jest runs them in its own process where it has no second
# core to use or few files to run: there every flag of jest's, ours too, would end the run with "unknown option".
_ARGV = "\n// Tests that read process.argv must not see jest's own flags.\nprocess.argv.splice(2);\n"


# The commit of a copy that holds what was installed; the one before it is the project's own.
INSTALLED = "peers-installed"


@dataclass(frozen=True)
class Project:
    """One project: where it lives, its tag, what has to be done to install it, what the copy gets on top."""

    name: str
    url: str
    tag: str
    dropped: tuple = ()  # files to remove before the installation
    install: tuple = ("npm", "install")
    arguments: tuple = ()  # of jest, for every run
    appended: tuple = ()  # (file, text): what the measured copy has at the end of a file


PROJECTS = {
    project.name: project
    for project in (
        # CommonJS, nothing transformed, a hundred small test files; some start processes.
        Project("commander.js", "https://github.com/tj/commander.js", "v13.1.0",
                appended=(("jest.config.js", _ARGV),)),
        # TypeScript by ts-jest: one file with a type error fails whoever loads it. There is no tag for this commit.
        Project("class-validator", "https://github.com/typestack/class-validator", "0853341"),
        # A monorepo of npm workspaces, TypeScript by babel-jest, tests in temporary folders with git. Its yarn.lock
        # is npm's to ignore; with today's dependencies a few test files fail from the start, and count as known.
        Project("changesets", "https://github.com/changesets/changesets", "@changesets/cli@2.27.9",
                dropped=("yarn.lock",), install=("npm", "install", "human-id@^1.0.2")),
    )
}


def prepared(project, work):
    """Clone and install a project in `work/NAME`, unless somebody did."""
    tree = Path(work) / project.name
    if not (tree / ".git").exists():
        runs.must(["git", "clone", "-q", project.url, tree], work)
        projects.git(tree, "checkout", "-q", "--detach", project.tag)
        for name in project.dropped:
            (tree / name).unlink()
        runs.must([*project.install, "--no-audit", "--no-fund"], tree)
    return tree


def copy_of(project, checkout, folder):
    """A copy of a prepared checkout with everything that is in it committed; made once."""
    tree = Path(folder) / "tree"
    if not (tree / ".git").exists():
        if not (checkout / "node_modules").is_dir():
            raise SystemExit(f"no node_modules in {checkout}: npm install there first")
        begun = Path(folder) / "copying"
        shutil.rmtree(begun, ignore_errors=True)
        shutil.copytree(checkout, begun, symlinks=True, ignore=lambda _, names: {".titer"} & set(names))
        own_links(begun, checkout.resolve(), tree.resolve())
        exclude = begun / ".git" / "info" / "exclude"
        exclude.parent.mkdir(exist_ok=True)
        exclude.write_text(".titer/\nnode_modules/\n")
        begun.rename(tree)
        append(project, tree)
        projects.git(tree, "add", "-A")
        projects.git(tree, "commit", "-q", "--allow-empty", "--no-verify", "-m", "as installed")
        projects.git(tree, "tag", "-f", INSTALLED)
    projects.git(tree, "checkout", "-q", "-f", "--detach", INSTALLED)
    restore(tree)
    return tree


def own_links(tree, old, new):
    """Links by absolute path (some build tools make them) must not lead from the copy back into the checkout."""
    for folder, folders, files in os.walk(tree):
        for name in folders + files:
            path = os.path.join(folder, name)
            if os.path.islink(path) and os.readlink(path).startswith(f"{old}{os.sep}"):
                target = os.readlink(path)
                os.unlink(path)
                os.symlink(f"{new}{target[len(str(old)):]}", path)


def append(project, tree):
    for name, text in project.appended:
        with open(tree / name, "a", encoding="utf-8") as file:
            file.write(text)


def restore(tree):
    """Back to the commit and without a ledger; what git ignores (node_modules, built entry points) stays."""
    projects.git(tree, "checkout", "-q", "-f", "HEAD", "--", ".")
    projects.git(tree, "clean", "-q", "-ffd")
    shutil.rmtree(tree / ".titer", ignore_errors=True)


def environment(**extra):
    """The caller's environment less what would change what node, npm or jest do."""
    kept = runs.environment(**extra)
    return {name: value for name, value in kept.items()
            if name in extra or not name.startswith(("NODE_", "JEST_", "TS_JEST", "BABEL_", "npm_", "INIT_CWD"))}


def chosen(options, work):
    """(project, checkout) for each wanted project; those that are nowhere are cloned and installed."""
    given = dict(pair.split("=", 1) for pair in options.checkout)
    for name in [*given, *(options.project or ())]:
        if name not in PROJECTS:
            raise SystemExit(f"no project {name}: {', '.join(PROJECTS)}")
    names = options.project or list(given) or list(PROJECTS)
    return [(PROJECTS[name], Path(given[name]).resolve() if name in given else prepared(PROJECTS[name], work))
            for name in names]


def options_of(parser):
    """The options that all jest scripts share."""
    parser.add_argument("--titer", type=Path, required=True, help="the titer program")
    parser.add_argument("--work", type=Path, default=Path("peers-jest"),
                        help="folder for checkouts, copies and jest's caches, kept (peers-jest)")
    parser.add_argument("--checkout", action="append", default=[], metavar="NAME=FOLDER",
                        help="a prepared checkout, node_modules in it; again for more (default: WORK/NAME)")
    parser.add_argument("--project", action="append", metavar="NAME",
                        help=f"of {', '.join(PROJECTS)}; again for more (those of --checkout, or all)")
    parser.add_argument("--limit", type=float, default=900, help="seconds after which a run is stopped (900)")


def settled(options):
    """Make the paths whole, once."""
    options.titer, options.work = options.titer.resolve(), options.work.resolve()
    options.work.mkdir(parents=True, exist_ok=True)
    return options


def main():
    """Prepare all projects in a folder and say where they lie."""
    work = Path(sys.argv[1] if len(sys.argv) > 1 else "peers-jest").resolve()
    work.mkdir(parents=True, exist_ok=True)
    for project in PROJECTS.values():
        print(f"{project.name}: {prepared(project, work)}")


if __name__ == "__main__":
    main()
