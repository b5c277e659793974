"""Fixtures of the tests in real frameworks."""

from testkit.browsing import browse, open_shop

__all__ = ["browse", "open_shop"]
