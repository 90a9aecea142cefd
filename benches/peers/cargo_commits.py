#!/usr/bin/env python3
"""Replay the last commits of a Rust repository: what share of the tests titer runs at each, why, at what cost.

The ledger grows from commit to commit as it would for a developer: the first commit of the series records
everything and is not counted, then every commit runs what the ledger asks for. The whole `cargo test` runs at
each commit too, in a target folder of its own, and every failing test that titer left out is printed. Commits
that touch nothing but documentation are passed over; what they changed is in the tree of the next one. See
README.md.
"""

import argparse
import json
import resource
import statistics
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import cargo_edits
import cargo_projects
import cargo_runs
import commits
import projects
import runs
import tools

_DOCUMENTS = (".md", ".adoc", ".rst", ".svg", ".png")
_NAMES = ("LICENSE", "COPYING", "CHANGELOG", "CHANGES", "README", "RELEASES", "AUTHORS", "CODEOWNERS", ".gitignore",
          ".mailmap", "FUNDING")
_DECIDED = ("select test_id, verdict, reason from test_decisions where run_id = "
            "(select run_id from runs order by started_at desc limit 1)")


@dataclass
class Row:
    """One commit: how many tests there are, what ran, what it cost, what was missed."""

    commit: str
    subject: str
    full: cargo_runs.Ran | None = None
    ran: cargo_runs.Ran | None = None
    missed: set = field(default_factory=set)
    reasons: dict = field(default_factory=dict)

    @property
    def total(self):
        """All there is: where the whole run does not run, what titer ran."""
        return len((self.full or self.ran).ids) or 1

    @property
    def share(self):
        return len(self.ran.ids) / self.total


def main():
    options = arguments()
    resource.setrlimit(resource.RLIMIT_AS, (cargo_edits.MEMORY, cargo_edits.MEMORY))
    work = Path(options.work or tempfile.mkdtemp(prefix="peers-")).resolve()
    work.mkdir(parents=True, exist_ok=True)
    path = Path(options.repo).resolve()
    name = (path.parent if path.name in ("repo", ".git") else path).name.removesuffix(".git")
    tree = commits.clone(path, work / f"commits-{name}" / "tree") if made(work / f"commits-{name}") else None
    project = cargo_projects.Project(name, (), tuple(options.cargo_args.split()))
    bench = cargo_runs.Bench(project, tree, work / f"commits-{name}", options.titer, options.limit)
    chosen = series(tree, options.branch, options.count + 1, options.touching)
    print(f"{name}, {len(chosen) - 1} commits after {chosen[0][:9]}, cargo test {options.cargo_args}", flush=True)
    rows, skipped = replay(bench, chosen, options)
    table(rows, skipped, options)
    if options.save:
        options.save.write_text(json.dumps([figures(row) for row in rows], indent=1) + "\n")
    return 1 if any(row.missed or disagrees(row) for row in rows) else 0


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("repo", help="a git repository (bare or not); it is cloned, never written to")
    cargo_projects.options_of(parser)
    parser.add_argument("--count", type=int, default=30, help="commits (30)")
    parser.add_argument("--branch", default="HEAD", help="where the series ends (HEAD)")
    parser.add_argument("--touching", action="append", default=[], metavar="PATH",
                        help="only commits that touch this path; again for more (default: all but documentation)")
    parser.add_argument("--without-truth", action="store_true", help="no whole run at each commit")
    parser.add_argument("--first", default="--record=deep", metavar="FLAGS",
                        help="titer's flags at the commit before the series (--record=deep)")
    parser.add_argument("--flags", default="", help="titer's flags at each commit, e.g. --record=deep (none)")
    parser.add_argument("--save", type=Path, metavar="FILE", help="write the figures of each commit there, as JSON")
    options = cargo_projects.settled(parser, parser.parse_args())
    if options.without_titer:
        options.without_truth = False
    return options


def made(folder):
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def series(tree, branch, count, touching):
    """The last `count` first-parent commits that touch something but documents, oldest first."""
    found = []
    for commit in reversed(commits.series(tree, branch, 20 * count, touching)):
        changed = projects.git(tree, "diff-tree", "-m", "--first-parent", "-r", "--root", "--no-commit-id",
                               "--name-only", commit).splitlines()
        if not all(document(name) for name in changed):
            found.append(commit)
        if len(found) == count:
            break
    return found[::-1]


def document(name):
    path = PurePosixPath(name)
    return path.suffix in _DOCUMENTS or path.name.startswith(_NAMES) or path.parts[0] == ".github"


def checkout(bench, commit):
    """The commit's own tree; where it has no lock file, the one of the series, or nothing would stay the same."""
    commits.checkout(bench.tree, commit)
    lock, kept = bench.tree / "Cargo.lock", bench.scratch / "Cargo.lock"
    if lock.exists():
        return ""
    if kept.exists():
        lock.write_bytes(kept.read_bytes())
    took = bench.process("full", ["cargo", "metadata", "-q", "--format-version=1"])
    if took.exit != 0:
        return f"cargo metadata: {cargo_edits.last_line(took)}"
    kept.write_bytes(lock.read_bytes())
    return ""


