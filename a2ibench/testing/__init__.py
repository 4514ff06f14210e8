"""The conformance suite: what every plugin must keep to, as checks that its author runs.

``a2ibench plugin check NAME`` runs them; so does pytest in the plugin's own repository::

    import pytest
    from a2ibench.testing import checks

    @pytest.mark.parametrize("check", checks("method", "lanczos"), ids=str)
    def test_conforms(check):
        check()
"""

from __future__ import annotations

from a2ibench.testing.check import Check, CheckFailed, CheckResult, CheckSkipped, judge
from a2ibench.testing.suite import checks, find_registered

__all__ = ["Check", "CheckFailed", "CheckResult", "CheckSkipped", "checks", "find_registered", "judge"]
