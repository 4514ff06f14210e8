"""Choose the settings of the segmenter that `voi` and `arand` compare volumes by.

Run as ``python docs/studies/segmenter.py``. Phantoms of 96 voxels of 15 nm, of seeds that no catalogue holds,
are segmented with one setting changed at a time and compared with what they were drawn from. With
``--order`` the settings are those chosen, and the phantom is made worse instead.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from a2ibench.data.phantom import phantom, phantom_labels
from a2ibench.metrics import segmenter
from a2ibench.metrics.segmentation import Agreement, agreement_of, contrast_of, pieces

Change = Callable[[NDArray[np.float32]], NDArray[np.float32]]

SIZE, VOXEL_SIZE = 96, 15.0
SEEDS = (101, 102)
TRIED: Mapping[str, tuple[float, ...]] = {
    "scale": (12.0, 18.0),
    "sheet": (0.05, 0.08),
    "depth": (20.0, 30.0),
    "smooth": (10.0, 20.0),
    "weak": (0.09, 0.11),
}
WORSE: Mapping[str, Change] = {
    "as it is": lambda grey: grey,
    "noise of 5 grey levels": lambda grey: noisy(grey, 5),
    "noise of 20 grey levels": lambda grey: noisy(grey, 20),
    "blur of 10 nm": lambda grey: blurred(grey, 10),
    "blur of 20 nm": lambda grey: blurred(grey, 20),
    "blur of 30 nm": lambda grey: blurred(grey, 30),
    "3 slices averaged, cubic": lambda grey: interpolated(grey, 3),
    "3 slices averaged, nearest": lambda grey: interpolated(grey, 0),
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--order", action="store_true", help="make the phantoms worse, not the settings")
    parser.add_argument("--seeds", default=",".join(map(str, SEEDS)), metavar="A,B")
    given = parser.parse_args()
    seeds = [int(seed) for seed in given.seeds.split(",")]
    volumes = [phantom(SIZE, seed, VOXEL_SIZE).astype(np.float32) for seed in seeds]
    truths = [pieces(phantom_labels(SIZE, seed, VOXEL_SIZE)) for seed in seeds]

    def row(
        name: str, change: Callable[[NDArray[np.float32]], NDArray[np.float32]], **setting: float
    ) -> None:
        found = [
            compared(change(volume), contrast_of(volume), truth, setting)
            for volume, truth in zip(volumes, truths, strict=True)
        ]
        voi, arand = np.mean([(one.voi, one.arand) for one in found], axis=0)
        sys.stdout.write(f"| {name} | {voi:.2f} | {arand:.3f} |\n")
        sys.stdout.flush()

    sys.stdout.write("| setting | VOI (bits) | ARAND |\n| --- | ---: | ---: |\n")
    if given.order:
        for name, change in WORSE.items():
            row(name, change)
        return
    row("as chosen", WORSE["as it is"])
    for name, values in TRIED.items():
        for value in values:
            row(f"{name} {value:g}", WORSE["as it is"], **{name: value})


def compared(
    volume: NDArray[np.float32], contrast: float, truth: NDArray[np.int32], setting: Mapping[str, float]
) -> Agreement:
    """Return how far the segmentation of a volume is from what it was drawn from."""
    return agreement_of(truth, segmenter.segment(volume, VOXEL_SIZE, contrast, **setting))


def noisy(grey: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """Return a volume with white noise."""
    return grey + np.random.default_rng(0).normal(0, sigma, grey.shape).astype(np.float32)


def blurred(grey: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """Return a volume blurred by so many nanometres."""
    return np.asarray(ndimage.gaussian_filter(grey, sigma / VOXEL_SIZE), np.float32)


def interpolated(grey: NDArray[np.float32], order: int) -> NDArray[np.float32]:
    """Return a volume of which every 3 slices became one, interpolated back by splines of that order."""
    slices = grey.reshape(-1, 3, *grey.shape[1:]).mean(axis=1)
    where = (np.arange(len(grey)) + 0.5) / 3 - 0.5
    if order == 0:
        return slices[np.rint(where).astype(int)]
    return np.asarray(
        ndimage.zoom(slices, (3, 1, 1), order=order, mode="nearest", grid_mode=True), np.float32
    )


if __name__ == "__main__":
    main()
