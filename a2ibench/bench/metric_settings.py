"""Settings of metrics: checked, told apart by the content of files, and whether metrics can score so."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from a2ibench.data.checksums import content_sha256
from a2ibench.errors import InputError, PluginError
from a2ibench.registry import host
from a2ibench.registry.schema import default_settings, parse_setting
from a2ibench.registry.validation import why_not_ready
from a2ibench.settings import Value

_logger = logging.getLogger(__name__)

MetricSettings = Mapping[str, Mapping[str, Value]]
"""By metric, then by setting, where they differ from the metric's own."""

METRIC_SETTINGS: Final = "metric_settings"
"""Where run.json and records have them."""


def checked_metric_settings(metric: str, given: Mapping[str, Value]) -> dict[str, Value]:
    """Return settings of a metric where they differ from its own; of files the absolute paths.

    Raises
    ------
    UnknownNameError
        If the metric has no such setting.
    InputError
        If a value is not allowed.
    PluginError
        If the metric cannot be imported.
    """
    checked = {key: _absolute(parse_setting(metric, key, value, "metric")) for key, value in given.items()}
    own = default_settings("metric", metric)
    return {key: value for key, value in checked.items() if key not in own or value != own[key]}


def content_of(settings: Mapping[str, Value]) -> dict[str, Value]:
    """Return settings with the checksum, as ``"sha256:..."``, in place of a file or folder that one names.

    Raises
    ------
    InputError
        If such a file cannot be read.
    """
    return {key: _content(key, value) for key, value in sorted(settings.items())}


def contents(settings: MetricSettings) -> dict[str, dict[str, Value]]:
    """Return `content_of` the settings of each metric that has any."""
    return {name: content_of(given) for name, given in sorted(settings.items()) if given}


def as_lines(settings: MetricSettings) -> list[str]:
    """Return settings as ``METRIC.KEY=VALUE``, sorted."""
    return sorted(f"{name}.{key}={value}" for name, given in settings.items() for key, value in given.items())


def ready_metrics(names: Sequence[str], settings: MetricSettings, *, skip: bool = False) -> tuple[str, ...]:
    """Return the metrics that can score with their settings.

    Those that every run scores by are not asked where they are given no settings.

    Parameters
    ----------
    names : sequence of str
        Registered metrics.
    settings : mapping
        Theirs.
    skip : bool
        Whether one that waits for a setting is left out, with a warning in the log.

    Raises
    ------
    InputError
        If a metric cannot score, as where a file is missing.
    PluginError
        If one that is given settings cannot be built.
    """
    found = []
    for name in names:
        given = settings.get(name, {})
        reason = _reason(name, given) if given or host().find("metric", name).spec.on_request else ""
        if reason and not (skip and not given):
            raise InputError(reason)
        if reason:
            _logger.warning("metric %s is left out: %s", name, reason)
        else:
            found.append(name)
    return tuple(found)


def _reason(name: str, given: Mapping[str, Value]) -> str:
    try:
        return why_not_ready(host().build("metric", name, **given))
    except PluginError:
        # One that does not work costs its own scores, and no run.
        if given:
            raise
        return ""


def _file(value: Value) -> Path | None:
    """Return the file or folder that a setting names; None where it names none."""
    try:
        path = Path(value).expanduser().absolute() if isinstance(value, str) and value else None
        # A folder such as "/" or the current one is no file that a setting means.
        if path is None or not path.exists() or Path.cwd().resolve().is_relative_to(path.resolve()):
            return None
        return path
    except (OSError, ValueError, RuntimeError):
        return None


def _absolute(value: Value) -> Value:
    # A method may change the working folder before metrics are asked.
    path = _file(value)
    return value if path is None else str(path)


def _content(key: str, value: Value) -> Value:
    path = _file(value)
    if path is None:
        return value
    try:
        return f"sha256:{content_sha256(path)}"
    except OSError as error:
        raise InputError(f"{key}: {path}: cannot be read ({error.strerror or error})") from error
