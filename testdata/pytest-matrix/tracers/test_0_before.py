import lib


def test_before():
    assert lib.before() > 0
