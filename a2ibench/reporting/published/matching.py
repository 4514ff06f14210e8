"""Whether published results may stand beside those of a run: the same data, degraded and scored alike."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from a2ibench.reporting.published.points import PROTOCOL, SCORING, Point, Words, said, same
from a2ibench.reporting.published.results import NOT_STATED, Published, PublishedRow

UNKNOWN = "not known"

_PSNR = {"border": 0}
_SSIM = {
    "border": 5,
    "window": "Gaussian, sigma 1.5, 11 taps",
    "constants": (0.01, 0.03),
    "covariance": "population",
}

DEFINITIONS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "psnr": {
        "psnr": {"over": "volume", **_PSNR},
        **{f"psnr_{plane}": {"over": plane, **_PSNR} for plane in ("xy", "xz", "yz")},
    },
    "ssim": {
        "ssim": {"over": "xz+yz", **_SSIM},
        **{f"ssim_{plane}": {"over": plane, **_SSIM} for plane in ("xy", "xz", "yz")},
        "ssim_3d": {"over": "volume", **_SSIM},
    },
}
"""By score, the metrics here that go by its name, the leading one first, and what `SCORING` says of each."""

VERSION = 1
"""Version of the metrics that `DEFINITIONS` tells of."""


@dataclass(frozen=True)
class Conditions:
    """What a dataset here is like, and how results on it are scored.

    Parameters
    ----------
    name : str
        Name of the dataset.
    sha256 : str
        Checksum of the file it is read from; empty where it is not known.
    compared : bool
        Whether anything is compared with a reference.
    protocol : mapping
        By the names of `PROTOCOL`, and ``data_range`` and ``rounded`` of `SCORING`, what is known.
    versions : mapping
        Version by metric, where results are at hand.
    """

    name: str
    sha256: str = ""
    compared: bool = True
    protocol: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, Any] = field(default_factory=dict)

    def scoring(self, metric: str, definition: Mapping[str, Any]) -> dict[str, Any]:
        """Return what is known of how a metric with a definition is computed here."""
        return {name: self.protocol[name] for name in SCORING if name in self.protocol} | dict(definition)


@dataclass(frozen=True)
class Reason:
    """Why published results may not stand beside those of a dataset.

    Parameters
    ----------
    title : str
        The point in which they do not agree, or are not known to.
    theirs : str
        What the publication says; ``"not stated"`` where it does not.
    here : str
        How it is here.
    metric : str
        The score that it concerns; empty where it concerns all.
    rows : tuple of str
        Names of the methods that it concerns; empty where it concerns all.
    """

    title: str
    theirs: str
    here: str
    metric: str = ""
    rows: tuple[str, ...] = ()

    @property
    def stated(self) -> bool:
        """Whether the publication says how it is there."""
        return self.theirs != NOT_STATED

    def concerns(self, row: PublishedRow, metric: str) -> bool:
        """Whether it is about a score of a method."""
        return self.metric in ("", metric) and (not self.rows or row.name in self.rows)


def conditions(told: Mapping[str, Any], versions: Mapping[str, Any] | None = None) -> Conditions:
    """Return what a record's ``provenance["dataset"]`` tells.

    Parameters
    ----------
    told : mapping
        As `a2ibench.bench.provenance.describe_dataset` makes it; what is missing is not known.
    versions : mapping, optional
        Version by metric of the results that are at hand.
    """
    definition, simulation = _mapping(told.get("definition")), _mapping(told.get("simulation"))
    levels = told.get("contrast") or told.get("intensity")
    found = {
        "voxel_size": told.get("voxel_size"),
        "bin": definition.get("bin"),
        "crop": (definition["crop"] or "whole") if "crop" in definition else None,
        "shape": told.get("shape"),
        "ratio": simulation.get("ratio"),
        "axis": "z",
        "degradation": simulation.get("degradation"),
        "settings": simulation.get("settings"),
        "trained_on": "input",
        "data_range": _width(levels),
        "rounded": told.get("dtype"),
    }
    return Conditions(
        str(told.get("name", "")),
        str(told.get("sha256") or "") if told.get("sha256_of", "file") == "file" else "",
        bool(simulation) or bool(told.get("simulated")),
        {name: value for name, value in found.items() if value is not None},
        dict(versions or {}),
    )


def shows_the_same(published: Published, here: Conditions) -> bool:
    """Whether results are of the same tissue as a dataset: by its name, or the checksum of its file."""
    if published.sha256 and published.sha256 == here.sha256:
        return True
    return any(fnmatchcase(here.name, pattern) for pattern in published.datasets)


def reasons(published: Published, here: Conditions) -> list[Reason]:
    """Return why published results may not stand beside those of a dataset; nothing where they may.

    Every point of `PROTOCOL`, and for each score every point of `SCORING` that its definition here tells, has
    to be stated and the same. What is stated in words only is not the same as anything.
    """
    if not shows_the_same(published, here):
        return [Reason("data", published.title or NOT_STATED, here.name or UNKNOWN)]
    if not here.compared:
        return [Reason("reference", "compared with one", "there is none")]
    found = []
    if published.sha256 and here.sha256 and published.sha256 != here.sha256:
        found.append(Reason("checksum of the file", published.sha256[:12], here.sha256[:12]))
    for name, point in PROTOCOL.items():
        if name != "trained_on":
            found += _unless_same(point, published.protocol.get(name), here.protocol.get(name))
    found += _of_training(published, here)
    for metric in published.metrics:
        found += _of_score(published, here, metric)
    return found


def comparable(published: Published, found: Iterable[Reason]) -> list[tuple[PublishedRow, tuple[str, ...]]]:
    """Return the methods, each with the scores that no reason concerns; those without any are left out."""
    told = list(found)
    rows = [
        (row, tuple(metric for metric in row.values if not any(one.concerns(row, metric) for one in told)))
        for row in published.rows
    ]
    return [(row, metrics) for row, metrics in rows if metrics]


def metric_here(published: Published, metric: str) -> str | None:
    """Return the metric here that is defined as a published score says; else the leading one of its name."""
    known = DEFINITIONS.get(metric)
    if known is None:
        return None
    over = published.scoring(metric).get("over")
    return next((name for name, one in known.items() if same(over, one["over"])), next(iter(known)))


def sentences(found: Iterable[Reason], headings: Mapping[str, str]) -> list[str]:
    """Return reasons as lines: each difference, then in one line for each subject what is not stated.

    Parameters
    ----------
    found : iterable of Reason
        The reasons.
    headings : mapping of str to str
        What scores are called.
    """
    differing, silent = [], dict[str, list[str]]()
    for one in found:
        subject = headings.get(one.metric, one.metric) or ", ".join(one.rows)
        if one.stated:
            differing.append(f"{subject}{': ' * bool(subject)}{one.title}: {one.theirs}; here {one.here}")
        else:
            silent.setdefault(subject, []).append(one.title)
    return differing + [
        f"{NOT_STATED}{' for ' * bool(subject)}{subject}: {', '.join(titles)}"
        for subject, titles in silent.items()
    ]


def _unless_same(
    point: Point, theirs: Any, here: Any, metric: str = "", rows: tuple[str, ...] = ()
) -> Iterator[Reason]:
    if not same(theirs, here):
        stated = NOT_STATED if theirs is None else said(point, theirs)
        yield Reason(point.title, stated, UNKNOWN if here is None else said(point, here), metric, rows)


def _of_training(published: Published, here: Conditions) -> Iterator[Reason]:
    rows: dict[str | Words | None, list[str]] = {}
    for row in published.rows:
        rows.setdefault(published.trained_on(row), []).append(row.name)
    if not published.rows:
        rows[published.protocol.get("trained_on")] = []
    for theirs, names in rows.items():
        # What learns nothing has learned nothing that others were not shown.
        if theirs != "nothing":
            mine = () if len(rows) == 1 else tuple(names)
            yield from _unless_same(
                PROTOCOL["trained_on"], theirs, here.protocol.get("trained_on"), rows=mine
            )


def _of_score(published: Published, here: Conditions, metric: str) -> Iterator[Reason]:
    chosen = metric_here(published, metric)
    if chosen is None:
        yield Reason("definition", metric, f"one of {', '.join(DEFINITIONS)} can be compared", metric)
        return
    version = here.versions.get(chosen, VERSION)
    if version != VERSION:
        yield Reason(f"version of {chosen}", f"as of version {VERSION}", str(version), metric)
    theirs, mine = published.scoring(metric), here.scoring(metric, DEFINITIONS[metric][chosen])
    for name, point in SCORING.items():
        if name in DEFINITIONS[metric][chosen] or name in ("data_range", "rounded"):
            yield from _unless_same(point, theirs.get(name), mine.get(name), metric)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _width(levels: Any) -> float | None:
    try:
        low, high = map(float, levels)
    except (TypeError, ValueError):
        return None
    return high - low if math.isfinite(high - low) else None
