"""report.html: one file that opens by itself, without a network."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from importlib import resources
from itertools import groupby
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from a2ibench.bench.run import Run
from a2ibench.files import write_bytes
from a2ibench.reporting.page.chart import Chart
from a2ibench.reporting.page.curves import charts
from a2ibench.reporting.page.drawing import drawn
from a2ibench.reporting.page.model import page_model
from a2ibench.reporting.page.viewer import viewer_assets, viewer_section
from a2ibench.reporting.published.results import Published

_PACKAGE, _ASSETS = "a2ibench.reporting.page", "assets"
_TYPES = {"csv": "text/csv", "tex": "application/x-tex", "md": "text/markdown", "bib": "application/x-bibtex"}


def write_page(run: Run) -> list[Path]:
    """Write report.html from the records of a run.

    Parameters
    ----------
    run : Run
        The run.

    Returns
    -------
    list of Path
        What was written: nothing where there is no record.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    if not run.records:
        return []
    return [write_bytes(run.files.page, page(run).encode("utf-8", "backslashreplace"))]


def page(run: Run, planes: int | None = None, published: Sequence[Published] | None = None) -> str:
    """Return the page of a run, with at most so many planes of each direction to look at.

    Results of the literature are those that ship, unless others are given.
    """
    return render(page_model(run, published), drawn(charts(run), run.methods), viewer_section(run, planes))


def render(model: Mapping[str, Any], pictures: Sequence[tuple[Chart, str]], viewer: str | None = None) -> str:
    """Return a page.

    Parameters
    ----------
    model : mapping
        As `page_model` returns it; every text in it is escaped here.
    pictures : sequence of tuple
        Charts, each with its SVG, which is not escaped.
    viewer : str, optional
        HTML of the section to look at volumes in, which is not escaped.
    """
    templates = Environment(
        loader=PackageLoader(_PACKAGE, _ASSETS),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters["data_url"] = _data_url
    style, script = (asset(f"page.{suffix}") for suffix in ("css", "js"))
    more_style, more_script = viewer_assets() if viewer is not None else ("", "")
    scripts = [inline(one) for one in (script, more_script) if one]
    shown = [
        {
            "dataset": dataset,
            "charts": [
                {"title": one.title, "words": one.words, "svg": svg, "numbers": one.numbers()}
                for one, svg in pairs
            ],
        }
        for dataset, pairs in groupby(pictures, key=lambda pair: pair[0].dataset)
    ]
    return templates.get_template("page.html.j2").render(
        model=model,
        troubled=any(model["failures"][name] for name in ("jobs", "metrics", "lost"))
        or bool(model["damaged"]),
        curves=shown,
        viewer=viewer,
        style=inline(style + more_style),
        scripts=scripts,
        policy=policy_of(scripts),
    )


def asset(name: str) -> str:
    """Return a style sheet or script of pages."""
    return resources.files(_PACKAGE).joinpath(_ASSETS, name).read_text(encoding="utf-8")


def inline(text: str) -> str:
    """Return a style sheet or script as it may stand within a page."""
    # Within a script and a style sheet nothing but this ends it.
    return text.replace("</", "<\\/")


def policy_of(scripts: Sequence[str]) -> str:
    """Return what browsers may do: load nothing from elsewhere, and run no script but those of the page."""
    digests = [base64.b64encode(hashlib.sha256(one.encode()).digest()).decode("ascii") for one in scripts]
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:; "
        "font-src data:; media-src data: blob:; connect-src data: blob:; worker-src blob:; base-uri 'none'; "
        "form-action 'none'"
    )


def _data_url(text: str, name: str) -> str:
    content = base64.b64encode(text.encode("utf-8", "backslashreplace")).decode("ascii")
    return f"data:{_TYPES.get(name.rpartition('.')[2], 'text/plain')};charset=utf-8;base64,{content}"
