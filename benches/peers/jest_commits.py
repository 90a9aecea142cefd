#!/usr/bin/env python3
"""Replay the last commits of a jest project: what share of the tests titer runs at each, why, at what cost.

The ledger grows from commit to commit as it would for a developer: the first commit of the series records everything
and is not counted, then every commit runs what the ledger asks for. The whole `npx jest` runs at each commit too, and
every failing test file that titer left out is printed. Commits that touch nothing but documents are passed over;
what they changed is in the tree of the next one. See README.md.
"""

import argparse
import json
import statistics
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import jest_projects
import jest_runs
import projects
import runs

_DOCUMENTS = (".md", ".rst", ".txt", ".svg", ".png")
_NAMES = ("LICENSE", "CHANGELOG", "README", "Readme", "AUTHORS", "FUNDING", ".gitignore", ".editorconfig")
_LOCKS = ("package-lock.json", "npm-shrinkwrap.json", "yarn.lock")
_SECTIONS = ("dependencies", "devDependencies", "optionalDependencies", "peerDependencies", "overrides", "workspaces")


@dataclass
class Row:
    """One commit: what the whole run and titer's did, what was missed, what titer's tests are owed to."""

    commit: str
    subject: str
    full: jest_runs.Ran
    ran: jest_runs.Ran
    missed: set = field(default_factory=set)
    odd: bool = False
    reasons: dict = field(default_factory=dict)

    @property
    def total(self):
        return max(self.full.tests, self.ran.tests) or 1

    @property
    def share(self):
        return self.ran.tests / self.total


def main():
    options = arguments()
    (project, checkout), = jest_projects.chosen(options, options.work)
    folder = options.work / f"jest-commits-{project.name}"
    tree = jest_projects.copy_of(project, checkout, folder)
    bench = jest_runs.Bench(project, tree, folder, options.titer, options.limit)
    commits = series(tree, options.branch, options.count + 1)
    print(f"{project.name}, {len(commits) - 1} commits after {commits[0][:9]}", flush=True)
    rows, skipped = replay(bench, commits, options)
    table(rows, skipped)
    if options.save:
        options.save.write_text(json.dumps([figures(row) for row in rows], indent=1) + "\n")
    return 1 if any(row.missed or row.odd for row in rows) else 0


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    jest_projects.options_of(parser)
    parser.add_argument("--count", type=int, default=30, help="commits (30)")
    parser.add_argument("--branch", default=f"{jest_projects.INSTALLED}~1",
                        help="where the series ends (the checkout's own commit)")
    parser.add_argument("--no-install", action="store_true", help="keep the checkout's node_modules throughout")
    parser.add_argument("--save", type=Path, metavar="FILE", help="write the figures of each commit there, as JSON")
    options = parser.parse_args()
    if not options.project and not options.checkout:
        options.project = ["commander.js"]
    if len(set(options.project or [pair.split("=")[0] for pair in options.checkout])) != 1:
        parser.error("one project at a time")
    return jest_projects.settled(options)


def series(tree, branch, count):
    """The last `count` first-parent commits that touch something but documents, oldest first."""
    found = []
    for commit in projects.git(tree, "rev-list", "--first-parent", f"--max-count={20 * count}", branch).split():
        changed = projects.git(tree, "diff-tree", "-m", "--first-parent", "-r", "--root", "--no-commit-id",
                               "--name-only", commit).splitlines()
        if not all(document(name) for name in changed):
            found.append(commit)
        if len(found) == count:
            break
    return found[::-1]


def document(name):
    path = PurePosixPath(name)
    return path.suffix in _DOCUMENTS or path.name.startswith(_NAMES) or path.parts[0] in (".github", "docs")


def wishes(tree, commit):
    """What an installation at this commit would be made of: the lock files, and the dependencies asked for."""
    names = projects.git(tree, "ls-tree", "-r", "--name-only", commit).splitlines()
    found = {name: projects.git(tree, "rev-parse", f"{commit}:{name}").strip() for name in names if name in _LOCKS}
    for name in names:
        if PurePosixPath(name).name == "package.json" and "fixtures" not in name:
            told = json.loads(projects.git(tree, "show", f"{commit}:{name}"))
            found[name] = {section: told[section] for section in _SECTIONS if section in told}
    return found


def checkout(bench, commit, options):
    """The commit's own tree with what it depends on; what was installed, or an empty string."""
    put(bench, commit)
    stamp, wanted = bench.scratch / "installed.json", wishes(bench.tree, commit)
    have = json.loads(stamp.read_text()) if stamp.exists() else wishes(bench.tree, f"{jest_projects.INSTALLED}~1")
    changed = sorted(name for name in {*have, *wanted} if have.get(name) != wanted.get(name))
    if options.no_install or not changed:
        return ""
    begun = time.perf_counter()
    stamp.unlink(missing_ok=True)
    for name in bench.project.dropped:
        (bench.tree / name).unlink(missing_ok=True)
    runs.must([*bench.project.install, "--no-audit", "--no-fund"], bench.tree)
    stamp.write_text(json.dumps(wanted))
    put(bench, commit)
    return f"{' '.join(bench.project.install)} ({', '.join(changed)}), {time.perf_counter() - begun:.1f} s"


