"""variant_v1: what a test ran under. The same inputs give the same digest in every language of titer."""

import hashlib
import json
import os
import re
import shlex
import sys

# Options that cannot change an outcome, so that they do not make another variant.
_FLAGS = frozenset(
    (
        "-x", "--exitfirst", "-q", "--quiet", "-v", "--verbose", "-s", "--lf", "--last-failed", "--ff",
        "--failed-first", "--no-header", "--no-summary", "--co", "--collect-only", "--no-cov",
    )
)  # fmt: skip
_VALUED = frozenset(
    (
        "-k", "-m", "-r", "-n", "--numprocesses", "--tb", "--color", "--durations", "--durations-min",
        "--junitxml", "--junit-xml", "--html", "--maxfail", "--dist", "--capture",
    )
) - {"--capture"}  # fmt: skip
_SHORT_FLAGS = re.compile(r"-[xqvs]+$")
_SHORT_VALUED = re.compile(r"-[xqvs]*[kmrn](.*)$", re.DOTALL)


def inputs(config, plan, tree, installed):
    """The variant_v1 object."""
    return {
        "v": 1,
        "runner": "pytest",
        "project": project(config, tree),
        "target": target(),
        "configuration": plan.get("configs", {}).get(inipath(config, tree) or "", ""),
        "arguments": arguments(config),
        "variables": plan.get("variables", {}),
        "installed": installed,
    }


def digest(variant):
    text = json.dumps(variant, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]


def project(config, tree):
    """pytest's rootdir from the repository's root; an absolute name if it is not inside."""
    rootdir = str(config.rootpath)
    return tree.inside(rootdir) or rootdir


def inipath(config, tree):
    return tree.inside(str(config.inipath)) if config.inipath else None


def target():
    version = "%d.%d.%d" % sys.version_info[:3]
    if sys.version_info.releaselevel != "final":
        version += f"{sys.version_info.releaselevel}{sys.version_info.serial}"
    if hasattr(os, "uname"):
        machine = os.uname().machine
    else:
        import platform

        machine = platform.machine()
    threads = "t" if "t" in getattr(sys, "abiflags", "") else ""
    return f"{sys.implementation.name}-{version}{threads}-{sys.platform}-{machine}"


def arguments(config):
    """Command line and PYTEST_ADDOPTS without paths and without what cannot change an outcome."""
    given = [str(argument) for argument in config.invocation_params.args]
    given += shlex.split(os.environ.get("PYTEST_ADDOPTS", ""))
    return strip(given, positional=set(map(str, config.args)))


def strip(given, positional):
    kept = []
    rest = iter(given)
    for token in rest:
        if token in positional or token in _FLAGS or _SHORT_FLAGS.match(token):
            continue
        name, has_value, _ = token.partition("=")
        if name in _VALUED:
            if not has_value:
                next(rest, None)
        elif name in ("--cov",) or name.startswith(("--cov-", "--no-cov-")):
            if not has_value and name in ("--cov-report", "--cov-config", "--cov-fail-under", "--cov-context"):
                next(rest, None)
        elif token[:2] != "--" and _SHORT_VALUED.match(token):
            if not _SHORT_VALUED.match(token).group(1):
                next(rest, None)
        elif token == "-pno:cacheprovider":
            continue
        elif token == "-p":
            value = next(rest, "")
            if value != "no:cacheprovider":
                kept += [token, value]
        else:
            kept.append(token)
    return kept
