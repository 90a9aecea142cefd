"""Documents (arguments 2 and on), each held against a published schema (argument 1); fails where one is not as it says."""

import json
import pathlib
import sys

from jsonschema import Draft202012Validator

rules = json.loads(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"))
Draft202012Validator.check_schema(rules)
validator = Draft202012Validator(rules)
for path in sys.argv[2:]:
    document = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    errors = [f"{path}: {error.json_path}: {error.message[:200]}" for error in validator.iter_errors(document)]
    assert not errors, "\n".join(errors)
    # Nothing that is asked for may be missing, and nothing may be there that nobody described.
    for member in rules["required"]:
        less = {name: value for name, value in document.items() if name != member}
        assert not validator.is_valid(less), f"{path}: {member} may be missing"
    assert not validator.is_valid({**document, "more": 1}), f"{path}: anything may be there"
