import os

import pytest

from shop.stock import left

TRIES = []


def test_pen(shelf):
    assert left(shelf, "pen") > 0


def test_ink(shelf):
    assert shelf["ink"] == 1


def test_flaky(shelf):
    TRIES.append(1)
    assert left(shelf, "pen") and (len(TRIES) > 1 or "FLAKY" not in os.environ)


@pytest.mark.xfail(reason="not built")
def test_wish():
    assert False


def test_elsewhere():
    pytest.skip("not on this machine")
