"""Where each kind of edit inside a Rust file is possible. Text only: comments and literals are masked first."""

import re
from dataclasses import dataclass

_TOKEN = re.compile(r"""//[^\n]*|/\*|\bb?r(?P<hashes>\#*)"|[bc]?"(?:\\.|[^"\\])*"|b?'(?:\\[^\n]+?|[^'\\\n])'""",
                    re.DOTALL)
_FLIPS = {"==": "!=", "!=": "==", "<=": ">", ">=": "<", "<": ">=", ">": "<=", "&&": "||", "||": "&&"}
_SUMS = {"+": "-", "-": "+", "*": "+"}
_NUMBERS = ("u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128", "isize")
_RESULTS = {"bool": "false", "String": "String::new()", **dict.fromkeys(_NUMBERS, "1")}
_FUNCTION = re.compile(r"\bfn\s+(\w+)[^;{}]*?\{")
_RETURNS = re.compile(r"->\s*(&?[\w:]+)\s*(?:<[^{};]*>)?\s*(?:where[^{};]*)?\{$")


@dataclass(frozen=True)
class Site:
    """One possible replacement in one file."""

    path: str
    begin: int
    end: int
    new: str
    what: str


class Source:
    """One Rust file: its text, the text with comments and literals blanked, its blocks."""

    def __init__(self, path, text):
        self.path, self.text, self.code = path, text, masked(text)
        self.tests = [self.block(found.end() - 1) for found in
                      re.finditer(r"#\[cfg\((?:all\()?test\b[^\]]*\]\s*(?:pub )?mod\s+\w+\s*\{", self.code)]
        self.macros = [self.block(found.end() - 1) for found in
                       re.finditer(r"\bmacro_rules!\s*\w+\s*[\{\(]", self.code)]
        self.traits = [self.block(found.end() - 1) for found in re.finditer(r"\btrait\s+\w+[^;{}]*\{", self.code)]
        self.functions = [(found[1], *self.block(found.end() - 1), found) for found in _FUNCTION.finditer(self.code)]

    def block(self, begin):
        """From an opening bracket to the one that closes it."""
        depth = 0
        for found in re.compile(r"[\{\}\(\)\[\]]").finditer(self.code, begin):
            depth += 1 if found[0] in "{([" else -1
            if depth == 0:
                return begin, found.end()
        return begin, len(self.code)

    def line(self, position):
        return self.text.count("\n", 0, position) + 1

    def site(self, begin, end, new, what):
        return Site(self.path, begin, end, new, f"{self.path}:{self.line(begin)} {what}")

    def bodies(self):
        """Functions outside tests and macros."""
        for name, begin, end, found in self.functions:
            if not inside(begin, self.tests) and not inside(begin, self.macros):
                yield name, begin, end, found


def masked(text):
    """The text with comments, strings and characters blanked; every position stays the same."""
    parts, last, position = [], 0, 0
    while found := _TOKEN.search(text, position):
        end = found.end()
        if found[0] == "/*":
            end = _comment_end(text, found.start())
        elif found["hashes"] is not None:
            close = text.find('"' + found["hashes"], end)
            end = len(text) if close < 0 else close + 1 + len(found["hashes"])
        parts += [text[last:found.start()], re.sub(r"[^\n]", " ", text[found.start():end])]
        last = position = end
    return "".join([*parts, text[last:]])


def _comment_end(text, begin):
    depth = 0
    for found in re.compile(r"/\*|\*/").finditer(text, begin):
        depth += 1 if found[0] == "/*" else -1
        if depth == 0:
            return found.end()
    return len(text)


def inside(position, blocks):
    return any(begin <= position < end for begin, end in blocks)


def returns(source, within=None):
    for name, begin, _, found in source.bodies():
        kind = _RETURNS.search(found[0])
        if kind and (within is None or inside(begin, within)):
            own = kind[1].split("::")[-1]
            value = "None" if own == "Option" else _RESULTS.get(own if not kind[1].startswith("&") else "")
            if value:
                yield source.site(begin + 1, begin + 1, f" if true {{ return {value}; }}", f"{name} returns {value}")


