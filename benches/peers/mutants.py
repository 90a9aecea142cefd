#!/usr/bin/env python3
"""Mutation testing by selection: does the suite that titer selects kill every mutant that the whole suite kills?

Each mutant changes one place in a function body that the suite ran. The bare suite runs to its end,
then titer runs the same command on the same tree from a copy of the ledger recorded on the unedited
one. A mutant is killed by the suite if the bare run fails, and killed by the selection if titer's does.
See README.md.
"""

import argparse
import shlex
import shutil
import statistics
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import edits
import mutate
import projects
import runs
import tools

# pytest's exit code where nothing was left to run: a green run, and no mutant is killed by it.
GREEN = (0, 5)
TIMES = 12


@dataclass
class Result:
    """What one mutant did to the whole suite and to titer's selection."""

    edit: mutate.Edit
    full: runs.Ran
    ran: runs.Ran
    steady: bool = True
    left_out: set = field(default_factory=set)

    @property
    def killed(self):
        return self.full.took.exit not in GREEN and self.steady

    @property
    def caught(self):
        return self.ran.took.exit not in GREEN and not self.broke

    @property
    def broke(self):
        """titer's run itself went wrong where the whole run did not; that kills nothing."""
        return self.ran.crashed and not self.full.crashed

    @property
    def missed(self):
        return self.killed and not self.caught

    @property
    def share(self):
        return edits.share(self.ran, self.full)


def main():
    options = arguments()
    work = Path(options.work or tempfile.mkdtemp(prefix="peers-")).resolve()
    work.mkdir(parents=True, exist_ok=True)
    print(f"work folder {work}, Python {projects.version_of(options.python)}, {options.count} mutants a project, "
          f"seed {options.seed}, titer run {options.flags}")
    summary = [(name, *measured(projects.PROJECTS[name], options, work)) for name in options.project]
    for name, results, skipped in summary:
        table(name, results, skipped)
    if not options.work:
        shutil.rmtree(work, ignore_errors=True)
    return 1 if any(result.missed or result.broke for _, results, _ in summary for result in results) else 0


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--titer", type=Path, required=True, help="the titer program")
    parser.add_argument("--python", type=Path, default=Path(sys.executable), help="interpreter for the environments")
    parser.add_argument("--work", help="folder for archives, trees and environments (kept; default: a temporary one)")
    parser.add_argument("--project", action="append", choices=list(projects.PROJECTS),
                        help="again for more; default marshmallow and jinja2")
    parser.add_argument("--count", type=int, default=100, help="mutants for each project (100)")
    parser.add_argument("--seed", default="1", help="another seed makes other mutants (1)")
    parser.add_argument("--flags", default="--no-record",
                        help="flags of titer run (--no-record: nothing is to be learnt from a mutant)")
    options = parser.parse_args()
    options.project = options.project or ["marshmallow", "jinja2"]
    options.titer = options.titer.resolve()
    options.python = options.python.absolute()
    return options


def measured(project, options, work):
    """Record the unedited tree once and go through the mutants; the answer is the results and what was skipped."""
    print(f"\n=== {project.name} {project.version}", flush=True)
    tree = projects.tree_of(project, options.python, work)
    insides = projects.environments_of(project, tree, options.python, work, ("plain", "contexts"))
    bench = tools.Bench(tree, insides, project.arguments, work / project.name / "scratch", options.titer)
    projects.restore(tree)
    whole = edits.recorded(bench, ("titer",))
    executed = tools.executed_lines(bench.states / "contexts.coverage", tree)
    projects.restore(tree)
    maker = mutate.Maker(project, tree, options.seed, executed)
    results, skipped = [], []
    for number, edit in enumerate(maker.mutants(options.count), 1):
        result = one(bench, edit, TIMES * whole.took.wall, shlex.split(options.flags))
        if result is None:
            skipped.append(edit)
            print(f"  skipped, the bare run did not end within {TIMES} times the usual: {edit.kind} {edit.what}",
                  flush=True)
        else:
            results.append(result)
            tell(result)
        if number % 10 == 0:
            progress(number, results, skipped)
    projects.restore(tree)
    return results, skipped


