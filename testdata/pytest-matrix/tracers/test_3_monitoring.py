import sys

import lib
import pytest

monitoring = getattr(sys, "monitoring", None)
needs = pytest.mark.skipif(monitoring is None, reason="no sys.monitoring")


def watch(tool):
    seen = []
    monitoring.use_tool_id(tool, "theirs")
    monitoring.register_callback(tool, monitoring.events.PY_START, lambda code, _: seen.append(code.co_name))
    monitoring.set_events(tool, monitoring.events.PY_START)
    two = lib.during()
    monitoring.set_events(tool, 0)
    monitoring.free_tool_id(tool)
    assert two > 0 and "during" in seen


@needs
def test_no_tool_is_taken():
    assert [monitoring.get_tool(tool) for tool in (0, 2, 3, 4, 5)] == [None] * 5


@needs
@pytest.mark.parametrize("tool", [0, 2, 3, 4, 5])
def test_a_tool(tool):
    watch(tool)


def test_then():
    assert lib.after() > 0
