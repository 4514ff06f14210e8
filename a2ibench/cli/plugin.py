"""The commands ``a2ibench plugin check`` and ``a2ibench plugin new``."""

from __future__ import annotations

import contextlib
import json
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from a2ibench.cli.codes import ExitCode
from a2ibench.cli.options import option
from a2ibench.errors import printable

if TYPE_CHECKING:
    from a2ibench.testing import Outcome

KINDS = "method|degradation|metric|dataset|reporter"

plugin = typer.Typer(help="Start a plugin, and check that it keeps to the contract.")


@plugin.callback(invoke_without_command=True)
def _start(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@plugin.command("check")
def check_plugin(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Registered name, such as that of a method.")],
    kind: Annotated[
        str | None, option(KINDS, "Which of the kinds with this name; by default every one.", "--kind")
    ] = None,
    device: Annotated[str, option("auto|cpu|cuda", "Where it is tried; by default cpu.", "--device")] = "cpu",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check that a plugin keeps to the contract: one line for each requirement, and what to do.

    The exit code is 0 if no check failed, 1 if one did, and 2 if nothing has that name.
    """
    from a2ibench.testing import find_registered

    reports = [_report(found, name, device, quiet=as_json) for found in find_registered(name, kind)]
    if as_json:
        typer.echo(json.dumps(reports, indent=2))
    if not all(report["ok"] for report in reports):
        raise typer.Exit(ExitCode.BROKEN)


@plugin.command("new")
def new_plugin(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name to register, such as lanczos.")],
    folder: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="Folder to make; by default a2ibench-NAME.")
    ] = None,
    kind: Annotated[str, option(KINDS, "What the plugin adds; by default a method.", "--kind")] = "method",
) -> None:
    """Write a plugin that works, with its tests, to start from."""
    from a2ibench.scaffold import write_plugin

    folder = folder or Path(f"a2ibench-{name}")
    for path in write_plugin(kind, name, folder):
        typer.echo(path)
    project, tested = shlex.quote(str(folder)), shlex.quote(f"{folder}[test]")
    typer.echo(f"\nNext:\n  pip install -e {tested}\n  a2ibench plugin check {name}\n  pytest {project}")


def _report(kind: str, name: str, device: str, *, quiet: bool) -> dict[str, Any]:
    from a2ibench.plugins import host
    from a2ibench.testing import checks, judge

    registered = host().find(kind, name)
    suite = checks(kind, name, device=device)
    width = max(len(check.name) for check in suite)
    if not quiet:
        typer.echo(printable(f"{kind} {name}, {registered}"))
    outcomes = []
    for check in suite:
        # What the plugin prints is not what this command says.
        with contextlib.redirect_stdout(sys.stderr):
            outcomes.append(judge(check))
        if not quiet:
            typer.echo("\n".join(map(printable, _lines(outcomes[-1], width))))
    if not quiet:
        typer.echo(_total(outcomes))
    return {
        "kind": kind,
        "name": name,
        "plugin": registered.plugin,
        "distribution": registered.distribution,
        "version": registered.version,
        "device": device,
        "ok": all(outcome.status != "failed" for outcome in outcomes),
        "checks": [_as_data(outcome) for outcome in outcomes],
    }


def _lines(outcome: Outcome, width: int) -> Iterator[str]:
    status = "FAILED" if outcome.status == "failed" else outcome.status
    yield f"  {status:7}  {outcome.check.name:{width}}  {outcome.message or outcome.check.summary}"
    if outcome.status == "failed":
        yield f"  {'':7}  {'':{width}}  to do: {outcome.check.advice}"


def _total(outcomes: list[Outcome]) -> str:
    counts = [(sum(o.status == status for o in outcomes), status) for status in ("ok", "failed", "skipped")]
    text = ", ".join(f"{count} {status}" for count, status in counts if count)
    return f"{len(outcomes)} checks: {text}; {sum(outcome.seconds for outcome in outcomes):.1f} s"


def _as_data(outcome: Outcome) -> dict[str, Any]:
    return {
        "name": outcome.check.name,
        "summary": outcome.check.summary,
        "status": outcome.status,
        "message": outcome.message,
        "advice": outcome.check.advice,
        "seconds": round(outcome.seconds, 3),
    }
