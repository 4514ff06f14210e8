"""The command ``a2ibench doctor``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from a2ibench.cli.errors import ExitCode
from a2ibench.errors import printable

_APART = frozenset({"devices", "plugins", "metric_errors"})
_BYTES = frozenset({"memory", "total", "available"})


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what this installation consists of: environment, devices and plugins, with what failed.

    Every metric is tried on a small volume. The exit code is 0 if every plugin and metric works and 1 if one
    is broken; disabled plugins are not broken.
    """
    from a2ibench.doctor import diagnose

    report = diagnose(devices=True)
    if as_json:
        typer.echo(json.dumps(report, indent=2))
    else:
        typer.echo("\n".join(map(printable, _report(report))))
    if report["metric_errors"] or any(plugin["error"] for plugin in report["plugins"]):
        raise typer.Exit(ExitCode.BROKEN)


def _report(report: Mapping[str, Any]) -> Iterator[str]:
    yield "environment"
    yield from _lines({name: value for name, value in report.items() if name not in _APART})
    yield "devices"
    yield from _lines(report["devices"])
    yield "plugins"
    for plugin in report["plugins"]:
        yield from _plugin(plugin)
    if report["metric_errors"]:
        yield "metrics that fail"
        yield from _lines(report["metric_errors"])


def _lines(fields: Mapping[str, Any], indent: str = "  ") -> Iterator[str]:
    width = max((len(name) for name in fields), default=0)
    for name, value in fields.items():
        label = name.replace("_", " ")
        if isinstance(value, Mapping):
            yield f"{indent}{label}"
            yield from _lines(value, indent + "  ")
        elif isinstance(value, list):
            yield f"{indent}{label.ljust(width)}  {len(value) or 'none'}"
            for entry in value:
                yield from _lines(entry, indent + "  ")
        else:
            yield f"{indent}{label.ljust(width)}  {_text(name, value)}"


def _text(name: str, value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value / 2**30:.1f} GiB" if name in _BYTES else str(value)


def _plugin(plugin: Mapping[str, Any]) -> Iterator[str]:
    failed = "FAILED" if plugin["error"] else "disabled" if plugin["disabled"] else "ok"
    yield f"  {plugin['name']} ({plugin['distribution']} {plugin['version']}): {failed}"
    for kind, names in plugin["registers"].items():
        yield f"    {kind}: {', '.join(names)}"
    if plugin["error"]:
        yield f"    {plugin['error']}"
        yield from (f"    | {printable(line)}" for line in (plugin["traceback"] or "").splitlines())
