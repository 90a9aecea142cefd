"""The test file as a colleague would write it: literals, one test, no helper of ours, a comment that says which fault it guards against."""

import ast
import keyword
import re
import sys

from literals import WIDTH, wrapped

_LIBRARY = getattr(sys, "stdlib_module_names", None) or frozenset(
    "abc array ast asyncio base64 bisect collections contextlib copy csv "
    "dataclasses datetime decimal enum fractions functools io ipaddress itertools json "
    "math operator os pathlib pickle random re string struct sys tempfile threading time types typing unittest urllib uuid xml zoneinfo".split()
)
_THIRD = ("pytest", "flask", "django", "fastapi", "starlette")
_STRONG = re.compile(r"(result|list\(result\)) ==")
SHORT = 40


def write(request):
    """The answer to `write`."""
    found, evaluated, fault = request["found"], request.get("evaluated"), request["fault"]
    xfail = bool(request.get("today_xfail")) or evaluated is None
    if evaluated is not None and evaluated.get("outcome") == "same-error":
        return {"v": 1, "refused": "the fixed code raises the same error: there is nothing to hold it to"}
    imports = list(found.get("imports") or [])
    if not all(_is_import(line) for line in [*imports, *((evaluated or {}).get("imports") or [])]):
        return {"v": 1, "refused": "one of the imports is none"}
    body, more = _body(found, evaluated)
    imports += [line for line in more if line not in imports]
    name = name_of(found)
    lines = []
    identifier = re.sub(r"[^\w-]", "", str(fault.get("id")))[:64]
    if xfail:
        imports.append("import pytest")
        error = found.get("error") or {}
        kind, line = _exception(str(fault.get("type")), error.get("module"))
        imports += [line] if line and line not in imports else []
        reason = f"fault {identifier}: no fix yet" if evaluated is None else f"fault {identifier}: not fixed here yet"
        lines.append(f'@pytest.mark.xfail(strict=True, raises={kind}, reason="{reason}")')
    lines.append(f"def {name}():")
    lines += [("    " + line) if line else line for line in body]
    function = re.sub(r"[^\w.<>]", "", str(fault.get("function")))[:100]
    header = f"# Guards against fault {identifier}: {re.sub(r'[^A-Za-z0-9_.]', '', str(fault.get('type')))[:80]} in {function}."
    top = str((found.get("target") or {}).get("module") or "").split(".")[0]
    text = header + "\n" + grouped(imports, top) + "\n\n" + "\n".join(lines) + "\n"
    ast.parse(text)
    if not text.isascii():
        text.encode("utf-8")
    return {"v": 1, "text": text, "test": name, "weak": _is_weak(evaluated)}


def _is_import(line):
    try:
        tree = ast.parse(line).body
    except (SyntaxError, ValueError, TypeError):
        return False
    return len(tree) == 1 and isinstance(tree[0], (ast.Import, ast.ImportFrom)) and "\n" not in line


def _is_weak(evaluated):
    """Only a class or attributes were there to be checked."""
    return evaluated is not None and evaluated.get("outcome") == "opaque" and not any(_STRONG.match(one) for one in evaluated.get("checks") or [])


def _body(found, evaluated):
    """The lines of the test, and what they need imported."""
    lines = []
    for statement in found.get("arrange") or []:
        lines += statement_lines(statement)
    call, outcome = found["call"], (evaluated or {}).get("outcome")
    if evaluated is None:
        return [*lines, *expression_lines("", call)], []
    if outcome == "raises":
        kind, line = _exception(str(evaluated["type"]), evaluated.get("module"))
        return [*lines, f"with pytest.raises({kind}):", *("    " + one for one in expression_lines("", call, 8))], [
            "import pytest",
            *([line] if line else []),
        ]
    if outcome == "response":
        lines += [*expression_lines("response = ", call), f"assert response.status_code == {int(evaluated['status'])}"]
        for check in evaluated.get("checks") or []:
            lines += expression_lines("assert ", check)
        return lines, []
    if outcome == "value":
        return [*lines, *_equality(call, evaluated["literal"])], []
    checks = evaluated.get("checks") or []
    lines += expression_lines("result = ", call)
    for check in checks:
        lines += expression_lines("assert ", check)
    return lines, list(evaluated.get("imports") or [])


def _equality(call, literal):
    sign = "is" if literal in ("None", "True", "False") else "=="
    whole = ast.parse(f"({call}) {sign} ({literal})", mode="eval").body
    flat = wrapped(whole, width=10_000)
    if len("    assert " + flat) <= WIDTH:
        return ["assert " + flat]
    lines = expression_lines("result = ", call)
    tree = ast.parse(literal, mode="eval").body
    text = wrapped(tree, 4, len("assert result == "))
    return lines + _dedented(f"assert result {sign} {text}")


def _dedented(text):
    first, *rest = text.split("\n")
    # The writer indents from the function's body on; each line gets that indent back when the body is put together.
    return [first, *(line[4:] for line in rest)]


