"""Look for seams at window and block borders, drift of the mean, and ringing at the first and last slices.

Run as ``python docs/figures/borders.py [--methods A,B] [--catalogue FILE --dataset NAME] [--run DIR]
[--output FILE]``. With a finished run of that dataset its networks are taken; without one they are trained,
in the quick profile. The last of the methods is a plain network, beside which the windows of others show.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from border_measures import (
    ENDS,
    LEAST_WINDOW,
    Grey,
    Looked,
    alternation,
    contrast,
    ends,
    errors,
    interior,
    relative,
    seam,
    seam_of_one_level,
    step_at_cuts,
)
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from a2ibench import (
    A2IBenchError,
    AxialGrid,
    Budget,
    Context,
    DatasetSpec,
    InputError,
    Method,
    Volume,
    load_catalogue,
)
from a2ibench.data.catalogue import find_dataset
from a2ibench.data.opening import open_dataset
from a2ibench.degradations.models import slab_average
from a2ibench.protocol.blocks import block_size, plan_blocks, reconstruct_volume
from a2ibench.protocol.profiles import PROFILES, training_settings
from a2ibench.protocol.simulate import simulate
from a2ibench.registry import host

METHODS = ("a2i-3dem", "swinir", "pssr", "srmd")
SHOWN, ROWS, DIFFERENCE = 2, 80, 0.2
CUBIC = "0.4"


def main() -> None:
    """Print the table and write the figure."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--methods", type=lambda text: text.split(","), default=METHODS, metavar="A,B")
    parser.add_argument("--catalogue", type=Path, help="by default the one that is shipped")
    parser.add_argument("--dataset", default="phantom", help="with a reference")
    parser.add_argument("--run", type=Path, help="folder of a finished run")
    parser.add_argument(
        "--max-voxels", type=int, default=1_200_000, help="of a block, what is read around it included"
    )
    parser.add_argument("--output", type=Path, default=Path(__file__).with_suffix(".png"))
    chosen = parser.parse_args()
    try:
        spec = find_dataset(chosen.dataset, load_catalogue(chosen.catalogue))
        if spec.simulate is None:
            raise InputError(f"{spec.name}: has no reference; choose a dataset with a simulate table")
        volume, reference = simulate(open_dataset(spec), spec.simulate)
        looked = [
            look(name, fitted(name, volume, chosen.run, spec), volume, chosen.max_voxels)
            for name in ("cubic", *chosen.methods)
        ]
    except A2IBenchError as error:
        parser.error(str(error))
    truth = reference.data.astype(np.float32)
    sys.stdout.write("\n".join(table(looked, volume, truth)) + "\n")
    draw(looked, truth, spec.name, chosen.output)


def context(volume: Volume) -> Context:
    """Return the quick profile on the processor."""
    quick = PROFILES["quick"]
    budget = Budget(steps=quick.steps)
    return Context(device="cpu", size=quick.size, budget=budget, batch=quick.batch, patch=quick.patch)


def fitted(name: str, volume: Volume, run: Path | None, dataset: DatasetSpec) -> Method:
    """Return a method with the network of a run, or with one that is trained now, as a run trains it."""
    method: Method = host().build("method", name, **training_settings(name, "matched", dataset.simulate))
    if run is None or name == "cubic":
        method.fit(volume, context(volume))
    else:
        method.load(run / "jobs" / f"{dataset.name}--{name}--s0" / "checkpoint")
    return method


def look(name: str, method: Method, volume: Volume, max_voxels: int) -> Looked:
    """Reconstruct a volume at once and in blocks."""
    ctx, (lo, hi) = context(volume), volume.intensity
    whole = reconstruct_volume(method, volume, ctx)
    blocks = reconstruct_volume(method, volume, ctx, max_voxels=max_voxels)
    grid, align = AxialGrid(volume.shape[0], volume.ratio), int(getattr(method, "align", 1))
    lateral, halo = volume.shape[1:], (int(method.halo[0]), int(method.halo[1]))
    fits = getattr(method, "fits", None)
    size = block_size(grid, lateral, halo, align=align, max_voxels=max_voxels, fits=fits)
    planned = list(plan_blocks(grid, lateral, halo, size, align))
    starts = ({getattr(block, f"{axis}_out").start for block in planned} - {0} for axis in "zyx")
    z, y, x = (sorted(cuts) for cuts in starts)
    return Looked(name, align, lo + (hi - lo) * whole, lo + (hi - lo) * blocks, (z, y, x))


