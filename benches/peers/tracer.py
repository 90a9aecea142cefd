#!/usr/bin/env python3
"""What the file tracer costs on top of a bare pytest suite, and what strace costs: CPU seconds, interleaved.

Each round is one bare run, one under the tracer (a window for each test, as titer sets them) and one under
`strace -f --seccomp-bpf -e trace=%file`, in an order that turns from round to round. CPU is user and system
time of the whole tree, strace's own included. The answer is the median of the ratios to the bare run of the
same round with its 90 % interval from order statistics. Exit 1 if a run ended otherwise than the bare one.
"""

import argparse
import os
import shutil
import statistics
import struct
import sys
import tempfile
from collections import Counter
from pathlib import Path

import runs
from overhead import interval

SIZE = 64 << 20
KINDS = ("read listed absent stat link written updated spawn failed hello goodbye opaque window gone object walked "
         "forked removed").split()
STRACE = ("-f", "--seccomp-bpf", "-e", "trace=%file", "-o", "/dev/null")
# Sets a window before each test and ends it behind; does nothing in a bare run.
WINDOWS = """
import os, pytest
MAGIC = os.environ.pop("PEERS_WINDOW", None)
if MAGIC:
    alive, number = os.access(MAGIC + "-", os.F_OK), 0
    assert alive, "the tracer is not there"
    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(item):
        global number
        number += 1
        os.access(f"{MAGIC}{os.getpid()}-{number}", os.F_OK)
        yield
        os.access(MAGIC + "-", os.F_OK)
"""


def main():
    options = arguments()
    with tempfile.TemporaryDirectory(prefix="peers-tracer-") as name:
        bench = Bench(options, Path(name))
        modes = [mode for mode in ("tracer", "strace") if mode not in options.without]
        print(f"{options.suite}: {' '.join(options.pytest) or 'the whole suite'}, {options.rounds} rounds")
        bench.run("bare")  # fills caches, not counted
        return report(modes, [measured(bench, modes, number) for number in range(options.rounds)], bench)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("suite", type=Path, help="folder in which pytest is started, and the tracer's root")
    parser.add_argument("pytest", nargs="*", help="arguments of pytest (behind --)")
    parser.add_argument("--library", type=Path, required=True,
                        help="the tracer: titer-files.so of the newest target/release/build/titer-*/out")
    parser.add_argument("--python", type=Path, default=Path(sys.executable), help="interpreter with the suite's needs")
    parser.add_argument("--rounds", type=int, default=15, help="rounds (15)")
    parser.add_argument("--without", action="append", default=[], choices=("tracer", "strace"))
    options = parser.parse_args()
    options.suite, options.library = options.suite.resolve(), options.library.resolve()
    if shutil.which("strace") is None:
        print("no strace here: left out")
        options.without.append("strace")
    return options


class Bench:
    """One suite, and how it is started in each mode."""

    def __init__(self, options, scratch):
        self.options, self.scratch, self.records = options, scratch, Counter()
        (scratch / "peers_windows.py").write_text(WINDOWS)

    def run(self, mode):
        options, extra, before = self.options, {}, ()
        if mode == "tracer":
            folder = self.arena()
            extra = {"LD_PRELOAD": str(options.library), "TITER_TRACE": f"0-0\n{folder}\n{options.suite}",
                     "ASAN_OPTIONS": "verify_asan_link_order=0", "PEERS_WINDOW": f"{folder}/window/"}
        elif mode == "strace":
            before = ("strace", *STRACE)
        command = (*before, options.python.absolute(), "-m", "pytest", "-q", "-p", "peers_windows", "-p",
                   "no:cacheprovider", *options.pytest)
        took = runs.process(command, options.suite, runs.environment(PYTHONPATH=str(self.scratch), **extra))
        if mode == "tracer":
            self.records = read(folder / "arena")
        return took

    def arena(self):
        """A new one for each run, as titer makes it; making it is not counted."""
        folder = self.scratch / "private"
        folder.mkdir(exist_ok=True)
        folder.chmod(0o1777)
        with open(folder / "arena", "wb") as file:
            os.posix_fallocate(file.fileno(), 0, SIZE)
            file.write(b"TITERAR1" + struct.pack("<QQ", SIZE, 64))
        return folder


def read(path):
    """How many records of each kind, and how many were lost."""
    data, found, at = path.read_bytes(), Counter(), 64
    _, end, lost = struct.unpack_from("<QQQ", data, 8)
    while at < end:
        word, magic, _, _, _, kind = struct.unpack_from("<IIIIIB", data, at)
        found[KINDS[kind - 1]] += word >> 31 if magic == 0x52544954 else 0
        at += word & 0x7FFFFFFF or 16
    if lost:
        found["LOST"] = lost
    return found


def measured(bench, modes, number):
    order = ["bare", *modes]
    turned = order[number % len(order):] + order[:number % len(order)]
    took = {mode: bench.run(mode) for mode in turned}
    cells = [f"{mode} {took[mode].cpu:.3f} s{note(mode, took)}" for mode in order]
    print(f"  {number + 1:3}  " + "   ".join(cells), flush=True)
    return took


def note(mode, took):
    ratio = "" if mode == "bare" else f" ({took[mode].cpu / took['bare'].cpu:.3f})"
    return ratio if took[mode].exit == took["bare"].exit else f"{ratio} EXIT {took[mode].exit}"


def report(modes, rounds, bench):
    print("\nCPU, median of the ratios to bare with its 90 % interval:")
    for mode in modes:
        ratios = [took[mode].cpu / took["bare"].cpu for took in rounds]
        own, bare = (statistics.median(took[which].cpu for took in rounds) for which in (mode, "bare"))
        print(f"  {mode:7} {statistics.median(ratios):6.3f}x  {interval(ratios)}  median {own:.3f} s against {bare:.3f} s")
    if bench.records:
        print("records of the last run: " + ", ".join(f"{kind} {count}" for kind, count in bench.records.most_common()))
    broken = sum(took[mode].exit != took["bare"].exit for took in rounds for mode in modes)
    if broken:
        print(f"{broken} runs ended otherwise than the bare one")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
