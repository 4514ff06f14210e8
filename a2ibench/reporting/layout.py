"""What the tables for people show, before it is Markdown, LaTeX or a terminal's."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from a2ibench.bench.run import CUBIC, METRICS, Group
from a2ibench.bench.standings import LEAST_SEEDS, Standing, Standings
from a2ibench.contracts import MetricSpec
from a2ibench.contracts.planes import PLANES
from a2ibench.registry import host
from a2ibench.reporting.summary import OK, Row, Sample, summarise
from a2ibench.statistics import Interval

ABSENT = "—"
TIED = "≈"
"""Stands before a score that cannot be told from the best."""


def seconds_text(seconds: float) -> str:
    """Return seconds with three digits, as far as they tell something."""
    if math.isnan(seconds):
        return ABSENT
    if seconds < 0.0005:
        return "0"
    decimals = next((d for d, below in ((3, 0.1), (2, 10), (1, 100)) if seconds < below), 0)
    return f"{seconds:.{decimals}f}"


def count_text(count: float) -> str:
    """Return a number of parameters with its thousands or millions named."""
    if math.isnan(count):
        return ABSENT
    if count < 1e3:
        return f"{count:.0f}"
    # 999,950 would round to 1000.0 k.
    return f"{count / 1e3:.1f} k" if count < 999_950 else f"{count / 1e6:.2f} M"


def metric_text(name: str, sample: Sample) -> str:
    """Return a mean, with its spread where there are several values."""
    if not sample.n:
        return ABSENT
    form = number_form(name)
    mean = f"{sample.mean:{form}}"
    return mean if math.isnan(sample.std) else f"{mean} ± {sample.std:{form}}"


def gain_text(gain: float, interval: Interval, signed: bool = True) -> str:
    """Return a gain of PSNR, with its interval where there is one."""
    if math.isnan(gain):
        return ABSENT
    text = f"{gain:+.2f}" if signed else f"{gain:.2f}"
    return f"{text} {ends_text('psnr', interval)}" if interval.known else text


def ends_text(name: str, interval: Interval) -> str:
    """Return the ends of a metric's interval in brackets; nothing where there is none."""
    form = number_form(name)
    return f"[{interval.low:{form}}, {interval.high:{form}}]" if interval.known else ""


def metric_spec(name: str) -> MetricSpec | None:
    """Return what is registered as a metric; None where it is no longer installed."""
    registered = host().metrics.get(name)
    return None if registered is None else registered.spec


def number_form(name: str) -> str:
    """Return how numbers of a metric are formatted, as far as its plugin is installed."""
    spec = metric_spec(name)
    return ".4g" if spec is None or spec.decimals is None else f".{spec.decimals}f"


def heading(name: str) -> str:
    """Return the heading of a metric's column, with its unit."""
    spec = metric_spec(name)
    if spec is None:
        return name
    return f"{spec.heading or name} ({spec.unit})" if spec.unit else spec.heading or name


_OF_ONE_PLANE = tuple(f"_{plane}" for plane in PLANES)
_REMARK = "In brackets after a mean: its 95 % interval over the seeds."


@dataclass(frozen=True)
class Cell:
    """What stands in a place of the table.

    Parameters
    ----------
    text : str
        The whole of it where room is scarce.
    best : bool
        Whether it is the best of its column.
    interval : str
        The 95 % interval of a mean over seeds, for tables with room.
    """

    text: str
    best: bool = False
    interval: str = ""


@dataclass(frozen=True)
class Block:
    """The rows of one dataset, the method's name first in each."""

    dataset: str
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True)
class TableContent:
    """A table of results that may be compared.

    Parameters
    ----------
    caption : str
        What it shows, with the versions of protocol and metrics.
    headings : tuple of str
        One for each column.
    blocks : tuple of Block
        One for each dataset.
    notes : tuple of str
        One for each job without a result or of a finished volume, and for each metric that failed.
    remark : str
        What tables that show the intervals of cells add to the caption.
    """

    caption: str
    headings: tuple[str, ...]
    blocks: tuple[Block, ...]
    notes: tuple[str, ...]
    remark: str = ""


def table_content(group: Group, found: Standings) -> TableContent:
    """Return the table of a group; the metrics of single plane families are left to table.csv.

    Parameters
    ----------
    group : Group
        Records that may be compared.
    found : mapping
        How the methods compare, as `Run.standings` tells.
    """
    rows = summarise(group)
    shown = _shown(rows)
    gains = any(row.method != CUBIC and not math.isnan(row.gain) for row in rows)
    failures = any(row.status != OK for row in rows)
    headings = ["method", *(heading(name) for name in shown)]
    headings += ["gain (dB)"] * gains + ["params", "fit (s)", "reconstruct (s)"]
    headings += ["status"] * failures
    blocks = []
    for dataset, members in groupby(rows, key=lambda row: row.dataset):
        compared = {row.method: (row, found.get((dataset, row.method), {})) for row in members}
        columns = [_scores(name, list(compared.values())) for name in shown]
        rest = [_rest(row, standing, gains, failures) for row, standing in compared.values()]
        names = [Cell(row.label) for row, _ in compared.values()]
        lines = zip(names, *columns, rest, strict=True)
        blocks.append(Block(dataset, tuple((*scores, *others) for *scores, others in lines)))
    marked = any(cell.best for block in blocks for row in block.rows for cell in row)
    compared_all = [one for place in found.values() for one in place.items()]
    caption = _caption(group, shown, rows, gains, marked, compared_all)
    remark = _REMARK if any(cell.interval for block in blocks for row in block.rows for cell in row) else ""
    return TableContent(caption, tuple(headings), tuple(blocks), _notes(group), remark)


