"""New plugins from templates: whole distributions that install, conform and pass their own tests."""

from __future__ import annotations

from a2ibench.scaffold.plugin_files import write_plugin
from a2ibench.scaffold.rendering import kinds

__all__ = ["kinds", "write_plugin"]