def one(bench, edit, usual, flags):
    """One mutant: the whole suite, then titer; None if the whole suite does not end."""
    full = on_fresh_tree(bench, edit, usual, bench.bare)
    if full.took.timed_out:
        return None
    # titer has more time: it may run everything and its own work on top, and a timeout is not a kill.
    ran = on_fresh_tree(bench, edit, max(60, 2 * usual), lambda: bench.titer_run(bench.ledger(), *flags))
    result = Result(edit, full, ran)
    result.left_out = full.failed - ran.ids
    if result.missed or result.left_out:
        # A suite that fails only sometimes is nobody's miss.
        again = on_fresh_tree(bench, edit, usual, bench.bare)
        result.steady = again.took.exit not in GREEN
        result.left_out &= again.failed
    return result


def on_fresh_tree(bench, edit, limit, run):
    projects.restore(bench.tree)
    edit.apply(bench.tree)
    bench.limit = limit
    return run()


def tell(result):
    """Only what needs a look: misses, and where the two runs do not agree."""
    about = f"{result.edit.kind} {result.edit.what}"
    ran = f"titer ran {runs.count(result.ran.ids)} of {runs.count(result.full.ids)}, exit {result.ran.took.exit}"
    if result.broke:
        print(f"  BROKE: {about}: {ran}: {edits.last_line(result.ran)}", flush=True)
    elif result.missed:
        print(f"  MISSED: {about}: {ran}, {len(result.full.failed)} failing in the whole run: "
              f"{', '.join(sorted(result.full.failed)[:3])}", flush=True)
    elif result.left_out:
        print(f"  left out {len(result.left_out)} of {len(result.full.failed)} failing tests: {about}: {ran}: "
              f"{', '.join(sorted(result.left_out)[:3])}", flush=True)
    elif result.caught and not result.killed:
        print(f"  fails only under titer: {about}: {ran}: {', '.join(sorted(result.ran.failed)[:3])}", flush=True)
    if not result.steady:
        print(f"  not counted as killed, the suite failed once only: {about}", flush=True)


def progress(number, results, skipped):
    shares = [result.share for result in results] or [0.0]
    print(f"  {number} mutants: killed by the suite {sum(result.killed for result in results)}, by the selection "
          f"{sum(result.killed and result.caught for result in results)}, skipped {len(skipped)}, "
          f"median share {statistics.median(shares):.1%}", flush=True)


def table(name, results, skipped):
    print(f"\n{name}: {len(results)} mutants, {len(skipped)} skipped (the bare run did not end)")
    if not results:
        return
    shares = [result.share for result in results]
    bare, own = (sum(ran.took.wall for ran in column) for column in
                 ([result.full for result in results], [result.ran for result in results]))
    missed = [result for result in results if result.missed]
    left_out = [result for result in results if result.left_out]
    print(f"  killed by the full suite  {sum(result.killed for result in results):5}")
    print(f"  killed by the selection   {sum(result.killed and result.caught for result in results):5}")
    print(f"  missed                    {len(missed):5}")
    for result in missed:
        print(f"    {result.edit.kind} {result.edit.what}")
    print(f"  failing tests left out    {sum(len(result.left_out) for result in left_out):5}, "
          f"of {len(left_out)} mutants")
    print(f"  fails only under titer    {sum(result.caught and not result.killed for result in results):5}")
    print(f"  titer's run broke         {sum(result.broke for result in results):5}")
    print(f"  share of tests selected: median {statistics.median(shares):.1%}, mean {statistics.mean(shares):.1%}")
    print(f"  seconds: full suite {bare:.1f}, selection {own:.1f} ({own / bare:.1%})")


if __name__ == "__main__":
    sys.exit(main())
