#!/usr/bin/env python3
"""Replay the last commits of a git repository: what share of the suite titer runs at each, and why.

The ledger grows from commit to commit as it would for a developer: the first commit of the series
records the whole suite and is not counted, then every commit runs what the ledger asks for. With
--truth the whole suite runs too and every failing test that titer left out is printed. --save keeps the
figures, and --against compares with kept ones. See README.md.
"""

import argparse
import json
import shlex
import statistics
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import projects
import runs
import tools


@dataclass
class Row:
    """One commit: the suite's size, what ran, what it cost, and what was missed."""

    commit: str
    subject: str
    total: int
    ran: runs.Ran | None = None
    full: runs.Ran | None = None
    testmon: runs.Ran | None = None
    reasons: dict = field(default_factory=dict)
    unsteady: set = field(default_factory=set)

    def share(self, run):
        return runs.count(run.ids) / self.total


def main():
    options = arguments()
    before = json.loads(options.against.read_text()) if options.against else None
    work = Path(options.work or tempfile.mkdtemp(prefix="peers-")).resolve()
    work.mkdir(parents=True, exist_ok=True)
    name = Path(options.repo).resolve()
    name = (name.parent if name.name in ("repo", ".git") else name).name.removesuffix(".git")
    tree = clone(options.repo, work / f"clone-{name}")
    commits = series(tree, options.branch, options.count + 1, options.touching)
    checkout(tree, commits[-1])
    kinds = ["plain", *(["testmon"] if options.testmon else [])]
    insides = {kind: projects.environment_of(name, kind, options.python, work, options.install, tree) for kind in kinds}
    bench = tools.Bench(tree, insides, shlex.split(options.pytest_args), work / f"scratch-{name}", options.titer,
                        options.limit)
    print(f"{name}, Python {projects.version_of(options.python)}, {len(commits) - 1} commits after {commits[0][:9]}")
    rows, skipped = replay(bench, commits, options)
    table(rows, skipped, options)
    after = figures(name, commits, rows, options)
    if options.save:
        options.save.write_text(json.dumps(after, indent=1) + "\n")
    if before:
        compare(before, after, options.against)
    bad = any(row.full and row.ran and row.full.failed - row.ran.ids for row in rows)
    return 1 if bad else 0


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("repo", help="a git repository (bare or not); it is cloned, never written to")
    parser.add_argument("--titer", type=Path, help="the titer program")
    parser.add_argument("--without-titer", action="store_true", help="only see whether the commits run")
    parser.add_argument("--testmon", action="store_true", help="replay with pytest-testmon too")
    parser.add_argument("--truth", action="store_true", help="run the whole suite at each commit too, and count misses")
    parser.add_argument("--python", type=Path, default=Path(sys.executable), help="interpreter for the environment")
    parser.add_argument("--work", help="folder for the clone and the environment (default: a temporary one)")
    parser.add_argument("--count", type=int, default=40, help="commits (40)")
    parser.add_argument("--branch", default="HEAD", help="where the series ends (HEAD)")
    parser.add_argument("--touching", action="append", default=[], metavar="PATH",
                        help="only commits that touch this path, e.g. src; again for more (default: all commits)")
    parser.add_argument("--install", action="append", default=[], metavar="REQUIREMENT",
                        help="a pinned requirement of the suite; again for more")
    parser.add_argument("--pytest-args", default="", help="what to add to the pytest command line")
    parser.add_argument("--limit", type=float, default=600, help="seconds after which a run is stopped (600)")
    parser.add_argument("--save", type=Path, metavar="FILE", help="write the figures of each commit there, as JSON")
    parser.add_argument("--against", type=Path, metavar="FILE",
                        help="compare with what --save wrote in an earlier call, on the commits that both have")
    options = parser.parse_args()
    if options.without_titer and (options.save or options.against):
        parser.error("--save and --against are about titer's figures")
    for file in filter(None, (options.save, options.against)):
        if not (file.is_file() if file == options.against else file.parent.is_dir()):
            parser.error(f"no such {'file' if file == options.against else 'folder'}: {file}")
    if not options.without_titer:
        if options.titer is None:
            parser.error("--titer PATH or --without-titer")
        options.titer = options.titer.resolve()
    else:
        options.truth = True
    options.python = options.python.absolute()
    return options


