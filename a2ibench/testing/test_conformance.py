"""The checks of one plugin as tests; see `a2ibench.testing.pytest_plugin` for how to run them."""

from __future__ import annotations

import pytest

from a2ibench.testing import Check, checks, find_registered
from a2ibench.testing.pytest_plugin import DEVICE, KIND, PLUGIN


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make one test of each check, named ``KIND-CHECK``."""
    option = metafunc.config.getoption
    name = option(PLUGIN, default=None)
    kinds = find_registered(name, option(KIND)) if name else []
    found = [(kind, check) for kind in kinds for check in checks(kind, name, device=option(DEVICE))]
    metafunc.parametrize("check", [c for _, c in found], ids=[f"{kind}-{c}" for kind, c in found])


def test_conforms(check: Check) -> None:
    """Try one check."""
    check()
