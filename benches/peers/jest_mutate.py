"""The edits of a jest project: a fixed order of kinds, and for each a place chosen by the seed.

Text only: comments and literals are masked before code is looked at. An edit that does not compile is an edit too.
"""

import os
import random
import re
from dataclasses import dataclass
from pathlib import Path

import projects

# Twenty, of which eleven or more change or break files that tests load, where the project has such places.
KINDS = ("operator", "constant", "test-edited", "removed", "literal", "renamed", "data", "default", "deleted",
         "unused-file", "type-only", "jest-config", "shadow", "new-test", "operator", "comment", "tsconfig",
         "version", "dependency", "readme")
INSIDE = ("operator", "literal", "removed", "default")
FALLBACK = "literal"

_CODE = (".js", ".cjs", ".mjs", ".jsx", ".ts", ".tsx")
_TEST = re.compile(r"(^|/)(__tests__|tests?|spec)/|[.-](test|spec)\.")
_ASIDE = re.compile(r"(^|/)(docs?|examples?|samples?|node_modules|dist|scripts)/")
_DATA = re.compile(r"(^|/)(__snapshots__|(__)?fixtures?[\w-]*)/|\.snap$|(?<!package)(?<!package-lock)\.json$")
_TOKEN = re.compile(r"""//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`"""
                    r"""|(?<=[(,=:\[!&|?;])[ ]*/(?![*/])(?:\\.|\[(?:\\.|[^\]\n])*\]|[^/\\\n\[])+/[a-z]*""", re.DOTALL)
_FLIPS = {"===": "!==", "!==": "===", "==": "!=", "!=": "==", "<": ">=", ">": "<=", "<=": ">", ">=": "<",
          "&&": "||", "||": "&&", "+": "-", "-": "+", "*": "+"}
_OPERATOR = re.compile(r"(?<= )(===|!==|==|!=|<=|>=|<|>|&&|\|\||\+|-|\*)(?= )")
_PLAIN = re.compile(r"(?<![\w.$])(\d+|true|false)(?![\w.$])")
_STATEMENT = re.compile(r"^[ \t]+(?:this\.|return\b|throw\b|await\b|[\w.]+\(|[\w.\[\]]+ = )[^\n]*;[ \t]*$", re.M)
_BEGINS = re.compile(r"^[ \t]+(?:this\.|return\b|throw\b|await\b|const\b|let\b|if\b)", re.M)
_HEAD = re.compile(r"(?:\bfunction\b[ ]*\w*|^[ ]+(?:async )?(?!if\b|for\b|while\b|switch\b|catch\b)\w+)[ ]*"
                   r"\((?P<inner>[^()]*)\)(?:: [\w<>\[\]., |]+)? \{", re.M)
_LAST = re.compile(r"(?:^|,)\s*\w+(?:: [\w.\[\]| ]+)?$")
_SPECIFIER = re.compile(r"""(['"])(\.{1,2}(?:/[^'"\n]*)?)\1""")
_OPTIONS = ('"noUnusedLocals": true', '"noImplicitReturns": true', '"noUnusedParameters": true', '"strict": true')
_SETTINGS = ("restoreMocks: true", "testTimeout: 7000", "resetModules: true")


@dataclass
class Edit:
    """What is written over a tree: path to new content, none for a file that goes."""

    kind: str
    what: str
    files: dict

    def apply(self, tree):
        for name, text in self.files.items():
            path = Path(tree) / name
            if text is None:
                path.unlink()
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(text.encode())


