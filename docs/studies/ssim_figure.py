"""The figure of ssim_puzzle.py."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from ssim_terms import DEFINITIONS, PINNED, RANGES

if TYPE_CHECKING:
    from ssim_puzzle import Case

COLOURS = ("tab:blue", "tab:cyan", "tab:red", "tab:orange")
SIDE = 72


def draw(cases: list[Case], known: list[Case], paper: Mapping[str, tuple[float, float]], path: Path) -> None:
    """Write the figure: a plane of the last case above, gains, definitions and terms of all below."""
    figure = Figure(figsize=(11, 7.4), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=(1, 1.25), squeeze=False)[:, 0]
    draw_planes(above, cases[-1])
    gains, ranges, terms = below.subplots(1, 3, width_ratios=(1.35, 1, 1))
    draw_gains(gains, cases, known, paper)
    draw_ranges(ranges, cases)
    draw_terms(terms, cases)
    below.legend(*gains.get_legend_handles_labels(), loc="outside lower center", ncols=6, fontsize=8)
    figure.savefig(path, dpi=150)


def draw_planes(figure: SubFigure, case: Case) -> None:
    """Draw part of the middle xz plane of the reference and of every result."""
    middle = case.truth.shape[1] // 2
    images = {f"reference ({case.title})": case.truth}
    for result in (case.cubic, *case.others):
        images[f"{result.name}: {result.psnr:.2f} dB, SSIM {result.ssim:.3f}"] = result.data
    low, high = np.percentile(case.truth[:, middle], (0.5, 99.5))
    for axes, (title, data) in zip(figure.subplots(1, len(images)), images.items(), strict=True):
        z, x = ((n - min(SIDE, n)) // 2 for n in (data.shape[0], data.shape[2]))
        plane = data[z : z + SIDE, middle, x : x + SIDE]
        axes.imshow(plane, cmap="gray", vmin=low, vmax=high, interpolation="nearest")
        axes.set(xticks=[], yticks=[])
        axes.set_title(title, fontsize=9)


def draw_gains(
    axes: Axes, cases: list[Case], known: list[Case], paper: Mapping[str, tuple[float, float]]
) -> None:
    """Draw PSNR and SSIM above cubic: a line along the training noise for each input."""
    for case, made, colour in zip(cases, known, COLOURS, strict=True):
        line = [case.gain(result) for result in case.others]
        axes.plot(*zip(*line, strict=True), "-", color=colour, linewidth=1)
        axes.plot(*line[0], "o", color=colour, markersize=5, markerfacecolor="white")
        axes.plot(*zip(*line[1:], strict=True), "o", color=colour, markersize=5, label=case.title)
        axes.plot(*made.gain(made.others[0]), "*", color=colour, markersize=9)
    base = paper["cubic"]
    for name, (psnr, ssim) in paper.items():
        if name != "cubic":
            axes.plot(psnr - base[0], ssim - base[1], "k+", markersize=8)
            axes.annotate(
                name, (psnr - base[0], ssim - base[1]), (5, -3), textcoords="offset points", fontsize=8
            )
    axes.plot([], [], "k+", label="Table I of the paper")
    axes.plot([], [], "k*", label="tissue without the noise")
    axes.axhline(0, color="0.5", linewidth=0.6)
    axes.axvline(0, color="0.5", linewidth=0.6)
    right, bottom = axes.get_xlim()[1] + 0.6, axes.get_ylim()[0]
    axes.fill_between([0, right], bottom, 0, color="0.92", zorder=0)
    axes.set(
        xlim=(None, right), ylim=(bottom, None), xlabel="PSNR above cubic (dB)", ylabel="SSIM above cubic"
    )
    axes.set_title("a  hollow: trained without noise; filled: with; grey: the puzzle", fontsize=9, loc="left")


def draw_ranges(axes: Axes, cases: list[Case]) -> None:
    """Draw SSIM above cubic for every data range, for the noisiest training."""
    for case, colour in zip(cases, COLOURS, strict=True):
        changes = dict(zip(DEFINITIONS, case.changes(case.others[-1]), strict=True))
        for window, style in (("Gaussian", "o-"), ("uniform", "s:")):
            values = [changes[PINNED._replace(window=window, range=name)] for name in RANGES]
            axes.plot(values, style, color=colour, markersize=4, linewidth=1)
    axes.axhline(0, color="0.5", linewidth=0.6)
    axes.set_xticks(range(len(RANGES)), list(RANGES), fontsize=8)
    axes.set(xlabel="data range of the SSIM (grey levels)", ylabel="SSIM above cubic")
    axes.set_title("b  trained with noise; dotted: uniform window", fontsize=9, loc="left")


def draw_terms(axes: Axes, cases: list[Case]) -> None:
    """Draw how the terms of SSIM differ from those of cubic, for the noisiest training."""
    for k, name in enumerate(("luminance", "contrast", "structure")):
        pairs = [(case.others[-1].similarity.terms[k], case.cubic.similarity.terms[k]) for case in cases]
        places = np.arange(len(cases)) + 0.27 * (k - 1)
        axes.bar(places, [mine - cubic for mine, cubic in pairs], 0.25, color=str(0.75 - 0.3 * k), label=name)
    axes.axhline(0, color="0.5", linewidth=0.6)
    axes.set_xticks(
        range(len(cases)),
        [case.title.replace(", ", "\n").replace("slab-", "slab\n") for case in cases],
        fontsize=8,
    )
    axes.set(ylabel="term above that of cubic")
    axes.legend(fontsize=8, frameon=False)
    axes.set_title("c  the terms of SSIM, trained with noise", fontsize=9, loc="left")
