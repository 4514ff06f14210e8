"""The charts of the page: which there are of a run, and where they take their numbers from."""

from __future__ import annotations

import csv
import math
from collections.abc import Container, Iterator, Mapping, Sequence
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from a2ibench.bench.record import Record
from a2ibench.bench.run import Run, metric_order
from a2ibench.bench.scores_file import Rows
from a2ibench.contracts.planes import AXIAL
from a2ibench.errors import one_line
from a2ibench.registry import host
from a2ibench.reporting.axial_power import Curves, axial_power_curves
from a2ibench.reporting.layout import heading, in_tables, number_form, seconds_text
from a2ibench.reporting.page.chart import Chart, Line
from a2ibench.reporting.page.correlation import correlations
from a2ibench.reporting.summary import Row, summarise

PARTS = COSTS, SLICES, TRAINING, CORRELATION, POWER = "costs", "slices", "training", "fsc", "axial_power"
"""What there are charts of. Their kinds: the names of the costs; as ``"psnr.xz"``; the third; as
``"fsc.axial"``; and the last."""

_MOST_POINTS = 160
_SLICED = ("psnr", "ssim")
_LEAST = {"fit": 0.0005, "reconstruct": 0.0005}
_COSTS = (
    ("fit", "fit (s)", "quality against fit time"),
    ("reconstruct", "reconstruct (s)", "quality against reconstruction time"),
    ("params", "parameters", "quality against parameters"),
    ("macs_per_voxel", "multiply-adds per voxel", "quality against multiply-adds"),
)


def charts(run: Run, parts: Container[str] = PARTS) -> list[Chart]:
    """Return the charts of the newest group of a run, dataset by dataset.

    Parameters
    ----------
    run : Run
        The run.
    parts : container of str
        Which of `PARTS` are wanted; files that no other needs are not read.
    """
    if not run.groups:
        return []
    group = run.groups[-1]
    rows = [row for row in summarise(group) if not row.control]
    powers = {one.dataset: one for one in axial_power_curves(group.records)} if POWER in parts else {}
    found: list[Chart] = []
    for dataset, members in groupby(rows, key=lambda row: row.dataset):
        records = [record for record in group.records if record.dataset == dataset and record.ok]
        if COSTS in parts:
            found += _against_costs(dataset, list(members))
        if SLICES in parts:
            found += _by_slice(run, dataset, records)
        if TRAINING in parts:
            found += _trainings(run, dataset, records)
        if CORRELATION in parts:
            found += correlations(dataset, [(one.method, run.scores_of(one).curves) for one in records])
        if dataset in powers:
            found.append(_axial_power(powers[dataset]))
    return found


def main_metric(rows: Sequence[Row]) -> str | None:
    """Return what quality is in charts: the first ranked metric of the tables that methods are scored by."""
    counted = metric_order({name for row in rows for name, sample in row.metrics.items() if sample.n})
    ranked = [name for name in counted if host().ranked_upwards(name) is not None]
    return next(iter([name for name in ranked if in_tables(name)] or ranked), None)


def _against_costs(dataset: str, rows: Sequence[Row]) -> Iterator[Chart]:
    metric = main_metric(rows)
    if metric is None:
        return
    higher = bool(host().ranked_upwards(metric))
    scored = [row for row in rows if metric in row.metrics and math.isfinite(row.metrics[metric].mean)]
    for name, label, title in _COSTS:
        costs = {row.method: _cost(row, name) for row in scored}
        # What tables show as 0 is none.
        placed = [row for row in scored if costs[row.method] >= _LEAST.get(name, 1e-12)]
        if not placed:
            continue
        values = {row.method: row.metrics[metric].mean for row in scored}
        lines = tuple(
            Line(row.method, (costs[row.method],), (values[row.method],), _ends(row, metric))
            for row in placed
        )
        levels = tuple((row.method, values[row.method]) for row in scored if row not in placed)
        front = pareto({one.name: (one.x[0], one.y[0]) for one in lines}, higher)
        form = number_form(metric)
        told = [f"{one.name} {one.y[0]:{form}} at {_number(name, one.x[0])}" for one in lines]
        told += [f"{other} {value:{form}}, which has none" for other, value in levels]
        words = "; ".join(told) + f". No other is both better and cheaper than: {', '.join(front)}."
        yield Chart(name, dataset, title, label, heading(metric), lines, "x", levels, front, words)