def clone(repo, tree):
    if not (tree / ".git").exists():
        runs.must(["git", "clone", "-q", "--no-hardlinks", repo, tree], tree.parent)
        (tree / ".git" / "info").mkdir(exist_ok=True)
        (tree / ".git" / "info" / "exclude").write_text(projects.IGNORED)
    return tree


def series(tree, branch, count, touching):
    """The last `count` first-parent commits, oldest first; of all, or of those that touch the given paths.

    A commit that is passed over is not lost: what it changed is in the tree of the next one.
    """
    paths = ["--", *touching] if touching else []
    return projects.git(tree, "rev-list", "--first-parent", f"--max-count={count}", branch, *paths).split()[::-1]


def checkout(tree, commit):
    """The commit's own tree and nothing else. Unchanged files keep their time stamps."""
    projects.git(tree, "checkout", "-q", "-f", "--detach", commit)
    projects.git(tree, "clean", "-q", "-ffdx")


def replay(bench, commits, options):
    """Go through the commits in order; the first one that runs seeds the recordings."""
    rows, skipped = [], []
    ledger = tools.fresh(bench.scratch / "ledger-of-series")
    state = tools.fresh(bench.states / "testmon")
    seeded = False
    for commit in commits:
        checkout(bench.tree, commit)
        row = Row(commit, projects.git(bench.tree, "log", "-1", "--format=%s").strip(), 0)
        broken = at_commit(bench, row, ledger, state, options)
        if broken:
            print(f"{commit[:9]}  SKIPPED, does not run here: {broken}", flush=True)
            skipped.append((commit, broken))
        elif not seeded:
            seeded = True
            print(f"{commit[:9]}  recorded as the start: {row.total} tests", flush=True)
        else:
            rows.append(row)
            tell(row)
    return rows, skipped


def at_commit(bench, row, ledger, state, options):
    """Fill the row; the answer is why this commit cannot be replayed, or nothing."""
    listed = bench.run(bench.pytest("plain", "--collect-only"))
    row.total = len(listed.collected)
    if listed.crashed or not listed.collected or listed.failed:
        # A file that cannot be imported here is a dependency of that commit that we do not have.
        errors = sorted(listed.failed - {runs.SESSION})
        return f"collection fails (exit {listed.took.exit}) {', '.join(errors[:2])} {last_line(listed)}"
    if options.truth:
        checkout(bench.tree, row.commit)
        row.full = bench.bare()
        if row.full.crashed:
            return f"the whole run breaks, exit {row.full.took.exit}"
    if not options.without_titer:
        checkout(bench.tree, row.commit)
        plan = bench.titer_plan(tools.copied(ledger, bench.scratch / "ledger-for-plan"))
        row.ran = bench.titer_run(ledger, "--record")
        row.reasons = tools.reasons(plan, row.ran.ids)
        if row.ran.crashed:
            return f"titer run ended with {row.ran.took.exit}: {last_line(row.ran)}"
    if options.testmon:
        checkout(bench.tree, row.commit)
        if state.exists():
            bench.put_testmon()
        row.testmon = bench.record_testmon()
    settle(row, listed)
    confirm(bench, row)
    return None


def settle(row, listed):
    """An id that was not listed a moment ago at the same commit is one that changes from run to run."""
    every = [ran for ran in (row.ran, row.full, row.testmon) if ran]
    listed_now = listed.collected | {runs.SESSION}
    bases = set().union(*(runs.unsteady(ran.ids, ran.ids & listed_now) for ran in every))
    for ran in every:
        ran.settle(bases)
    row.unsteady = bases


