"""The commands ``a2ibench plugin``: ``check`` and ``new``; ``tune`` has a file of its own."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from a2ibench.cli.errors import ExitCode
from a2ibench.cli.examples import examples
from a2ibench.cli.options import option
from a2ibench.cli.tune import tune_method
from a2ibench.errors import printable

if TYPE_CHECKING:
    from a2ibench.testing import CheckResult
    from a2ibench.testing.check_process import Suite

KINDS = "method|degradation|metric|dataset|reporter"

plugin = typer.Typer(help="Start a plugin, check that it keeps to the contract, and tune a method.")
plugin.command("tune", epilog=examples("plugin tune"))(tune_method)


@plugin.callback(invoke_without_command=True)
def _start(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@plugin.command("check", epilog=examples("plugin check"))
def check_plugin(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Registered name, such as that of a method.")],
    kind: Annotated[
        str | None, option(KINDS, "Which of the kinds with this name; by default every one.", "--kind")
    ] = None,
    device: Annotated[str, option("auto|cpu|cuda", "Where it is tried; by default cpu.", "--device")] = "cpu",
    timeout: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS", min=0.1, help="What a check may take; by default 900.", show_default=False
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check that a plugin keeps to the contract: one line for each requirement, and what to do.

    Everything runs in a process of its own, which a plugin may end or hang: that check has failed then.
    The exit code is 0 if no check failed, 1 if one did, and 2 if nothing has that name.
    """
    from a2ibench.testing.check_process import LIMIT, Suite, judge_apart

    suite: Suite | None = None
    outcomes: list[CheckResult] = []
    reports: list[dict[str, Any]] = []
    for found in judge_apart(name, kind, device=device, limit=timeout or LIMIT):
        if isinstance(found, Suite):
            suite, outcomes = found, []
            reports.append(_report(suite, name, device, outcomes))
            if not as_json:
                typer.echo(printable(f"{suite.kind} {name}, {suite.about['title']}"))
        elif suite is not None:
            outcomes.append(found)
            if not as_json:
                typer.echo("\n".join(_lines(found, max(len(check.name) for check in suite.checks))))
                if len(outcomes) == len(suite.checks):
                    typer.echo(_total(outcomes))
    for report in reports:
        judged = report["checks"]
        report["ok"] = all(outcome.status != "failed" for outcome in judged)
        report["checks"] = [_as_data(outcome) for outcome in judged]
    if as_json:
        typer.echo(json.dumps(reports, indent=2))
    if not all(report["ok"] for report in reports):
        raise typer.Exit(ExitCode.BROKEN)


@plugin.command("new", epilog=examples("plugin new"))
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


def _report(suite: Suite, name: str, device: str, outcomes: list[CheckResult]) -> dict[str, Any]:
    told = {field: suite.about[field] for field in ("plugin", "distribution", "version")}
    return {"kind": suite.kind, "name": name} | told | {"device": device, "ok": True, "checks": outcomes}


def _lines(outcome: CheckResult, width: int) -> Iterator[str]:
    status = "FAILED" if outcome.status == "failed" else outcome.status
    yield f"  {status:7}  {outcome.check.name:{width}}  {outcome.message or outcome.check.summary}"
    if outcome.status == "failed":
        yield f"  {'':7}  {'':{width}}  to do: {outcome.check.advice}"


def _total(outcomes: list[CheckResult]) -> str:
    counts = [(sum(o.status == status for o in outcomes), status) for status in ("ok", "failed", "skipped")]
    text = ", ".join(f"{count} {status}" for count, status in counts if count)
    return f"{len(outcomes)} checks: {text}; {sum(outcome.seconds for outcome in outcomes):.1f} s"


def _as_data(outcome: CheckResult) -> dict[str, Any]:
    return {
        "name": outcome.check.name,
        "summary": outcome.check.summary,
        "status": outcome.status,
        "message": outcome.message,
        "advice": outcome.check.advice,
        "seconds": round(outcome.seconds, 3),
    }