class Source:
    """One file: its text, the text with comments and literals blanked, the places of its strings."""

    def __init__(self, path, text, ran=None, inside=()):
        self.path, self.text, self.ran, self.inside = path, text, ran, inside
        self.strings, parts, last = [], [], 0
        for found in _TOKEN.finditer(text):
            parts += [text[last:found.start()], re.sub(r"[^\n]", " ", found[0])]
            last = found.end()
            if found[0][0] in "'\"" and not re.search(r"(from|import|require\(|import\()\s*$", text[:found.start()]):
                self.strings.append(found.span())
        self.code = "".join([*parts, text[last:]])

    def line(self, position):
        return self.text.count("\n", 0, position) + 1

    def hot(self, position):
        """In a function that the suite ran (anywhere, where nobody looked); what a compiler adds is none."""
        begin = self.text.rfind("\n", 0, position) + 1
        return (self.ran is None or self.line(position) in self.ran) and not self.text.startswith("import", begin)

    def begins(self, position):
        """Nothing is open before this line: a statement can go, or a comment come."""
        before = self.code[:position].rstrip()
        return before.endswith((";", "{", "}"))

    def literals(self):
        """(begin, end, new) of numbers, booleans and strings."""
        for found in _PLAIN.finditer(self.code):
            flip = {"true": "false", "false": "true"}.get(found[1])
            yield found.start(), found.end(), flip or str(int(found[1]) + 1)
        for begin, end in self.strings:
            yield begin, end, self.text[begin:end - 1] + "x" + self.text[end - 1]

    def places(self, kind):
        """(begin, end, new) for each place of a kind that is one replacement in this file."""
        if kind == "operator":
            return [(*found.span(), _FLIPS[found[1]]) for found in _OPERATOR.finditer(self.code)
                    if self.hot(found.start())]
        if kind == "literal":
            return [place for place in self.literals() if self.hot(place[0])]
        if kind == "constant":
            return [place for place in self.literals() if self.line(place[0]) not in self.inside]
        if kind == "removed":
            return [(found.start(), found.end(), "") for found in _STATEMENT.finditer(self.code)
                    if self.hot(found.start()) and self.begins(found.start())
                    and found[0].count("(") == found[0].count(")") and found[0].count("{") == found[0].count("}")]
        if kind == "comment":
            return [(found.start(), found.start(), "// Said once more.\n") for found in _BEGINS.finditer(self.code)
                    if self.hot(found.start()) and self.begins(found.start())]
        null = " = null as any" if self.path.endswith(("ts", "tsx")) else " = null"
        return [(found.end("inner"), found.end("inner"), null) for found in _HEAD.finditer(self.code)
                if self.hot(found.end()) and _LAST.search(found["inner"])]

    def put(self, begin, end, new):
        return self.text[:begin] + new + self.text[end:]


