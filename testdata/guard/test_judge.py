"""One run of a test: what became of it, why, and what it did beside."""

import pytest
from asking import ask

SHOP = """import datetime
import socket
import time


def f(value):
    if value is None:
        return value + 1
    return value + 2


def g(value):
    return f(value)


class Box:
    def __init__(self, size=1):
        self.size = size

    def twice(self):
        return self.size * 2

    @property
    def half(self):
        return self.size / 2

    @classmethod
    def of(cls, size):
        return cls(size)


def now():
    return datetime.datetime.now() is not None


def dial():
    one = socket.socket()
    one.settimeout(0.2)
    try:
        one.connect(("127.0.0.1", 9))
    except OSError:
        return 1
    finally:
        one.close()


def wait():
    time.sleep(0.05)
    return 1
"""
CRASH = {"path": "shop/__init__.py", "line": 8}


@pytest.fixture
def judge(tmp_path):
    (tmp_path / "shop").mkdir()
    (tmp_path / "tests").mkdir()
    (tmp_path / "shop" / "__init__.py").write_text(SHOP)

    def judged(body, stub=None, crash=None, test="test_x", after=None, **variables):
        imports = "import os\nimport time\n\nimport pytest\n\nimport shop\nfrom shop import Box, f, g\n\n\n"
        (tmp_path / "tests" / "test_x.py").write_text(imports + body)
        return ask(
            {"do": "judge", "root": str(tmp_path), "first_party": ["shop"], "file": "tests/test_x.py", "test": test, "crash": crash, "stub": stub, "after": after},
            tmp_path,
            **variables,
        )

    return judged


def test_a_crash_is_told_with_its_place(judge):
    answer = judge("def test_x():\n    assert g(None) == 1\n", crash=CRASH)
    assert answer["outcome"] == "failed" and answer["hit"] is True
    assert {key: answer["error"][key] for key in ("type", "module", "path", "function", "line")} == {
        "type": "TypeError",
        "module": "builtins",
        "path": "shop/__init__.py",
        "function": "f",
        "line": 8,
    }
    assert 0 < answer["seconds"] < 1 and answer["network"] == [] and answer["slept"] == 0 and answer["clock"] is False


def test_a_draft_that_passes_on_the_faulty_commit_is_seen_to_pass(judge):
    answer = judge("def test_x():\n    assert f(1) == 3\n", crash=CRASH)
    assert (answer["outcome"], answer["hit"], answer["error"]) == ("passed", False, None)


def test_a_draft_that_fails_elsewhere_tells_where(judge):
    answer = judge("def test_x():\n    assert f('a') == 1\n", crash=CRASH)
    assert (answer["error"]["line"], answer["hit"]) == (9, False)


def test_an_assertion_of_the_test_itself_is_in_the_test_file(judge):
    answer = judge("def test_x():\n    assert f(1) == 4\n")
    assert (answer["outcome"], answer["error"]["type"], answer["error"]["path"], answer["hit"]) == (
        "failed",
        "AssertionError",
        "tests/test_x.py",
        None,
    )


def test_an_error_that_is_expected_is_told_all_the_same(judge):
    answer = judge("@pytest.mark.xfail(strict=True, raises=TypeError, reason='no fix')\ndef test_x():\n    g(None)\n", crash=CRASH)
    assert (answer["outcome"], answer["error"]["type"], answer["error"]["function"], answer["hit"]) == ("xfailed", "TypeError", "f", True)
    answer = judge("@pytest.mark.xfail(strict=True, raises=TypeError, reason='no fix')\ndef test_x():\n    g(1)\n")
    assert (answer["outcome"], answer["error"]) == ("xpassed", None)
    answer = judge("@pytest.mark.xfail(strict=True, raises=ValueError, reason='no fix')\ndef test_x():\n    g(None)\n")
    assert (answer["outcome"], answer["error"]["type"]) == ("failed", "TypeError")


def test_other_outcomes_have_their_names(judge):
    assert judge("@pytest.mark.skip\ndef test_x():\n    pass\n")["outcome"] == "skipped"
    assert judge("def test_y():\n    pass\n")["outcome"] == "missing"
    assert judge("def test_x(nothing):\n    pass\n")["outcome"] == "error"
    broken = judge("import shop.missing\ndef test_x():\n    pass\n")
    assert (broken["outcome"], broken["error"]["type"]) == ("error", "ModuleNotFoundError")
    assert judge("class TestX:\n    def test_y(self):\n        assert f(1) == 3\n", test="TestX::test_y")["outcome"] == "passed"


def test_a_flaky_draft_shows_under_another_hash_seed(judge):
    body = "def test_x():\n    assert f(sorted({'a', 'b', 'c', 'd'}, key=hash)[0] == 'a') == 2\n"
    assert len({judge(body, PYTHONHASHSEED=str(seed))["outcome"] for seed in range(6)}) == 2


def test_a_draft_that_depends_on_what_other_tests_leave_behind_shows_after_them(judge, tmp_path):
    (tmp_path / "tests" / "test_other.py").write_text("import os\nimport time\ndef test_a():\n    time.sleep(0.02)\n    os.environ['LEFT'] = '1'\n    assert 0\n")
    body = "def test_x():\n    assert f(1) == (4 if os.environ.get('LEFT') else 3)\n"
    alone, after = judge(body), judge(body, after="tests/test_other.py")
    assert (alone["outcome"], after["outcome"]) == ("passed", "failed")
    assert after["error"]["path"] == "tests/test_x.py" and after["slept"] == 0
    (tmp_path / "tests" / "test_other.py").write_text("import nothing_of_the_kind\n")
    assert judge(body, after="tests/test_other.py")["outcome"] == "passed"
    assert judge(body, after="../test_other.py")["outcome"] == "passed"


def test_what_a_test_does_beside_is_told(judge):
    assert judge("def test_x():\n    assert shop.now()\n")["clock"] is True
    assert judge("def test_x():\n    assert time.time() > 0\n")["clock"] is True
    assert judge("def test_x():\n    assert shop.dial() == 1\n")["network"] == ["connect 127.0.0.1:9"]
    assert judge("def test_x():\n    assert shop.wait() == 1\n")["slept"] == pytest.approx(0.05)
    assert judge("def test_x():\n    time.sleep(0.02)\n    assert f(1) == 3\n")["slept"] == pytest.approx(0.02)


@pytest.mark.parametrize("how", ("none", "default", "raise"))
@pytest.mark.parametrize(
    "name, body",
    (
        ("f", "assert f(1) == 3"),
        ("f", "assert g(1) == 3"),
        ("f", "assert shop.f(1) == 3"),
        ("Box.twice", "assert Box(2).twice() == 4"),
        ("Box.half", "assert Box(2).half == 1"),
        ("Box.of", "assert Box.of(3).size == 3"),
    ),
)
def test_a_stand_in_for_the_target_is_noticed(judge, how, name, body):
    assert judge(f"def test_x():\n    {body}\n")["outcome"] == "passed"
    assert judge(f"def test_x():\n    {body}\n", {"module": "shop", "name": name, "with": how})["outcome"] == "failed"


def test_a_stand_in_goes_unnoticed_where_nothing_is_checked(judge):
    assert judge("def test_x():\n    g(1)\n", {"module": "shop", "name": "f", "with": "none"})["outcome"] == "passed"


def test_a_stand_in_that_cannot_be_is_refused(judge):
    for stub in (
        {"module": "os", "name": "system", "with": "none"},
        {"module": "shop", "name": "missing", "with": "none"},
        {"module": "shop", "name": "f", "with": "x"},
    ):
        assert judge("def test_x():\n    pass\n", stub)["refused"]
