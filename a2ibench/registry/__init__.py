"""Plugins: how they are discovered, and how what they register is found, imported and built."""

from __future__ import annotations

from a2ibench.registry.discovery import Registered
from a2ibench.registry.host import PluginHost, discover, host, take_over
from a2ibench.registry.loading import PluginStatus

__all__ = ["PluginHost", "PluginStatus", "Registered", "discover", "host", "take_over"]
