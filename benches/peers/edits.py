#!/usr/bin/env python3
"""Real projects, real suites, seeded edits: what each selector runs, what it costs, what it misses.

For every edit: the whole suite says which tests fail; then each tool starts from the state that it
recorded on the unedited tree, on a fresh tree with the same edit, with the same pytest flags. A miss is
a test that fails in the whole run, twice, and that the tool did not run. See README.md.
"""

import argparse
import shutil
import statistics
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import mutate
import projects
import runs
import tools

TOOLS = ("titer", "testmon", "contexts")
ATTEMPTS = 6


@dataclass
class Result:
    """What one edit did: the whole run, and one run and its misses for each tool."""

    edit: mutate.Edit
    full: runs.Ran
    of: dict = field(default_factory=dict)
    missed: dict = field(default_factory=dict)

    def share(self, tool):
        return share(self.of[tool], self.full)


def main():
    options = arguments()
    work = Path(options.work or tempfile.mkdtemp(prefix="peers-")).resolve()
    work.mkdir(parents=True, exist_ok=True)
    names = options.project or list(projects.PROJECTS)
    wanted = options.tools
    print(f"work folder {work}, Python {projects.version_of(options.python)}, {options.edits} edits a project, "
          f"seed {options.seed}, tools {', '.join(wanted)}")
    everything, summary = [], []
    for name in names:
        results = measured(projects.PROJECTS[name], options, work, wanted)
        everything += results
        summary.append((name, results))
    for name, results in [*summary, ("all", everything)]:
        table(name, results, wanted)
    by_kind(everything, wanted[0])
    if not options.work:
        shutil.rmtree(work, ignore_errors=True)
    bad = sum(len(result.missed.get("titer", ())) for result in everything)
    broken = any("titer" in result.of and broke(result, "titer") for result in everything)
    return 1 if bad or broken else 0


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--titer", type=Path, help="the titer program")
    parser.add_argument("--tools", type=listed, default=TOOLS, metavar="TOOL[,TOOL]",
                        help=f"which tools, of {','.join(TOOLS)} (all)")
    parser.add_argument("--without-titer", action="store_true", help="the peers only")
    parser.add_argument("--python", type=Path, default=Path(sys.executable), help="interpreter for the environments")
    parser.add_argument("--work", help="folder for archives, trees and environments (kept; default: a temporary one)")
    parser.add_argument("--project", action="append", choices=list(projects.PROJECTS),
                        help="again for more; default all")
    parser.add_argument("--edits", type=int, default=20, help="edits for each project (20)")
    parser.add_argument("--first", type=int, default=0, help="number of the first edit, to look at one again")
    parser.add_argument("--seed", default="1", help="another seed makes other edits (1)")
    options = parser.parse_args()
    options.tools = tuple(tool for tool in options.tools if not (options.without_titer and tool == "titer"))
    if not options.tools:
        parser.error("no tool is left to compare")
    if "titer" in options.tools:
        if options.titer is None:
            parser.error("--titer PATH or --without-titer")
        options.titer = options.titer.resolve()
    options.python = options.python.absolute()
    return options


def listed(text):
    """`titer,contexts` as a tuple, in the order in which tools are always named."""
    names = [name.strip() for name in text.split(",")]
    if unknown := set(names) - set(TOOLS):
        raise argparse.ArgumentTypeError(f"no such tool: {', '.join(sorted(unknown))}")
    return tuple(tool for tool in TOOLS if tool in names)


def measured(project, options, work, wanted):
    """Prepare one project, record with each tool once, and go through its edits."""
    print(f"\n=== {project.name} {project.version}", flush=True)
    tree = projects.tree_of(project, options.python, work)
    # Which lines the suite runs comes from a recording of contexts, whatever is compared.
    kinds = [tool for tool in projects.TOOLS if tool in ("plain", "contexts", *wanted)]
    insides = projects.environments_of(project, tree, options.python, work, kinds)
    bench = tools.Bench(tree, insides, project.arguments, work / project.name / "scratch", options.titer)
    projects.restore(tree)
    whole = recorded(bench, wanted)
    executed = tools.executed_lines(bench.states / "contexts.coverage", tree)
    projects.restore(tree)
    maker = mutate.Maker(project, tree, options.seed, executed)
    bench.limit = max(60, 12 * whole.took.wall)
    results = []
    for index in range(options.first, options.first + options.edits):
        result = edited(bench, maker, index, whole, wanted)
        if result:
            results.append(result)
    projects.restore(tree)
    outside = sum(not result.edit.inside for result in results)
    print(f"{outside} of {len(results)} edits lie outside function bodies")
    return results