class Maker:
    """Makes edit number n of a seed; the same number and attempt give the same edit."""

    def __init__(self, project, tree, seed, loaded, tests, broken=()):
        self.project, self.tree, self.seed = project, Path(tree), seed
        # What is broken from the start can hardly be broken anew.
        self.tests = sorted(set(tests) - set(broken))
        self.tracked = [name for name in projects.git(tree, "ls-files").splitlines()
                        if (self.tree / name).is_file() and not (self.tree / name).is_symlink()]
        code = [name for name in self.tracked if name.endswith(_CODE)]
        self.texts = {name: self.read(name) for name in code}
        self.sources = [Source(name, self.texts[name], *loaded[name]) for name in code
                        if name in loaded and name not in tests and not _TEST.search(name)]
        self.made = set()

    def read(self, name):
        return (self.tree / name).read_bytes().decode(errors="replace")

    def edit(self, index, attempt=0):
        rng = random.Random(f"{self.seed} {self.project.name} {index} {attempt}")
        kind = KINDS[index % len(KINDS)]
        found = getattr(self, f"_{kind.replace('-', '_')}", lambda rng: self.pick(kind, rng))(rng)
        if found:
            return Edit(kind, *found)
        found = self.pick(FALLBACK, rng)
        return Edit(f"{FALLBACK} (no {kind})", *found)

    def pick(self, kind, rng, sources=None, only=None):
        """A place that no edit has taken: first a file, then a place, or long files would win."""
        for source in rng.sample(sources or self.sources, len(sources or self.sources)):
            places = [place for place in source.places(kind) if only is None or only(source, place)]
            for begin, end, new in rng.sample(places, len(places)):
                if (source.path, begin, new) not in self.made:
                    self.made.add((source.path, begin, new))
                    old = source.text[begin:end].strip()[:40]
                    return (f"{source.path}:{source.line(begin)} {old!r} -> {new.strip()[:40]!r}",
                            {source.path: source.put(begin, end, new)})
        return None

    def _test_edited(self, rng):
        def expecting(source, place):
            begin = source.text.rfind("\n", 0, place[0]) + 1
            return "expect" in source.text[begin:place[0]]
        return self.pick("literal", rng, [Source(name, self.texts[name]) for name in self.tests], expecting)

    def _data(self, rng):
        names = [name for name in self.tracked if _DATA.search(name) and not _ASIDE.search(name)
                 and not Path(name).name.startswith((".", "tsconfig", "package"))]
        return self.pick("literal", rng, [Source(name, self.read(name)) for name in names]) if names else None

    def _renamed(self, rng):
        """The file moves, and every relative path to it with it."""
        names = [source.path for source in self.sources if Path(source.path).stem != "index"]
        for name in rng.sample(names, len(names)):
            old, stem = Path(name), Path(name).stem
            files = {name: None, str(old.with_name(f"{stem}-moved{old.suffix}")): self.texts[name]}
            for other, text in self.texts.items():
                def moved(found, other=other):
                    if name not in self.meant(other, found[2]):
                        return found[0]
                    head, _, tail = found[2].rpartition("/")
                    return f"{found[1]}{head}/{tail.replace(stem, f'{stem}-moved', 1)}{found[1]}"
                after = _SPECIFIER.sub(moved, text)
                if after != text:
                    files[other] = after
            if len(files) > 2:
                return f"{name} -> {stem}-moved{old.suffix}, {len(files) - 2} importers", files
        return None

    def meant(self, importer, specifier):
        """The tracked files that a relative specifier may mean."""
        path = os.path.normpath(os.path.join(os.path.dirname(importer), specifier))
        names = [path, *(path + ending for ending in _CODE), *(f"{path}/index{ending}" for ending in _CODE)]
        return [name for name in names if name in self.texts]

    def _deleted(self, rng):
        name = rng.choice(self.sources).path
        return name, {name: None}

    def _unused_file(self, rng):
        near = Path(rng.choice(self.sources).path)
        typed = near.suffix in (".ts", ".tsx")
        name = str(near.with_name(f"peersUnused{near.suffix}"))
        return name, {name: "export const peers = 1;\n" if typed else "exports.peers = 1;\n"}

    def _shadow(self, rng):
        """A new file that a path without an ending now finds first: x.js before x.ts, x.js before x/index."""
        found = set()
        for importer, text in self.texts.items():
            for _, specifier in _SPECIFIER.findall(text):
                path = os.path.normpath(os.path.join(os.path.dirname(importer), specifier))
                meant = self.meant(importer, specifier)
                if meant and meant[0] not in (path, f"{path}.js") and not path.startswith("."):
                    found.update((f"{path}.js", source.path) for source in self.sources if source.path == meant[0])
        if not found:
            return None
        new, old = rng.choice(sorted(found))
        return f"{new} before {old}", {new: "module.exports = {};\n"}

    def _new_test(self, rng):
        near = Path(rng.choice(self.tests))
        name = str(near.with_name("peersAdded" + re.sub(r"^.*?(?=[.-](?:test|spec)\.|\.\w+$)", "", near.name)))
        return name, {name: "test('peers', () => {\n  expect(1).toBe(2);\n});\n"}

    def _type_only(self, rng):
        names = [name for name in self.texts if name.endswith(".ts") and not _TEST.search(name)
                 and not _ASIDE.search(name) and re.search(r"\binterface \w+[^{};]*\{\n", self.texts[name])]
        if not names:
            return None
        name = rng.choice(sorted(names))
        source = Source(name, self.texts[name])
        head = rng.choice(list(re.finditer(r"\binterface (\w+)[^{};]*\{\n", source.code)))
        body = source.code[head.end():source.code.find("\n}", head.end()) + 1]
        members = [found for found in re.finditer(r"^[ ]+\w+\??: [^\n{}]*;\n", body, re.M)]
        if members and rng.random() < 0.5:
            gone = rng.choice(members)
            begin, end = head.end() + gone.start(), head.end() + gone.end()
            return f"{name} interface {head[1]} loses {gone[0].strip()}", {name: source.put(begin, end, "")}
        return (f"{name} interface {head[1]} gains a member",
                {name: source.put(head.end(), head.end(), "  peersAdded?: string;\n")})

    def _jest_config(self, rng):
        return self.inserted(rng, r"(^|/)jest\.config\.\w+$", r"(?:module\.exports|const config|export default) = \{"
                             r"|export default \{", _SETTINGS)

    def _tsconfig(self, rng):
        return self.inserted(rng, r"(^|/)tsconfig[\w.]*\.json$", r'"compilerOptions":\s*\{', _OPTIONS)

    def inserted(self, rng, names, head, lines):
        """A new first entry in an object of a configuration file that lacks it."""
        found = [(name, line) for name in self.tracked if re.search(names, name) and re.search(head, self.read(name))
                 for line in lines if line.split(":")[0] not in self.read(name)]
        if not found:
            return None
        name, line = rng.choice(found)
        return f"{name} {line}", {name: re.sub(head, lambda there: f"{there[0]}\n  {line},", self.read(name), count=1)}

    def _version(self, rng):
        return self.bumped(rng, r'(?<="version": ")(\d+\.\d+\.)(\d+)')

    def _dependency(self, rng):
        return self.bumped(rng, r'(?<=": ")([\^~]\d+\.\d+\.)(\d+)')

    def bumped(self, rng, pattern):
        names = [name for name in self.tracked if Path(name).name == "package.json" and not _ASIDE.search(name)
                 and re.search(pattern, self.read(name))]
        if not names:
            return None
        name = rng.choice(names)
        text = self.read(name)
        found = rng.choice(list(re.finditer(pattern, text)))
        new = found[1] + str(int(found[2]) + 1)
        where = text.count("\n", 0, found.start()) + 1
        return f"{name}:{where} {found[0]} -> {new}", {name: text[:found.start()] + new + text[found.end():]}

    def _readme(self, rng):
        names = [name for name in self.tracked if Path(name).name.lower() == "readme.md"]
        if not names:
            return None
        name = rng.choice(names)
        return name, {name: self.read(name) + "\nOne line more.\n"}
