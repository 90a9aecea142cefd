"""Whether a test's assertions depend on what the product gave: a value followed from the product's calls through names to the assertions."""

import ast

import suspects

_MOCKS = ("Mock", "MagicMock", "AsyncMock", "patch", "create_autospec", "mock_open", "mocker")
_CLIENTS = (
    "django.test.Client",
    "django.test.AsyncClient",
    "rest_framework.test.APIClient",
    "fastapi.testclient.TestClient",
    "starlette.testclient.TestClient",
)
_CHECKS = ("raises", "warns", "assertRaises", "assertRaisesRegex", "deprecated_call")


class Dependence:
    """The assertions of one test and the names that hold what the product gave."""

    def __init__(self, test, imported, own):
        # A framework's test client calls the product, whatever the test imports of that by name.
        self.own_names = {name for name, module in imported.items() if module.split(".")[0] in own or module in _CLIENTS}
        self.mock_names = {name for name, module in imported.items() if module.startswith(("unittest.mock", "mock")) or name in _MOCKS}
        # A fixture may be a client of the product; what it gives is taken for the product's.
        self.from_product = {
            one.arg for one in test.args.args if one.arg not in ("monkeypatch", "tmp_path", "capsys", "caplog", "mocker", "self", "request")
        }
        self.of_mocks = {"mocker"} if "mocker" in [one.arg for one in test.args.args] else set()
        self.assertions, self.swallowed = [], None
        for _ in range(3):
            self._names(test)
        self._collect(test)
        self._expected(test)

    def _names(self, test):
        for one in ast.walk(test):
            targets, value = [], None
            if isinstance(one, ast.Assign):
                targets, value = one.targets, one.value
            elif isinstance(one, (ast.AnnAssign, ast.AugAssign, ast.NamedExpr)):
                targets, value = [one.target], one.value
            elif isinstance(one, (ast.For, ast.comprehension)):
                targets, value = [one.target], one.iter
            elif isinstance(one, ast.withitem):
                targets, value = [one.optional_vars] if one.optional_vars else [], one.context_expr
                if self._is_check(value):
                    continue
            if value is None:
                continue
            names = {part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name)}
            if self._has_mock(value):
                self.of_mocks |= names
            if self.is_products(value):
                self.from_product |= names
        # An object that the product was given may be changed by it.
        for one in ast.walk(test):
            if isinstance(one, ast.Expr) and isinstance(one.value, ast.Call) and self.is_products(one.value):
                self.from_product |= {part.id for given in one.value.args for part in ast.walk(given) if isinstance(part, ast.Name)} - self.of_mocks

    def is_products(self, tree):
        """Whether a value comes from a call of the product, or from what one gave."""
        for one in ast.walk(tree):
            if isinstance(one, ast.Call):
                name = suspects.dotted(one.func).split(".")[0]
                if name in self.own_names or name in self.from_product:
                    return True
            elif isinstance(one, ast.Name) and one.id in self.from_product:
                return True
            elif isinstance(one, (ast.Attribute, ast.Subscript)) and suspects.root_of(one) in self.own_names | self.from_product:
                return True
            elif isinstance(one, (ast.BinOp, ast.Compare, ast.UnaryOp)) and any(
                isinstance(part, ast.Name) and part.id in self.own_names and part.id.isupper() for part in ast.walk(one)
            ):
                return True
        return False

    def _has_mock(self, tree):
        return any(isinstance(one, ast.Name) and one.id in self.mock_names | self.of_mocks for one in ast.walk(tree))

    def _is_check(self, tree):
        return isinstance(tree, ast.Call) and suspects.dotted(tree.func).rpartition(".")[2] in _CHECKS

    def _collect(self, test):
        for one in ast.walk(test):
            if isinstance(one, ast.Assert):
                self.assertions.append(one)
            elif isinstance(one, ast.Call):
                last = one.func.attr if isinstance(one.func, ast.Attribute) else ""
                if last.startswith(("assert_", "assert")) and last not in _CHECKS and len(last) > 6:
                    self.assertions.append(one)
            elif isinstance(one, (ast.With, ast.AsyncWith)) and any(self._is_check(item.context_expr) for item in one.items):
                self.assertions.append(one)
            elif isinstance(one, ast.With) and any(
                suspects.dotted(getattr(item.context_expr, "func", item.context_expr)).endswith("suppress") for item in one.items
            ):
                self.swallowed = self.swallowed or one
            elif isinstance(one, ast.Try) and self._swallows(one):
                self.swallowed = self.swallowed or one
        self._literal_calls(test)

    def _literal_calls(self, test):
        """`pytest.raises(Error, f, 1)` without `with`."""
        within = {id(item.context_expr) for one in ast.walk(test) if isinstance(one, (ast.With, ast.AsyncWith)) for item in one.items}
        self.assertions += [
            one for one in ast.walk(test) if isinstance(one, ast.Call) and self._is_check(one) and id(one) not in within and len(one.args) > 1
        ]

    def _expected(self, test):
        """A strict xfail with an exception says what is expected of the call as long as there is no fix."""
        for one in test.decorator_list:
            if isinstance(one, ast.Call) and suspects.dotted(one.func).endswith("mark.xfail"):
                named = {part.arg: part.value for part in one.keywords}
                strict = isinstance(named.get("strict"), ast.Constant) and named["strict"].value is True
                if strict and "raises" in named and not self.assertions:
                    self.assertions.append(ast.With([], test.body, lineno=one.lineno))

    @staticmethod
    def _swallows(node):
        for handler in node.handlers:
            # Raising or asserting or failing in a handler is no swallowing.
            loud = any(
                isinstance(one, (ast.Raise, ast.Assert)) or (isinstance(one, ast.Call) and suspects.dotted(one.func).endswith("fail"))
                for part in handler.body
                for one in ast.walk(part)
            )
            if not loud:
                return True
        return False

    def is_of_mock(self, node):
        tree = node.test if isinstance(node, ast.Assert) else node.func if isinstance(node, ast.Call) else None
        if tree is None:
            return False
        return self._has_mock(tree) and not self._only_product(tree)

    def _only_product(self, tree):
        return any(isinstance(one, ast.Name) and one.id in self.from_product - self.of_mocks for one in ast.walk(tree)) or any(
            isinstance(one, ast.Call) and suspects.dotted(one.func).split(".")[0] in self.own_names for one in ast.walk(tree)
        )

    def depends(self, node):
        if isinstance(node, ast.Assert):
            return not _is_empty(node.test) and self.is_products(node.test)
        if isinstance(node, (ast.With, ast.AsyncWith)):
            return any(self.is_products(one) for one in node.body)
        return any(
            self.is_products(one) or isinstance(one, ast.Name) and one.id in self.own_names
            for one in [*node.args, *(one.value for one in node.keywords)]
        )


def _is_empty(tree):
    """`assert x or True`, `assert x == x`."""
    if isinstance(tree, ast.BoolOp) and isinstance(tree.op, ast.Or):
        return any(isinstance(one, ast.Constant) and bool(one.value) for one in tree.values)
    if isinstance(tree, ast.Compare) and len(tree.ops) == 1 and isinstance(tree.ops[0], (ast.Eq, ast.Is, ast.LtE, ast.GtE)):
        return ast.dump(tree.left) == ast.dump(tree.comparators[0])
    return isinstance(tree, ast.Tuple) and bool(tree.elts)
