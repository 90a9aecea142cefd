"""The second pass of a deep record: the same tests the other way round, and nothing written where the first pass wrote.

Its results are nobody's but titer's. So what would overwrite the results of the first pass (reports, coverage data, the
cache of failures) is turned off before its plugin looks at the options, and so is what would end the pass early or wait
for a person.
"""

import os
import pathlib

import pytest

# Destination of an option -> what it is when nobody gives it. Only those that somebody's plugin has defined are touched.
_OFF = {
    # Reports and measurements.
    "xmlpath": None,
    "htmlpath": None,
    "report_log": None,
    "resultlog": None,
    "json_report": False,
    "csv_path": None,
    "md_report": False,
    "md_report_output": None,
    "allure_report_dir": None,
    "pastebin": None,
    "log_file": os.devnull,
    "cov_source": [],
    "benchmark_json": None,
    "benchmark_save": None,
    "benchmark_autosave": False,
    "rp_enabled": False,
    "ddtrace": False,
    # Folders and files that would be emptied.
    "basetemp": None,
    "cacheclear": False,
    # Early ends and questions.
    "maxfail": 0,
    "stepwise": False,
    "stepwise_skip": False,
    "usepdb": False,
    "trace": False,
}


class SecondPass:
    """Registered as soon as our plugin is, so that it comes before the plugins that it keeps quiet."""

    def __init__(self, adapter):
        self.adapter = adapter
        self.safely = adapter.safely
        self.config = None

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_load_initial_conftests(self, early_config):
        if self.config is None:
            self.config = early_config
            # pytest-cov looks at these, and only here.
            self.safely(_turn_off, early_config.known_args_namespace)
        yield

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config):
        self.safely(_turn_off, config.option)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session):
        self.safely(self._leave_the_cache_alone, session.config)

    def _leave_the_cache_alone(self, config):
        cache = getattr(config, "cache", None)
        if cache is not None:
            cache._cachedir = pathlib.Path(self.adapter.run, "cache")

    def reverse(self, items, ids, variant):
        """Put the items into the opposite of the order of the first pass; where that is not known, of their own."""
        before = self.adapter.plan.get("first", {}).get(variant, ())
        place = {identity: number for number, identity in enumerate(before)}
        if all(identity in place for identity in ids):
            named = sorted(zip(ids, items), key=lambda pair: -place[pair[0]])
            items[:] = [item for _, item in named]
        else:
            items.reverse()


def _turn_off(options):
    for name, value in _OFF.items():
        if hasattr(options, name):
            setattr(options, name, list(value) if isinstance(value, list) else value)
