#!/usr/bin/env python3
"""Real crash bugs: what `titer guard` makes of the event that sentry-sdk sends for each, from plain variables and with the capture hook.

For every line of the corpus the faulty and the fixed release are unpacked side by side, the call runs on the faulty one under the
real sentry-sdk, and the event goes through the workbench: reproduce on the faulty tree, evaluate on the fixed one, write, then the
written test is judged on both. See README.md.
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
WORKBENCH = REPOSITORY / "adapters" / "guard" / "guard"
CAPTURE = REPOSITORY / "adapters" / "capture"
TOOLS = ("sentry-sdk==2.35.0", "pytest==8.4.2", "setuptools<80")
ZONES = ("UTC", "Asia/Tokyo", "America/New_York", "Europe/Berlin", "Pacific/Auckland")

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
    parser.add_argument("--work", default="guard-corpus", help="where trees and environments are made, and kept")
    parser.add_argument("--pythons", default=str(Path.home() / ".pyenv" / "versions"), help="a folder of interpreters by version")
    parser.add_argument("--only", nargs="*", help="parts of the names of bugs")
    parser.add_argument("--verbose", action="store_true", help="print the attempts and the written test")
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
    return {"PATH": os.environ.get("PATH", ""), "HOME": os.environ.get("HOME", ""), "LANG": "C.UTF-8", **more}


def as_event(kept, tree):
    """The event in the form that the workbench takes; paths from the tree's root."""
    event = kept["event"]
    exceptions = []
    for value in event["exception"]["values"]:
        frames = [
            {
                "path": inside(frame.get("abs_path") or "", tree),
                "module": frame.get("module") or "",
                "function": frame.get("function") or "",
                "line": frame.get("lineno") or 0,
                "vars": frame.get("vars"),
            }
            for frame in (value.get("stacktrace") or {}).get("frames", [])
        ]
        exceptions.append({"type": value["type"], "value": value.get("value") or "", "frames": frames})
    capture = kept.get("capture")
    if capture is None and "titer" in event.get("contexts", {}):
        capture = json.loads(event["contexts"]["titer"]["capture"])
    return {"exceptions": exceptions, "capture": capture, "request": event.get("request")}


def inside(path, tree):
    try:
        return Path(path).relative_to(tree).as_posix()
    except ValueError:
        return ""


def fault_of(event):
    """Type and place of the crash: the last frame in the repository."""
    raised = event["exceptions"][-1]
    frames = [frame for frame in raised["frames"] if frame["path"]]
    return {"type": raised["type"], **{key: frames[-1][key] for key in ("path", "function", "line")}}


def asked(request, tree, trees, **more):
    """One answer of the workbench."""
    question, answer = trees["here"] / "request.json", trees["here"] / "answer.json"
    question.write_text(json.dumps({"v": 1, **request}))
    answer.unlink(missing_ok=True)
    done = subprocess.run(
        [str(trees["python"]), "-X", "utf8", "-B", str(WORKBENCH), str(question), str(answer)],
        cwd=tree,
        timeout=300,
        env=clean(PYTHONPATH=str(tree), **more),
        capture_output=True,
        text=True,
    )
    if not answer.exists():
        return {"refused": f"exit {done.returncode}: {done.stderr[-300:]}"}
    return json.loads(answer.read_text())


