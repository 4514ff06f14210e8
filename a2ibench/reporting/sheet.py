"""What the tables for people show, before it is Markdown, LaTeX or a terminal's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from a2ibench.errors import A2IBenchError
from a2ibench.plugins import host
from a2ibench.reporting.results import BASELINE, METRICS, Group, message
from a2ibench.reporting.summary import OK, Row, Sample, summarise

ABSENT = "—"
_DECIMALS = {"psnr": 2, "ssim": 4, "ssim_3d": 4}
_HEADINGS = {"psnr": "PSNR (dB)", "ssim": "SSIM", "ssim_3d": "SSIM 3D"}
_OF_ONE_PLANE = ("_xy", "_xz", "_yz")


@dataclass(frozen=True)
class Cell:
    """A text, and whether it is the best of its column."""

    text: str
    best: bool = False


@dataclass(frozen=True)
class Block:
    """The rows of one dataset, the method's name first in each."""

    dataset: str
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True)
class Sheet:
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
        One for each job without a result.
    """

    caption: str
    headings: tuple[str, ...]
    blocks: tuple[Block, ...]
    notes: tuple[str, ...]


def make_sheet(group: Group) -> Sheet:
    """Return the table of a group; the metrics of single plane families are left to table.csv."""
    rows = summarise(group)
    shown = _shown(rows)
    gains = any(row.method != BASELINE and not math.isnan(row.gain) for row in rows)
    failures = any(row.status != OK for row in rows)
    headings = ["method", *(_HEADINGS.get(name, name) for name in shown)]
    headings += ["gain (dB)"] * gains + ["params", "fit (s)", "reconstruct (s)"]
    headings += ["status"] * failures
    blocks = []
    for dataset, members in groupby(rows, key=lambda row: row.dataset):
        lines = [_line(row, shown, gains, failures) for row in members]
        for column, name in enumerate(shown, start=1):
            _mark_best(lines, column, higher_is_better(name))
        blocks.append(Block(dataset, tuple(map(tuple, lines))))
    return Sheet(_caption(group, shown, rows, gains), tuple(headings), tuple(blocks), _notes(group))


def higher_is_better(metric: str) -> bool | None:
    """Return a metric's sense; None where it is no longer installed, so that nothing is called best."""
    try:
        return bool(host().build("metric", metric).higher_is_better)
    except (A2IBenchError, AttributeError):
        return None


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
    form = f".{_DECIMALS[name]}f" if name in _DECIMALS else ".4g"
    mean = f"{sample.mean:{form}}"
    return mean if math.isnan(sample.std) else f"{mean} ± {sample.std:{form}}"


def _line(row: Row, shown: Sequence[str], gains: bool, failures: bool) -> list[Cell]:
    none = Sample()
    texts = [row.method, *(metric_text(name, row.metrics.get(name, none)) for name in shown)]
    if gains:
        unsigned = row.method == BASELINE or math.isnan(row.gain)
        gain = f"{row.gain:.2f}" if unsigned else f"{row.gain:+.2f}"
        texts.append(ABSENT if math.isnan(row.gain) else gain)
    texts.append(count_text(row.model.get("params", none).mean))
    texts += [seconds_text(row.seconds.get(phase, none).mean) for phase in ("fit", "reconstruct")]
    return [Cell(text) for text in texts + [row.status] * failures]


def _mark_best(lines: list[list[Cell]], column: int, higher: bool | None) -> None:
    # What is displayed decides: two numbers that look the same are both best, or neither.
    values = [
        float(line[column].text.split(" ")[0]) if line[column].text != ABSENT else math.nan for line in lines
    ]
    known = [value for value in values if not math.isnan(value)]
    if higher is None or not known:
        return
    best = max(known) if higher else min(known)
    for line, value in zip(lines, values, strict=True):
        if value == best:
            line[column] = replace(line[column], best=True)


def _shown(rows: Sequence[Row]) -> list[str]:
    present = {name: None for row in rows for name, sample in row.metrics.items() if sample.n}
    leading = [name for name in METRICS if name in present]
    return leading + [
        name for name in sorted(present) if name not in METRICS and not name.endswith(_OF_ONE_PLANE)
    ]


def _caption(group: Group, shown: Sequence[str], rows: Sequence[Row], gains: bool) -> str:
    parts = [f"Protocol version {group.protocol}"]
    if shown:
        parts.append("metric versions: " + ", ".join(f"{name} {group.versions[name]}" for name in shown))
    if any(len(row.statuses) > 1 for row in rows):
        parts.append("mean ± sample standard deviation over seeds")
    if gains:
        parts.append(f"gain: PSNR above that of {BASELINE}")
    if shown:
        parts.append("best of each dataset in bold")
    return "; ".join(parts) + "."


def _notes(group: Group) -> tuple[str, ...]:
    return tuple(
        f"{record['method']} on {record['dataset']} (seed {record['seed']}): {record['status']}"
        + (f": {reason}" if (reason := message(record)) else "")
        for record in group.records
        if record["status"] != OK
    )