def table(looked: list[Looked], volume: Volume, truth: Grey) -> list[str]:
    """Return a table of the borders, and one of the mean and the ends."""
    grid, cubic, even = AxialGrid(volume.shape[0], volume.ratio), looked[0], looked[-1]
    given = np.asarray(volume.data, np.float64).mean(axis=(1, 2))
    borders = [
        "| method | blocks minus whole: largest | mean | step at block borders | period of windows "
        f"| step at window borders over reference | of what is added, over {even.name} | its other places "
        "| with a seam of 1 grey level | even over odd columns |",
        "|---|" + "---:|" * 9,
    ]
    means = [
        "| method | mean minus input | worst slice | error, end slices | interior "
        "| contrast, end slices | interior |",
        "|---|" + "---:|" * 6,
    ]
    for each in looked:
        apart, error, kept = np.abs(each.blocks - each.whole), errors(each, truth), contrast(each, truth)
        cells = [each.name, f"{apart.max():.2f}", f"{apart.mean():.4f}", f"{step_at_cuts(each):.3f}"]
        if each is cubic:
            cells += [""] * 6
        else:
            period, places = max(each.period, LEAST_WINDOW), seam(each, cubic, even)
            plain = relative(each.whole, period) / relative(truth, period)
            cells += [f"{each.period}", f"{plain[0]:.3f}", f"{places[0]:.3f}"]
            cells += [f"{places[1:].min():.3f} to {places[1:].max():.3f}"]
            cells += [f"{seam_of_one_level(each, cubic):.3f}", f"{alternation(each, truth):.3f}"]
        borders.append(f"| {' | '.join(cells)} |")
        slices = slab_average(grid) @ each.whole.mean(axis=(1, 2), dtype=np.float64)
        drift = f"{slices.mean() - given.mean():+.2f} | {np.abs(slices - given).max():.2f}"
        sides = " | ".join(f"{part(values):.2f}" for values in (error, kept) for part in (ends, interior))
        means.append(f"| {each.name} | {drift} | {sides} |")
    return [*borders, "", *means]


def draw(looked: list[Looked], truth: Grey, name: str, output: Path) -> None:
    """Write the figure: planes with the borders above, what is measured below."""
    shown = looked[1 : 1 + SHOWN]
    rows = min(truth.shape[0], ROWS)
    strip = 10.5 * rows / truth.shape[2] + 0.25
    figure = Figure(figsize=(11, 2 * len(shown) * strip + 3.8), layout="constrained")
    heights = (2 * len(shown) * strip, 3.8)
    above, below = figure.subfigures(2, 1, height_ratios=heights, squeeze=False)[:, 0]
    axes = above.subplots(2 * len(shown), 1)
    for k, each in enumerate(shown):
        draw_plane(axes[2 * k], axes[2 * k + 1], each, truth, rows)
    above.suptitle(
        f"{name}: the middle xz plane, reconstructed in blocks; block borders in red, windows as ticks",
        fontsize=9,
    )
    window, slices, last = below.subplots(1, 3)
    draw_window(window, looked)
    draw_ends(slices, [errors(each, truth) for each in looked], "b  error of a slice (grey levels)")
    draw_ends(
        last,
        [contrast(each, truth) for each in looked],
        "c  contrast of a slice over the reference's",
    )
    below.legend(*window.get_legend_handles_labels(), loc="outside lower center", ncols=5, fontsize=8)
    output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(output, dpi=150)


def draw_plane(image: Axes, change: Axes, looked: Looked, truth: Grey, rows: int) -> None:
    """Draw a plane of the blocks, and below it how it differs from that of the whole."""
    middle = truth.shape[1] // 2
    low, high = np.percentile(truth[:, middle], (0.5, 99.5))
    apart = (looked.blocks - looked.whole)[:rows, middle]
    image.imshow(looked.blocks[:rows, middle], cmap="gray", vmin=low, vmax=high, interpolation="nearest")
    change.imshow(apart, cmap="RdBu_r", vmin=-DIFFERENCE, vmax=DIFFERENCE, interpolation="nearest")
    image.set_title(f"{looked.name}, in blocks", fontsize=8, loc="left")
    change.set_title(
        f"{looked.name}, blocks minus whole; full colour: {DIFFERENCE:g} grey levels", fontsize=8, loc="left"
    )
    for axes in (image, change):
        for axis, length in ((axes.xaxis, truth.shape[2]), (axes.yaxis, rows)):
            windows = np.arange(0, length if looked.period >= LEAST_WINDOW else 0, looked.period)
            axis.set_ticks(windows - 0.5, [])
        for cut in looked.cuts[2]:
            axes.axvline(cut - 0.5, color="red", linewidth=0.5, ymin=0.85)
        for cut in looked.cuts[0]:
            if cut < rows:
                axes.axhline(cut - 0.5, color="red", linewidth=0.5, xmax=0.05)


def draw_window(axes: Axes, looked: list[Looked]) -> None:
    """Draw the mean step at each place of the period, the border in the middle."""
    for number, each in enumerate(looked[1:]):
        places = seam(each, looked[0], looked[-1])
        half = len(places) // 2
        around = np.roll(places, half)
        axes.plot(
            (np.arange(len(places)) - half) / len(places),
            around,
            ".-",
            color=f"C{number}",
            label=each.name,
        )
    axes.axvline(0, color="red", linewidth=0.5)
    axes.plot([], [], color=CUBIC, label="cubic")
    axes.set(xlabel="place in the window's period (0: border)")
    axes.set_title(
        f"a  step between columns of what is added, over {looked[-1].name}", fontsize=9, loc="left"
    )


def draw_ends(axes: Axes, values: list[NDArray[np.float64]], title: str) -> None:
    """Draw a value of the first and the last slices, and its interior mean as a line between; cubic first."""
    places = np.arange(ENDS)
    for number, profile in enumerate(values):
        colour = f"C{number - 1}" if number else CUBIC
        axes.plot(places, profile[:ENDS], ".-", color=colour, linewidth=1)
        axes.plot(places + ENDS + 4, profile[-ENDS:], ".-", color=colour, linewidth=1)
        axes.plot([ENDS, ENDS + 3], [interior(profile)] * 2, "-", color=colour, linewidth=2)
    labels = ["first", "interior", "last"]
    axes.set_xticks([0, ENDS + 1.5, 2 * ENDS + 3], labels, fontsize=8)
    axes.set_title(title, fontsize=9, loc="left")


if __name__ == "__main__":
    main()
