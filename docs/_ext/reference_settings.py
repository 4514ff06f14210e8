"""The settings reference, from what the classes declare: directive ``settings``, and role ``default``.

Links name a setting as the command line does: ``srmd.residual`` is a method's, ``lpips.weights`` a metric's,
``slab-average:gaussian`` a degradation's, and ``profile.steps`` a profile's.
"""

from __future__ import annotations

from collections.abc import Mapping

from docutils import nodes
from reference_nodes import Cell, paragraph, section, table
from reference_objects import defined
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective, SphinxRole

from a2ibench import Setting, SliceNetwork
from a2ibench.cli.listing import allowed_text, value_text
from a2ibench.protocol.profiles import PROFILES
from a2ibench.registry import host
from a2ibench.registry.schema import TYPES, settings_of

DISTRIBUTION = "a2ibench"
_logger = logging.getLogger(__name__)
_SEPARATORS = {"method": ".", "degradation": ":", "metric": "."}


def full_name(kind: str, name: str, key: str) -> str:
    """Return what links call a setting of a method, degradation or metric."""
    return f"{name}{_SEPARATORS[kind]}{key}"


def bundled(kind: str) -> list[str]:
    """Return the names that a2ibench itself registers of a kind, whatever else is installed."""
    return sorted(name for name, found in host().table(kind).items() if found.distribution == DISTRIBUTION)


class Settings(SphinxDirective):
    """Describes everything of one kind with its settings, each in a section of its own."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the sections, or the table of the profiles."""
        (kind,) = self.arguments
        if kind == "profile":
            return [self._profiles()]
        if kind not in _SEPARATORS:
            raise self.error(f"settings: got {kind!r}; give profile, {', '.join(_SEPARATORS)}")
        return [self._section(kind, name) for name in bundled(kind)]

    def _section(self, kind: str, name: str) -> nodes.section:
        spec = host().find(kind, name).spec
        content: list[nodes.Node] = [paragraph(f"{spec.summary[:1].upper()}{spec.summary[1:]}.")]
        if spec.citation:
            content.append(paragraph(nodes.emphasis("", spec.citation)))
        settings = settings_of(kind, name) or {}
        shared = SliceNetwork.settings if kind == "method" else {}
        own = {key: value for key, value in settings.items() if key not in shared}
        common = {key: value for key, value in settings.items() if key in shared}
        if own:
            content.append(self._table(kind, name, own))
        if common:
            content += [
                paragraph("What it shares with every network on slices:"),
                self._table(kind, name, common),
            ]
        if not settings:
            content.append(paragraph("It has no settings."))
        return section(self.env, self.state.document, name, *content, code=True)

    def _table(self, kind: str, name: str, settings: Mapping[str, Setting]) -> nodes.table:
        rows = [self._row(full_name(kind, name, key), key, value) for key, value in settings.items()]
        return table(["setting", "default", "allowed", "meaning"], rows, [21, 15, 22, 42])

    def _row(self, name: str, key: str, setting: Setting) -> list[Cell]:
        return [
            defined(self.env, self.state.document, "setting", name, key),
            nodes.literal("", value_text(setting.default)),
            _allowed(setting),
            _meaning(setting),
        ]

    def _profiles(self) -> nodes.table:
        settings = {name: profile.settings() for name, profile in PROFILES.items()}
        first = next(iter(settings.values()))
        rows = [
            [
                defined(self.env, self.state.document, "setting", f"profile.{key}", key),
                *(nodes.literal("", value_text(values[key].default)) for values in settings.values()),
                _meaning(first[key]),
            ]
            for key in first
        ]
        return table(["", *settings, "meaning"], rows, [14, *[10] * len(settings), 46])


def _meaning(setting: Setting) -> str:
    return f"{setting.meaning} ({setting.unit})" if setting.unit else setting.meaning


def _allowed(setting: Setting) -> list[nodes.Node]:
    if setting.choices:
        parts: list[nodes.Node] = []
        for choice in setting.choices:
            parts += [nodes.Text(", "), nodes.literal("", choice)]
        return parts[1:]
    return [nodes.Text(" ".join([TYPES[type(setting.default)], allowed_text(setting)]).strip())]


class Default(SphinxRole):
    """Shows the default of a method's or a degradation's setting: ``{default}`a2i-3dem.alpha```."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return the value as code."""
        setting = _find(self.text)
        if setting is None:
            _logger.warning("no setting is called %r", self.text, location=self.get_location())
        text = "" if setting is None else value_text(setting.default)
        return [nodes.literal(text, text)], []


def _find(text: str) -> Setting | None:
    for kind, separator in _SEPARATORS.items():
        name, _, key = text.rpartition(separator)
        if name in bundled(kind):
            return (settings_of(kind, name) or {}).get(key)
    return None


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the directive and the role."""
    app.setup_extension("reference_objects")
    app.add_directive("settings", Settings)
    app.add_role("default", Default())
    return {"parallel_read_safe": True, "parallel_write_safe": True}
