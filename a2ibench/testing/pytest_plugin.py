"""Options of pytest for `a2ibench.testing.test_conformance`.

``pytest -p a2ibench.testing.pytest_plugin --pyargs a2ibench.testing --a2ibench-plugin NAME`` runs the checks
of an installed plugin without any file of its own.
"""

from __future__ import annotations

import pytest

PLUGIN, KIND, DEVICE = "--a2ibench-plugin", "--a2ibench-kind", "--a2ibench-device"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("a2ibench")
    group.addoption(PLUGIN, metavar="NAME", help="Registered name to check.")
    group.addoption(KIND, metavar="KIND", help="Which of the kinds with this name; by default every one.")
    group.addoption(DEVICE, metavar="DEVICE", default="cpu", help="auto, cpu (the default) or cuda.")
