#!/usr/bin/env python3
"""Real Rust projects, seeded edits: what titer, cargo-nextest and cargo-affected run, what it costs, what they miss.

For every edit: the whole `cargo test --no-fail-fast` says which tests fail; then each tool runs on the same
tree from the state that it recorded on the unedited one, each in a target folder of its own that was up to
date before the edit. A miss is a test that fails in the whole run, twice, and that the tool did not run.
See README.md.
"""

import argparse
import resource
import shutil
import statistics
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import cargo_mutate
import cargo_projects
import cargo_runs
import projects

TOOLS = ("titer", *cargo_runs.PEERS)
ATTEMPTS = 6
# An edit may make a program ask for memory without end; the machine is not ours alone.
MEMORY = 12 << 30


@dataclass
class Result:
    """What one edit did: the whole run, and one run and its misses for each tool."""

    edit: cargo_mutate.Edit
    full: cargo_runs.Ran
    of: dict = field(default_factory=dict)
    missed: dict = field(default_factory=dict)

    def share(self, tool):
        whole = len(self.full.ids)
        return len(self.of[tool].ids) / whole if whole else float(not self.of[tool].built)


def main():
    options = arguments()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    work = Path(options.work or tempfile.mkdtemp(prefix="peers-")).resolve()
    work.mkdir(parents=True, exist_ok=True)
    print(f"work folder {work}, {options.edits} edits a project, seed {options.seed}, tools {', '.join(options.tools)}")
    everything, summary = [], []
    for project, tree in cargo_projects.chosen(options, work):
        results = measured(project, tree, options, work)
        everything += results
        summary.append((project.name, results))
        table(project.name, results, options.tools)
    if len(summary) > 1:
        table("all", everything, options.tools)
    by_kind(everything, options.tools)
    if not options.work:
        shutil.rmtree(work, ignore_errors=True)
    return 1 if any(result.missed.get("titer") or disagrees(result) for result in everything) else 0


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    cargo_projects.options_of(parser)
    parser.add_argument("--project", action="append", metavar="NAME|PATH",
                        help=f"of {', '.join(cargo_projects.PROJECTS)}, or a git repository; again for more (all)")
    parser.add_argument("--tools", type=lambda text: tuple(tool for tool in TOOLS if tool in text.split(",")),
                        default=TOOLS, metavar="TOOL[,TOOL]", help=f"which, of {','.join(TOOLS)} (all)")
    parser.add_argument("--llvm-tools", metavar="DIR",
                        help="where llvm-profdata and llvm-cov lie for cargo-affected, if not in the toolchain")
    parser.add_argument("--edits", type=int, default=20, help="edits for each project (20)")
    parser.add_argument("--first", type=int, default=0, help="number of the first edit, to look at one again")
    parser.add_argument("--seed", default="1", help="another seed makes other edits (1)")
    options = cargo_projects.settled(parser, parser.parse_args())
    options.tools = tuple(tool for tool in options.tools if not (options.without_titer and tool == "titer"))
    return options


def measured(project, tree, options, work):
    """Record with each tool once, and go through the edits of one project."""
    print(f"\n=== {project.name} {' '.join(project.crates)}", flush=True)
    bench = cargo_runs.Bench(project, tree, work / project.name, options.titer, options.limit, options.llvm_tools)
    wanted = recorded(bench, options.tools)
    target = bench.scratch / "target-full"
    maker = cargo_mutate.Maker(project, tree, options.seed, cargo_mutate.compiled(target, tree))
    results = []
    for index in range(options.first, options.first + options.edits):
        result = edited(bench, maker, index, wanted)
        if result:
            results.append(result)
    projects.restore(tree)
    outside = sum(result.edit.kind.split(" ")[0] not in cargo_mutate.INSIDE for result in results)
    print(f"{outside} of {len(results)} edits lie outside function bodies")
    return results


