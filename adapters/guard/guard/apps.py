"""Where a project's web application is, read from its files: an assignment, a factory, Django's settings. Nothing is imported for it."""

import ast
import os
import re

from source import module_of, parsed

MOST_FILES = 3000
_KINDS = {"Flask": "flask", "FastAPI": "fastapi", "Starlette": "starlette", "APIFlask": "flask", "OpenAPI": "flask", "Litestar": None}
_SETTINGS = re.compile(r"""DJANGO_SETTINGS_MODULE['"]\]?\s*[,=]\s*['"]([A-Za-z_][\w.]*)['"]""")
_SKIPPED = ("tests", "test", "docs", "examples", "node_modules", "migrations", "site-packages")


class App:
    """One application: framework, module, name, whether the name is of a function that makes it."""

    def __init__(self, kind, module, name, factory=False):
        self.kind, self.module, self.name, self.factory = kind, module, name, factory


def files_of(root, first_party):
    """Python files of the first-party packages and beside them, those with telling names first."""
    found = []
    for folder, inner, names in os.walk(root):
        inner[:] = sorted(one for one in inner if not one.startswith(".") and one not in _SKIPPED and "venv" not in one and not one.startswith("__"))
        found += [
            os.path.relpath(os.path.join(folder, name), root).replace(os.sep, "/")
            for name in sorted(names)
            if name.endswith(".py") and not name.startswith("test_") and name != "conftest.py"
        ]
        if len(found) > MOST_FILES:
            break
    telling = re.compile(r"(^|/)(app|main|wsgi|asgi|__init__|web|server|api|factory|manage|application)\.py$")
    return sorted(found, key=lambda one: (not telling.search(one), one.count("/"), one))[:MOST_FILES]


def apps_of(root, world):
    """Applications that a test may import, the likeliest first."""
    found, settings = [], None
    for path in files_of(root, world.first_party):
        whole = os.path.join(root, path)
        try:
            if os.path.getsize(whole) > 500_000:
                continue
            with open(whole, encoding="utf-8", errors="replace") as file:
                text = file.read()
        except OSError:
            continue
        if settings is None and "DJANGO_SETTINGS_MODULE" in text:
            told = _SETTINGS.search(text)
            settings = told[1] if told else None
        if not any(name + "(" in text for name in _KINDS):
            continue
        module, tree = module_of(root, path), parsed(whole)
        if module is None or tree is None or not world.is_own(module):
            continue
        found += _of_module(module, tree)
    if settings:
        found.append(App("django", settings, ""))
    return found


def _of_module(module, tree):
    made, factories = [], []
    for one in tree.body:
        if isinstance(one, (ast.Assign, ast.AnnAssign)) and isinstance(one.value, ast.Call):
            target = one.targets[0] if isinstance(one, ast.Assign) else one.target
            kind = _kind(one.value)
            called = getattr(one.value.func, "id", "")
            kind = kind or next((factory.kind for factory in factories if factory.name == called), None)
            if kind and isinstance(target, ast.Name) and not target.id.startswith("_"):
                made.append(App(kind, module, target.id))
        elif isinstance(one, ast.FunctionDef) and not one.name.startswith("_"):
            kinds = [_kind(inner) for inner in ast.walk(one) if isinstance(inner, ast.Call)]
            required = len(one.args.args) - len(one.args.defaults) + sum(default is None for default in one.args.kw_defaults)
            if any(kinds) and required == 0 and any(isinstance(inner, ast.Return) and inner.value is not None for inner in ast.walk(one)):
                factories.append(App(next(kind for kind in kinds if kind), module, one.name, True))
    return factories + made


def _kind(call):
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    return _KINDS.get(name)
