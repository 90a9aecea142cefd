"""Drafts that the gate has to refuse for what they say, and good ones that it has to let pass."""

import pytest
from asking import ask

BAD = {
    "private-name": """
from shop.prices import _parse

def test_x():
    assert _parse("1") == 1
""",
    "private-name 2": """
import shop

def test_x():
    assert shop.Basket()._total == 1
""",
    "private-name 3": """
import shop

def test_x():
    assert getattr(shop, "_parse")("1") == 1
""",
    "state-injection": """
from shop import Basket

def test_x():
    basket = Basket()
    basket.items = [None]
    assert basket.total() == 0
""",
    "state-injection 2": """
from shop import Basket

def test_x():
    basket = Basket.__new__(Basket)
    basket.__dict__.update(items=[None])
    assert basket.total() == 0
""",
    "first-party-patch": """
from unittest.mock import patch
from shop import total

def test_x():
    with patch("shop.prices.parse", return_value=1):
        assert total(["1"]) == 1
""",
    "first-party-patch 2": """
import shop

def test_x(monkeypatch):
    monkeypatch.setattr(shop, "parse", lambda text: 1)
    assert shop.total(["1"]) == 1
""",
    "no-assertion": """
from shop import total

def test_x():
    total(["1"])
""",
    "independent-assertion": """
from shop import total

def test_x():
    total(["1"])
    assert 1 + 1 == 2
""",
    "independent-assertion 2": """
from shop import total

def test_x():
    result = total(["1"])
    assert result == result
""",
    "independent-assertion 3": """
from shop import total

def test_x():
    assert total(["1"]) or True
""",
    "mock-assertion": """
from unittest.mock import Mock
from shop import total

def test_x():
    seen = Mock()
    total(["1"], seen)
    seen.assert_called_once()
""",
    "swallowed-exception": """
from shop import total

def test_x():
    result = None
    try:
        result = total([None])
    except TypeError:
        pass
    assert result is None
""",
    "swallowed-exception 2": """
import contextlib
from shop import total

def test_x():
    with contextlib.suppress(Exception):
        assert total([None]) == 1
""",
    "secret": """
from shop import login

def test_x():
    assert login("ann", password="correct-horse-battery") is True
""",
    "secret 2": """
from shop import pay

def test_x():
    assert pay("4111 1111 1111 1111") is True
""",
    "secret 3": """
from shop import call

def test_x():
    assert call({"Authorization": "Bearer abcdefghijklmnopqrstuvwxyz"}) == 1
""",
    "absolute-path": """
from shop import read

def test_x():
    assert read("/home/ann/orders.csv") == []
""",
    "wall-clock": """
import datetime
from shop import age

def test_x():
    assert age(datetime.datetime.now()) == 0
""",
    "wall-clock 2": """
from time import time
from shop import age

def test_x():
    assert age(time()) == 0
""",
    "network": """
import requests
from shop import parse

def test_x():
    assert parse(requests.get("https://example.org").text) == 1
""",
    "sleep": """
import time
from shop import parse

def test_x():
    time.sleep(2)
    assert parse("1") == 1
""",
    "process": """
import subprocess
from shop import parse

def test_x():
    assert parse(subprocess.check_output(["date"])) == 1
""",
    "process 2": """
import os
from shop import parse

def test_x():
    os.system("rm -rf shop")
    assert parse("1") == 1
""",
    "writes-file": """
import shop

def test_x():
    with open("shop/prices.py", "w") as file:
        file.write("")
    assert shop.parse("1") == 1
""",
    "writes-file 2": """
from pathlib import Path
import shop

def test_x():
    Path(shop.__file__).write_text("def parse(text): return 1")
    assert shop.parse("1") == 1
""",
    "dynamic-code": """
from shop import parse

def test_x():
    assert eval("parse('1')") == 1
""",
    "dynamic-code 2": """
import pickle
from shop import total

def test_x():
    assert total(pickle.loads(b"x")) == 1
""",
    "syntax": "def test_x(:\n    pass\n",
}

GOOD = (
    """
from shop import total

def test_x():
    assert total(["1", "2"]) == 3
""",
    """
import pytest
from shop import total

def test_x():
    with pytest.raises(ValueError):
        total([None])
""",
    """
from shop.web import create_app

def test_x():
    client = create_app().test_client()
    response = client.post("/orders", json={"id": None})
    assert response.status_code == 400
""",
    """
import pytest
from shop import total

@pytest.mark.xfail(strict=True, raises=TypeError, reason="fault 12: no fix yet")
def test_x():
    total([None])
""",
    """
from shop import Basket

def test_x():
    basket = Basket()
    basket.add("pear", 2)
    assert len(basket) == 1
""",
    """
from shop import write

def test_x(tmp_path):
    (tmp_path / "in.csv").write_text("a")
    assert write(tmp_path / "in.csv") == 1
""",
    """
from shop import Money

def test_x():
    result = Money(1) + Money(2)
    assert isinstance(result, Money)
    assert str(result) == "3"
""",
)


def inspected(text, file="tests/test_x.py"):
    return ask({"do": "inspect", "text": text, "file": file, "first_party": ["shop"], "root": "."})


@pytest.mark.parametrize("name", BAD)
def test_a_bad_draft_is_refused(name):
    rules = [one["rule"] for one in inspected(BAD[name])["findings"]]
    assert name.split()[0] in rules


@pytest.mark.parametrize("text", GOOD)
def test_a_good_draft_passes(text):
    answer = inspected(text)
    assert answer["findings"] == []
    assert answer["tests"] == ["test_x"]


def test_a_product_file_is_no_place_for_a_guard():
    assert [one["rule"] for one in inspected(GOOD[0], "shop/prices.py")["findings"]] == ["writes-file"]


def test_a_lone_surrogate_is_told():
    answer = ask({}, raw='{"v": 1, "do": "inspect", "text": "x = \'\\ud800\'", "file": "test_x.py", "first_party": [], "root": "."}')
    assert [one["rule"] for one in answer["findings"]] == ["syntax"]
