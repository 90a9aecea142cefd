#!/usr/bin/env python3
"""Real jest projects, seeded edits: what titer and jest's own two selections run, what it costs, what they miss.

For every edit: the whole `npx jest` says which test files fail; then each tool runs on the same tree, titer from
the ledger that it recorded on the unedited one. A miss is a test file that fails in the whole run, twice, otherwise
than it did at the start, and that the tool did not run. See README.md.
"""

import argparse
import statistics
import sys
from dataclasses import dataclass, field

import jest_mutate
import jest_projects
import jest_runs
import runs

ATTEMPTS = 4


@dataclass
class Result:
    """What one edit did: the whole run, and one run and its misses for each tool."""

    edit: jest_mutate.Edit
    full: jest_runs.Ran
    known: dict
    news: set = field(default_factory=set)
    of: dict = field(default_factory=dict)
    missed: dict = field(default_factory=dict)
    odd: set = field(default_factory=set)

    def weight(self, name):
        """Tests of a file: where the edit broke it before its tests, as many as it had, or it would weigh nothing."""
        return self.full.files.get(name) or self.known.get(name) or 1

    def share(self, ran):
        everything = sum(self.weight(name) for name in self.full.files)
        return sum(self.weight(name) for name in ran.files) / everything if everything else float(not ran.reported)


def main():
    options = arguments()
    print(f"{options.edits} edits a project, seed {options.seed}, tools {', '.join(options.tools)}")
    everything = []
    for project, checkout in jest_projects.chosen(options, options.work):
        results = measured(project, checkout, options)
        everything.append((project.name, results))
        table(project.name, results, options.tools)
    if len(everything) > 1:
        table("all", [result for _, results in everything for result in results], options.tools)
    by_kind([result for _, results in everything for result in results], options.tools)
    return 1 if any(result.missed.get("titer") or result.odd for _, results in everything for result in results) else 0


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    jest_projects.options_of(parser)
    parser.add_argument("--tools", type=lambda text: [tool for tool in jest_runs.TOOLS if tool in text.split(",")],
                        default=list(jest_runs.TOOLS), metavar="TOOL[,TOOL]",
                        help=f"which, of {','.join(jest_runs.TOOLS)} (all)")
    parser.add_argument("--edits", type=int, default=20, help="edits for each project (20)")
    parser.add_argument("--first", type=int, default=0, help="number of the first edit, to look at one again")
    parser.add_argument("--seed", default="1", help="another seed makes other edits (1)")
    return jest_projects.settled(parser.parse_args())


def measured(project, checkout, options):
    """Warm and record once, and go through the edits of one project."""
    print(f"\n=== {project.name} {project.tag}", flush=True)
    folder = options.work / f"jest-{project.name}"
    tree = jest_projects.copy_of(project, checkout, folder)
    bench = jest_runs.Bench(project, tree, folder, options.titer, options.limit)
    base = started(bench, options.tools)
    maker = jest_mutate.Maker(project, tree, options.seed, bench.coverage(), base.files, base.failed)
    bench.limit = min(options.limit, max(60, 12 * base.took.wall))
    found = [edited(bench, maker, index, options.tools, base)
             for index in range(options.first, options.first + options.edits)]
    jest_projects.restore(tree)
    return [result for result in found if result]


def started(bench, wanted):
    """The unedited project: the whole run is the base, then every tool's cache is filled and titer records."""
    bench.run("full")
    base = bench.run("full")
    if not base.reported:
        raise SystemExit(f"the unedited project breaks: {jest_runs.last_line(base.took)}\n{base.took.output[-2000:]}")
    print(f"npx jest: {base.tests} tests in {len(base.files)} files, {base.took.wall:.2f} s; {len(base.failed)} files "
          f"fail from the start: {', '.join(sorted(base.failed)) or 'none'}", flush=True)
    for tool in wanted:
        if tool == "titer":
            bench.rewind(False)
            ran = bench.run("titer")
            bench.keep()
            print(f"titer records: {ran.tests} tests, {ran.took.wall:.2f} s, exit {ran.took.exit} (jest "
                  f"{base.took.exit}); {'; '.join(ran.said())}", flush=True)
            if ran.files != base.files or ran.failed != base.failed:
                print(f"  NOT THE SAME as the bare run: {sorted(set(ran.files.items()) ^ set(base.files.items()))[:5]} "
                      f"{sorted(set(ran.failed) ^ set(base.failed))[:5]}")
        else:
            # A whole run in the folder that will be this tool's, so that it finds every file compiled.
            bench.process(tool, ["npx", "jest", *bench.project.arguments])
    bench.keep_orders()
    return base


def edited(bench, maker, index, wanted, base):
    """Make edit number `index`; where jest itself dies of it or never ends, no file is named: another is made."""
    for attempt in range(ATTEMPTS):
        edit = maker.edit(index, attempt)
        full = one(bench, "full", edit)
        if full.reported or not full.took.timed_out and attempt == ATTEMPTS - 1:
            break
        state = "does not end" if full.took.timed_out else f"dies: {jest_runs.last_line(full.took)}"
        print(f"#{index} {edit.kind}: {edit.what}: the whole run {state}; another", flush=True)
    else:
        return None
    result = Result(edit, full, base.files, full.news(base))
    state = f"{len(result.news)} files fail anew" if full.reported else f"breaks: {jest_runs.last_line(full.took)}"
    print(f"#{index} {edit.kind}: {edit.what}\n    {'npx jest':12} {full.tests:5} tests {full.took.wall:7.2f} s "
          f"exit {full.took.exit}  {state}", flush=True)
    for tool in wanted:
        result.of[tool] = one(bench, tool, edit)
        result.missed[tool] = misses(result, result.of[tool])
    confirm(bench, result)
    for tool in wanted:
        tell(tool, result)
    return result


