"""Reads recipes of CI for the tests: `yaml FILE` prints the file as JSON; `say` reads {"text", "values"} and prints what a condition of
GitHub's, GitLab's or Buildkite's comes to, as JSON."""
import json
import re
import sys

TOKEN = re.compile(r"""'[^']*'|"[^"]*"|build\.env\("(\w+)"\)|\$\w+|&&|\|\||!=|==|!|\(|\)|[A-Za-z_][\w.-]*|\s+|[0-9]+""")
WORDS = {"&&": " and ", "||": " or ", "!": " not ", "null": "None", "true": "True", "false": "False"}


def say(text, values):
    out = []
    at = 0
    while at < len(text):
        found = TOKEN.match(text, at)
        if not found:
            raise SystemExit(f"not understood: {text[at:]!r}")
        word = found.group()
        at = found.end()
        if found.group(1):
            out.append(f"V({'env.' + found.group(1)!r})")
        elif word in WORDS:
            out.append(WORDS[word])
        elif word == "cancelled" and text.startswith("()", at):
            at += 2
            out.append("False")
        elif word[0] == "$" or word[0].isalpha():
            out.append(f"V({word.lstrip('$')!r})")
        else:
            out.append(word)
    return eval("".join(out).strip(), {"V": values.get})


if sys.argv[1] == "yaml":
    from ruamel.yaml import YAML

    with open(sys.argv[2], encoding="utf-8") as file:
        print(json.dumps(YAML(typ="safe", pure=True).load(file)))
else:
    asked = json.load(sys.stdin)
    print(json.dumps(say(asked["text"], asked["values"])))
