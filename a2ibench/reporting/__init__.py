"""Tables, figures and the page of a run, registered the way any plugin registers its reporters."""

from __future__ import annotations

from collections.abc import Callable

from a2ibench.contracts import ReporterSpec
from a2ibench.hookspecs import hookimpl


@hookimpl
def a2ibench_register_reporters(register: Callable[[ReporterSpec], None]) -> None:
    """Register the tables, the figures and the page."""
    tables, figures = (f"a2ibench.reporting.{name}:write_{name}" for name in ("tables", "figures"))
    register(ReporterSpec("tables", tables, "table.csv, .md and .tex of the scores, and timing.csv"))
    register(
        ReporterSpec(
            "figures", figures, "an axial plane of every dataset, as each method restores it, and axial power"
        )
    )
    page = "a2ibench.reporting.page.page:write_page"
    register(ReporterSpec("page", page, "report.html, everything about the run on one page"))
