"""Plugins: how they are discovered, and how what they register is found, imported and built."""

from __future__ import annotations

from a2ibench.plugins.loading import PluginStatus
from a2ibench.plugins.names import Registered
from a2ibench.plugins.plugin_host import PluginHost, discover, host, take_over

__all__ = ["PluginHost", "PluginStatus", "Registered", "discover", "host", "take_over"]
