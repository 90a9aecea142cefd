"""A Python file of a measured project, a place in it that can be edited, and an edit."""

import ast
from dataclasses import dataclass

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass
class Edit:
    """One edit: `files` maps a path in the tree to its new bytes, or to None where the file goes."""

    kind: str
    what: str
    files: dict
    inside: bool = False  # it changes the body of a function, nothing around it

    def apply(self, tree):
        for name, data in self.files.items():
            if data is None:
                (tree / name).unlink()
            else:
                (tree / name).write_bytes(data)


class Source:
    """One Python file: its text, its syntax tree, and positions in between."""

    def __init__(self, tree, path):
        self.path = path.relative_to(tree).as_posix()
        self.data = path.read_bytes()
        self.root = ast.parse(self.data)
        self.starts = [0]
        for line in self.data.splitlines(keepends=True):
            self.starts.append(self.starts[-1] + len(line))

    def at(self, line, column):
        return self.starts[line - 1] + column

    def span(self, node):
        return self.at(node.lineno, node.col_offset), self.at(node.end_lineno, node.end_col_offset)

    def text(self, node):
        begin, end = self.span(node)
        return self.data[begin:end].decode()

    def functions(self):
        return [node for node in ast.walk(self.root) if isinstance(node, FUNCTIONS)]

    def classes(self):
        return [node for node in ast.walk(self.root) if isinstance(node, ast.ClassDef)]

    def first(self, node):
        """Where the line begins that a definition begins in, with its decorators."""
        return self.at(min([node.lineno, *(mark.lineno for mark in getattr(node, "decorator_list", []))]), 0)

    def after(self, node):
        """Where the line after a statement begins."""
        return self.at(node.end_lineno + 1, 0)

    def inside(self, position):
        """Whether a position lies in the body of some function."""
        return any(self.at(function.body[0].lineno, 0) <= position < self.span(function)[1]
                   for function in self.functions())


class Site:
    """A place where one kind of edit is possible."""

    def __init__(self, source, begin, end, new, line, what):
        self.source, self.begin, self.end, self.new, self.line, self.what = source, begin, end, new, line, what

    def edit(self, kind):
        data = self.source.data[: self.begin] + self.new.encode() + self.source.data[self.end :]
        return Edit(kind, f"{self.source.path}:{self.line} {self.what}", {self.source.path: data},
                    self.source.inside(self.begin) or kind == "function-added-and-used")

    @property
    def key(self):
        return self.source.path, self.begin, self.new

    def valid(self):
        """Python still parses it, and unless it is a comment the syntax tree is another one."""
        try:
            after = ast.parse(self.source.data[: self.begin] + self.new.encode() + self.source.data[self.end :])
        except (SyntaxError, ValueError):
            return False
        return self.new.lstrip().startswith("#") or ast.dump(after) != ast.dump(self.source.root)
