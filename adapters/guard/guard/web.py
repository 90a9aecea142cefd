"""The request rung: the request that was being answered is sent again, through the test client of the project's web framework.

Frameworks turn an exception into an answer of status 500. Their test clients let it through where they are told to, and the test tells
them the same, so that it fails with the exception itself as long as the fault is there.
"""

import json
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from apps import apps_of
from attempt import try_recipe
from literals import Imports, Unwritable, node_of, one_line, tree_of
from nodes import Call, Fixed, Literal, Mapping, Member, Variable
from recipe import Recipe, preload
from source import inside
from targets import target_of

LONGEST = 100_000
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
# What a client sends by itself, what stands between it and the server, what only tells who it was.
_OWN_HEADERS = {
    "host",
    "user-agent",
    "accept-encoding",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "sentry-trace",
    "baggage",
    "traceparent",
    "tracestate",
    "via",
    "dnt",
    "cache-control",
    "pragma",
    "upgrade-insecure-requests",
    "te",
    "priority",
    "authorization",
    "x-api-key",
    "x-csrftoken",
    "x-csrf-token",
}
_OWN_PREFIXES = ("x-forwarded", "x-real", "x-request", "x-amz", "cf-", "sec-", "x-cloud", "x-b3", "x-datadog", "proxy-")
_FILTERED = ("[Filtered]", "[filtered]", "********")


class Sent:
    """A request in parts, as JSON gave them."""

    def __init__(self, told):
        url = urlsplit(str(told.get("url") or "")[:LONGEST])
        self.method = str(told.get("method") or "GET").upper()
        self.path = unquote(url.path) or "/"
        self.host = (url.hostname or "localhost")[:200]
        self.query = _pairs(told.get("query_string") or url.query)
        headers = {str(key).lower(): value for key, value in _pairs(told.get("headers"))}
        self.type = str(headers.get("content-type") or "").split(";")[0].strip().lower()
        self.headers = [
            (_title(key), value)
            for key, value in headers.items()
            if key not in _OWN_HEADERS and not key.startswith(_OWN_PREFIXES) and isinstance(value, str) and value not in _FILTERED
        ]
        self.data = told.get("data")
        if isinstance(self.data, str) and len(self.data) > LONGEST:
            self.data = self.data[:LONGEST]
        if isinstance(self.data, str) and "json" in self.type:
            try:
                self.data = json.loads(self.data)
            except (ValueError, RecursionError):
                pass
        self.is_json = "json" in self.type or (not self.type and isinstance(self.data, (dict, list)))


def _pairs(told):
    """Pairs from a text, an object or a list of pairs."""
    if isinstance(told, (str, bytes)):
        return parse_qsl(told[:LONGEST], keep_blank_values=True)
    if isinstance(told, dict):
        return [(str(key), value) for key, value in told.items()]
    if isinstance(told, list):
        return [(str(one[0]), one[1]) for one in told if isinstance(one, (list, tuple)) and len(one) == 2]
    return []


def _title(name):
    return "-".join(part.capitalize() for part in name.split("-"))


def replayed(ladder, event):
    """A found answer, or None; why not is among the ladder's attempts."""
    told = event.get("request")
    if not isinstance(told, dict) or not told.get("url"):
        return None
    try:
        sent = Sent(told)
    except ValueError as error:
        ladder.note("request", "the request", f"its address cannot be read: {error}")
        return None
    if sent.method not in _METHODS:
        ladder.note("request", "the request", "its method is none of HTTP's")
        return None
    apps = apps_of(ladder.root, ladder.world)
    if not apps:
        ladder.note("request", "the request", "no Flask, FastAPI, Starlette or Django application was found in the tree")
    for app in apps[:6]:
        for setting in _settings(app, sent):
            found = _through(ladder, event, app, sent, setting)
            if found:
                return found
            if ladder.left() <= 0:
                return None
    return None


def _settings(app, sent):
    """Lines that give a client: imports and what is arranged."""
    if app.kind == "django":
        base = ["import os", "import django", "from django.test import Client"]
        ready = [f'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "{app.module}")', "django.setup()"]
        for host in ("", "localhost", sent.host):
            given = f"SERVER_NAME={one_line(tree_of(Literal(host), Imports()))}" if host else ""
            yield base, [*ready, f"client = Client({given})"]
        return
    make = [f"app = {app.name}()"] if app.factory else []
    name = "app" if app.factory else app.name
    own = f"from {app.module} import {app.name}"
    if app.kind == "flask":
        yield [own], [*make, f'{name}.config["TESTING"] = True', f"client = {name}.test_client()"]
    else:
        yield [f"from {app.kind}.testclient import TestClient", own], [*make, f"client = TestClient({name})"]


