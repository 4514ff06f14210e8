"""Draw an axial plane of a simulated volume: as acquired, interpolated, reconstructed, and the truth.

Run as ``python docs/figures/showcase.py [--catalogue FILE --dataset NAME] [--output FILE]``; the network is
trained on the degraded volume, as ``a2ibench reconstruct`` does.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from skimage.metrics import peak_signal_noise_ratio

from a2ibench import Volume, load_catalogue, reconstruct
from a2ibench.data.opening import open_dataset
from a2ibench.protocol.simulate import simulate
from a2ibench.reporting.canvas import GAP, TITLE, Canvas, draw_scale_bar, own_style, png

INCHES = 2.3


def main() -> None:
    """Write the figure."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--catalogue", type=Path)
    parser.add_argument("--dataset", default="phantom")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("showcase.png"))
    given = parser.parse_args()
    spec = load_catalogue(given.catalogue)[given.dataset]
    if spec.simulate is None:
        parser.error(f"{given.dataset} has no reference; give a dataset that is simulated")
    acquired, reference = simulate(open_dataset(spec), spec.simulate)
    with own_style():
        given.output.write_bytes(drawn(spec.title, acquired, reference))


def drawn(title: str, acquired: Volume, reference: Volume) -> bytes:
    """Return the figure as a PNG file: the xz plane through the middle, in four versions."""
    y = reference.shape[1] // 2
    across = reference.voxel_size[1]
    panels = [(f"acquired, every {acquired.voxel_size[0]:g} nm", acquired.data[:, y, :])]
    for name in ("cubic", "plain"):
        result = reconstruct(acquired, name)
        psnr = peak_signal_noise_ratio(reference.data, result.data, data_range=255)  # type: ignore[no-untyped-call]
        panels.append((f"{name}, {psnr:.2f} dB", result.data[:, y, :]))
    panels.append((f"truth, every {across:g} nm", reference.data[:, y, :]))
    low, high = np.percentile(reference.data, (0.2, 99.8))
    height = INCHES * reference.shape[0] / reference.shape[2]
    canvas = Canvas.of(title, "an axial plane (xz)", len(panels) * (INCHES + GAP) - GAP, TITLE + height)
    for column, (name, plane) in enumerate(panels):
        left = column * (INCHES + GAP)
        canvas.text(left, TITLE, name)
        axes = canvas.axes(left, TITLE, INCHES, height)
        axes.imshow(plane, cmap="gray", vmin=low, vmax=high, aspect="auto", interpolation="nearest")
        if column == 0:
            draw_scale_bar(axes, size(plane), across, height, at_right=False)
    return png(canvas.figure)


def size(plane: NDArray[np.generic]) -> tuple[int, int]:
    """Return rows and columns of a plane."""
    return plane.shape[0], plane.shape[1]


if __name__ == "__main__":
    main()