def recorded(bench, wanted):
    """The unedited project must be green; then each tool records once. Returns the tools that could."""
    bench.full()
    whole = bench.full()
    if whole.failed:
        raise SystemExit(f"the unedited project is not green: {sorted(whole.failed)[:5]}\n{whole.took.output[-2000:]}")
    print(f"cargo test: {len(whole.ids)} tests, {whole.took.wall:.2f} s", flush=True)
    able = []
    for tool in wanted:
        if tool == "nextest":
            bench.warm(tool)
            ran = bench.nextest()
            print(f"nextest: {len(ran.ids)} tests, {ran.took.wall:.2f} s", flush=True)
        elif tool == "titer":
            ran = bench.record()
            print(f"record titer (deep): {len(ran.ids)} tests, {ran.took.wall:.2f} s, exit {ran.took.exit}", flush=True)
            if ran.ids != whole.ids:
                print(f"  NOT THE SAME TESTS: {sorted(ran.ids ^ whole.ids)[:5]}")
        else:
            took = bench.collect()
            print(f"record affected: {took.wall:.2f} s, exit {took.exit}", flush=True)
            if took.exit != 0:
                print(f"  affected cannot record this project: {last_line(took)}")
                continue
        able.append(tool)
    # An edit that hangs must not cost the whole limit every time.
    bench.limit = min(bench.limit, max(120, 8 * whole.took.wall))
    return tuple(able)


def last_line(took):
    lines = [line.strip() for line in took.output.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith(("error", "titer: error"))]
    return (errors or lines or ["no output"])[-1][:110]


def edited(bench, maker, index, wanted):
    """One edit: the whole run, then every tool; None if no edit gave a whole run that ends."""
    for attempt in range(ATTEMPTS):
        edit = maker.edit(index, attempt)
        full = one(bench, "full", edit)
        if not full.took.timed_out:
            break
        print(f"[{index}] {edit.kind}: {edit.what}: the whole run did not end, another edit is taken", flush=True)
    else:
        return None
    result = Result(edit, full)
    state = f"{len(full.failed - {cargo_runs.SESSION})} failing" if full.built else "does not compile"
    print(f"[{index}] {edit.kind}: {edit.what}\n    full     {len(full.ids):5} run {told(full)}  {state}", flush=True)
    for tool in wanted:
        result.of[tool] = one(bench, tool, edit)
        result.missed[tool] = misses(tool, full, result.of[tool])
    confirm(bench, result)
    for tool in wanted:
        tell(tool, result)
    if "titer" in wanted:
        why(bench, result)
    projects.restore(bench.tree)
    return result


def one(bench, tool, edit):
    """One tool on a tree with the edit, from its recorded state and a target folder that was up to date."""
    projects.restore(bench.tree)
    bench.warm(tool)
    projects.restore(bench.tree)
    if tool == "titer":
        cargo_runs.tools.copied(bench.recorded, bench.ledger)
    edit.apply(bench.tree)
    return bench.run(tool)


def told(ran):
    return f"{ran.took.wall:7.2f} s (build {ran.build:6.2f}, run {ran.run:6.2f})"


def misses(tool, full, ran):
    """Failing tests that the tool left out; of a tree that does not compile, the failure itself.

    cargo-nextest runs no doctests and says so: they are no miss of what is built on it.
    """
    failed = full.failed - (cargo_runs.documented(full.failed) if tool != "titer" else set())
    if cargo_runs.SESSION in failed and ran.took.exit != 0:
        failed = failed - {cargo_runs.SESSION}
    return failed - ran.ids


def confirm(bench, result):
    """A test that fails only sometimes is nobody's miss: only what fails in a second whole run counts."""
    if any(result.missed.values()):
        again = one(bench, "full", result.edit).failed
        if unsteady := result.full.failed - again:
            print(f"    not counted, failed once only: {', '.join(sorted(unsteady)[:5])}")
        result.full.failed &= again
        result.missed = {tool: names & again for tool, names in result.missed.items()}


def disagrees(result):
    """titer's exit code is not cargo's."""
    return "titer" in result.of and result.of["titer"].took.exit != result.full.took.exit


