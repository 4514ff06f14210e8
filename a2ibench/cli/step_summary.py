"""What commands leave on the page of a workflow run on GitHub."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from a2ibench.cli.errors import say
from a2ibench.errors import one_line

_VARIABLE = "GITHUB_STEP_SUMMARY"


def add_step_summary(make: Callable[[], str]) -> None:
    """Add a summary to the file that GITHUB_STEP_SUMMARY names, where it names one.

    Parameters
    ----------
    make : callable
        Returns the summary, in Markdown.
    """
    name = os.environ.get(_VARIABLE)
    if not name:
        return
    from a2ibench.reporting.step_summary import append_summary

    try:
        append_summary(Path(name), make())
    except OSError as error:
        # What was compared and computed stands, whether or not it can be shown there.
        say(f"a2ibench: no summary in {_VARIABLE}: {one_line(error)}", err=True)