def put(bench, commit):
    """Unchanged files keep their time stamps, and the ledger stays."""
    projects.git(bench.tree, "checkout", "-q", "-f", "--detach", commit)
    projects.git(bench.tree, "clean", "-q", "-ffd", "-e", ".titer")
    jest_projects.append(bench.project, bench.tree)


def replay(bench, commits, options):
    """Go through the commits in order; the first one whose whole run works seeds the ledger."""
    rows, skipped, seeded = [], [], False
    for commit in commits:
        subject = projects.git(bench.tree, "log", "-1", "--format=%s", commit).strip()
        if installed := checkout(bench, commit, options):
            print(f"{commit[:9]}  {installed}", flush=True)
        full = bench.run("full")
        if not full.reported:
            print(f"{commit[:9]}  SKIPPED, breaks here: {jest_runs.last_line(full.took)}", flush=True)
            skipped.append(commit)
            continue
        put(bench, commit)
        ran = bench.run("titer", ("--all",) if not seeded else ())
        if not seeded:
            seeded = True
            print(f"{commit[:9]}  the start: {full.tests} tests in {len(full.files)} files, {len(full.failed)} files "
                  f"fail; jest {full.took.wall:.2f} s, titer recording {ran.took.wall:.2f} s", flush=True)
            continue
        row = Row(commit, subject, full, ran, reasons=bench.owed(ran))
        judge(bench, row)
        rows.append(row)
        tell(row)
    return rows, skipped


def judge(bench, row):
    """Only a file that fails in a second whole run as well can be a miss, and only its exit code be jest's."""
    row.missed = set(row.full.failed) - set(row.ran.files)
    row.odd = row.ran.took.exit != row.full.took.exit
    if row.missed or row.odd:
        put(bench, row.commit)
        again = bench.run("full")
        row.missed &= set(again.failed)
        row.odd = row.odd and again.took.exit == row.full.took.exit


def tell(row):
    notes = f"  MISSED {len(row.missed)}: {', '.join(sorted(row.missed)[:3])}" if row.missed else ""
    if row.odd:
        notes += f"  EXIT {row.ran.took.exit}, jest {row.full.took.exit}"
    print(f"{row.commit[:9]} {row.full.tests:5} tests {row.full.took.wall:6.2f} s, {len(row.full.failed)} files fail  "
          f"titer {row.ran.tests:5} {row.share:6.1%} {row.ran.took.wall:6.2f} s{notes}  {row.subject[:50]}", flush=True)
    if row.reasons:
        print("          " + ", ".join(f"{reason} {number} ({number / row.total:.1%})"
                                        for reason, number in row.reasons.items()), flush=True)


def table(rows, skipped):
    print(f"\n{len(rows)} commits replayed, {len(skipped)} SKIPPED")
    if not rows:
        return
    shares = [row.share for row in rows]
    print(f"share of the tests, median {statistics.median(shares):.1%}, mean {statistics.mean(shares):.1%}; nothing at "
          f"{sum(not row.ran.tests for row in rows)} commits, everything at {sum(share >= 1 for share in shares)}")
    for name, made in (("titer", [row.ran for row in rows]), ("npx jest", [row.full for row in rows])):
        print(f"  {name:10} {sum(ran.tests for ran in made):8} tests {sum(ran.took.wall for ran in made):9.1f} s")
    print(f"missed {sum(len(row.missed) for row in rows)} failing test files at "
          f"{sum(bool(row.missed) for row in rows)} commits; {sum(bool(row.full.failed) for row in rows)} commits have "
          f"failures in the whole run; another exit code at {sum(row.odd for row in rows)}")
    owed = {}
    for row in rows:
        for reason, number in row.reasons.items():
            owed[reason] = owed.get(reason, 0) + number
    total = sum(row.total for row in rows)
    for reason, number in sorted(owed.items(), key=lambda pair: -pair[1]):
        print(f"  {reason:28} {number:7} tests, {number / total:6.1%} of all that could have run")


def figures(row):
    return {"commit": row.commit, "subject": row.subject, "total": row.total, "ran": row.ran.tests,
            "seconds": round(row.ran.took.wall, 3), "jest_seconds": round(row.full.took.wall, 3),
            "missed": sorted(row.missed), "reasons": row.reasons}


if __name__ == "__main__":
    sys.exit(main())
