#!/usr/bin/env python3
"""What a tool costs on top of the bare suite: interleaved pairs, wall and CPU, every pair printed.

Each pair is one bare run and one run of a mode, back to back, the order swapped from pair to pair, so
that a machine that slows down slows both. The answer is the median of the ratios with its 90 % interval
from order statistics (no distribution is assumed). See README.md.
"""

import argparse
import math
import statistics
import sys
import tempfile
from pathlib import Path

import edits
import projects
import runs
import tools

TITER = ("titer-no-record", "titer-record", "titer-record-deep", "titer-nothing-to-run")
PEERS = ("testmon-record", "testmon-nothing-to-run", "contexts-record")
MEANING = {
    "titer-no-record": "titer run --no-record --all: every test once, nothing recorded",
    "titer-record": "titer run --record --all: every test once, recorded into an empty ledger",
    "titer-record-deep": "titer run --record=deep --all: every test twice (the second time in reverse order), recorded "
                         "into an empty ledger, against one bare run",
    "titer-nothing-to-run": "titer run after a recording, nothing changed: deciding that there is nothing to run",
    "testmon-record": "pytest --testmon without a data file: every test once, recorded",
    "testmon-nothing-to-run": "pytest --testmon after a recording, nothing changed",
    "contexts-record": "coverage run with one context for each test (C tracer)",
}


def main():
    options = arguments()
    work = Path(options.work or tempfile.mkdtemp(prefix="peers-")).resolve()
    work.mkdir(parents=True, exist_ok=True)
    modes = options.modes or [*(() if options.without_titer else TITER), *PEERS]
    bench = prepared(options, work)
    print(f"{options.project} {projects.PROJECTS[options.project].version}, Python "
          f"{projects.version_of(options.python)}, {options.pairs} pairs a mode")
    actions = modes_of(bench)
    whole, refused = warm(bench, actions, modes)
    series = {mode: pairs_of(bench, mode, actions[mode], options.pairs, whole)
              for mode in modes if mode not in refused}
    print("\nmedian of the ratios to bare, with its 90 % interval:")
    for mode, pairs in series.items():
        summary(mode, pairs)
    upper_ends(series)
    for mode, line in refused.items():
        print(f"  {mode:30} left out: {line}")
    projects.restore(bench.tree)
    return 1 if refused or any(note for pairs in series.values() for *_, note in pairs) else 0


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--titer", type=Path, help="the titer program (a release build: this is about time)")
    parser.add_argument("--without-titer", action="store_true", help="the peers only")
    parser.add_argument("--python", type=Path, default=Path(sys.executable), help="interpreter for the environments")
    parser.add_argument("--work", help="folder for archives, trees and environments (default: a temporary one)")
    parser.add_argument("--project", choices=list(projects.PROJECTS), default="marshmallow")
    parser.add_argument("--pairs", type=int, default=15, help="pairs for each mode (15)")
    parser.add_argument("--modes", type=listed, action="extend", metavar="MODE[,MODE]",
                        help=f"of {', '.join(MEANING)}; no-record, record, deep and nothing are titer's (all)")
    parser.add_argument("--extra", action="append", default=[], metavar="REQUIREMENT",
                        help="install this into titer's and the bare environment too, e.g. coverage==7.17.3")
    options = parser.parse_args()
    if any(mode in TITER for mode in options.modes or (() if options.without_titer else TITER)):
        if options.titer is None:
            parser.error("--titer PATH or --without-titer")
        options.titer = options.titer.resolve()
    options.python = options.python.absolute()
    return options


def listed(text):
    """Modes by their names, or titer's by the short ones, each once."""
    short = {"no-record": TITER[0], "record": TITER[1], "deep": TITER[2], "nothing": TITER[3]}
    names = [short.get(name.strip(), name.strip()) for name in text.split(",")]
    if unknown := [name for name in names if name not in MEANING]:
        raise argparse.ArgumentTypeError(f"no such mode: {', '.join(unknown)}")
    return list(dict.fromkeys(names))


def prepared(options, work):
    project = projects.PROJECTS[options.project]
    tree = projects.tree_of(project, options.python, work)
    insides = projects.environments_of(project, tree, options.python, work, ("testmon", "contexts"))
    name = project.name + "".join(f"+{extra.replace('==', '-')}" for extra in options.extra)
    insides["plain"] = projects.environment_of(name, "plain", options.python, work,
                                               (*project.requires, *options.extra), tree)
    # Bytecode caches stay on: the tree is never edited here, and recompiling it would hide the overhead.
    return tools.Bench(tree, insides, project.arguments, work / project.name / "scratch", options.titer, bytecode=True)


def modes_of(bench):
    """For each mode: what to do before the clock starts, and the run itself."""
    empty = bench.scratch / "empty-ledger"

    def clean():
        forget(bench.tree)

    def recorded():
        forget(bench.tree)
        bench.put_testmon()

    return {
        "titer-no-record": (lambda: tools.copied(bench.states / "titer", empty),
                            lambda: bench.titer_run(empty, "--no-record", "--all")),
        "titer-record": (lambda: tools.fresh(empty), lambda: bench.titer_run(empty, "--record", "--all")),
        "titer-record-deep": (lambda: tools.fresh(empty), lambda: bench.titer_run(empty, "--record=deep", "--all")),
        "titer-nothing-to-run": (bench.ledger, lambda: bench.titer_run(bench.scratch / "ledger")),
        "testmon-record": (clean, bench.testmon_run),
        "testmon-nothing-to-run": (recorded, bench.testmon_run),
        "contexts-record": (clean, bench.record_contexts),
    }


