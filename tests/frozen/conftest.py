"""Keeps the tests of the frozen plugins, which run where these are installed, out of ours."""

from __future__ import annotations

from a2ibench.registry.validation import KINDS

collect_ignore = list(KINDS)