def tell(tool, result):
    ran, missed, note = result.of[tool], result.missed[tool], ""
    if ran.took.timed_out:
        note = "  DID NOT END"
    elif not ran.built and result.full.built:
        note = f"  BROKE, exit {ran.took.exit}: {last_line(ran.took)}"
    elif not ran.built:
        note = f"  does not compile, exit {ran.took.exit} (cargo {result.full.took.exit})"
    if tool == "titer" and disagrees(result):
        note += f"  EXIT {ran.took.exit}, cargo {result.full.took.exit}"
    if missed:
        note += f"  MISSED {len(missed)}: {', '.join(sorted(missed)[:3])}"
    if extra := ran.failed - result.full.failed - {cargo_runs.SESSION}:
        note += f"  fails only here: {', '.join(sorted(extra)[:3])}"
    print(f"    {tool:8} {len(ran.ids):5} run {told(ran)}{note}", flush=True)


def why(bench, result):
    """The reasons of what titer selected, as `titer plan` gives them from the recorded ledger."""
    if not result.of["titer"].ids:
        return
    projects.restore(bench.tree)
    cargo_runs.tools.copied(bench.recorded, bench.ledger)
    result.edit.apply(bench.tree)
    plan = bench.titer_plan()
    if plan is None:
        print("    titer plan --json gave no tests")
        return
    counts = cargo_runs.tools.reasons(plan, result.of["titer"].ids)
    print("    because  " + ", ".join(f"{reason} {number}" for reason, number in counts.items()))


def table(name, results, wanted):
    """Totals of one project: share of tests and of seconds, misses, edits that a tool let through green."""
    failing = [result for result in results if result.full.failed]
    broken = sum(not result.full.built for result in results)
    tests = sum(len(result.full.ids) for result in results) or 1
    seconds = sum(result.full.took.wall for result in results) or 1
    print(f"\n{name}: {len(results)} edits, {len(failing)} with failures, {broken} of them do not compile, "
          f"{sum(len(result.full.failed - {cargo_runs.SESSION}) for result in results)} failing tests")
    print(f"  {'tool':11} {'tests run':>9} {'share':>7} {'median':>7} {'seconds':>8} {'share':>7} {'build':>8} "
          f"{'run':>8} {'missed':>7} {'edits missed':>13} {'printed green':>14}")
    line("cargo test", [(result.full, 1.0) for result in results], tests, seconds, "")
    for tool in wanted:
        those = [result for result in results if tool in result.of]
        missed = [result for result in those if result.missed[tool]]
        green = sum(result.of[tool].took.exit in (0, 4) for result in failing if tool in result.of)
        line(tool, [(result.of[tool], result.share(tool)) for result in those], tests, seconds,
             f"{sum(len(result.missed[tool]) for result in missed):7} {len(missed):13} {green:14}")


def line(name, pairs, tests, seconds, rest):
    rans = [ran for ran, _ in pairs]
    ran, took = sum(len(ran.ids) for ran in rans), sum(ran.took.wall for ran in rans)
    middle = statistics.median(share for _, share in pairs) if pairs else 0
    print(f"  {name:11} {ran:9} {ran / tests:7.1%} {middle:7.1%} {took:8.1f} {took / seconds:7.1%} "
          f"{sum(ran.build for ran in rans):8.1f} {sum(ran.run for ran in rans):8.1f} {rest}")


def by_kind(results, wanted):
    """One line for each kind of edit over all projects: what share each tool ran, and what it missed."""
    kinds = {}
    for result in results:
        # Where a project has no place for a kind, the edit is one of the kind that was made instead.
        kinds.setdefault(result.edit.kind.split(" ")[0], []).append(result)
    print("\nby kind of edit, all projects: mean share of the tests (missed)")
    print(f"  {'kind':15} {'edits':>5} {'failing':>8} " + " ".join(f"{tool:>15}" for tool in wanted))
    for kind, those in sorted(kinds.items()):
        cells = []
        for tool in wanted:
            have = [result for result in those if tool in result.of]
            mean = statistics.mean(result.share(tool) for result in have) if have else 0
            missed = sum(len(result.missed[tool]) for result in have)
            cells.append(f"{mean:7.1%} {f'({missed})' if missed else '':>7}")
        print(f"  {kind:15} {len(those):5} {sum(len(result.full.failed) for result in those):8} " + " ".join(cells))


if __name__ == "__main__":
    sys.exit(main())
