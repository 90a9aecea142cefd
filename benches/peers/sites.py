"""Where each kind of edit inside a Python file is possible: one generator of sites a kind."""

import ast
import re

from sources import FUNCTIONS, Site

# Standard library modules that a file may newly import: some that a suite has loaded anyway, some not.
_IMPORTABLE = ("json", "string", "colorsys", "fractions", "shelve")

_SWAPS = {ast.Eq: ("==", "!="), ast.NotEq: ("!=", "=="), ast.Lt: ("<", ">="), ast.Gt: (">", "<="),
          ast.LtE: ("<=", ">"), ast.GtE: (">=", "<"), ast.Is: ("is", "is not"), ast.IsNot: ("is not", "is"),
          ast.In: ("in", "not in"), ast.NotIn: ("not in", "in")}


def _other(source, node):
    """Another literal in place of a constant, or None where we have no safe idea."""
    value = node.value
    if isinstance(value, bool):
        return repr(not value)
    if value is None:
        return "False"
    if isinstance(value, int):
        return repr(value + 1)
    if isinstance(value, str):
        try:
            # f-string parts and joined literals have no text of their own that could be replaced.
            same = ast.literal_eval(source.text(node)) == value and "\n" not in source.text(node)
        except (SyntaxError, ValueError):
            return None
        return repr(value + "x") if same else None
    return None


def _constants(source, root, what):
    """One site for each constant below `root` that is not a docstring."""
    docs = {id(node.value) for node in ast.walk(root) if isinstance(node, ast.Expr)}
    inside_text = {id(part) for node in ast.walk(root) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)}
    for node in ast.walk(root):
        if isinstance(node, ast.Constant) and id(node) not in docs and id(node) not in inside_text:
            new = _other(source, node)
            if new is not None:
                yield Site(source, *source.span(node), new, node.lineno,
                           f"{what} {source.text(node)[:30]} -> {new[:30]}")


def _in_bodies(maker, sources, wanted):
    """Nodes inside function bodies, on lines that the suite runs, each once."""
    for source in sources:
        seen = set()
        for function in source.functions():
            for node in (found for statement in function.body for found in ast.walk(statement)):
                if isinstance(node, wanted) and id(node) not in seen and maker.ran(source, node.lineno):
                    seen.add(id(node))
                    yield source, function, node


def _returns(maker, sources=None):
    for source, function, node in _in_bodies(maker, sources or maker.package, ast.Return):
        if node.value is not None and not (isinstance(node.value, ast.Constant) and node.value.value is None):
            yield Site(source, *source.span(node.value), "None", node.lineno, f"{function.name} returns None")


def _compares(maker, sources=None):
    for source, function, node in _in_bodies(maker, sources or maker.package, ast.Compare):
        old, new = _SWAPS[type(node.ops[0])]
        begin, end = source.span(node.left)[1], source.span(node.comparators[0])[0]
        gap = source.data[begin:end].decode()
        if len(node.ops) == 1 and gap.count(old) == 1:
            yield Site(source, begin, end, gap.replace(old, new), node.lineno, f"{function.name}: {old} -> {new}")


def _body_constants(maker, sources=None):
    for source in sources or maker.package:
        for function in source.functions():
            for statement in function.body:
                if not isinstance(statement, (*FUNCTIONS, ast.ClassDef)) and maker.ran(source, statement.lineno):
                    yield from _constants(source, statement, f"{function.name}:")


def _conditions(maker):
    for source, function, node in _in_bodies(maker, maker.package, ast.If):
        text = source.text(node.test)
        yield Site(source, *source.span(node.test), f"not ({text})", node.lineno,
                   f"{function.name}: if not ({text[:30]})")


def _assigned(source, body, what):
    for node in body:
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            if not isinstance(node.value, ast.Lambda):
                yield from _constants(source, node.value, f"{what} {source.text(target)[:30]}:")


def _module_constants(maker):
    for source in maker.package:
        yield from _assigned(source, source.root.body, "module")


def _class_attributes(maker):
    for source in maker.package:
        for node in source.classes():
            yield from _assigned(source, node.body, f"class {node.name}")


def _defaults(maker):
    for source in maker.package:
        for function in source.functions():
            for value in [*function.args.defaults, *filter(None, function.args.kw_defaults)]:
                if isinstance(value, ast.Constant) and maker.ran(source, function.body[-1].lineno):
                    yield from _constants(source, value, f"{function.name} default")


