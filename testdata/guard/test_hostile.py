"""Events that somebody made to harm: nothing of them runs, nothing is read or written outside, and each gets one sentence."""

import json
from pathlib import Path

import pytest
from asking import ask

SHOP = """
def f(value, more=None):
    return value + 1
"""


@pytest.fixture
def tree(tmp_path):
    (tmp_path / "tree" / "shop").mkdir(parents=True)
    (tmp_path / "tree" / "shop" / "__init__.py").write_text(SHOP)
    (tmp_path / "passwd.py").write_text("raise SystemExit('read')")
    return tmp_path / "tree"


def frame(**more):
    return {"path": "shop/__init__.py", "module": "shop", "function": "f", "line": 3, "vars": {"value": "None"}, **more}


def reproduced(tree, frames, capture=None, request=None, kind="TypeError", **more):
    event = {
        "exceptions": [{"type": kind, "value": "$(touch owned); `touch owned`; '; rm -rf /", "frames": frames}],
        "capture": capture,
        "request": request,
    }
    return ask(
        {
            "do": "reproduce",
            "root": str(tree),
            "first_party": ["shop"],
            "fault": {"type": kind, "path": "shop/__init__.py", "function": "f", "line": 3},
            "events": [event],
            "seconds": 15,
            "attempt_seconds": 3,
            **more,
        },
        tree,
    )


def clean(tree):
    assert not list(Path(tree).parent.rglob("owned*"))
    assert sorted(one.name for one in Path(tree).iterdir()) == ["shop"]


def test_a_plain_event_is_reproduced_here(tree):
    assert reproduced(tree, [frame()])["found"]["call"] == "f(None)"


@pytest.mark.parametrize(
    "path", ("../../etc/passwd", "../passwd.py", "/etc/passwd", "shop/../../passwd.py", "shop/__init__.py\0", "~/x.py", "", None, 7, ["a"])
)
def test_a_frame_outside_is_left_alone(tree, path):
    answer = reproduced(tree, [frame(path=path)])
    assert answer["found"] is None and answer["attempts"][0]["why"]
    clean(tree)


@pytest.mark.parametrize("module", ("os", "../shop", "shop.missing", "shop\n import os", "os.path", 5, "antigravity", "s" * 100_000))
def test_a_module_that_is_none_does_no_harm(tree, module):
    answer = reproduced(tree, [frame(module=module)])
    assert "attempts" in answer
    clean(tree)


@pytest.mark.parametrize(
    "text",
    (
        "__import__('os').system('touch owned')",
        "eval('1')",
        "os.system('touch owned')",
        "(lambda: 1)()",
        "[x for x in ().__class__.__bases__]",
        "subprocess.Popen(['touch', 'owned'])",
        "open('owned', 'w')",
        "<subprocess.Popen object at 0x7f>",
        "<os.system object at 0x7f>",
        "1 if 1 else 2",
        "f'{1}'",
        "f(None)",
        "<antigravity.X object at 0x1>",
        "Popen(args=['touch', 'owned'])",
        "<function system at 0x7f>",
        "<bound method P.system of <os.P object at 0x1>>",
        "10 ** 10 ** 10",
        "'x' * 10 ** 10",
        "(" * 500 + ")" * 500,
        "-" * 5000 + "1",
        "[" * 10_000,
        "{1: " * 3000 + "1" + "}" * 3000,
        "<" * 10_000,
        "<a " * 3000 + ">" * 3000,
    ),
)
def test_a_repr_that_is_code_is_not_run(tree, text):
    answer = reproduced(tree, [frame(vars={"value": text})])
    found = answer["found"]
    assert found is None or "owned" not in found["call"]
    clean(tree)


def test_fifty_megabytes_are_cut(tree):
    answer = reproduced(tree, [frame(vars={"value": "None", "more": "'" + "x" * 50_000_000 + "'"})])
    assert answer["found"]["call"] == "f(None)"
    answer = reproduced(tree, [frame(vars={"value": "'" + "x" * 50_000_000 + "'"})])
    assert answer["found"]["call"] == 'f("")'


def test_a_lone_surrogate_is_written_as_an_escape(tree):
    (tree / "shop" / "__init__.py").write_text("\ndef f(value, more=None):\n    return value[0] + 1\n")
    for text in ("'\ud800'", "'\\ud800'"):
        answer = reproduced(tree, [frame(vars={"value": text, "more": "'\udfff'"})])
        found = answer["found"]
        assert found["call"] == 'f("\\ud800")'
        written = ask(
            {"do": "write", "found": found, "evaluated": None, "fault": {"id": "ab12cd34", "type": "TypeError", "function": "f"}, "today_xfail": True}
        )
        assert written["text"].isascii() and '"\\ud800"' in written["text"]


def test_ten_thousand_levels_are_refused(tree):
    answer = ask({}, raw='{"v": 1, "do": "reproduce", "x": ' + "[" * 10_000 + "]" * 10_000 + "}")
    assert answer["refused"] == "the request is nested too deep"
    nodes = [{"t": "list", "v": [at + 1]} for at in range(10_000)] + [{"t": "none"}]
    capture = {
        "v": 1,
        "nodes": nodes,
        "exceptions": [
            {
                "class": {},
                "frames": [{"module": "shop", "function": "f", "line": 3, "arguments": [{"name": "value", "kind": "positional", "value": 0}]}],
            }
        ],
    }
    assert "attempts" in reproduced(tree, [frame(vars=None)], capture)


