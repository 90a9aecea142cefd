#!/usr/bin/env python3
"""Real crash bugs: what `titer guard` makes of the event that sentry-sdk sends for each, from plain variables and with the capture hook.

For every line of the corpus the faulty and the fixed release are two commits of a repository, the call runs on the faulty one under
the real sentry-sdk, and its event goes the way of every user's: `titer learn file`, `guard list`, `guard draft`, `guard inject`, which
runs the gate. See README.md.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
CAPTURE = REPOSITORY / "adapters" / "capture"
TOOLS = ("sentry-sdk==2.35.0", "pytest==8.4.2", "setuptools<80")

# Runs the call of one bug under the real sentry-sdk and keeps the event that would have been sent.
SENDER = """
import json, sys
import sentry_sdk
from sentry_sdk.transport import Transport

bug, tree, out, hook = json.loads(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4] == "hook"
kept = {}

class Keeps(Transport):
    def capture_envelope(self, envelope):
        for item in envelope.items:
            if item.type == "event":
                kept["event"] = item.payload.json
            if item.headers.get("filename") == "titer-capture.json":
                kept["capture"] = json.loads(item.payload.get_bytes())

more = {}
if hook:
    import titer_capture
    more["before_send"] = titer_capture.before_send(root=tree, packages=[bug["package"].replace("-", "_")])
sentry_sdk.init("https://key@localhost/1", transport=Keeps, in_app_include=bug["in_app"], project_root=tree, default_integrations=False, **more)
names = {"__name__": "__main__"}
exec(bug["setup"], names)
try:
    exec(bug["call"], names)
except BaseException as error:
    sentry_sdk.capture_exception(error)
sentry_sdk.flush()
json.dump(kept, open(out, "w"))
"""


def main():
    options = arguments()
    bugs = [json.loads(line) for line in Path(options.corpus).read_text().splitlines() if line.strip()]
    rows = []
    for bug in bugs:
        if options.only and not any(one in bug["id"] for one in options.only):
            continue
        try:
            trees = prepared(bug, Path(options.work), options.pythons)
        except (OSError, subprocess.SubprocessError) as error:
            print(f"{bug['id']}: not set up: {error}", file=sys.stderr)
            continue
        rows.append((bug["id"], [tried(bug, trees, hook, options) for hook in (False, True)]))
        print(row(*rows[-1]), flush=True)
    print(summary(rows))
    return 0


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", help="a crash-bugs.jsonl")
    parser.add_argument("--titer", default="titer", help="the program")
    parser.add_argument("--work", default="guard-corpus", help="where trees and environments are made, and kept")
    parser.add_argument("--pythons", default=str(Path.home() / ".pyenv" / "versions"), help="a folder of interpreters by version")
    parser.add_argument("--only", nargs="*", help="parts of the names of bugs")
    parser.add_argument("--verbose", action="store_true", help="print what titer says")
    return parser.parse_args()


def interpreter(pythons, version):
    found = sorted(Path(pythons).glob(f"{version}.*/bin/python"))
    return str(found[-1]) if found else f"python{version}"


def prepared(bug, work, pythons):
    """The faulty tree, the fixed tree and the environment of one bug; made once."""
    here = work.resolve() / bug["id"]
    trees = {"faulty": here / "faulty", "fixed": here / "fixed", "python": here / "venv" / "bin" / "python", "here": here}
    if not (here / "done").exists():
        shutil.rmtree(here, ignore_errors=True)
        here.mkdir(parents=True)
        quiet([interpreter(pythons, bug["python"]), "-m", "venv", here / "venv"])
        pip = [trees["python"], "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
        # The package itself, so that its dependencies come, and then not itself: a tree stands for it.
        quiet([*pip, *TOOLS, f"{bug['package']}=={bug['buggy']}"])
        quiet([trees["python"], "-m", "pip", "uninstall", "--quiet", "--disable-pip-version-check", "-y", bug["package"]])
        for which, version in (("faulty", bug["buggy"]), ("fixed", bug["fixed"])):
            quiet([*pip, "--no-deps", "--target", trees[which], f"{bug['package']}=={version}"])
        (here / "done").touch()
    return trees


def quiet(command):
    subprocess.run([str(one) for one in command], check=True, stdout=subprocess.DEVNULL, timeout=600)


def first_party(tree):
    """Names that can be imported from a tree."""
    names = {one.name[:-3] for one in tree.glob("*.py")}
    return sorted(names | {one.name for one in tree.iterdir() if one.is_dir() and one.name.isidentifier() and any(one.glob("*.py"))})


def captured(bug, trees, hook):
    """The event of the bug as the vendor's SDK sends it."""
    out = trees["here"] / ("hook.json" if hook else "plain.json")
    sender = trees["here"] / "sender.py"
    sender.write_text(SENDER)
    about = json.dumps({**bug, "in_app": first_party(trees["faulty"])})
    environment = clean(PYTHONPATH=os.pathsep.join([str(trees["faulty"]), str(CAPTURE)]))
    subprocess.run(
        [str(trees["python"]), "-B", str(sender), about, str(trees["faulty"]), str(out), "hook" if hook else "plain"],
        check=True,
        cwd=trees["here"],
        env=environment,
        timeout=120,
        stdout=subprocess.DEVNULL,
    )
    return json.loads(out.read_text())


