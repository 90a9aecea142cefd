"""Every statement of an in-toto bundle (argument 1) and of a file of examples (argument 2), held against the published schema (argument 3).

Prints how many there are of each type, and fails where one is not as the schema says, or where the schema lets pass what it must not.
"""

import base64
import collections
import copy
import json
import pathlib
import sys

from jsonschema import Draft202012Validator

bundle, examples, schema = (pathlib.Path(path) for path in sys.argv[1:4])
rules = json.loads(schema.read_text())
Draft202012Validator.check_schema(rules)
validator = Draft202012Validator(rules)
envelopes = map(json.loads, bundle.read_text().splitlines())
statements = [json.loads(base64.b64decode(envelope["payload"])) for envelope in envelopes]
kinds = collections.Counter()
for source, all_of_it in (("bundle", statements), ("examples", list(map(json.loads, examples.read_text().splitlines())))):
    for number, statement in enumerate(all_of_it):
        errors = [f"{source} {number}: {error.json_path}: {error.message}" for error in validator.iter_errors(statement)]
        assert not errors, "\n".join(errors)
        kinds[source, statement["predicateType"].split(":")[2]] += 1
        # Nothing that is asked for may be missing.
        for member in rules["$defs"][statement["predicateType"].split(":")[2]]["required"]:
            less = copy.deepcopy(statement)
            del less["predicate"][member]
            assert not validator.is_valid(less), f"{source} {number}: {member} may be missing"
missing = {kind for _, kind in kinds} - {kind for source, kind in kinds if source == "examples"}
assert not missing, f"no example of {missing}"
print(" ".join(sorted({kind for source, kind in kinds if source == "bundle"})))