@pytest.mark.parametrize(
    "capture",
    (
        {},
        [],
        {"v": 1, "nodes": 5, "exceptions": "x"},
        {"v": 1, "nodes": [], "exceptions": [{"frames": [None, {"arguments": 5}]}]},
        {
            "v": 1,
            "nodes": [{"t": "list", "v": [0]}],
            "exceptions": [{"frames": [{"module": "shop", "function": "f", "line": 3, "arguments": [{"name": "value", "value": 0}]}]}],
        },
        {
            "v": 1,
            "nodes": [{"t": "call", "of": {"t": "ref", "module": "os", "name": "system"}, "v": [1]}, {"t": "str", "v": "touch owned"}],
            "exceptions": [{"frames": [{"module": "shop", "function": "f", "line": 3, "arguments": [{"name": "value", "value": 0}]}]}],
        },
        {
            "v": 1,
            "nodes": [
                {"t": "object", "class": {"t": "ref", "module": "subprocess", "name": "Popen"}, "state": [["args", 1]]},
                {"t": "str", "v": "touch owned"},
            ],
            "exceptions": [{"frames": [{"module": "shop", "function": "f", "line": 3, "arguments": [{"name": "value", "value": 0}]}]}],
        },
        {
            "v": 1,
            "nodes": [{"t": "ref", "module": "shop", "name": "f\nimport os"}],
            "exceptions": [{"frames": [{"module": "shop", "function": "f", "line": 3, "arguments": [{"name": "value", "value": 0}]}]}],
        },
        {
            "v": 1,
            "nodes": [{"t": "bytes", "v": "%%%"}, {"t": "int", "v": "x"}, {"t": []}],
            "exceptions": [
                {
                    "frames": [
                        {"module": "shop", "function": "f", "line": 3, "arguments": [{"name": "value", "value": 0}, {"name": "x y", "value": 1}]}
                    ]
                }
            ],
        },
    ),
)
def test_a_broken_capture_harms_nobody(tree, capture):
    answer = reproduced(tree, [frame(vars=None)], capture)
    assert "attempts" in answer
    clean(tree)


@pytest.mark.parametrize(
    "request_",
    ({"url": "file:///etc/passwd"}, {"url": "http://[", "method": "GET"}, {"url": "/x", "method": "DELETE ALL"}, {"url": 5, "headers": 7}, "x", []),
)
def test_a_broken_request_harms_nobody(tree, request_):
    assert "attempts" in reproduced(tree, [frame()], request=request_)


@pytest.mark.parametrize(
    "raw",
    (
        "",
        "{",
        "[]",
        "null",
        '{"v": 2}',
        '{"v": 1}',
        '{"v": 1, "do": "harm"}',
        '{"v": 1, "do": "reproduce"}',
        '{"v": 1, "do": "evaluate", "root": 5}',
        '{"v": 1, "do": "write"}',
        '{"v": 1, "do": "judge"}',
        '{"v": 1, "do": "inspect"}',
        '{"v": 1, "do": "reproduce", "root": "/", "fault": 5}',
    ),
)
def test_a_broken_request_file_is_refused(raw):
    answer = ask({}, raw=raw)
    assert isinstance(answer["refused"], str) and answer["refused"]


@pytest.mark.parametrize(
    "found",
    (
        {"imports": ["import os"], "arrange": [], "call": "os.system('touch owned')"},
        {"imports": ["from os import system"], "arrange": [], "call": "system('touch owned')"},
        {"imports": [], "arrange": [], "call": "__import__('os').system('touch owned')"},
        {"imports": [], "arrange": ["import subprocess"], "call": "1"},
        {"imports": ["from shop import f"], "arrange": [], "call": "f.__globals__['__builtins__']"},
        {"imports": [], "arrange": ["open('owned', 'w')"], "call": "1"},
        {"imports": [], "arrange": [], "call": "eval('1')"},
        {"imports": [], "arrange": [], "call": "(lambda: 1)()"},
    ),
)
def test_a_call_that_is_none_of_ours_is_not_evaluated(tree, found):
    answer = ask({"do": "evaluate", "root": str(tree), "first_party": ["shop"], "found": found, "attempt_seconds": 3}, tree)
    assert answer.get("refused")
    clean(tree)


def test_first_party_names_are_believed_only_for_the_tree(tree):
    answer = reproduced(tree, [frame(module="os", vars={"value": "<os.X object at 0x1>"})], first_party=["os", "subprocess", "shop"])
    assert "attempts" in answer
    found = {"imports": ["from subprocess import call"], "arrange": [], "call": "call(['touch', 'owned'])"}
    answer = ask({"do": "evaluate", "root": str(tree), "first_party": ["subprocess"], "found": found, "attempt_seconds": 3}, tree)
    assert answer.get("refused")
    clean(tree)


@pytest.mark.parametrize("file", ("../passwd.py", "/etc/passwd", "missing.py", ""))
def test_a_test_outside_is_not_run(tree, file):
    answer = ask({"do": "judge", "root": str(tree), "first_party": ["shop"], "file": file, "test": "test_x", "crash": None, "stub": None}, tree)
    assert answer["refused"]


def test_written_text_holds_what_is_given_as_texts_only():
    found = {
        "rung": "vars",
        "flags": [],
        "imports": ["from shop import f\nimport os"],
        "arrange": [],
        "call": "f(1)",
        "target": {"module": "shop", "name": "f"},
        "error": None,
    }
    fault = {"id": 'x"\nimport os\n"', "type": "TypeError\nimport os", "function": "f\nimport os"}
    assert ask({"do": "write", "found": found, "evaluated": None, "fault": fault, "today_xfail": True})["refused"]
    found["imports"] = ["from shop import f"]
    answer = ask({"do": "write", "found": found, "evaluated": None, "fault": fault, "today_xfail": True})
    assert "refused" in answer or not any(line.startswith("import os") for line in answer["text"].splitlines()), json.dumps(answer)
