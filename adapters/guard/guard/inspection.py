"""What the text of a test says against it, read and not run: the criteria of the gate that need no run, and hygiene."""

import ast
import re

import suspects
from flow import Dependence

LARGEST = 1_000_000
_TESTS = (ast.FunctionDef, ast.AsyncFunctionDef)
_TEST_FILE = re.compile(r"(^|/)(test_[^/]*|[^/]*_test)\.py$")
_PATCHING = re.compile(r"(^|\.)(patch|monkeypatch|mocker)(\.|$)")


def inspect(request):
    """The answer to `inspect`."""
    text, own = request["text"], {one for one in request.get("first_party") or [] if isinstance(one, str)}
    if not isinstance(text, str):
        return {"v": 1, "refused": "the test is no text"}
    if len(text) > LARGEST:
        return {"v": 1, "refused": "the test is larger than a million characters"}
    try:
        text.encode("utf-8")
        tree = ast.parse(text)
    except UnicodeEncodeError:
        return _syntax(1, "there is a lone surrogate in the file, which no encoding writes")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return _syntax(getattr(error, "lineno", None) or 1, f"the file is no Python: {str(error)[:100]}")
    inspection = Inspection(tree, own)
    if not _TEST_FILE.search(str(request.get("file") or "test_.py")):
        inspection.add("hygiene", "writes-file", tree, "the file is none of a test's: a guard touches test files only")
    return {"v": 1, "tests": tests_of(tree), "findings": inspection.findings()}


def _syntax(line, sentence):
    return {"v": 1, "tests": [], "findings": [{"criterion": "hygiene", "rule": "syntax", "line": line, "text": sentence}]}


def tests_of(tree):
    """The names of the file's tests, a class's with `::`."""
    found = []
    for one in tree.body:
        if isinstance(one, _TESTS) and one.name.startswith("test"):
            found.append(one.name)
        elif isinstance(one, ast.ClassDef):
            found += [f"{one.name}::{inner.name}" for inner in one.body if isinstance(inner, _TESTS) and inner.name.startswith("test")]
    return found


class Inspection:
    """All findings of one file."""

    def __init__(self, tree, own):
        self.tree, self.own, self.found = tree, own, []
        # Which names stand for what was imported from the project.
        self.imported = {}
        for one in ast.walk(tree):
            if isinstance(one, ast.Import):
                self.imported.update({(alias.asname or alias.name.split(".")[0]): alias.name for alias in one.names})
            elif isinstance(one, ast.ImportFrom):
                self.imported.update({(alias.asname or alias.name): f"{one.module or ''}.{alias.name}" for alias in one.names})

    def add(self, criterion, rule, node, sentence):
        finding = {"criterion": criterion, "rule": rule, "line": getattr(node, "lineno", 1), "text": sentence}
        if not any(one["rule"] == rule and one["line"] == finding["line"] for one in self.found):
            self.found.append(finding)

    def findings(self):
        self._public()
        for one in ast.walk(self.tree):
            if isinstance(one, _TESTS) and one.name.startswith("test"):
                self._asserts(one)
        for criterion, rule, node, sentence in suspects.of(self.tree, self.imported):
            self.add(criterion, rule, node, sentence)
        return sorted(self.found, key=lambda one: one["line"])

    def is_own(self, dotted):
        return dotted.split(".")[0] in self.own

    def _public(self):
        for one in ast.walk(self.tree):
            if isinstance(one, (ast.Import, ast.ImportFrom)):
                self._import(one)
            elif isinstance(one, ast.Attribute):
                self._attribute(one)
            elif isinstance(one, ast.Call):
                self._call(one)

    def _import(self, node):
        if isinstance(node, ast.ImportFrom) and node.level:
            self.add("public", "private-name", node, "a relative import reaches what is not a public name")
        names = [one.name for one in node.names]
        if isinstance(node, ast.ImportFrom):
            names = [f"{node.module or ''}.{name}" for name in names]
        for name in names:
            if any(_is_private(part) for part in name.split(".")):
                self.add("public", "private-name", node, f"{name} is private")

    def _attribute(self, node):
        if _is_private(node.attr):
            self.add("public", "private-name", node, f"the attribute {node.attr} is private")
        elif node.attr in ("__dict__", "__class__", "__globals__", "__code__", "__setattr__", "__new__", "__setstate__", "__closure__"):
            self.add("public", "state-injection", node, f"{node.attr} reaches into an object")
        if isinstance(node.ctx, (ast.Store, ast.Del)):
            base = suspects.dotted(node.value)
            if base and self.is_own(self.imported.get(base.split(".")[0], "")):
                self.add("public", "first-party-patch", node, f"{base}.{node.attr} is replaced: the code under test is not the product's any more")
            elif base != "self":
                self.add("public", "state-injection", node, f"the attribute {node.attr} is set from outside")

    def _call(self, node):
        name = suspects.dotted(node.func)
        last = name.rpartition(".")[2]
        if last in ("setattr", "delattr") and name in ("setattr", "delattr", "object.__setattr__"):
            target = suspects.dotted(node.args[0]) if node.args else ""
            patched = self.is_own(self.imported.get(target.split(".")[0], "")) if target else False
            literal = len(node.args) > 1 and isinstance(node.args[1], ast.Constant) and not _is_private(str(node.args[1].value))
            if patched or not literal:
                self.add("public", "first-party-patch" if patched else "state-injection", node, f"{name} changes what the test did not make")
        if last == "getattr" and len(node.args) > 1 and (not isinstance(node.args[1], ast.Constant) or _is_private(str(node.args[1].value))):
            self.add("public", "private-name", node, "getattr reaches a name that is private or computed")
        if last in ("vars", "__import__", "import_module") and name.rpartition(".")[0] in ("", "importlib"):
            rule = "state-injection" if last == "vars" else "private-name"
            self.add("public", rule, node, f"{last} reaches what no public name does")
        if _PATCHING.search(name) or _PATCHING.search(self.imported.get(name.split(".")[0], "")):
            self._patch(node, name)

    def _patch(self, node, name):
        texts = [one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]
        names = [suspects.dotted(one) for one in node.args]
        own = [one for one in texts if self.is_own(one)] + [one for one in names if one and self.is_own(self.imported.get(one.split(".")[0], ""))]
        if own:
            self.add("public", "first-party-patch", node, f"{own[0]} is replaced: the code under test is not the product's any more")

    def _asserts(self, test):
        flow = Dependence(test, self.imported, self.own)
        if flow.swallowed is not None:
            self.add("assertions", "swallowed-exception", flow.swallowed, "an exception that the call raises is swallowed")
        if not flow.assertions:
            self.add("assertions", "no-assertion", test, f"{test.name} asserts nothing")
            return
        mocks = [one for one in flow.assertions if flow.is_of_mock(one)]
        if mocks and len(mocks) == len(flow.assertions):
            self.add("assertions", "mock-assertion", mocks[0], "what is asserted is a mock's")
        elif not any(flow.depends(one) for one in flow.assertions):
            self.add("assertions", "independent-assertion", flow.assertions[0], "no assertion depends on a call of the product")


def _is_private(name):
    return name.startswith("_") and not (name.startswith("__") and name.endswith("__")) and name != "_"