def operators(source, swaps, blocks, label=""):
    """An operator with a space on either side; `a < b` and `x + y`, but no generics, bounds or arrows."""
    wanted = "|".join(re.escape(operator) for operator in sorted(swaps, key=len, reverse=True))
    for name, begin, end in blocks:
        for found in re.compile(rf"(?<=[\w\)\]] )({wanted})(?= [\w\(\*&!])").finditer(source.code, begin, end):
            start = source.code.rfind("\n", 0, found.start()) + 1
            if not re.search(r"\b(?:fn|impl|dyn|where|for)\b|^\s*\w+: ", source.code[start:found.start()]):
                new = swaps[found[1]]
                yield source.site(found.start(1), found.end(1), new, f"{label}{name}: {found[1]} -> {new}")


def comparisons(source):
    return operators(source, _FLIPS, [(name, begin, end) for name, begin, end, _ in source.bodies()])


def sums(source):
    return operators(source, _SUMS, [(name, begin, end) for name, begin, end, _ in source.bodies()])


def defaults(source):
    """Default methods of traits: what they return, what they compare and compute."""
    yield from returns(source, source.traits)
    blocks = [(name, begin, end) for name, begin, end, _ in source.bodies() if inside(begin, source.traits)]
    yield from operators(source, {**_FLIPS, **_SUMS}, blocks)


def macros(source):
    """Inside macro_rules!: operators, numbers, true and false, on the side that is written out."""
    for begin, end in source.macros:
        if inside(begin, source.tests):
            continue
        yield from operators(source, {**_FLIPS, **_SUMS}, [("macro", begin, end)])
        for found in re.compile(r"(?<=[ \(])(?:true|false|\d+)\b(?![\w.])").finditer(source.code, begin, end):
            yield source.site(found.start(), found.end(), other(found[0]), f"macro: {found[0]} -> {other(found[0])}")


def other(literal):
    return {"true": "false", "false": "true"}.get(literal) or str(int(literal) + 1)


def constants(source):
    bodies = [(begin, end) for _, begin, end, _ in source.functions]
    for found in re.finditer(r"\b(?:const|static)\s+([A-Z]\w*)\s*:[^=;]+=\s*([^;]+);", source.code):
        if inside(found.start(), source.tests) or inside(found.start(), bodies):
            continue
        values = list(re.compile(r"(?<![\w.])(?:\d+|true|false)(?![\w.])").finditer(source.code, *found.span(2)))
        for value in values[:3]:
            yield source.site(*value.span(), other(value[0]), f"{found[1]}: {value[0]} -> {other(value[0])}")
        text = re.fullmatch(r'\s*"([^"\\]*)"\s*', source.text[slice(*found.span(2))])
        if text:
            begin, end = found.span(2)
            yield source.site(begin, end, f'"{text[1]}x"', f'{found[1]}: one letter more')


def derives(source):
    for found in re.finditer(r"#\[derive\(([^)]*)\)\]", source.code):
        names = [name.strip() for name in found[1].split(",") if name.strip()]
        if inside(found.start(), source.tests) or inside(found.start(), source.macros):
            continue
        for name in names:
            rest = ", ".join(kept for kept in names if kept != name)
            yield source.site(*found.span(), f"#[derive({rest})]", f"derive {name} removed")


def comments(source):
    for name, _, _, found in source.bodies():
        start = source.code.rfind("\n", 0, found.start()) + 1
        # Between a doc comment or an attribute and its function too: that is where people write them.
        yield source.site(start, start, "// A remark about what follows.\n", f"comment above {name}")


def test_modules(source):
    """A new failing test in a module of tests that is there already."""
    for begin, _ in source.tests:
        if not re.search(r"#\[cfg\(test\)\]\s*(?:pub )?mod\s+\w+\s*$", source.code[:begin]):
            continue
        text = "\n    #[test]\n    fn brand_new_and_failing() {\n        assert_eq!(1 + 1, 3);\n    }\n"
        yield source.site(begin + 1, begin + 1, text, "a new failing test")


SITES = {"return": returns, "comparison": comparisons, "arithmetic": sums, "trait-default": defaults,
         "macro-body": macros, "const": constants, "derive-removed": derives, "comment": comments,
         "new-test": test_modules}
