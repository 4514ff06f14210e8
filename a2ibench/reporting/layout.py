"""What the tables for people show, before it is Markdown, LaTeX or a terminal's."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from a2ibench.bench.groups import Group
from a2ibench.bench.merge import RUN_COLUMN
from a2ibench.bench.record import CEILING, Record
from a2ibench.bench.run import CUBIC, metric_order
from a2ibench.bench.standings import Standing, Standings
from a2ibench.contracts import MetricSpec
from a2ibench.contracts.planes import PLANES
from a2ibench.errors import counted
from a2ibench.registry import host
from a2ibench.reporting.captions import TIED, caption_of
from a2ibench.reporting.summary import OK, Row, Sample, summarise
from a2ibench.statistics import Interval

ABSENT = "—"
GAINED = "psnr"
"""The metric that gains are of."""

REMOVED = "error removed"
"""Heading of a column that tables with room have."""


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


def percent_text(share: float) -> str:
    """Return a share in percent."""
    return ABSENT if math.isnan(share) else f"{100 * share:.1f} %"


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
_REMOVED = f"Error removed: the share of the root mean squared error of {CUBIC} that is gone."


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
    value : float
        The number that it shows; NaN where it shows none.
    tied : bool
        Whether it cannot be told from the best of its column.
    """

    text: str
    best: bool = False
    interval: str = ""
    value: float = math.nan
    tied: bool = False


