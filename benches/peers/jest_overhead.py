#!/usr/bin/env python3
"""What titer costs on top of `npx jest -i`: interleaved pairs on one unedited tree, CPU and wall.

Each pair is one bare run and one run of a mode, back to back, the order swapped from pair to pair. `-i` keeps jest in
one process, so that neither the number of cores nor their load decides how it splits its work. See README.md.
"""

import argparse
import random
import statistics
import sys

import jest_projects
import jest_runs
import projects
import runs

MODES = {
    "no-record": (("--all", "--no-record"), "every test, nothing recorded"),
    "record": (("--all",), "every test, recorded from nothing"),
    "nothing": ((), "after a recording, nothing changed: deciding that there is nothing to run"),
}
_JEST = "jest@29.7.0"
LAYERS, WIDTH, FILES, TESTS = 10, 40, 200, 7


def main():
    options = arguments()
    bad = 0
    for project, checkout in wanted(options):
        folder = options.work / f"jest-{project.name}"
        tree = jest_projects.copy_of(project, checkout, folder)
        bad += measured(jest_runs.Bench(project, tree, folder, options.titer, options.limit), options)
    return 1 if bad else 0


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    jest_projects.options_of(parser)
    parser.add_argument("--generated", action="store_true",
                        help=f"a generated project: {LAYERS * WIDTH} modules, {FILES} test files, "
                             f"{FILES * TESTS:,} tests (alone, or with those of --project and --checkout)")
    parser.add_argument("--pairs", type=int, default=15, help="pairs for each mode (15)")
    parser.add_argument("--modes", type=lambda text: [mode for mode in MODES if mode in text.split(",")],
                        default=list(MODES), metavar="MODE[,MODE]", help=f"of {', '.join(MODES)} (all)")
    return jest_projects.settled(parser.parse_args())


def wanted(options):
    found = []
    if options.project or options.checkout or not options.generated:
        found += jest_projects.chosen(options, options.work)
    if options.generated:
        project = jest_projects.Project("generated", "", "")
        found.append((project, generated(options.work / "generated")))
    return found


def generated(tree):
    """Plain CommonJS in layers: each module adds up three of the layer below, each test file reads two of the top."""
    if (tree / "node_modules").is_dir():
        return tree
    rng = random.Random("generated")
    for layer in range(LAYERS):
        for number in range(WIDTH):
            below = rng.sample(range(WIDTH), 3) if layer else []
            lines = [f"const m{one} = require('../layer{layer - 1}/m{one}');" for one in below]
            total = " + ".join([str(number), *(f"m{one}.base" for one in below)])
            written(tree / f"src/layer{layer}/m{number}.js",
                    [*lines, f"exports.base = ({total}) % 1009;",
                     "exports.value = function (x) { return (x + exports.base) % 1009; };",
                     f"exports.name = 'layer {layer}, module {number}';"])
    for number in range(FILES):
        layers = sorted(rng.randrange(LAYERS) for _ in range(2))
        paths = [f"../src/layer{layer}/m{rng.randrange(WIDTH)}" for layer in layers]
        lines = [f"const {name} = require('{path}');" for name, path in zip("ab", paths)]
        lines += [f"test('sum {one}', () => {{ expect(a.value({one}) + b.value({one})).toBeLessThan(2018); }});"
                  for one in range(TESTS)]
        written(tree / f"tests/t{number}.test.js", lines)
    written(tree / "package.json", ['{"name": "generated", "version": "1.0.0", "private": true}'])
    written(tree / "jest.config.js", ["module.exports = { testEnvironment: 'node' };"])
    projects.git(tree, "init", "-q", "-b", "main")
    runs.must(["npm", "install", "--save-dev", "--no-audit", "--no-fund", _JEST], tree)
    return tree