def last_line(ran):
    lines = [line.strip() for line in ran.took.output.splitlines() if line.strip()]
    return next((line for line in reversed(lines) if "Error" in line), lines[-1] if lines else "")[:120]


def confirm(bench, row):
    """Only a test that fails in a second whole run as well can be a miss."""
    if row.full and any(ran and row.full.failed - ran.ids for ran in (row.ran, row.testmon)):
        checkout(bench.tree, row.commit)
        again = bench.bare()
        again.settle(row.unsteady)
        row.full.failed &= again.failed


def tell(row):
    parts = [f"{row.commit[:9]} {row.total:5} tests"]
    for name, ran in (("titer", row.ran), ("testmon", row.testmon)):
        if ran:
            crash = f" CRASHED exit {ran.took.exit}" if ran.crashed else ""
            parts.append(f"{name} {runs.count(ran.ids):5} {row.share(ran):6.1%} {ran.took.wall:6.2f} s{crash}")
            missed = row.full.failed - ran.ids if row.full else ()
            if missed:
                parts.append(f"MISSED {len(missed)}: {', '.join(sorted(missed)[:3])}")
    if row.full:
        parts.append(f"full {row.full.took.wall:6.2f} s, {len(row.full.failed)} failing")
    parts.append(row.subject[:50])
    print("  ".join(parts), flush=True)
    if row.reasons:
        print("          " + ", ".join(f"{reason} {number} ({number / row.total:.1%})"
                                        for reason, number in row.reasons.items()), flush=True)


def table(rows, skipped, options):
    print(f"\n{len(rows)} commits replayed, {len(skipped)} SKIPPED")
    causes = {}
    for commit, why in skipped:
        causes.setdefault(why, []).append(commit[:9])
    for why, those in causes.items():
        print(f"  skipped {len(those)} ({those[0]} .. {those[-1]}): {why}")
    if not rows:
        return
    for name in ("ran", "testmon"):
        pairs = [(row, getattr(row, name)) for row in rows if getattr(row, name)]
        if not pairs:
            continue
        shares = [row.share(ran) for row, ran in pairs]
        nothing = sum(runs.count(ran.ids) == 0 for _, ran in pairs)
        everything = sum(share >= 1 for share in shares)
        print(f"{'titer' if name == 'ran' else name}: share of the suite, median {statistics.median(shares):.1%}, mean "
              f"{statistics.mean(shares):.1%}; nothing at {nothing} commits, everything at {everything}; "
              f"{sum(ran.took.wall for _, ran in pairs):.1f} s")
        if options.truth:
            seconds = [ran.took.wall / row.full.took.wall for row, ran in pairs]
            print(f"  share of the seconds of the whole run, median {statistics.median(seconds):.1%}, mean "
                  f"{statistics.mean(seconds):.1%}")
            missed = [len(row.full.failed - ran.ids) for row, ran in pairs]
            print(f"  whole runs: {sum(row.full.took.wall for row, _ in pairs):.1f} s; missed {sum(missed)} "
                  f"failing tests at {sum(map(bool, missed))} commits")
    owed = {}
    for row in rows:
        for reason, number in row.reasons.items():
            owed[reason] = owed.get(reason, 0) + number
    total = sum(row.total for row in rows)
    for reason, number in sorted(owed.items(), key=lambda pair: -pair[1]):
        print(f"  {reason:28} {number:7} tests, {number / total:6.1%} of all that could have run")
    failing = sum(bool(row.full and row.full.failed) for row in rows)
    if options.truth:
        print(f"{failing} of {len(rows)} commits have failing tests in the whole run")


