"""What the page shows of a run, as plain data: everything but how it looks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from a2ibench import __version__
from a2ibench.bench.groups import Group
from a2ibench.bench.run import Run
from a2ibench.bench.standings import Standings
from a2ibench.errors import printable
from a2ibench.files import plain
from a2ibench.reporting.citations import bibtex
from a2ibench.reporting.command_line import joined_commands, run_command
from a2ibench.reporting.page import provenance
from a2ibench.reporting.page.costs import costs
from a2ibench.reporting.page.failures import failures
from a2ibench.reporting.page.published import published_results
from a2ibench.reporting.page.ranking import scores
from a2ibench.reporting.published.results import Published, load_published
from a2ibench.reporting.tables import compared_groups, table_texts, timing_text


def page_model(run: Run, published: Sequence[Published] | None = None) -> dict[str, Any]:
    """Return what the page of a run shows, JSON-able; its charts are those of `curves.charts`.

    Numbers that are not finite are texts, as `a2ibench.files.plain` has them; no text is escaped for HTML.

    Parameters
    ----------
    run : Run
        The run.
    published : sequence of Published, optional
        Results of the literature; by default those that ship.

    Returns
    -------
    dict
        ``name``, ``facts`` (pairs), ``runs`` (of a merged one), ``counts`` (jobs by status), ``failures``,
        ``scores``, ``published``, ``costs``, ``settings``, ``environments``, ``plugins``, ``datasets``,
        ``checksums``, ``bibtex``, ``command``, ``notes`` and ``files``, what can be saved, by name.
    """
    parts = compared_groups(run)
    command = joined_commands(map(run_command, run.parts))
    model = {
        "name": printable(run.folder.absolute().name),
        "made_by": __version__,
        "facts": provenance.facts(run),
        "runs": provenance.merged_runs(run),
        "counts": _counts(run),
        "failures": failures(run),
        "scores": scores(run, parts),
        "published": published_results(run, load_published() if published is None else published),
        "costs": costs(run.groups),
        "settings": provenance.differing_settings(run),
        "environments": provenance.environments(run),
        "plugins": provenance.plugins(run),
        "datasets": provenance.datasets(run),
        "checksums": provenance.checksums(run.records),
        "bibtex": bibtex(run),
        "command": None if command is None else {"text": command.text, "note": command.note},
        "files": _files(run, parts),
        "methods": list(run.methods),
        "damaged": [f"{printable(run.place_of(file))}: {problem}" for file, problem in run.damaged.items()],
    }
    return dict(plain(model))


def _counts(run: Run) -> dict[str, int]:
    found: dict[str, int] = {}
    for record in run.records:
        found[record.status] = found.get(record.status, 0) + 1
    return found


def _files(run: Run, parts: Sequence[tuple[Group, Standings]]) -> dict[str, str]:
    texts = table_texts(run, parts)
    return {f"table.{suffix}": text for suffix, text in texts.items()} | {
        run.files.timing.name: timing_text(run),
        "citations.bib": bibtex(run),
    }