def clean(**more):
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    return {**kept, "LANG": "C.UTF-8", **more}


def committed(trees):
    """A repository with the faulty release and the fixed one behind it; the faulty commit."""
    here = trees["here"] / "repository"
    shutil.rmtree(here, ignore_errors=True)
    here.mkdir()
    git(here, "init", "-q", "-b", "main")
    commits = []
    for which in ("faulty", "fixed"):
        for one in [one for one in here.iterdir() if one.name != ".git"]:
            shutil.rmtree(one) if one.is_dir() else one.unlink()
        shutil.copytree(trees[which], here, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", "*.dist-info", "*.egg-info", "bin"))
        git(here, "add", "-A")
        git(here, "commit", "-qm", which)
        commits.append(git(here, "rev-parse", "HEAD").strip())
    return here, commits[0]


def git(here, *words):
    command = ["git", "-c", "user.name=corpus", "-c", "user.email=corpus@example.org", "-c", "commit.gpgsign=false", *words]
    return subprocess.run(command, cwd=here, check=True, capture_output=True, text=True).stdout


def tried(bug, trees, hook, options):
    """What became of one event: rung, why not, characters, seconds."""
    kept = captured(bug, trees, hook)
    event = kept["event"]
    here, event["release"] = committed(trees)
    if hook and kept.get("capture"):
        event.setdefault("contexts", {})["titer"] = {"capture": json.dumps(kept["capture"])}
    file = trees["here"] / "event.json"
    file.write_text(json.dumps(event))
    began = time.monotonic()
    result = {"rung": "-", "verdict": "", "before": 0, "after": 0}
    result["verdict"] = guarded(here, trees, file, result, options)
    result["seconds"] = time.monotonic() - began
    return result


def guarded(here, trees, file, result, options):
    """`injected`, or what titer had against it."""
    def titer(*words):
        done = subprocess.run([options.titer, *words], cwd=here, env=clean(HOME=str(trees["here"])), capture_output=True, text=True, timeout=600, check=False)
        if options.verbose:
            print(done.stdout, done.stderr)
        return done

    if titer("learn", "file", str(file)).returncode:
        return "not learned"
    faults = json.loads(titer("guard", "list", "--json").stdout)
    if not faults:
        return "no fault of the repository's"
    fault, python = faults[0]["fault_id"][:8], ["--python", str(trees["python"])]
    drafted = titer("guard", "draft", fault, *python)
    if drafted.returncode:
        return (drafted.stderr.strip() or drafted.stdout.strip().splitlines()[1])[:80]
    draft = json.loads((here / ".titer" / "ledger" / "drafts" / f"{fault}-1" / "draft.json").read_text())
    result.update(rung=draft["found"]["rung"], **draft["found"]["characters"], call=draft["found"]["call"])
    injected = titer("guard", "inject", f"{fault}-1", *python)
    if injected.returncode == 0:
        return "injected"
    failed = [line for line in injected.stdout.splitlines() if line.strip().startswith("failed ")]
    return (failed or ["weak"])[0].strip()[:80]


def row(name, pair):
    parts = [f"{name:24}"]
    for one in pair:
        parts.append(f"{one['rung']:7} {one['verdict'][:60]:10} {one['before']:5} -> {one['after']:4} {one['seconds']:5.1f} s  {one.get('call', '')[:50]:50}")
    return " | ".join(parts)


def summary(rows):
    lines = [f"{len(rows)} bugs"]
    for at, name in enumerate(("plain vars", "with hook")):
        good = sum(pair[at]["verdict"] == "injected" for _, pair in rows)
        lines.append(f"{name}: {good} of {len(rows)} injected, {sum(pair[at]['rung'] != '-' for _, pair in rows)} reproduced")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