def one(bench, tool, edit):
    """One tool on a tree with the edit, from what it recorded on the unedited one."""
    bench.rewind(tool == "titer")
    edit.apply(bench.tree)
    return bench.run(tool)


def misses(result, ran):
    """Files that fail and were not run; of a run that broke as a whole, the failure itself."""
    return {name for name in result.news - set(ran.files) if name != runs.SESSION or ran.took.exit == 0}


def confirm(bench, result):
    """What fails only sometimes is nobody's miss, and an exit code that changes by itself nobody's mistake."""
    ran = result.of.get("titer")
    odd = ran is not None and ran.took.exit != result.full.took.exit
    if not odd and not any(result.missed.values()):
        return
    again = one(bench, "full", result.edit)
    if unsteady := result.news - set(again.failed):
        print(f"    not counted, failed once only: {', '.join(sorted(unsteady)[:5])}")
    result.news &= set(again.failed)
    result.missed = {tool: names & set(again.failed) for tool, names in result.missed.items()}
    if odd and again.took.exit == result.full.took.exit:
        result.odd.add(ran.took.exit)


def tell(tool, result):
    ran, full, notes = result.of[tool], result.full, ""
    if ran.took.timed_out:
        notes += "  DID NOT END"
    elif not ran.reported and ran.took.exit != 0:
        notes += f"  breaks: {jest_runs.last_line(ran.took)}"
    if missed := result.missed[tool]:
        notes += f"  MISSED {len(missed)}: {', '.join(sorted(missed)[:4])}"
    if tool == "titer" and result.odd:
        notes += f"  EXIT {ran.took.exit}, jest {full.took.exit}"
    if other := [name for name in ran.files if ran.failed.get(name) != full.failed.get(name)]:
        notes += f"  not as in the whole run: {', '.join(sorted(other)[:3])}"
    if tool == "titer" and (left := set(full.failed) - result.news - set(ran.files)):
        notes += f"  left out {len(left)} that failed at the start: {', '.join(sorted(left)[:3])}"
    print(f"    {tool:12} {ran.tests:5} tests {ran.took.wall:7.2f} s exit {ran.took.exit} {result.share(ran):7.1%} in "
          f"{len(ran.files)} files{notes}", flush=True)
    if tool == "titer":
        for line in ran.said():
            print(f"        {line[:150]}", flush=True)


def table(name, results, wanted):
    """Totals of one project: share of the tests and of the seconds, misses."""
    if not results:
        return
    failing = [result for result in results if result.news]
    seconds = sum(result.full.took.wall for result in results)
    print(f"\n{name}: {len(results)} edits, {len(failing)} with new failures, "
          f"{sum(len(result.news) for result in results)} failing files")
    print(f"  {'tool':12} {'tests run':>9} {'mean':>7} {'median':>7} {'seconds':>8} {'share':>7} {'edits missed':>13} "
          f"{'files missed':>13} {'printed green':>14}")
    tests = sum(result.full.tests for result in results)
    print(f"  {'npx jest':12} {tests:9} {1:7.1%} {1:7.1%} {seconds:8.1f} {1:7.1%}")
    for tool in wanted:
        rans = [result.of[tool] for result in results]
        shares = [result.share(result.of[tool]) for result in results]
        missed = [result.missed[tool] for result in results if result.missed[tool]]
        took = sum(ran.took.wall for ran in rans)
        print(f"  {tool:12} {sum(ran.tests for ran in rans):9} {statistics.mean(shares):7.1%} "
              f"{statistics.median(shares):7.1%} {took:8.1f} {took / seconds:7.1%} {len(missed):13} "
              f"{sum(map(len, missed)):13} {sum(result.of[tool].took.exit == 0 for result in failing):14}", flush=True)


def by_kind(results, wanted):
    """One line for each kind of edit over all projects: what share each tool ran, and what it missed."""
    kinds = {}
    for result in results:
        # Where a project has no place for a kind, the edit is one of the kind that was made instead.
        kinds.setdefault(result.edit.kind.split(" ")[0], []).append(result)
    print("\nby kind of edit, all projects: mean share of the tests (files missed)")
    print(f"  {'kind':12} {'edits':>5} {'failing':>8} " + " ".join(f"{tool:>15}" for tool in wanted))
    for kind, those in sorted(kinds.items()):
        cells = []
        for tool in wanted:
            missed = sum(len(result.missed[tool]) for result in those)
            cells.append(f"{statistics.mean(result.share(result.of[tool]) for result in those):7.1%} "
                         f"{f'({missed})' if missed else '':>7}")
        print(f"  {kind:12} {len(those):5} {sum(len(result.news) for result in those):8} " + " ".join(cells))


if __name__ == "__main__":
    sys.exit(main())