@dataclass(frozen=True)
class Block:
    """The rows of one dataset, the method's name first in each, and the summaries that they are of."""

    dataset: str
    rows: tuple[tuple[Cell, ...], ...]
    of: tuple[Row, ...] = ()


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
        What tables with room add to the caption.
    roomy : frozenset of int
        Columns that only tables with room have.
    metrics : tuple of str
        Those that the columns after the first are of.
    """

    caption: str
    headings: tuple[str, ...]
    blocks: tuple[Block, ...]
    notes: tuple[str, ...]
    remark: str = ""
    roomy: frozenset[int] = frozenset()
    metrics: tuple[str, ...] = ()

    def narrow(self) -> TableContent:
        """Return what tables without room show."""
        if not self.roomy:
            return self
        places = [place for place in range(len(self.headings)) if place not in self.roomy]
        headings = tuple(self.headings[place] for place in places)
        blocks = tuple(
            replace(block, rows=tuple(tuple(row[place] for place in places) for row in block.rows))
            for block in self.blocks
        )
        return replace(self, headings=headings, blocks=blocks, roomy=frozenset())


def table_content(group: Group, found: Standings, metrics: Collection[str] | None = None) -> TableContent:
    """Return the table of a group; what `MetricSpec.in_tables` denies, and single families, have table.csv.

    Parameters
    ----------
    group : Group
        Records that may be compared.
    found : mapping
        How the methods compare, as `Run.standings` tells.
    metrics : collection of str, optional
        Those to show; by default what tables for people have.
    """
    rows = summarise(group)
    shown = _shown(rows, metrics)
    # Where there is no reference, controls may have no score that is shown.
    rows = [row for row in rows if not row.control or not row.metrics.keys().isdisjoint(shown)]
    gains = GAINED in shown and any(row.method != CUBIC and not math.isnan(row.gain) for row in rows)
    removed = gains and any(row.control for row in rows)
    failures = any(row.status != OK and not row.control for row in rows)
    merged = bool(group.origins)
    headings = ["method", *(heading(name) for name in shown)]
    headings += ["gain (dB)"] * gains + [REMOVED] * removed
    headings += ["params", "fit (s)", "reconstruct (s)"] + ["status"] * failures + [RUN_COLUMN] * merged
    blocks = []
    for dataset, members in groupby(rows, key=lambda row: row.dataset):
        compared = [(row, {} if row.control else found.get((dataset, row.method), {})) for row in members]
        columns = [_scores(name, compared) for name in shown]
        rest = [
            _rest(row, standing, gains, removed, failures) + [Cell(row.origin)] * merged
            for row, standing in compared
        ]
        names = [Cell(row.label) for row, _ in compared]
        lines = zip(names, *columns, rest, strict=True)
        cells = tuple((*scores, *others) for *scores, others in lines)
        blocks.append(Block(dataset, cells, tuple(row for row, _ in compared)))
    marked = any(cell.best for block in blocks for row in block.rows for cell in row)
    compared_all = [one for place in found.values() for one in place.items()]
    caption = caption_of(group, shown, rows, gains, marked, compared_all)
    intervals = any(cell.interval for block in blocks for row in block.rows for cell in row)
    roomy = frozenset(place for place, heading in enumerate(headings) if heading == REMOVED)
    remarks = [_REMARK] * intervals + [_REMOVED] * bool(roomy)
    notes = _notes(group)
    return TableContent(
        caption, tuple(headings), tuple(blocks), notes, " ".join(remarks), roomy, tuple(shown)
    )


def _scores(name: str, compared: Sequence[tuple[Row, Mapping[str, Standing]]]) -> list[Cell]:
    samples = [row.metrics.get(name, Sample()) for row, _ in compared]
    ranked = any(standing.get(name, Standing()).best for _, standing in compared)
    methods = [sample if row.ranked else Sample() for (row, _), sample in zip(compared, samples, strict=True)]
    best = _best(name, methods) if ranked else [False] * len(samples)
    cells = []
    for sample, leads, (_, standing) in zip(samples, best, compared, strict=True):
        lead = standing.get(name, Standing()).lead
        tied = not leads and lead.known and not lead.excludes_zero
        text = f"{TIED} {metric_text(name, sample)}" if tied else metric_text(name, sample)
        cells.append(Cell(text, leads, ends_text(name, sample.interval), sample.mean, tied))
    return cells


def _best(name: str, samples: Sequence[Sample]) -> list[bool]:
    # What is displayed decides: two numbers that look the same are both best, or neither.
    values = [float(f"{sample.mean:{number_form(name)}}") for sample in samples]
    known = [value for value in values if not math.isnan(value)]
    higher = host().ranked_upwards(name)
    if higher is None or not known:
        return [False] * len(values)
    best = max(known) if higher else min(known)
    return [value == best for value in values]


def _rest(
    row: Row, standing: Mapping[str, Standing], gains: bool, removed: bool, failures: bool
) -> list[Cell]:
    none = Sample()
    gain = standing.get("psnr", Standing()).gain
    # The PSNR of the ceiling is a cap.
    value = math.nan if row.control and row.method == CEILING else row.gain
    cells = [Cell(gain_text(value, gain, signed=row.method != CUBIC), value=value)] * gains
    cells += [Cell(percent_text(row.error_removed), value=row.error_removed)] * removed
    params = row.model.get("params", none).mean
    cells.append(Cell(count_text(params), value=params))
    for phase in ("fit", "reconstruct"):
        seconds = row.seconds.get(phase, none).mean
        cells.append(Cell(seconds_text(seconds), value=seconds))
    return cells + [Cell(row.status)] * failures


def _shown(rows: Sequence[Row], wanted: Collection[str] | None) -> list[str]:
    present = metric_order({name for row in rows for name, sample in row.metrics.items() if sample.n})
    if wanted is not None:
        return [name for name in present if name in wanted]
    # A run that was asked for nothing else still has a table.
    return [name for name in present if in_tables(name)] or present


def in_tables(name: str) -> bool:
    """Whether tables for people show a metric, as far as its plugin tells."""
    spec = metric_spec(name)
    return not name.endswith(_OF_ONE_PLANE) and (spec is None or spec.in_tables)


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
        notes += [f"{job}: {text}" for text in _beyond_limits(record)]
        notes += [f"{job}: metric {line}" for line in record.failed_metrics]
    beside = sum(record.beside for record in group.records)
    if beside:
        notes.append(f"{counted(beside, 'job')} ran beside others on the same machine, which takes longer")
    return tuple(notes)


def _beyond_limits(record: Record) -> Iterator[str]:
    for name, score in record.metrics.items():
        spec, up = metric_spec(name), host().higher_is_better(name)
        if spec is None or spec.limit is None or up is None or math.isnan(score.value):
            continue
        if score.value < spec.limit if up else score.value > spec.limit:
            beyond = "below" if up else "above"
            yield f"{name} is {score.value:{number_form(name)}}, {beyond} its limit of {spec.limit:g}"