def forget(tree):
    """Away with testmon's files; nothing else, or the bytecode would go too."""
    for path in tree.glob(".testmondata*"):
        path.unlink()


def warm(bench, actions, modes):
    """Fill every cache and record every state that a mode starts from; nothing here is counted.

    Answers the bare run, and what a tool said that refused a mode: that it did so fast is no figure.
    """
    projects.restore(bench.tree)
    whole = bench.green()
    if any(mode in TITER for mode in modes):
        bench.record_titer()
    if any(mode.startswith("testmon") for mode in modes):
        forget(bench.tree)
        bench.record_testmon()
    refused = {}
    for mode in modes:
        before, run = actions[mode]
        before()
        ran = run()
        if not ran.started and ran.took.exit not in (0, 5):
            refused[mode] = f"exit {ran.took.exit}, {edits.last_line(ran)}"
            print(f"{mode} is left out, {refused[mode]}", flush=True)
    forget(bench.tree)
    return whole, refused


def pairs_of(bench, mode, action, wanted, whole):
    """`wanted` pairs of (bare, mode), first one first, then the other."""
    print(f"\n{mode}: {MEANING[mode]}")
    print(f"  {'pair':>4} {'bare wall':>10} {'mode wall':>10} {'ratio':>7} {'bare cpu':>10} {'mode cpu':>10} "
          f"{'ratio':>7}")
    before, run = action
    pairs = []
    for number in range(wanted):
        before()
        if number % 2:
            ran, bare = run(), bench.bare()
        else:
            bare, ran = bench.bare(), run()
        note = wrong(mode, ran, whole)
        pairs.append((bare.took, ran.took, note))
        print(f"  {number + 1:4} {bare.took.wall:9.3f}s {ran.took.wall:9.3f}s {ran.took.wall / bare.took.wall:6.3f}x "
              f"{bare.took.cpu:9.3f}s {ran.took.cpu:9.3f}s {ran.took.cpu / bare.took.cpu:6.3f}x{note}", flush=True)
    forget(bench.tree)
    return pairs


def wrong(mode, ran, whole):
    """Why this run did not do what its mode promises; empty if it did."""
    if ran.took.exit not in (0, 5):
        return f"  EXIT {ran.took.exit}"
    if mode.endswith("-nothing-to-run"):
        if runs.count(ran.ids):
            return f"  RAN {runs.count(ran.ids)} TESTS"
        return "  PYTEST WAS STARTED" if mode == "titer-nothing-to-run" and ran.started else ""
    if ran.ids != whole.ids:
        return f"  RAN {runs.count(ran.ids)} OF {runs.count(whole.ids)} TESTS"
    starts = (2 if mode == "titer-record-deep" else 1) * whole.starts
    return "" if ran.starts == starts else f"  STARTED {ran.starts} TESTS, NOT {starts}"


def summary(mode, pairs):
    print(f"  {mode}")
    for name in ("wall", "cpu"):
        ratios = ratios_of(pairs, name)
        own = statistics.median(getattr(ran, name) for _, ran, _ in pairs)
        bare = statistics.median(getattr(bare, name) for bare, _, _ in pairs)
        print(f"    {name:4} {statistics.median(ratios):6.3f}x  {told(ratios)}  "
              f"median {own:.3f} s against {bare:.3f} s")
        if mode == "titer-record-deep":
            print(f"         {statistics.median(ratios) / 2:6.3f}x  of two bare runs, which is what it runs")
    notes = [note.strip() for *_, note in pairs if note]
    if mode == "titer-nothing-to-run" and not notes:
        # No pytest was started in any pair, so the whole process is titer's own.
        wall, cpu = (1000 * statistics.median(getattr(ran, name) for _, ran, _ in pairs) for name in ("wall", "cpu"))
        print(f"    titer's own share: the whole of it, {wall:.0f} ms wall, {cpu:.0f} ms CPU")
    if notes:
        print(f"    NOT WHAT WAS ASKED in {len(notes)} of {len(pairs)} pairs: {notes[0]}")


def ratios_of(pairs, name):
    return [getattr(ran, name) / getattr(bare, name) for bare, ran, _ in pairs]


def upper_ends(series):
    """What each mode costs at most: the upper end of the interval is the figure that a promise is held against."""
    print(f"\n{'upper end of the 90 % interval':32} {'wall':>9} {'cpu':>9}")
    for mode, pairs in series.items():
        ends = [interval(ratios_of(pairs, name)) for name in ("wall", "cpu")]
        print(f"  {mode:30} " + " ".join(f"{end[1]:8.3f}x" if end else f"{'unknown':>9}" for end in ends)
              + ("  NOT WHAT WAS ASKED" if any(note for *_, note in pairs) else ""))


def told(values):
    found = interval(values)
    if found is None:
        return f"[too few pairs for an interval; {min(values):.3f} .. {max(values):.3f}]"
    return f"[{found[0]:.3f} .. {found[1]:.3f}] ({found[2]:.1%})"


def interval(values, level=0.90):
    """The tightest order-statistic interval of the median that holds with at least `level`.

    The number of values below the median is binomial(n, 1/2), so [x(k), x(n+1-k)] fails with
    probability 2 * P(binomial <= k - 1). Answers (lower end, upper end, probability), None for too few values.
    """
    ordered, size = sorted(values), len(values)
    best, below = None, 0.0
    for k in range(1, size // 2 + 1):
        below += math.comb(size, k - 1) / 2**size
        if 1 - 2 * below < level:
            break
        best = (ordered[k - 1], ordered[size - k], 1 - 2 * below)
    return best


if __name__ == "__main__":
    sys.exit(main())