def _scores(name: str, compared: Sequence[tuple[Row, Mapping[str, Standing]]]) -> list[Cell]:
    samples = [row.metrics.get(name, Sample()) for row, _ in compared]
    ranked = any(standing.get(name, Standing()).best for _, standing in compared)
    best = _best(name, samples) if ranked else [False] * len(samples)
    cells = []
    for sample, leads, (_, standing) in zip(samples, best, compared, strict=True):
        lead = standing.get(name, Standing()).lead
        tied = not leads and lead.known and not lead.excludes_zero
        text = f"{TIED} {metric_text(name, sample)}" if tied else metric_text(name, sample)
        cells.append(Cell(text, leads, ends_text(name, sample.interval)))
    return cells


def _best(name: str, samples: Sequence[Sample]) -> list[bool]:
    # What is displayed decides: two numbers that look the same are both best, or neither.
    values = [float(f"{sample.mean:{number_form(name)}}") for sample in samples]
    known = [value for value in values if not math.isnan(value)]
    higher = host().higher_is_better(name)
    if higher is None or not known:
        return [False] * len(values)
    best = max(known) if higher else min(known)
    return [value == best for value in values]


def _rest(row: Row, standing: Mapping[str, Standing], gains: bool, failures: bool) -> list[Cell]:
    none = Sample()
    gain = standing.get("psnr", Standing()).gain
    texts = [gain_text(row.gain, gain, signed=row.method != CUBIC)] * gains
    texts.append(count_text(row.model.get("params", none).mean))
    texts += [seconds_text(row.seconds.get(phase, none).mean) for phase in ("fit", "reconstruct")]
    return [Cell(text) for text in texts + [row.status] * failures]


def _shown(rows: Sequence[Row]) -> list[str]:
    present = {name: None for row in rows for name, sample in row.metrics.items() if sample.n}
    leading = [name for name in METRICS if name in present]
    return leading + [
        name for name in sorted(present) if name not in METRICS and not name.endswith(_OF_ONE_PLANE)
    ]


def _caption(
    group: Group,
    shown: Sequence[str],
    rows: Sequence[Row],
    gains: bool,
    marked: bool,
    compared: Sequence[tuple[str, Standing]],
) -> str:
    parts = [f"Protocol version {group.protocol}", *_machine(group)]
    if shown:
        parts.append("metric versions: " + ", ".join(f"{name} {group.versions[name]}" for name in shown))
    seeds = any(len(row.statuses) > 1 for row in rows)
    few = any(row.learned and row.statuses.count(OK) < LEAST_SEEDS for row in rows)
    if seeds:
        parts.append("mean ± sample standard deviation over seeds")
    if gains:
        over = "axial slices and seeds" if seeds else "axial slices"
        over += ", of these trainings" * few
        known = any(name == "psnr" and standing.gain.known for name, standing in compared)
        parts.append(f"gain: PSNR above that of {CUBIC}" + f" [95 % interval over {over}]" * known)
    if marked:
        parts.append("best of each dataset in bold")
    with_lead = {metric for metric, standing in compared if standing.lead.known}
    judged = [name for name in shown if name in with_lead]
    if judged:
        names = " and ".join(judged)
        parts.append(f"{TIED} in {names}: the 95 % interval of the difference from the best contains 0")
    if few:
        parts.append(
            "with fewer than three seeds numbers are of these trainings, and methods that learn are not "
            "ranked among each other"
        )
    return "; ".join(parts) + "."


def _machine(group: Group) -> list[str]:
    told = (record.provenance for record in group.records if record.ok)
    used = {f"{one['precision_used']} on {one.get('device')}" for one in told if "precision_used" in one}
    return [f"networks in {' and '.join(sorted(used))}"] if used else []


def external_text(stated: Mapping[str, Any]) -> str:
    """Return what was stated about a finished volume, and whether it lies off the grid."""
    made = " ".join(str(stated[name]) for name in ("software", "version") if stated.get(name))
    parts = ["external: a finished volume" + (f" of {made}" if made else "")]
    if isinstance(seconds := stated.get("seconds"), int | float):
        parts.append(f"made in {seconds_text(seconds)} s as stated, not measured here")
    if stated.get("allowed"):
        parts.append(f"entered although {stated['allowed']}")
    return "; ".join(parts)


def _notes(group: Group) -> tuple[str, ...]:
    notes = []
    for record in group.records:
        job = f"{record.method} on {record.dataset} (seed {record.seed})"
        if record.external is not None:
            notes.append(f"{record.method} on {record.dataset}: {external_text(record.external)}")
        if problem := record.provenance.get("misaligned"):
            notes.append(f"{job}: off the grid: {problem}")
        if not record.ok:
            notes.append(f"{job}: {record.status}" + (f": {record.message}" if record.message else ""))
        notes += [f"{job}: metric {line}" for line in record.failed_metrics]
    return tuple(notes)