def _decorators(maker):
    for source in maker.package:
        for function in source.functions():
            for mark in function.decorator_list:
                if "overload" not in source.text(mark) and maker.ran(source, mark.lineno):
                    yield Site(source, source.at(mark.lineno, 0), source.at(mark.end_lineno + 1, 0), "", mark.lineno,
                               f"{function.name} loses @{source.text(mark)[:30]}")


def _overrides(maker):
    known = {node.name: node for source in maker.package for node in source.classes()}
    for source in maker.package:
        for node in source.classes():
            own = {part.name for part in node.body if isinstance(part, FUNCTIONS)}
            for base in (known.get(name.id) for name in node.bases if isinstance(name, ast.Name)):
                for part in base.body if base else ():
                    if isinstance(part, ast.FunctionDef) and not part.decorator_list and part.name not in own:
                        indent = " " * node.body[-1].col_offset
                        new = f"\n{indent}def {part.name}(self, *args, **kwargs):\n{indent}    return None\n"
                        place = source.at(node.end_lineno + 1, 0)
                        yield Site(source, place, place, new, node.lineno,
                                   f"{node.name} overrides {base.name}.{part.name}")


def _aliases(maker):
    """A name imported from the package itself becomes another one of the same module and the same sort."""
    known = {source.path: source for source in maker.package}
    for source in maker.package:
        for node in source.root.body:
            if isinstance(node, ast.ImportFrom):
                yield from _aliases_of(source, node, _imported(maker, known, source, node))


def _aliases_of(source, node, origin):
    defined = {part.name: type(part) for part in origin.root.body
               if isinstance(part, (*FUNCTIONS, ast.ClassDef))} if origin else {}
    for name in node.names:
        for other, sort in defined.items():
            if other != name.name and sort is defined.get(name.name):
                called = name.asname or name.name
                yield Site(source, *source.span(name), f"{other} as {called}", name.lineno,
                           f"imports {other} as {called}")


def _imported(maker, known, source, node):
    """The file of the package that this import names, if it is one."""
    parts = node.module.split(".") if node.module else []
    if node.level:
        folder = source.path.split("/")[: -node.level]
    else:
        folder = maker.project.package.split("/")[:-1]
    place = "/".join([*folder, *parts])
    return known.get(f"{place}.py") or known.get(f"{place}/__init__.py")


def _fixtures(maker):
    for source in maker.tests:
        if not source.path.endswith("conftest.py"):
            continue
        for function in source.functions():
            if any("fixture" in source.text(mark) for mark in function.decorator_list):
                for node in ast.walk(function):
                    if isinstance(node, (ast.Return, ast.Yield)) and node.value is not None:
                        yield Site(source, *source.span(node.value), "None", node.lineno,
                                   f"fixture {function.name} gives None")


def _helpers(maker):
    """Functions below the tests folder that are neither tests nor fixtures."""
    for source in maker.tests:
        if source.path.endswith("conftest.py"):
            continue
        for function in source.functions():
            marks = " ".join(source.text(mark) for mark in function.decorator_list)
            if re.match("test", function.name) or "fixture" in marks or function.name.startswith("__"):
                continue
            for node in function.body:
                if isinstance(node, ast.Return) and node.value is not None and maker.ran(source, node.lineno):
                    yield Site(source, *source.span(node.value), "None", node.lineno, f"{function.name} returns None")


def _deleted(maker):
    for source in maker.package:
        for owner in [source.root, *source.classes()]:
            for function in owner.body:
                if not isinstance(function, FUNCTIONS) or len(owner.body) == 1:
                    continue
                if maker.ran(source, function.body[-1].lineno):
                    first = min([function.lineno, *(mark.lineno for mark in function.decorator_list)])
                    yield Site(source, source.at(first, 0), source.at(function.end_lineno + 1, 0), "", first,
                               f"{function.name} deleted")


def _comments(maker):
    for source in maker.package:
        for function in source.functions():
            last = function.body[-1]
            if maker.ran(source, last.lineno) and last.lineno > function.lineno:
                place = source.at(last.lineno, 0)
                new = " " * last.col_offset + "# A remark that changes nothing.\n"
                yield Site(source, place, place, new, last.lineno, f"a comment in {function.name}")


