"""New plugins from templates: whole distributions that install, conform and pass their own tests."""

from __future__ import annotations

from a2ibench.scaffold.new_plugin import kinds, write_plugin

__all__ = ["kinds", "write_plugin"]