def expression_lines(before, text, indent=4):
    """An expression after what stands before it on its line."""
    text = wrapped(ast.parse(text, mode="eval").body, indent, len(before))
    return [before + text.split("\n")[0], *(line[indent:] for line in text.split("\n")[1:])]


def statement_lines(text):
    """A statement of what is arranged."""
    tree = ast.parse(text).body
    if len(tree) == 1 and isinstance(tree[0], ast.Assign) and isinstance(tree[0].targets[0], ast.Name):
        return expression_lines(f"{tree[0].targets[0].id} = ", ast.get_source_segment(text, tree[0].value) or ast.unparse(tree[0].value))
    if len(tree) == 1 and isinstance(tree[0], ast.Expr):
        return expression_lines("", text)
    return text.split("\n")


def _exception(kind, module):
    """The name of an exception in the test, and the line that imports it."""
    parts = [part for part in kind.split(".") if part.isidentifier()]
    name = parts[-1] if parts else "Exception"
    if module in (None, "", "builtins", "__main__") or not all(part.isidentifier() for part in module.split(".")):
        return name, None
    return name, f"from {module} import {name}"


def grouped(imports, own):
    """Import lines in the usual three groups, each in order."""
    groups = [[], [], []]
    for line in dict.fromkeys(imports):
        top = line.split()[1].split(".")[0]
        groups[0 if top in _LIBRARY and top != own else 1 if top in _THIRD and top != own else 2].append(line)
    merged = [_merged(group) for group in groups if group]
    return "\n".join(["\n" + "\n".join(group) for group in merged]) + "\n"


def _merged(lines):
    """`from a import b` and `from a import c` are one line."""
    plain = sorted(line for line in lines if line.startswith("import "))
    names = {}
    for line in lines:
        found = re.fullmatch(r"from (\S+) import (\w+)", line)
        if found:
            names.setdefault(found[1], set()).add(found[2])
    return plain + [f"from {module} import {', '.join(sorted(names[module]))}" for module in sorted(names)]


def name_of(found):
    """`test_f_given_an_int`."""
    tree = ast.parse(found["call"], mode="eval").body
    if found.get("rung") == "request":
        words = [tree.func.attr] if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Attribute) else []
        words += (
            re.findall(r"[a-z0-9]+", str(tree.args[0].value).lower())[:4] if words and tree.args and isinstance(tree.args[0], ast.Constant) else []
        )
        return _safe("_".join(["test", *words]))
    called, given = _called(tree)
    return _safe("_".join(["test", called, *(["given", given] if given else [])]))


def _called(tree):
    """What is called, and the kind of its first argument."""
    while (
        isinstance(tree, ast.Call)
        and isinstance(tree.func, ast.Name)
        and tree.func.id in ("list", "next", "run", "str", "len", "repr")
        and tree.args
        and isinstance(tree.args[0], (ast.Call, ast.Attribute))
    ):
        tree = tree.args[0]
    if isinstance(tree, ast.Call):
        name = tree.func.attr if isinstance(tree.func, ast.Attribute) else getattr(tree.func, "id", "call")
        first = tree.args[0] if tree.args else tree.keywords[0].value if tree.keywords else None
        return _snake(name), _kind(first)
    if isinstance(tree, ast.Attribute):
        return _snake(tree.attr), ""
    if isinstance(tree, ast.Subscript):
        return _snake(_called(tree.value)[0]) + "_item", _kind(tree.slice)
    if isinstance(tree, (ast.BinOp, ast.Compare)):
        return _snake(_called(tree.left)[0] or "value") + "_operator", ""
    return "value", ""


def _kind(tree):
    if tree is None:
        return ""
    if isinstance(tree, ast.Constant):
        value = tree.value
        if value is None or isinstance(value, bool):
            return str(value).lower()
        empty = "empty_" if isinstance(value, (str, bytes)) and not value else ""
        kind = {"str": "text", "int": "int", "float": "float", "bytes": "bytes_value"}.get(type(value).__name__, "value")
        return ("an_" if (empty or kind)[0] in "aeiou" else "a_") + empty + kind
    names = {"List": "list", "Dict": "dict", "Tuple": "tuple", "Set": "set", "UnaryOp": "negative_number"}
    name = names.get(type(tree).__name__)
    if isinstance(tree, ast.Name):
        return _snake(tree.id)
    if isinstance(tree, ast.Call):
        name = _snake(tree.func.attr if isinstance(tree.func, ast.Attribute) else getattr(tree.func, "id", "value"))
    if not name:
        return "a_value"
    empty = "empty_" if isinstance(tree, (ast.List, ast.Dict)) and not (getattr(tree, "elts", None) or getattr(tree, "keys", None)) else ""
    return ("an_" if (empty or name)[0] in "aeiou" else "a_") + empty + name


def _snake(name):
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().strip("_")


def _safe(name):
    name = re.sub(r"\W+", "_", name)[:80].rstrip("_")
    return name + "_again" if keyword.iskeyword(name) or not name.isidentifier() else name