def _functions_added(maker):
    """A function that nobody mentions, before each definition of a module and at its end."""
    for source in maker.loaded():
        new = "def added_by_an_edit(value):\n    return value\n"
        for node in source.root.body:
            if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
                place = source.first(node)
                yield Site(source, place, place, f"{new}\n\n", node.lineno, f"a new function before {node.name}")
        end = len(source.data)
        yield Site(source, end, end, f"\n\n{new}", len(source.starts), "a new function at the end")


def _methods_added(maker):
    """A method that nobody mentions, at the end of each class."""
    for source in maker.loaded():
        for node in source.classes():
            indent = " " * node.body[-1].col_offset
            new = f"\n{indent}def added_by_an_edit(self, value):\n{indent}    return value\n"
            if maker.ran(source, node.lineno):
                place = source.after(node)
                yield Site(source, place, place, new, node.lineno, f"{node.name} gets a new method")


def _functions_used(maker):
    """A new function before the definition that holds a body that ran, and a call of it in that body."""
    for source, function, node in _in_bodies(maker, maker.package, ast.Return):
        owner = next(top for top in source.root.body if top.lineno <= node.lineno <= top.end_lineno)
        if node.value is None or (isinstance(node.value, ast.Constant) and node.value.value is None):
            continue
        begin, (old, end) = source.first(owner), source.span(node.value)
        new = (f"def added_by_an_edit(value):\n    return None\n\n\n{source.data[begin:old].decode()}"
               f"added_by_an_edit({source.text(node.value)})")
        yield Site(source, begin, end, new, node.lineno, f"{function.name} returns what a new function gives: None")


def _imports_added(maker):
    """A standard library module that the file does not mention is imported, after its last import."""
    for source in maker.loaded():
        imports = [node for node in source.root.body if isinstance(node, (ast.Import, ast.ImportFrom))]
        for name in _IMPORTABLE if imports else ():
            if not re.search(rf"\b{name}\b".encode(), source.data):
                place = source.after(imports[-1])
                yield Site(source, place, place, f"import {name}\n", imports[-1].end_lineno + 1, f"imports {name}")


def _annotations(maker):
    """The annotation of an argument, a result, a module's or a class's name becomes another one."""
    for source in maker.loaded():
        for function in source.functions():
            if maker.ran(source, function.body[-1].lineno):
                inner = function.args
                parts = [*inner.posonlyargs, *inner.args, *inner.kwonlyargs]
                found = [(part.arg, part.annotation) for part in parts] + [("the result", function.returns)]
                yield from _annotations_of(source, function.name, found)
        for owner in [source.root, *source.classes()]:
            found = [(source.text(node.target), node.annotation) for node in owner.body
                     if isinstance(node, ast.AnnAssign)]
            yield from _annotations_of(source, getattr(owner, "name", "module"), found)


def _annotations_of(source, owner, found):
    for name, node in found:
        if node is not None:
            new = "int" if source.text(node) == "object" else "object"
            yield Site(source, *source.span(node), new, node.lineno,
                       f"{owner}: {name[:30]} annotated {source.text(node)[:30]} -> {new}")


def _docstrings(maker):
    for source in maker.loaded():
        for owner in [source.root, *source.classes(), *source.functions()]:
            first = owner.body[0] if owner.body else None
            if not isinstance(first, ast.Expr) or ast.get_docstring(owner, clean=False) is None:
                continue
            if not isinstance(owner, FUNCTIONS) or maker.ran(source, owner.body[-1].lineno):
                quotes = re.match(r"[rRuU]*(\"{3}|'{3}|\"|')", source.text(first.value))
                if quotes:
                    place = source.span(first.value)[0] + quotes.end()
                    yield Site(source, place, place, "Otherwise. ", first.lineno,
                               f"docstring of {getattr(owner, 'name', 'the module')}")


SITES = {"body-return": _returns, "body-compare": _compares, "body-constant": _body_constants,
          "body-condition": _conditions, "module-constant": _module_constants, "default-argument": _defaults,
          "class-attribute": _class_attributes, "decorator-removed": _decorators, "override-added": _overrides,
          "import-alias": _aliases, "conftest-fixture": _fixtures, "test-helper": _helpers,
          "function-deleted": _deleted, "comment-only": _comments, "function-added": _functions_added,
          "method-added": _methods_added, "function-added-and-used": _functions_used,
          "import-added": _imports_added, "type-annotation": _annotations, "docstring": _docstrings}
