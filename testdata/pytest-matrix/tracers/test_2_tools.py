import bdb
import cProfile
import pstats
import sys
import trace

import coverage
import lib


def test_debugger():
    lines = []

    class Debugger(bdb.Bdb):
        def user_line(self, frame):
            if frame.f_code.co_filename == lib.__file__:
                lines.append(frame.f_lineno)
            self.set_step()

    two = Debugger().runcall(lib.during)
    assert two > 0 and lines == [6]


def test_profiler():
    profile = cProfile.Profile()
    two = profile.runcall(lib.during)
    assert two > 0 and any(name == "during" for _, _, name in pstats.Stats(profile).stats)


def test_trace_module():
    tracer = trace.Trace(count=1, trace=0)
    two = tracer.runfunc(lib.during)
    assert two > 0 and (lib.__file__, 6) in tracer.results().counts


def test_coverage():
    measured = coverage.Coverage(data_file=None, config_file=False, include=[lib.__file__])
    measured.start()
    two = lib.during()
    measured.stop()
    assert two > 0 and measured.get_data().lines(lib.__file__) == [6]


def test_report():
    measured = coverage.Coverage(data_file=None, config_file=False, include=[lib.__file__])
    measured.start()
    lib.during()
    measured.stop()
    _, lines, _, missing, _ = measured.analysis2(lib.__file__)
    assert (lines, 6 in missing) == ([1, 2, 5, 6, 9, 10], False)


def test_then():
    assert lib.after() > 0
