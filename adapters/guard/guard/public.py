"""What may be imported, and under which public name a test would know it.

An event names modules and classes; nothing is imported because of that alone. First-party modules below the root are; of the standard
library only the plain classes that `reprs.SAFE` lists; of installed distributions only a class, where a constructor needs it.
"""

import importlib
import importlib.util
import inspect
import os
import re
import sys
import types

from nodes import Reference
from reprs import SAFE

_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$", re.ASCII)
_STDLIB = getattr(sys, "stdlib_module_names", None)
# Not for a test to build on, whoever names them.
_DANGEROUS = (
    "os",
    "subprocess",
    "shutil",
    "socket",
    "ctypes",
    "signal",
    "pty",
    "multiprocessing",
    "builtins",
    "sys",
    "importlib",
    "runpy",
    "code",
    "pickle",
)


class World:
    """The modules of one tree, imported when they are needed and only then."""

    def __init__(self, root, first_party):
        self.root = os.path.join(os.path.realpath(root), "")
        self.first_party = {one for one in first_party if isinstance(one, str) and one.isidentifier()}
        self.failed = {}

    def is_own(self, module):
        return module.split(".")[0] in self.first_party

    def load(self, module):
        """A first-party module, or None; what its import raised is kept in `failed`."""
        if not isinstance(module, str) or len(module) > 300 or not _NAME.match(module) or not self.is_own(module) or module in self.failed:
            return None
        try:
            if "." in module and self.load(module.rpartition(".")[0]) is None:
                return None
            if not self._is_here(
                sys.modules[module].__spec__ if module in sys.modules else importlib.util.find_spec(module), sys.modules.get(module)
            ):
                self.failed[module] = "it does not lie in the tree"
                return None
            return importlib.import_module(module)
        except BaseException as error:  # noqa: BLE001 - whatever a module does when it is imported
            self.failed[module] = f"importing it raised {type(error).__name__}: {str(error)[:120]}"
            return None

    def _is_here(self, spec, loaded):
        """Whether a module is of a file or a folder below the root."""
        where = [getattr(loaded, "__file__", None)] if loaded is not None and getattr(loaded, "__file__", None) else []
        if spec is not None and not where:
            where = [spec.origin] if spec.has_location and spec.origin else list(spec.submodule_search_locations or [])
        return any(os.path.realpath(one).startswith(self.root) for one in where)

    def find(self, module, name):
        """What a module and a qualified name stand for; None for what must not be imported."""
        if not isinstance(name, str) or not isinstance(module, str) or not _NAME.match(name or "-"):
            return None
        if module == "builtins" or (module in SAFE and name.split(".")[0] in SAFE[module]) or module == "re":
            if module == "builtins" and not _is_plain_builtin(name):
                return None
            return _walk(importlib.import_module(module), name)
        if not _NAME.match(module or "-") or len(module) > 300:
            return None
        if self.is_own(module):
            return self._find_own(module, name)
        return self._find_installed(module, name)

    def _find_own(self, module, name):
        while True:
            loaded = self.load(module)
            found = _walk(loaded, name)
            if found is not None or "." not in module:
                return found
            module, _, last = module.rpartition(".")
            name = f"{last}.{name}"

    def _find_installed(self, module, name):
        """A class of an installed distribution; never of the standard library, where a call may do anything."""
        top = module.split(".")[0]
        if self._is_library(module) or top in _DANGEROUS:
            found = _walk(sys.modules.get(module), name) if top not in _DANGEROUS and module in sys.modules else None
            return found if isinstance(found, type) and issubclass(found, (tuple, BaseException)) else None
        try:
            if module not in sys.modules and importlib.util.find_spec(top) is None:
                return None
            found = _walk(importlib.import_module(module), name)
        except BaseException:  # noqa: BLE001 - whatever a module does when it is imported
            return None
        return found if isinstance(found, type) else None

    def _is_library(self, module):
        top = module.split(".")[0]
        if _STDLIB is not None:
            return top in _STDLIB
        spec = importlib.util.find_spec(top) if top not in sys.modules else sys.modules[top].__spec__
        origin = getattr(spec, "origin", None) or ""
        return origin in ("built-in", "frozen", "") or "-packages" not in origin

    def own_modules(self):
        """First-party modules that are loaded."""
        return [(name, module) for name, module in list(sys.modules.items()) if isinstance(module, types.ModuleType) and self.is_own(name)]

    def resolver(self, module):
        """Finds what a bare name of a repr stands for: in the frame's module, then in any that is ours."""

        def resolve(name):
            if not _NAME.match(name):
                return None
            last = name.rpartition(".")[2]
            for path in (name, last) if "." in name else (name,):
                found = _walk(self.load(module) if module else None, path)
                reference = self._reference(found, path)
                if reference:
                    return reference
            head, _, member = name.partition(".")
            for _, one in self.own_modules():
                found = vars(one).get(head)
                if isinstance(found, (type, types.FunctionType)) and self.is_own(getattr(found, "__module__", None) or ""):
                    reference = self._reference(_walk(found, member) if member else found, name)
                    if reference:
                        return reference
            return None

        return resolve

    def _reference(self, found, name):
        """A class, a function or a member of an enumeration, where it may be called at all."""
        import enum

        if isinstance(found, enum.Enum):
            kind = type(found)
            return Reference(kind.__module__, f"{kind.__qualname__}.{found.name}") if self.is_own(kind.__module__) else None
        if not isinstance(found, (type, types.FunctionType)):
            return None
        where, called = getattr(found, "__module__", None) or "", getattr(found, "__qualname__", name)
        if "<" in called or self.find(where, called) is not found:
            return None
        return Reference(where, called)

    def public(self, found, module, name):
        """The shortest public (module, name) of a class or function; None if it has none."""
        head, _, rest = name.partition(".")
        if any(is_private(part) for part in rest.split(".") if part):
            return None
        top = _walk(self.load(module), head)
        if top is None:
            return None
        best = None
        # A module that stands above names what it offers; one beside it only uses it.
        for where, one in self.own_modules():
            if any(is_private(part) for part in where.split(".")) or _is_test(where):
                continue
            for called, value in list(vars(one).items()):
                if value is not top or is_private(called) or called == "__main__":
                    continue
                offered = getattr(one, "__all__", None)
                above = module == where or module.startswith(where + ".")
                rank = (
                    not above,
                    called != head,
                    where.count(".") + (1 if isinstance(offered, (list, tuple)) and called not in offered else 0),
                    len(where),
                    where,
                    called,
                )
                if best is None or rank < best:
                    best = rank
        if best is None:
            return None
        return best[4], best[5] + ("." + rest if rest else "")


def _walk(found, name):
    """Attributes one after the other, without running what computes one."""
    for part in name.split("."):
        if found is None or part.startswith("__"):
            return None
        try:
            found = inspect.getattr_static(found, part)
        except AttributeError:
            return None
        if isinstance(found, (staticmethod, classmethod)):
            found = found.__func__
        if type(found).__name__ == "DynamicClassAttribute":
            return None
    return found


def _is_plain_builtin(name):
    import builtins

    found = getattr(builtins, name, None)
    return (
        isinstance(found, type)
        or name in ("len", "sorted", "min", "max", "sum", "abs", "repr", "ord", "chr", "any", "all", "Ellipsis", "NotImplemented")
    ) and name not in ("type", "super", "classmethod", "staticmethod", "property")


def is_private(name):
    return name.startswith("_")


def _is_test(module):
    return any(part in ("tests", "test", "testing", "conftest") or part.startswith("test_") for part in module.split("."))
