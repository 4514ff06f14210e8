"""The command ``a2ibench recommend``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from a2ibench.bench.options import Option
from a2ibench.cli.errors import say
from a2ibench.cli.options import takes
from a2ibench.cli.progress import shown_events, shown_messages
from a2ibench.cli.table import columns, terminal_width
from a2ibench.recommendation.options import RecommendOptions

if TYPE_CHECKING:
    from a2ibench.inspection import Finding
    from a2ibench.recommendation.recommend import Recommendation

_JSON = Option("Print JSON instead of text.", type=bool)
_HEADINGS = ("method", "in-plane dB", "gain", "consistency", "Mvoxels/s", "why not")


@takes(RecommendOptions, json=_JSON)
def recommend_method(
    stack: Annotated[
        str,
        typer.Argument(metavar="STACK", help="The stack: a local file or folder."),
    ],
    given: dict[str, Any],
) -> None:
    """Check a stack, try the methods on a sample of it, and say which to use.

    Methods train equally long on most slices of the sample. The slices left out are degraded as the axial
    direction is, restored, and compared with themselves. The same command again goes on where it stopped.

    Exit codes: 0 there is an answer; 2 bad input; 130 interrupted.
    """
    from a2ibench.files import plain
    from a2ibench.recommendation.recommend import recommend_method as recommend

    as_json = given.pop("json", False)
    try:
        with shown_messages(), shown_events() as events:
            found = recommend(RecommendOptions(stack, **given, events=events))
    except KeyboardInterrupt:
        typer.echo("finished trials are kept; the same command continues", err=True)
        raise
    if as_json:
        typer.echo(json.dumps(plain(found.to_dict()), indent=2, allow_nan=False))
        return
    _say(found)


def _say(found: Recommendation) -> None:
    from a2ibench.recommendation.page import numbers
    from a2ibench.recommendation.recommend import PAGE

    for finding in found.findings:
        _say_finding(finding)
    if found.ranking:
        typer.echo("")
        typer.echo(
            columns(
                _HEADINGS,
                [(one.method, *numbers(one), one.reason) for one in found.ranking],
                terminal_width(),
            )
        )
    typer.echo("")
    for line in found.expectations:
        typer.echo(line)
    typer.echo("")
    typer.echo(f"use {found.method}:")
    typer.echo(f"  {found.command}")
    say(found.folder / PAGE)


def _say_finding(finding: Finding) -> None:
    typer.echo(f"{'ok     ' if finding.passed else 'CHECK  '} {finding.text}")
    if finding.remedy:
        typer.echo(f"         {finding.remedy}")
