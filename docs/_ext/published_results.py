"""What the literature reports, from the file that ships: directive ``published-results``.

Whether a table may stand beside ours is decided as in reports, here against a baseline of docs/results.md.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from docutils import nodes
from reference_nodes import Cell, paragraph, section, table
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from a2ibench.bench.provenance import configuration_of
from a2ibench.registry import host
from a2ibench.reporting.layout import heading
from a2ibench.reporting.published.matching import (
    Conditions,
    conditions,
    reasons,
    sentences,
    shows_the_same,
)
from a2ibench.reporting.published.points import PROTOCOL, SCORING, Words, said
from a2ibench.reporting.published.results import NOT_STATED, Published, Value, load_published

BASELINE = Path(__file__).parents[2] / "reports" / "reference" / "equal-steps-epfl-ca1-15nm.json"


@cache
def ours() -> Conditions:
    """Return what the results of the baseline are of."""
    job = json.loads(BASELINE.read_text(encoding="utf-8"))["jobs"][0]
    told = job["identity"]["dataset"]
    given = told["definition"]["simulate"]
    model = host().build("degradation", given["degradation"], **given["options"])
    versions = {name: score["version"] for name, score in job["metrics"].items()}
    simulation = {**given, "settings": dict(configuration_of(model))}
    return conditions({**told, "name": job["dataset"], "simulation": simulation}, versions)


class PublishedResults(SphinxDirective):
    """Shows each table with the reasons why it does not stand beside ours, then what else is known."""

    def run(self) -> list[nodes.Node]:
        """Return the sections."""
        known = load_published()
        parts: list[nodes.Node] = [self._section(one) for one in known if one.rows]
        rest = [[one.citation or one.name, "; ".join(_stated(one))] for one in known if not one.rows]
        title = "Protocols of which no number is listed"
        parts.append(self._titled(title, table(["publication", "what is stated"], rest, [55, 45])))
        return parts

    def _section(self, one: Published) -> nodes.section:
        title = ", ".join(filter(None, (one.name, one.place)))
        facts: list[list[Cell]] = [
            ["source", one.citation or NOT_STATED],
            ["data, as named there", one.title or NOT_STATED],
            ["training", one.training or NOT_STATED],
            ["stated", "; ".join(_stated(one)) or "nothing more"],
        ]
        scores = [[row.name, *(_value(row.values.get(name)) for name in one.metrics)] for row in one.rows]
        headings = ["method", *map(heading, one.metrics)]
        return self._titled(
            title,
            table(headings, scores, [1] * len(headings)),
            table(["", ""], facts, [1, 3]),
            *_verdict(one),
        )

    def _titled(self, title: str, *content: nodes.Node) -> nodes.section:
        return section(self.env, self.state.document, title, *content)


def _verdict(one: Published) -> Iterator[nodes.Node]:
    here = ours()
    found = reasons(one, here)
    name = nodes.literal(here.name, here.name)
    if not found:
        yield paragraph("Under the protocol of our results on ", name, ", beside which it may stand.")
        return
    if shows_the_same(one, here):
        yield paragraph("Not beside our results on ", name, ":")
    lines = sentences(found, {metric: heading(metric) for metric in one.metrics})
    yield nodes.bullet_list("", *(nodes.list_item("", paragraph(line)) for line in lines))


def _stated(one: Published) -> Iterator[str]:
    if one.title and not one.rows:
        yield f"data: {one.title}"
    for name, point in (PROTOCOL | SCORING).items():
        if name in one.protocol:
            value = one.protocol[name]
            yield f"{point.title}: {value.text if isinstance(value, Words) else said(point, value)}"


def _value(value: Value | None) -> str:
    if value is None:
        return "—"
    return f"{value.value:.10g}" if math.isnan(value.spread) else f"{value.value:.10g} ± {value.spread:.10g}"


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the directive."""
    app.add_directive("published-results", PublishedResults)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