def recorded(bench, wanted):
    """The unedited suite must be green; then each tool records once. Returns the bare run."""
    whole = bench.green()
    print(f"bare: {runs.count(whole.ids)} tests, {whole.took.wall:.2f} s", flush=True)
    if bench.unsteady:
        print(f"ids that differ from run to run, in: {', '.join(sorted(bench.unsteady))}")
    recorders = {"titer": bench.record_titer, "testmon": bench.record_testmon, "contexts": bench.record_contexts}
    for tool in dict.fromkeys([*wanted, "contexts"]):
        projects.restore(bench.tree)
        ran = recorders[tool]()
        note = "" if ran.took.exit == 0 else f"  EXIT {ran.took.exit}: {last_line(ran)}"
        print(f"record {tool}: {runs.count(ran.ids)} tests, {ran.took.wall:.2f} s, "
              f"{ran.took.wall / whole.took.wall:.2f}x bare{note}", flush=True)
        if tool == "titer" and ran.ids != whole.ids:
            raise SystemExit(f"titer did not run the suite that it should record:\n{ran.took.output[-3000:]}")
    return whole


def last_line(ran):
    """The line of the output that says most about a crash."""
    lines = [line.strip() for line in ran.took.output.splitlines() if line.strip()]
    errors = [line for line in lines if "Error" in line or line.startswith("titer: error")]
    return (errors or lines or ["no output"])[-1][:110]


def edited(bench, maker, index, whole, wanted):
    """One edit: the whole run, then every tool; None if no edit gave a whole run that ends."""
    for attempt in range(ATTEMPTS):
        projects.restore(bench.tree)
        edit = maker.edit(index, attempt)
        edit.apply(bench.tree)
        full = bench.bare()
        if not full.took.timed_out:
            break
        print(f"[{index}] {edit.kind}: {edit.what}: the whole run did not end, another edit is taken")
    else:
        return None
    result = Result(edit, full)
    print(f"[{index}] {edit.kind}: {edit.what}\n    full     {runs.count(full.ids):5} run {full.took.wall:6.2f} s  "
          f"{len(full.failed)} failing", flush=True)
    for tool in wanted:
        result.of[tool] = one(bench, tool, edit, whole)
        result.missed[tool] = full.failed - result.of[tool].ids
    confirm(bench, result)
    for tool in wanted:
        tell(tool, result)
    if larger(result):
        why(bench, result)
    return result


def one(bench, tool, edit, whole):
    """One tool on a fresh tree with the edit, from a copy of its recorded state."""
    projects.restore(bench.tree)
    if tool == "testmon":
        bench.put_testmon()
    edit.apply(bench.tree)
    if tool == "titer":
        return bench.titer_run(bench.ledger(), "--record")
    return bench.testmon_run() if tool == "testmon" else bench.contexts_run(whole.ids)


def confirm(bench, result):
    """A test that fails only sometimes is nobody's miss: only what fails in a second whole run counts."""
    if any(result.missed.values()):
        projects.restore(bench.tree)
        result.edit.apply(bench.tree)
        again = bench.bare().failed
        unsteady = result.full.failed - again
        if unsteady:
            print(f"    not counted, failed once only: {', '.join(sorted(unsteady)[:5])}")
        result.full.failed &= again
        result.missed = {tool: names & again for tool, names in result.missed.items()}