def _cost(row: Row, name: str) -> float:
    sample = row.model.get(name) if name in row.model else row.seconds.get(name)
    return math.nan if sample is None else sample.mean


def _number(name: str, value: float) -> str:
    return f"{seconds_text(value)} s" if name in ("fit", "reconstruct") else f"{value:,.0f}"


def _ends(row: Row, metric: str) -> tuple[float, float] | None:
    interval = row.metrics[metric].interval
    return (interval.low, interval.high) if interval.known else None


def pareto(points: Mapping[str, tuple[float, float]], higher: bool) -> tuple[str, ...]:
    """Return the names of the points that no other beats in one and equals in the other, by cost."""
    sign = 1 if higher else -1
    found, best = [], -math.inf
    for name, (_, value) in sorted(points.items(), key=lambda one: (one[1][0], -sign * one[1][1])):
        if sign * value > best:
            found.append(name)
            best = sign * value
    return tuple(found)


def _by_slice(run: Run, dataset: str, records: Sequence[Record]) -> Iterator[Chart]:
    stored: dict[str, list[Rows]] = {}
    for record in records:
        stored.setdefault(record.method, []).append(run.scores_of(record).slices)
    for metric in _SLICED:
        for plane in AXIAL:
            name = f"{metric}.{plane}"
            lines = []
            for method, rows in stored.items():
                found = [row[name] for row in rows if name in row]
                if found and len({one.size for one in found}) == 1:
                    mean = np.mean(found, axis=0)
                    lines.append(Line(method, *thinned(np.arange(mean.size), mean)))
            if lines:
                told = [f"{one.name} {min(one.y):.4g} to {max(one.y):.4g}" for one in lines]
                title = f"{heading(metric)} of each {plane} slice"
                words = f"From the worst to the best slice: {'; '.join(told)}."
                yield Chart(
                    name, dataset, title, f"{plane} slice", heading(metric), tuple(lines), words=words
                )


def thinned(x: NDArray[np.generic], y: NDArray[np.float64]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return at most 160 points of a curve: means of as many neighbours as that takes."""
    size = math.ceil(len(x) / _MOST_POINTS)
    starts = np.arange(0, len(x), max(1, size))
    counts = np.diff(np.append(starts, len(x)))
    means = (np.add.reduceat(np.asarray(one, np.float64), starts) / counts for one in (x, y))
    across, along = (tuple(float(f"{value:.6g}") for value in one) for one in means)
    return across, along


def _trainings(run: Run, dataset: str, records: Sequence[Record]) -> Iterator[Chart]:
    lines = []
    for record in records:
        steps, losses = _losses(run, record)
        if len(steps) > 1:
            lines.append(Line(record.method, *thinned(steps, losses)))
    if lines:
        told = [f"{one.name} from {one.y[0]:.3g} to {one.y[-1]:.3g}" for one in lines]
        words = f"A line for each training: {'; '.join(told)}. Losses of two methods may be of two kinds."
        yield Chart(TRAINING, dataset, "training loss", "step", "loss", tuple(lines), "y", words=words)


def _losses(run: Run, record: Record) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    steps, losses = [], []
    try:
        with run.files_of(record).curve.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                step, loss = float(row["step"]), float(row["loss"])
                if math.isfinite(step) and math.isfinite(loss) and loss > 0:
                    steps.append(step)
                    losses.append(loss)
    except (OSError, ValueError, TypeError, LookupError, csv.Error):
        return np.empty(0), np.empty(0)
    return np.array(steps), np.array(losses)


def _axial_power(curves: Curves) -> Chart:
    lines = [Line(name, curves.octaves, ratios) for name, ratios in curves.methods.items()]
    if curves.reference:
        lines.insert(0, Line("reference", curves.octaves, curves.reference))
    told = [f"{one.name} {one.y[-1]:.2g}" for one in lines]
    finest = 1 / curves.octaves[-1]
    words = f"At wavelengths around {finest:.3g} nm: {'; '.join(told)}. It is no score: noise raises it, too."
    return Chart(
        POWER,
        curves.dataset,
        "axial over lateral power",
        "frequency (cycles/nm)",
        "axial over lateral power",
        tuple(lines),
        "xy",
        words=one_line(words, 4000),
    )
