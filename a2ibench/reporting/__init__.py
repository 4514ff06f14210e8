"""Tables and figures of a run, registered the way any plugin registers its reporters."""

from __future__ import annotations

from collections.abc import Callable

from a2ibench.contracts import ReporterSpec
from a2ibench.hookspecs import hookimpl


@hookimpl
def a2ibench_register_reporters(register: Callable[[ReporterSpec], None]) -> None:
    """Register the tables and the figures."""
    tables, figures = (f"a2ibench.reporting.{name}:write_{name}" for name in ("tables", "figures"))
    register(ReporterSpec("tables", tables, "table.csv, .md and .tex of the scores, and timing.csv"))
    register(ReporterSpec("figures", figures, "an axial plane of every dataset, as each method restores it"))
