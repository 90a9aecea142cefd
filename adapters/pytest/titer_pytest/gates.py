"""Reasons to leave nothing out although the plan would, and facts about the session for its event line."""

import os
import sys


def coverage_gate(config):
    """True where a coverage threshold is in force: a partial run would fail it."""
    plugin = config.pluginmanager.getplugin("_cov")
    if plugin is not None:
        if getattr(plugin, "_disabled", False):
            return False
        for options in (config.option, getattr(plugin, "options", None)):
            if _positive(getattr(options, "cov_fail_under", None)):
                return True
    # `coverage run -m pytest`, or pytest-cov with the threshold in coverage's own configuration.
    coverage = sys.modules.get("coverage")
    current = coverage.Coverage.current() if hasattr(coverage, "Coverage") else None
    return current is not None and _positive(current.get_option("report:fail_under"))


def writes_files(config):
    """True where the user asked for an output file, so that pytest must run even with nothing to run."""
    names = (
        "xmlpath", "cov_source", "cov_report", "htmlpath", "report_log", "log_file", "json_report",
        "json_report_file", "resultlog", "csv_path", "md_report_output", "allure_report_dir", "pastebin",
    )  # fmt: skip
    option = config.option
    # These have a default file name; only the switch beside them says that one is wanted.
    ignored = {"json_report_file", "cov_report"} if not getattr(option, "json_report", False) else {"cov_report"}
    if any(getattr(option, name, None) for name in names if name not in ignored):
        return True
    try:
        return bool(config.getini("log_file"))
    except (KeyError, ValueError):
        return False


def measures_coverage(config):
    """True where coverage is measured: of a part of the suite it is a part, and titer says so."""
    if getattr(config.option, "cov_source", None) and not getattr(config.option, "no_cov", False):
        return True
    coverage = sys.modules.get("coverage")
    return hasattr(coverage, "Coverage") and coverage.Coverage.current() is not None


def is_controller(config):
    """True in the process that hands tests to xdist workers and runs none itself."""
    return config.pluginmanager.hasplugin("dsession") and not hasattr(config, "workerinput")


def launch(installed):
    return {
        "exe": sys.executable,
        "prefix": sys.prefix,
        "base": sys.base_prefix,
        "sites": [os.path.abspath(site) for site in installed.sites],
    }


def _positive(value):
    try:
        return float(value or 0) > 0
    except (TypeError, ValueError):
        return True