def written(path, lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


def measured(bench, options):
    """All modes of one project; how many runs did not do what their mode says."""
    bench.rewind(False)
    bare(bench)
    whole = bare(bench)
    if not whole.reported:
        raise SystemExit(f"{bench.project.name} breaks: {jest_runs.last_line(whole.took)}")
    bench.rewind(False)
    titer(bench, ("--all",))
    bench.keep()
    print(f"\n=== {bench.project.name}: {whole.tests} tests in {len(whole.files)} files ({len(whole.failed)} fail), "
          f"{whole.took.wall:.2f} s, {options.pairs} pairs a mode", flush=True)
    series = {mode: pairs_of(bench, mode, options.pairs, whole) for mode in options.modes}
    print("\nmedian of the ratios to bare, with its 90 % interval:")
    for mode, pairs in series.items():
        summary(mode, pairs)
    jest_projects.restore(bench.tree)
    return sum(bool(note) for pairs in series.values() for *_, note in pairs)


def bare(bench):
    return bench.run("full", arguments=("-i",))


def titer(bench, flags):
    return bench.run("titer", flags, ("-i",))


def pairs_of(bench, mode, count, whole):
    """`count` pairs of (bare, mode), first one first, then the other; one more before them is not counted."""
    flags, meaning = MODES[mode]
    print(f"\n{mode}: titer run {' '.join([*flags, '--', 'npx jest -i'])}: {meaning}")
    print(f"  {'pair':>4} {'bare wall':>10} {'mode wall':>10} {'ratio':>7} {'bare cpu':>10} {'mode cpu':>10} "
          f"{'ratio':>7}")
    pairs = []
    for number in range(count + 1):
        bench.rewind(mode != "record")
        if number % 2:
            ran, plain = titer(bench, flags), bare(bench)
        else:
            plain, ran = bare(bench), titer(bench, flags)
        note = wrong(mode, ran, plain, whole)
        if not number:
            continue
        pairs.append((plain.took, ran.took, note))
        print(f"  {number:4} {plain.took.wall:9.3f}s {ran.took.wall:9.3f}s {ran.took.wall / plain.took.wall:6.3f}x "
              f"{plain.took.cpu:9.3f}s {ran.took.cpu:9.3f}s {ran.took.cpu / plain.took.cpu:6.3f}x{note}", flush=True)
    return pairs


def wrong(mode, ran, plain, whole):
    """Why this pair is not what its mode promises; empty if it is. Files that fail from the start always run."""
    for name, one in (("titer", ran), ("jest", plain)):
        if one.took.exit != whole.took.exit:
            return f"  {name} EXIT {one.took.exit}: {jest_runs.last_line(one.took)}"
    if plain.files != whole.files:
        return f"  jest RAN {plain.tests} OF {whole.tests} TESTS"
    expected = {name: tests for name, tests in whole.files.items() if mode != "nothing" or name in whole.failed}
    return "" if ran.files == expected else f"  titer RAN {ran.tests} TESTS, NOT {sum(expected.values())}"


def summary(mode, pairs):
    print(f"  {mode}")
    for name in ("cpu", "wall"):
        ratios = [getattr(ran, name) / getattr(plain, name) for plain, ran, _ in pairs]
        low, high = interval(ratios)
        own, plain = (statistics.median(getattr(pair[side], name) for pair in pairs) for side in (1, 0))
        print(f"    {name:4} {statistics.median(ratios):6.3f}x  [{low:.3f} .. {high:.3f}]  median {own:.3f} s against "
              f"{plain:.3f} s")
    if notes := [note.strip() for *_, note in pairs if note]:
        print(f"    NOT WHAT WAS ASKED in {len(notes)} of {len(pairs)} pairs: {notes[0]}")


def interval(values, level=0.90, rounds=4000):
    """The bootstrap's percentile interval of the median; always the same for the same values."""
    rng = random.Random(0)
    middles = sorted(statistics.median(rng.choices(values, k=len(values))) for _ in range(rounds))
    cut = int(rounds * (1 - level) / 2)
    return middles[cut], middles[-1 - cut]


if __name__ == "__main__":
    sys.exit(main())
