"""A ranking of the methods of a run, as a reporter of a2ibench."""

from __future__ import annotations

from collections.abc import Callable

from a2ibench import ReporterSpec, hookimpl


@hookimpl
def a2ibench_register_reporters(register: Callable[[ReporterSpec], None]) -> None:
    """Name the reporter; the end of every run comes here."""
    register(
        ReporterSpec(
            name="frozen-reporter",
            target="a2ibench_frozen_reporter.reporter:write_ranking",
            summary="ranking.md: methods by their mean rank over the datasets",
        )
    )