def _through(ladder, event, app, sent, setting):
    imports, arrange = setting
    label = f"{sent.method} {sent.path[:100]} of {app.module}{'.' + app.name if app.name else ''}"

    def recipe_of_node(node, _world=None):
        return Recipe(imports, arrange, one_line(tree_of(node, Imports())))

    why = "it cannot be written"
    for node in _calls(app, sent):
        try:
            recipe = recipe_of_node(node)
        except Unwritable:
            continue
        seen = try_recipe(recipe, ladder.world, ladder.each + 5)
        if ladder.is_same(seen):
            target = _target(ladder, event)
            if target is None:
                ladder.note("request", label, "no function of the tree stands between the request and the error")
                return None
            # Importing it has just gone well in a child: from here on children begin with it.
            preload(imports, ladder.world)
            ladder.whole = ladder.answer("request", (), recipe, target, seen, len(recipe.call))
            node = ladder.smaller(node, seen, recipe_of_node)
            return ladder.answer("request", (), recipe_of_node(node), target, seen, len(recipe.call))
        why = f"it answers {seen['status']}" if seen.get("status") else ladder.why(seen)
    ladder.note("request", label, why)
    return None


def _calls(app, sent):
    """The call of the client, with the body as the content's type says, then otherwise."""
    method, client = sent.method.lower(), Variable("client")
    named, path, asked = [], sent.path, []
    query = Mapping([(Literal(key), Literal(value)) for key, value in sent.query if isinstance(value, str)])
    if query.pairs and app.kind == "django" and method in ("get", "head"):
        asked = [query]
    elif query.pairs and app.kind == "django":
        path += "?" + urlencode([(key, value) for key, value in sent.query if isinstance(value, str)])
    elif query.pairs:
        named.append(("query_string" if app.kind == "flask" else "params", query))
    headers = [("headers", Mapping([(Literal(key), Literal(value)) for key, value in sent.headers]))] if sent.headers else []
    for given, body in _bodies(app, sent):
        yield Call(Member(client, method), [Fixed(path), *asked, *given], [*named, *body, *headers])


def _bodies(app, sent):
    """Positional and named arguments for the body."""
    if sent.data in (None, "", b""):
        # What the vendor did not send may still have been there, and empty.
        yield [], []
        if sent.is_json and sent.method != "GET":
            yield ([Mapping([])], [("content_type", Fixed("application/json"))]) if app.kind == "django" else ([], [("json", Mapping([]))])
        return
    node = node_of(sent.data)
    if node is None:
        return
    json_body = ([node], [("content_type", Fixed("application/json"))]) if app.kind == "django" else ([], [("json", node)])
    form = ([node], []) if app.kind == "django" else ([], [("data", node)])
    if isinstance(sent.data, str):
        kind = sent.type or "text/plain"
        if app.kind == "django":
            yield [node], [("content_type", Fixed(kind))]
        elif app.kind == "flask":
            yield [], [("data", node), ("content_type", Fixed(kind))]
        else:
            yield [], [("content", node), ("headers", Mapping([(Fixed("Content-Type"), Fixed(kind))]))]
        return
    yield from (json_body, form) if sent.is_json else (form, json_body)


def _target(ladder, event):
    """The innermost function of the way to the error that has a public name, else the innermost at all."""
    exceptions = [one for one in event.get("exceptions") or [] if isinstance(one, dict)]
    frames = [
        one for one in (exceptions[-1].get("frames") or [] if exceptions else []) if isinstance(one, dict) and inside(ladder.root, one.get("path"))
    ]
    found = [
        target
        for target in (target_of(one, ladder.world, ladder.root) for one in frames)
        if not isinstance(target, str) and not target.function.is_local
    ]
    if found:
        # The view itself is what the request is for.
        return {"module": found[0].module, "name": found[0].function.qualified}
    if ladder.function is None or ladder.function.is_local:
        return None
    from source import module_of

    return {"module": module_of(ladder.root, ladder.fault["path"]), "name": ladder.function.qualified}


def seen(response):
    """What a test holds a response to: its status, and a short body."""
    status = getattr(response, "status_code", None)
    if type(status) is not int:
        return {"outcome": "broken", "text": "the client gave no response"}
    checks = []
    body = _json_of(response)
    kind = (
        "flask" if hasattr(response, "get_json") else "django" if hasattr(response, "content") and hasattr(response, "wsgi_request") else "starlette"
    )
    if body is not None:
        text = one_line(tree_of(node_of(body), Imports()))
        if len(text) <= 400:
            checks.append(f"response.{'json' if kind == 'flask' else 'json()'} == {text}")
    elif 300 <= status < 400 and response.headers.get("Location"):
        checks.append(f'response.headers["Location"] == {one_line(tree_of(Literal(str(response.headers["Location"])), Imports()))}')
    else:
        plain = response.data if kind == "flask" else response.content
        if isinstance(plain, bytes) and 0 < len(plain) <= 80:
            checks.append(f"response.{'data' if kind == 'flask' else 'content'} == {one_line(tree_of(Literal(plain), Imports()))}")
    return {"outcome": "response", "status": status, "checks": checks}


def _json_of(response):
    try:
        body = response.get_json(silent=True) if hasattr(response, "get_json") else response.json()
    except Exception:  # noqa: BLE001 - no JSON, in the words of three frameworks
        return None
    return body if node_of(body) is not None else None
