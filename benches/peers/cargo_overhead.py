#!/usr/bin/env python3
"""What titer costs on top of `cargo test`: interleaved pairs in one warm target folder, wall and CPU.

Each pair is one bare run and one run of a mode, back to back, the order swapped from pair to pair. Both use
the same target folder, and after each of titer's runs cargo itself is asked what it would build: anything at
all means that titer made the user build again. The deep record is measured apart, on a fresh clone: once with
its second build to do and once without, so that the difference is that build. See README.md.
"""

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

import cargo_edits
import cargo_projects
import cargo_runs
import overhead
import runs
import tools

MODES = {
    "no-record": (("--all", "--no-record"), "every test, nothing recorded"),
    "record": (("--all",), "every test, recorded as titer does by itself"),
    "nothing": ((), "after a recording, nothing changed: deciding that there is nothing to run"),
}


def main():
    options = arguments()
    work = Path(options.work or tempfile.mkdtemp(prefix="peers-")).resolve()
    work.mkdir(parents=True, exist_ok=True)
    bad = 0
    for project, tree in cargo_projects.chosen(options, work):
        bad += measured(project, tree, options, work)
    return 1 if bad else 0


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    cargo_projects.options_of(parser)
    parser.add_argument("--project", action="append", metavar="NAME|PATH",
                        help=f"of {', '.join(cargo_projects.PROJECTS)}, or a git repository; again for more (all)")
    parser.add_argument("--pairs", type=int, default=15, help="pairs for each mode (15)")
    parser.add_argument("--modes", type=lambda text: [mode for mode in MODES if mode in text.split(",")],
                        default=list(MODES), metavar="MODE[,MODE]", help=f"of {', '.join(MODES)} (all)")
    parser.add_argument("--only", default="", metavar="ARGS",
                        help="further arguments of cargo test, e.g. --tests to leave the doctests out")
    parser.add_argument("--deep-rounds", type=int, default=1, help="rounds of the deep record (1; 0 for none)")
    options = cargo_projects.settled(parser, parser.parse_args())
    if options.without_titer:
        options.modes, options.deep_rounds = [], 0
    return options


def measured(project, tree, options, work):
    """All modes of one project; how many runs did not do what their mode says."""
    bench = cargo_runs.Bench(project, tree, work / project.name, options.titer, options.limit)
    test = options.only.split()
    bench.process("full", bench.cargo_test(*test))
    whole = bare(bench, test)
    if whole.failed or bench.stale("full", test):
        raise SystemExit(f"not green, or not up to date: {sorted(whole.failed)[:5]}\n{whole.took.output[-2000:]}")
    print(f"\n=== {project.name}: {len(whole.ids)} tests, {whole.took.wall:.2f} s, {options.pairs} pairs a mode",
          flush=True)
    if options.without_titer:
        steady(bench, test, options.pairs)
        return 0
    tools.fresh(bench.recorded)
    tools.fresh(bench.ledger)
    titer(bench, "full", ("--all",), test)
    tools.copied(bench.ledger, bench.recorded)
    series = {mode: pairs_of(bench, mode, test, options.pairs, whole) for mode in options.modes}
    print("\nmedian of the ratios to bare, with its 90 % interval:")
    for mode, pairs in series.items():
        summary(mode, pairs)
    notes = sum(bool(note) for pairs in series.values() for *_, note in pairs)
    for number in range(options.deep_rounds):
        notes += deep(bench, test, whole, number)
    return notes


def bare(bench, test):
    return bench.read(bench.process("full", bench.cargo_test(*test)))


def titer(bench, target, flags, test):
    return bench.read(bench.process(target, bench.titer_command(*flags, test=test)))


def steady(bench, test, pairs):
    """Bare against bare: how much of a ratio is the machine."""
    rounds = [(bare(bench, test).took, bare(bench, test).took, "") for _ in range(pairs)]
    summary("bare against bare", rounds)


def pairs_of(bench, mode, test, wanted, whole):
    """`wanted` pairs of (bare, mode), first one first, then the other; one more before them is not counted."""
    flags, meaning = MODES[mode]
    print(f"\n{mode}: titer run {' '.join(flags)}: {meaning}")
    print(f"  {'pair':>4} {'bare wall':>10} {'mode wall':>10} {'ratio':>7} {'bare cpu':>10} {'mode cpu':>10} "
          f"{'ratio':>7}")
    pairs = []
    for number in range(wanted + 1):
        if mode == "record":
            tools.fresh(bench.ledger)
        else:
            tools.copied(bench.recorded, bench.ledger)
        if number % 2:
            ran, plain = titer(bench, "full", flags, test), bare(bench, test)
        else:
            plain, ran = bare(bench, test), titer(bench, "full", flags, test)
        note = wrong(mode, ran, plain, whole) or rebuilt(bench, test)
        if not number:
            continue
        pairs.append((plain.took, ran.took, note))
        print(f"  {number:4} {plain.took.wall:9.3f}s {ran.took.wall:9.3f}s {ran.took.wall / plain.took.wall:6.3f}x "
              f"{plain.took.cpu:9.3f}s {ran.took.cpu:9.3f}s {ran.took.cpu / plain.took.cpu:6.3f}x{note}", flush=True)
    return pairs


