"""Entry point: decides whether this process is ours at all, says hello, starts recording.

PYTEST_DONT_REWRITE: nothing here asserts, and a rewrite would cost time and could warn.

Without TITER_RUN in the environment nothing happens. Otherwise everything that must be early happens at
import: entry points are loaded before the first conftest, and conftests are code that tests depend on.
"""

import os
import sys

ADAPTER = None
_FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def _start():
    """Start the adapter, or stay away. Never raises: a guest never breaks the host."""
    run = os.environ.get("TITER_RUN")
    if not run:
        return None
    # PYTHONDONTWRITEBYTECODE is about the user's folders. Ours is private, and compiling it anew in every process of
    # every run would cost more than all that the adapter does when it records nothing.
    theirs, sys.dont_write_bytecode = sys.dont_write_bytecode, False
    try:
        from . import hooks  # noqa: F401, needed a moment later
        from .adapter import Adapter

        adapter = Adapter(run, _FOLDER)
        adapter.begin()
        return adapter
    except Exception:
        # Not even the event file could be opened: there is nobody to tell. No hello means "ran whole".
        return None
    finally:
        sys.dont_write_bytecode = theirs


def pytest_addoption(pluginmanager):
    """Called as soon as pytest knows us: before coverage plugins look at the command line. Adds no option."""
    if ADAPTER is not None and ADAPTER.second is None:
        ADAPTER.safely(ADAPTER.begin_second_pass, pluginmanager)


def pytest_load_initial_conftests():
    """Called after coverage plugins have installed their tracer and before the first conftest is loaded."""
    if ADAPTER is not None:
        ADAPTER.safely(ADAPTER.before_conftests)


def pytest_configure(config):
    """Bind to the first configuration only: a pytest inside a test (pytester) is the user's business."""
    if ADAPTER is not None and ADAPTER.config is None:
        ADAPTER.safely(ADAPTER.bind, config)


if "pytest" in sys.modules or "_pytest" in sys.modules:
    ADAPTER = _start()
