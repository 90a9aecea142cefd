"""A tiny pytest plugin that says which tests ran and how they ended.

Every tool that is compared runs under this same plugin (`-p peers_ran`), so that "ran" and
"failed" mean the same thing for all of them and no tool is asked about itself.

Environment:
  PEERS_RAN       file that gets one JSON line for each event (appended, one write a line)
  PEERS_LEAVE_OUT file with a JSON list of node ids to deselect (the contexts selector)
  PEERS_CONTEXTS  any value: switch coverage's dynamic context to the id of the running test
"""

import json
import os

import pytest

_state = {"fd": None, "coverage": None}


def _say(**event):
    if _state["fd"] is not None:
        os.write(_state["fd"], (json.dumps(event) + "\n").encode())


def pytest_configure(config):
    path = os.environ.get("PEERS_RAN")
    if path and _state["fd"] is None:
        _state["fd"] = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    if os.environ.get("PEERS_CONTEXTS"):
        import coverage

        _state["coverage"] = coverage.Coverage.current()
        if _state["coverage"] is None:
            raise pytest.UsageError("PEERS_CONTEXTS is set, but `coverage run` is not active")
    _say(event="session")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    path = os.environ.get("PEERS_LEAVE_OUT")
    if not path:
        return
    with open(path, encoding="utf-8") as file:
        names = set(json.load(file))
    left_out = [item for item in items if item.nodeid in names]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item.nodeid not in names]


def pytest_collection_finish(session):
    _say(event="collected", ids=[item.nodeid for item in session.items])


def pytest_collectreport(report):
    if report.failed:
        _say(event="collect-error", id=report.nodeid)


def pytest_runtest_logstart(nodeid, location):
    _say(event="start", id=nodeid)


def pytest_runtest_logreport(report):
    # A passed set-up or tear-down says nothing that the call does not say.
    if report.when == "call" or report.outcome != "passed":
        _say(event="phase", id=report.nodeid, when=report.when, outcome=report.outcome)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item):
    if _state["coverage"] is None:
        yield
        return
    _state["coverage"].switch_context(item.nodeid)
    yield
    _state["coverage"].switch_context("")
