"""The pytest side of titer. `plugin.py` is the entry point; see README.md beside this package.

PYTEST_DONT_REWRITE
"""
