import sys
import threading

import lib


def recorder(seen):
    def trace(frame, event, arg):
        if frame.f_code.co_filename == lib.__file__:
            seen.append((event, frame.f_code.co_name))
        return trace

    return trace


def test_nobody_is_there():
    assert sys.gettrace() is None and sys.getprofile() is None
    assert getattr(threading, "gettrace", lambda: None)() is None
    assert getattr(threading, "getprofile", lambda: None)() is None


def test_polite_tracer():
    seen = []
    old = sys.gettrace()
    sys.settrace(recorder(seen))
    try:
        two = lib.during()
    finally:
        sys.settrace(old)
    assert two > 0
    assert seen == [("call", "during"), ("line", "during"), ("return", "during")]


def test_rude_profiler():
    seen = []
    sys.setprofile(recorder(seen))
    two = lib.during()
    sys.setprofile(None)
    assert two > 0 and seen[:2] == [("call", "during"), ("return", "during")]


def test_other_threads():
    seen, got = [], []
    threading.setprofile(recorder(seen))
    threading.settrace(recorder(seen))
    thread = threading.Thread(target=lambda: got.append(lib.during()))
    thread.start()
    thread.join()
    threading.setprofile(None)
    threading.settrace(None)
    assert got[0] > 0 and ("line", "during") in seen and ("call", "during") in seen


def test_then():
    assert lib.after() > 0


def test_then_in_a_thread():
    got = []
    thread = threading.Thread(target=lambda: got.append(lib.after()))
    thread.start()
    thread.join()
    assert got[0] > 0