def figures(name, commits, rows, options):
    """What a later call compares with: one entry for each replayed commit. `bare` is null without --truth."""
    return {
        "name": name,
        "python": projects.version_of(options.python),
        "series": commits,
        "commits": [{
            "commit": row.commit,
            "subject": row.subject,
            "total": row.total,
            "ran": runs.count(row.ran.ids),
            "wall": round(row.ran.took.wall, 3),
            "bare": round(row.full.took.wall, 3) if row.full else None,
            "missed": sorted(row.full.failed - row.ran.ids) if row.full else None,
            "reasons": row.reasons,
        } for row in rows],
    }


def compare(before, after, file):
    """Before and after on the commits that both calls replayed: tests, seconds, reasons."""
    earlier = {entry["commit"]: entry for entry in before["commits"]}
    pairs = [(earlier[entry["commit"]], entry) for entry in after["commits"] if entry["commit"] in earlier]
    print(f"\nagainst {file}: {len(pairs)} commits in both, {len(before['commits']) - len(pairs)} only there, "
          f"{len(after['commits']) - len(pairs)} only here")
    for what in ("name", "python"):
        if before[what] != after[what]:
            print(f"  NOT THE SAME {what}: {before[what]} there, {after[what]} here")
    if [entry["commit"] for entry in before["commits"]] != [entry["commit"] for entry in after["commits"]]:
        # A commit's selection depends on what was recorded at the commits before it.
        print("  NOT THE SAME SERIES: the ledger came another way to these commits")
    if not pairs:
        return
    print(f"  {'':28} {'median before':>13} {'after':>8} {'mean before':>13} {'after':>8}")
    shares("share of the tests", [[entry["ran"] / entry["total"] for entry in column] for column in zip(*pairs)])
    timed = [pair for pair in pairs if all(entry["bare"] for entry in pair)]
    if timed:
        label = "share of the seconds" if len(timed) == len(pairs) else f"share of the seconds ({len(timed)})"
        shares(label, [[entry["wall"] / entry["bare"] for entry in column] for column in zip(*timed)])
    else:
        print("  share of the seconds: unknown, both calls need --truth")
    by_reason(pairs)
    extremes(pairs)


def shares(label, columns):
    cells = [middle(column) for middle in (statistics.median, statistics.mean) for column in columns]
    print(f"  {label:28} {cells[0]:13.1%} {cells[1]:8.1%} {cells[2]:13.1%} {cells[3]:8.1%}")


def by_reason(pairs):
    totals = [sum(entry["total"] for entry in column) for column in zip(*pairs)]
    owed = {}
    for side, column in enumerate(zip(*pairs)):
        for entry in column:
            for reason, number in entry["reasons"].items():
                owed.setdefault(reason, [0, 0])[side] += number
    print(f"  {'tests by reason':28} {'before':>13} {'after':>8} {'change':>13} {'of all':>8}")
    everything = [sum(entry[side] for entry in owed.values()) for side in (0, 1)]
    for reason, (old, new) in [*sorted(owed.items(), key=lambda pair: -max(pair[1])), ("all", everything)]:
        print(f"  {reason:28} {old:13} {new:8} {new - old:+13} {new / totals[1] - old / totals[0]:+8.1%}")


def extremes(pairs, most=3):
    """The commits whose share changed most, each way: where to look first."""
    changes = sorted(((new["ran"] / new["total"] - old["ran"] / old["total"], old, new) for old, new in pairs),
                     key=lambda change: change[0])
    fewer = [change for change in changes[:most] if change[0] < 0]
    more = [change for change in changes[-most:] if change[0] > 0]
    for change, old, new in [*fewer, *more]:
        print(f"  {new['commit'][:9]} {change:+7.1%}  {old['ran']} -> {new['ran']} of {new['total']}  "
              f"{new['subject'][:50]}")
    worse = [new for old, new in pairs if set(new["missed"] or ()) - set(old["missed"] or ())]
    for new in worse:
        print(f"  {new['commit'][:9]} MISSED {len(new['missed'])} now: {', '.join(new['missed'][:3])}")


if __name__ == "__main__":
    sys.exit(main())