def tried(bug, trees, hook, options):
    """What became of one event: rung, why not, characters, seconds."""
    kept = captured(bug, trees, hook)
    if "event" not in kept:
        return {"seconds": 0.0, "rung": "-", "verdict": "the call raised nothing", "before": 0, "after": 0}
    event = as_event(kept, trees["faulty"])
    if not hook:
        event["capture"] = None
    fault = fault_of(event)
    common = {"root": str(trees["faulty"]), "first_party": first_party(trees["faulty"])}
    began = time.monotonic()
    answer = asked({"do": "reproduce", **common, "fault": fault, "events": [event], "seconds": 60, "attempt_seconds": 5}, trees["faulty"], trees)
    result = {"seconds": time.monotonic() - began, "rung": "-", "verdict": "", "before": 0, "after": 0}
    found = answer.get("found")
    if options.verbose:
        for attempt in answer.get("attempts", []):
            print("   ", attempt)
    if not found:
        result["verdict"] = answer.get("refused") or "not reproduced"
        return result
    result.update(rung=found["rung"], before=found["characters"]["before"], after=found["characters"]["after"], call=found["call"])
    there = {**common, "root": str(trees["fixed"])}
    evaluated = asked({"do": "evaluate", **there, "found": found, "attempt_seconds": 5}, trees["fixed"], trees)
    # What is left of a call may fail on the fixed tree as well, or otherwise: then the whole call is the better guard.
    if answer.get("whole") and evaluated.get("outcome") in (None, "same-error", "raises"):
        again = asked({"do": "evaluate", **there, "found": answer["whole"], "attempt_seconds": 5}, trees["fixed"], trees)
        if again.get("outcome") in ("value", "opaque", "response") or evaluated.get("outcome") != "raises":
            found, evaluated = answer["whole"], again
            result.update(after=result["before"], call=found["call"])
    result["verdict"] = verdict(trees, found, evaluated, fault, common, options)
    return result


def verdict(trees, found, evaluated, fault, common, options):
    """`passed`, or what one of the gates has against the test."""
    if evaluated.get("refused") or evaluated["outcome"] == "same-error":
        return "fixed: " + (evaluated.get("refused") or "the same error")
    about = {"id": "ab12cd34", "type": fault["type"], "function": fault["function"]}
    text = asked({"do": "write", "found": found, "evaluated": evaluated, "fault": about, "today_xfail": False}, trees["faulty"], trees)
    if "text" not in text:
        return "not written: " + str(text.get("refused"))
    if options.verbose:
        print(text["text"])
    for which, times in (("faulty", 3), ("fixed", 5)):
        tests = trees[which] / "tests_of_guard"
        tests.mkdir(exist_ok=True)
        (tests / "test_guard.py").write_text(text["text"], encoding="utf-8")
        for at in range(times):
            judged = asked(
                {
                    "do": "judge",
                    **common,
                    "root": str(trees[which]),
                    "file": "tests_of_guard/test_guard.py",
                    "test": text["test"],
                    "crash": {"path": fault["path"], "line": fault["line"]} if which == "faulty" else None,
                    "stub": None,
                },
                trees[which],
                trees,
                PYTHONHASHSEED=str(at),
                TZ=ZONES[at],
            )
            why = against(judged, which, fault)
            if why:
                return f"{which} run {at + 1}: {why}"
    looked = asked({"do": "inspect", "text": text["text"], "file": "tests_of_guard/test_guard.py", **common}, trees["faulty"], trees)
    bad = [f"{one['rule']} line {one['line']}" for one in looked.get("findings", [])] if "findings" in looked else [str(looked.get("refused"))]
    return "; ".join(bad) or ("weak" if text["weak"] else "passed")


def against(judged, which, fault):
    if judged.get("refused"):
        return judged["refused"]
    if which == "fixed":
        return "" if judged["outcome"] == "passed" else f"{judged['outcome']} {judged['error']}"
    error = judged["error"] or {}
    if judged["outcome"] != "failed":
        return judged["outcome"]
    same = error["type"] == fault["type"] and error["path"] == fault["path"] and error["function"] == fault["function"].split(".")[-1]
    return "" if same and judged["hit"] else f"fails elsewhere: {error}"


def row(name, pair):
    parts = [f"{name:24}"]
    for one in pair:
        parts.append(
            f"{one['rung']:7} {one['verdict'][:60]:24} {one['before']:5} -> {one['after']:4} {one['seconds']:5.1f} s  {one.get('call', '')[:50]:50}"
        )
    return " | ".join(parts)


def summary(rows):
    lines = [f"{len(rows)} bugs"]
    for at, name in enumerate(("plain vars", "with hook")):
        good = sum(pair[at]["verdict"] in ("passed", "weak") for _, pair in rows)
        lines.append(
            f"{name}: {good} of {len(rows)} ({100 * good // max(1, len(rows))} %), reproduced {sum(pair[at]['rung'] != '-' for _, pair in rows)}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