def rebuilt(bench, test):
    """What cargo would build now, after titer: the user must never have to build again because of us."""
    number = bench.stale("full", test)
    return f"  CARGO WOULD BUILD {number} UNITS AGAIN" if number else ""


def wrong(mode, ran, plain, whole):
    """Why this pair is not what its mode promises; empty if it is."""
    for name, one in (("titer", ran), ("cargo", plain)):
        if one.took.exit != 0:
            return f"  {name} EXIT {one.took.exit}: {cargo_edits.last_line(one.took)}"
        if "   Compiling " in one.took.output:
            return f"  {name} COMPILED"
    if plain.ids != whole.ids:
        return f"  cargo RAN {len(plain.ids)} OF {len(whole.ids)} TESTS"
    expected = set() if mode == "nothing" else whole.ids
    return "" if ran.ids == expected else f"  titer RAN {len(ran.ids)} TESTS, NOT {len(expected)}"


def summary(mode, pairs):
    print(f"  {mode}")
    for name in ("wall", "cpu"):
        ratios = overhead.ratios_of(pairs, name)
        own, plain = ([getattr(pair[side], name) for pair in pairs] for side in (1, 0))
        print(f"    {name:4} {statistics.median(ratios):6.3f}x  {overhead.told(ratios)}  median {middle(own)} against "
              f"{middle(plain)}")
    if mode == "nothing":
        print(f"    the whole of it is titer's own: {1000 * statistics.median(ran.wall for _, ran, _ in pairs):.0f} ms "
              f"wall, {1000 * statistics.median(ran.cpu for _, ran, _ in pairs):.0f} ms CPU")
    if notes := [note.strip() for *_, note in pairs if note]:
        print(f"    NOT WHAT WAS ASKED in {len(notes)} of {len(pairs)} pairs: {notes[0]}")


def middle(values):
    return f"{statistics.median(values):.3f} s ({min(values):.3f} .. {max(values):.3f})"


def deep(bench, test, whole, number):
    """The deep record on a fresh clone and in a fresh target folder: bare, cold second build, warm second build."""
    folder = tools.fresh(bench.scratch / "deep")
    folder.mkdir()
    runs.must(["git", "clone", "-q", "--no-hardlinks", bench.tree, folder / "tree"], folder)
    (folder / "tree" / ".git" / "info").mkdir(exist_ok=True)
    (folder / "tree" / ".git" / "info" / "exclude").write_text("target/\n.titer/\n")
    apart = cargo_runs.Bench(bench.project, folder / "tree", folder, bench.titer, bench.limit)
    build = apart.process("full", apart.cargo_test("--no-run", *test))
    plain = [bare(apart, test) for _ in range(3)]
    cold = titer(apart, "full", ("--record=deep", "--all"), test)
    note = rebuilt(apart, test)
    tools.fresh(apart.ledger)
    warm = titer(apart, "full", ("--record=deep", "--all"), test)
    once = statistics.median(ran.took.wall for ran in plain)
    print(f"\ndeep record, round {number + 1}: first build {build.wall:.2f} s wall {build.cpu:.2f} s CPU; bare run "
          f"{once:.2f} s")
    for name, ran in (("with its second build", cold), ("second build there", warm)):
        state = "" if ran.took.exit == 0 and ran.ids == whole.ids else f"  EXIT {ran.took.exit}, {len(ran.ids)} tests"
        print(f"  {name:24} {ran.took.wall:8.2f} s wall {ran.took.cpu:8.2f} s CPU{state}")
    print(f"  the second build is      {cold.took.wall - warm.took.wall:8.2f} s wall "
          f"{cold.took.cpu - warm.took.cpu:8.2f} s CPU")
    print(f"  the second run is        {warm.took.wall - once:8.2f} s wall, {(warm.took.wall - once) / once:.2f}x a "
          f"bare run, titer's own work in it{note}")
    return bool(note) or cold.took.exit != 0 or warm.took.exit != 0


if __name__ == "__main__":
    sys.exit(main())