def replay(bench, chosen, options):
    """Go through the commits in order; the first one that runs seeds the ledger."""
    rows, skipped, seeded = [], [], False
    tools.fresh(bench.ledger)
    for commit in chosen:
        row = Row(commit, projects.git(bench.tree, "log", "-1", "--format=%s", commit).strip())
        broken = at_commit(bench, row, options, seeded)
        if broken:
            print(f"{commit[:9]}  SKIPPED, does not run here: {broken}", flush=True)
            skipped.append((commit, broken))
        elif not seeded:
            seeded = True
            took = "".join(f", {name} {cargo_edits.told(ran).strip()}"
                           for name, ran in (("titer", row.ran), ("cargo", row.full)) if ran)
            print(f"{commit[:9]}  the start: {row.total} tests{took}", flush=True)
        else:
            rows.append(row)
            tell(row)
    return rows, skipped


def at_commit(bench, row, options, seeded):
    """Fill the row; the answer is why this commit cannot be replayed, or nothing."""
    if broken := checkout(bench, row.commit):
        return broken
    if not options.without_truth:
        row.full = bench.full()
        if not row.full.built and not seeded or row.full.took.timed_out:
            return f"the whole run breaks, exit {row.full.took.exit}: {cargo_edits.last_line(row.full.took)}"
    if options.without_titer:
        row.ran = row.full
        return ""
    row.ran = bench.titer_run(*(options.flags if seeded else options.first).split())
    row.reasons = reasons(bench, row.ran)
    if row.full:
        row.missed = cargo_edits.misses("titer", row.full, row.ran)
        if row.missed:
            # Only a test that fails in a second whole run as well can be a miss.
            row.missed &= bench.full().failed
    return ""


def reasons(bench, ran):
    """How many of the tests that ran are owed to which reason, as the ledger says of the run just made."""
    command = [bench.titer, "sql", "--json", "-C", bench.tree, "--ledger", bench.ledger, _DECIDED]
    took = bench.process("titer", command)
    try:
        text = took.output[took.output.index("["):] if took.output.lstrip().startswith("[") else took.output
        rows = json.loads(text) if text.startswith("[") else [json.loads(row) for row in text.splitlines() if row]
    except ValueError:
        return {"titer sql gave no decisions": len(ran.ids)} if ran.ids else {}
    plan = {row["test_id"]: (row["verdict"], row["reason"]) for row in rows}
    return tools.reasons(plan, ran.ids)


def disagrees(row):
    """titer's exit code is not cargo's."""
    return bool(row.full and row.full.took.exit != row.ran.took.exit)


def tell(row):
    parts = [f"{row.commit[:9]} {row.total:5} tests", f"titer {len(row.ran.ids):5} {row.share:6.1%} "
             f"{cargo_edits.told(row.ran)}"]
    if row.missed:
        parts.append(f"MISSED {len(row.missed)}: {', '.join(sorted(row.missed)[:3])}")
    if disagrees(row):
        parts.append(f"EXIT {row.ran.took.exit}, cargo {row.full.took.exit}")
    if row.full:
        state = f"{len(row.full.failed - {runs.SESSION})} failing" if row.full.built else "does not compile"
        parts.append(f"cargo {cargo_edits.told(row.full)} {state}")
    print("  ".join([*parts, row.subject[:50]]), flush=True)
    if row.reasons:
        print("          " + ", ".join(f"{reason} {number} ({number / row.total:.1%})"
                                        for reason, number in row.reasons.items()), flush=True)


def table(rows, skipped, options):
    print(f"\n{len(rows)} commits replayed, {len(skipped)} SKIPPED")
    for why in dict.fromkeys(why for _, why in skipped):
        print(f"  skipped {', '.join(commit[:9] for commit, other in skipped if other == why)}: {why}")
    if not rows:
        return
    shares = [row.share for row in rows]
    print(f"share of the tests, median {statistics.median(shares):.1%}, mean {statistics.mean(shares):.1%}; nothing at "
          f"{sum(not row.ran.ids for row in rows)} commits, everything at {sum(share >= 1 for share in shares)}")
    print(f"  {'':10} {'tests':>8} {'seconds':>9} {'build':>9} {'run':>9}")
    for name in ("ran", "full"):
        made_runs = [ran for row in rows if (ran := getattr(row, name))]
        if made_runs:
            cells = [sum(getter(ran) for ran in made_runs) for getter in
                     (lambda ran: ran.took.wall, lambda ran: ran.build, lambda ran: ran.run)]
            print(f"  {'titer' if name == 'ran' else 'cargo test':10} {sum(len(ran.ids) for ran in made_runs):8} "
                  + " ".join(f"{cell:9.1f}" for cell in cells))
    if not options.without_truth:
        print(f"missed {sum(len(row.missed) for row in rows)} failing tests at {sum(bool(row.missed) for row in rows)} "
              f"commits; {sum(bool(row.full.failed) for row in rows)} commits have failures in the whole run")
    owed = {}
    for row in rows:
        for reason, number in row.reasons.items():
            owed[reason] = owed.get(reason, 0) + number
    total = sum(row.total for row in rows)
    for reason, number in sorted(owed.items(), key=lambda pair: -pair[1]):
        print(f"  {reason:28} {number:7} tests, {number / total:6.1%} of all that could have run")


def figures(row):
    return {"commit": row.commit, "subject": row.subject, "total": row.total, "ran": len(row.ran.ids),
            "build": round(row.ran.build, 3), "run": round(row.ran.run, 3),
            "cargo_build": round(row.full.build, 3) if row.full else None,
            "cargo_run": round(row.full.run, 3) if row.full else None,
            "missed": sorted(row.missed), "reasons": row.reasons}


if __name__ == "__main__":
    sys.exit(main())
