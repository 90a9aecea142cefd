"""Requests that are replayed: Flask, FastAPI and Django projects whose applications the workbench finds by itself."""

import importlib
from pathlib import Path

import pytest
from guarding import Fault

HERE = Path(__file__).resolve().parent
HEADERS = {
    "Host": "shop.example",
    "User-Agent": "Mozilla/5.0",
    "X-Forwarded-For": "10.0.0.1",
    "Authorization": "[Filtered]",
    "Content-Type": "application/json",
    "X-Shop-Version": "12",
}


def test_a_flask_request_is_sent_again(tmp_path):
    pytest.importorskip("flask")
    fault = Fault(HERE / "flask_shop", tmp_path, "shop/orders.py", 'order["count"] * order["price"]', 'order["count"] * (order["price"] or 0)')

    def work():
        app = importlib.import_module("shop").create_app()
        app.testing = True
        app.test_client().post("/orders", json={"count": 2, "price": None, "customer": "Ann"})

    event = fault.raised_by(
        work, {"url": "https://shop.example/orders", "method": "POST", "headers": HEADERS, "data": {"count": 2, "price": None, "customer": "Ann"}}
    )
    found, written, _ = fault.passes_the_gate(event)
    assert found["rung"] == "request"
    assert found["call"] == 'client.post("/orders", json={"count": 2, "price": None})'
    assert "Ann" not in written["text"] and "response.status_code == 200" in written["text"]
    answer = fault.judged(fault.fixed, written["text"], written["test"], stub={**found["target"], "with": "none"})
    assert answer["outcome"] == "failed"


def test_a_flask_query_is_sent_again(tmp_path):
    pytest.importorskip("flask")
    fault = Fault(HERE / "flask_shop", tmp_path, "shop/orders.py", "return int(text)", "return int(text) if text.isdigit() else 1")

    def work():
        app = importlib.import_module("shop").create_app()
        app.testing = True
        app.test_client().get("/orders?page=two&sort=name")

    event = fault.raised_by(work, {"url": "https://shop.example/orders", "query_string": "page=two&sort=name", "method": "GET", "headers": HEADERS})
    found, _, _ = fault.passes_the_gate(event)
    assert found["call"].startswith('client.get("/orders", query_string={"page": ') and "sort" not in found["call"]


def test_a_fastapi_request_is_sent_again(tmp_path):
    pytest.importorskip("fastapi")
    pytest.importorskip("httpx")
    fault = Fault(HERE / "fastapi_shop", tmp_path, "shop/stock.py", "STOCK.get(name)", "STOCK.get(name, 0)")

    def work():
        from fastapi.testclient import TestClient

        TestClient(importlib.import_module("shop.main").app).get("/stock/apple?wanted=3")

    event = fault.raised_by(work, {"url": "https://shop.example/stock/apple", "query_string": "wanted=3", "method": "GET", "headers": HEADERS})
    found, _, evaluated = fault.passes_the_gate(event)
    assert (found["rung"], found["call"]) == ("request", 'client.get("/stock/apple")')
    assert evaluated == {"v": 1, "outcome": "response", "status": 200, "checks": ['response.json() == {"left": -1}']}


def test_an_async_fastapi_view_is_sent_its_body_again(tmp_path):
    pytest.importorskip("fastapi")
    pytest.importorskip("httpx")
    fault = Fault(HERE / "fastapi_shop", tmp_path, "shop/main.py", "x_shop.upper()", '(x_shop or "").upper()')

    def work():
        from fastapi.testclient import TestClient

        TestClient(importlib.import_module("shop.main").app).post("/names", json={"name": "ann"})

    event = fault.raised_by(work, {"url": "https://shop.example/names", "method": "POST", "headers": HEADERS, "data": {"name": "ann"}})
    found, _, _ = fault.passes_the_gate(event)
    assert found["call"] == 'client.post("/names", json={"name": ""})'


@pytest.mark.parametrize("case", ("json", "query"))
def test_a_django_request_is_sent_again(tmp_path, case):
    pytest.importorskip("django")
    if case == "json":
        fault = Fault(HERE / "django_shop", tmp_path, "shop/prices.py", "price * percent", "price * (percent or 0)")
        error = {"path": "shop/prices.py", "function": "reduced", "line": 2, "module": "shop.prices", "vars": {"price": "12", "percent": "None"}}
        request = {"url": "https://shop.example/discount", "method": "POST", "headers": HEADERS, "data": {"price": 12, "who": "Ann"}}
        kind = "TypeError"
    else:
        fault = Fault(HERE / "django_shop", tmp_path, "shop/views.py", 'request.GET.get("q")', 'request.GET.get("q", "")')
        error = {"path": "shop/views.py", "function": "search", "line": 14, "module": "shop.views", "vars": {}}
        request = {"url": "https://shop.example/search", "method": "GET", "query_string": [["page", "2"]], "headers": HEADERS}
        kind = "AttributeError"
    event = {"exceptions": [{"type": kind, "value": "", "frames": [error]}], "capture": None, "request": request}
    found, written, _ = fault.passes_the_gate(event)
    assert found["rung"] == "request"
    assert "Ann" not in written["text"]
    assert "page" not in found["call"]