def tell(tool, result):
    ran, missed = result.of[tool], result.missed[tool]
    note = f"  CRASHED, exit {ran.took.exit}: {last_line(ran)}" if broke(result, tool) else ""
    if ran.crashed and not note:
        note = "  the session breaks, as the whole run does"
    if missed:
        note += f"  MISSED {len(missed)}: {', '.join(sorted(missed)[:3])}"
    extra = ran.failed - result.full.failed - {runs.SESSION}
    if extra:
        note += f"  fails only here: {', '.join(sorted(extra)[:3])}"
    print(f"    {tool:8} {runs.count(ran.ids):5} run {ran.took.wall:6.2f} s{note}", flush=True)


def broke(result, tool):
    """The tool's run crashed where the whole run did not."""
    return result.of[tool].crashed and not result.full.crashed


def share(ran, full):
    """What part of the whole run's tests this run has; where those are none, all of it if it did anything."""
    whole = runs.count(full.ids)
    return runs.count(ran.ids) / whole if whole else float(ran.started or ran.crashed)


def larger(result):
    """titer ran more tests than contexts, or than fail where contexts is not compared."""
    least = result.of["contexts"].ids if "contexts" in result.of else result.full.failed
    return "titer" in result.of and runs.count(result.of["titer"].ids) > runs.count(least)


def why(bench, result):
    """The reasons of a larger selection, as `titer plan` gives them."""
    projects.restore(bench.tree)
    result.edit.apply(bench.tree)
    plan = bench.titer_plan(bench.ledger())
    if plan is None:
        print("    titer plan --json gave no tests")
        return
    counts = tools.reasons(plan, result.of["titer"].ids, bench.unsteady)
    print("    because  " + ", ".join(f"{reason} {number}" for reason, number in counts.items()))


def table(name, results, wanted):
    """Totals of one project: share of tests and of seconds, misses, edits that a tool let through green."""
    failing = [result for result in results if result.full.failed]
    tests = sum(runs.count(result.full.ids) for result in results) or 1
    seconds = sum(result.full.took.wall for result in results) or 1
    print(f"\n{name}: {len(results)} edits, {len(failing)} with failing tests, "
          f"{sum(len(result.full.failed) for result in results)} failing tests")
    print(f"  {'tool':9} {'tests run':>9} {'share':>7} {'seconds':>8} {'share':>7} {'missed':>7} {'edits missed':>13} "
          f"{'printed green':>14} {'crashed':>8}")
    print(f"  {'full':9} {tests:9} {'100.0%':>7} {seconds:8.1f} {'100.0%':>7}")
    for tool in wanted:
        ran = sum(runs.count(result.of[tool].ids) for result in results)
        took = sum(result.of[tool].took.wall for result in results)
        missed = [result for result in results if result.missed[tool]]
        green = sum(result.of[tool].took.exit in (0, 5) for result in failing)
        crashed = sum(broke(result, tool) for result in results)
        print(f"  {tool:9} {ran:9} {ran / tests:7.1%} {took:8.1f} {took / seconds:7.1%} "
              f"{sum(len(result.missed[tool]) for result in missed):7} {len(missed):13} {green:14} {crashed:8}")


def by_kind(results, tool):
    """One line for each kind of edit over all projects: how much one tool selected, and what it missed."""
    kinds = {}
    for result in results:
        # Where a project has no place for a kind, the edit is one of the kind that was made instead.
        kinds.setdefault(result.edit.kind.split(" ")[0], []).append(result)
    print(f"\nby kind of edit, all projects, share of the tests that {tool} ran:")
    print(f"  {'kind':24} {'edits':>5} {'median':>7} {'mean':>7} {'failing tests':>14} {'missed':>7}")
    for kind, those in sorted(kinds.items(), key=lambda pair: -statistics.mean(one.share(tool) for one in pair[1])):
        shares = [result.share(tool) for result in those]
        print(f"  {kind:24} {len(those):5} {statistics.median(shares):7.1%} {statistics.mean(shares):7.1%} "
              f"{sum(len(result.full.failed) for result in those):14} "
              f"{sum(len(result.missed[tool]) for result in those):7}")


if __name__ == "__main__":
    sys.exit(main())
