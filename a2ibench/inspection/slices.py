"""Slices that are blank, repeated or missing, and that flicker."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from a2ibench.data.intensity_range import padded
from a2ibench.inspection.finding import Finding
from a2ibench.inspection.stack import Array, Run, Stack, listed

FLICKER: Final = 0.05
"""Of a slice's standard deviation: what `reconstruct --match-slices` counts as a slice that it changes."""

REPEATED: Final = 0.1
"""Of the typical difference between neighbours: tissue and noise of two acquisitions differ by more."""

BLANK: Final = 0.02
"""Of the typical standard deviation of a slice: what is left where a detector or a section fails."""

JUMP: Final = 6.0
"""Robust standard deviations of Fisher's z below the typical correlation of neighbours. Of a normal
distribution no pair of a thousand million is so far off."""

SLICES: Final = 512
"""Slices at most that are looked at, in runs of 16; of large slices fewer."""

_BY_TISSUE = 3.0
_BLOCKS = 4
_RUN = 16
_VOXELS = 1 << 28
_WINDOW = 17
_BIN = 4
_LEAST_Z = 0.35
_FEW = 5


@dataclass(frozen=True, eq=False)
class Profile:
    """What slices are like, and how they differ from the ones before.

    Parameters
    ----------
    runs : tuple of range
        The slices that were looked at, consecutive within a run.
    means, deviations : dict of float
        Of the tissue, by slice; without those that hold none.
    differences, correlations : dict of float
        By the second slice of a pair: the root mean square difference, and Pearson's correlation of 4 x 4
        means.
    scatter : dict of float
        By the second slice of a pair: the standard error of the difference of their means, by how much that
        of blocks scatters.
    """

    runs: tuple[Run, ...]
    means: dict[int, float]
    deviations: dict[int, float]
    differences: dict[int, float]
    correlations: dict[int, float]
    scatter: dict[int, float]

    @property
    def looked_at(self) -> int:
        """Number of slices."""
        return sum(map(len, self.runs))

    @property
    def deviation(self) -> float:
        """The typical standard deviation of a slice."""
        return float(np.median([*self.deviations.values()])) if self.deviations else 0.0

    @property
    def brightness_limit(self) -> float:
        """Grey levels by which the means of neighbours may differ."""
        tissue = math.sqrt(2 / math.pi) * float(np.median([*self.scatter.values()])) if self.scatter else 0.0
        return max(FLICKER * self.deviation, _BY_TISSUE * tissue)

    @property
    def blank(self) -> list[int]:
        """Slices without anything on them."""
        least = BLANK * self.deviation
        return [z for run in self.runs for z in run if self.deviations.get(z, 0.0) <= least]


def profile(stack: Stack) -> Profile:
    """Look at the slices of a stack, on a grid of every other voxel of up to nine tiles."""
    most = min(SLICES, _VOXELS // stack.tiles(0).size)
    found = Profile(stack.runs(_RUN, most), {}, {}, {}, {}, {})
    for run in found.runs:
        before: tuple[Array, Array] | None = None
        for number in run:
            tiles = stack.tiles(number)
            tissue = _tissue(tiles, stack.volume.padding or ())
            if tissue.size:
                found.means[number] = float(tissue.mean(dtype=np.float64))
                found.deviations[number] = float(tissue.std(dtype=np.float64))
            seen = tiles[:, ::2, ::2].astype(np.float32), _coarse(tiles)
            if before is not None:
                found.differences[number] = math.sqrt(float(np.mean((seen[0] - before[0]) ** 2)))
                found.correlations[number] = _correlation(seen[1], before[1])
                found.scatter[number] = _standard_error(seen[1] - before[1])
            before = seen
    return found


def _tissue(tiles: NDArray[Any], padding: tuple[float, ...]) -> NDArray[Any]:
    if not padding:
        return tiles[:, ::2, ::2].ravel()
    masks = np.stack([padded(tile, padding) for tile in tiles])
    return tiles[~masks]


def _coarse(tiles: NDArray[Any]) -> Array:
    count, height, width = (n // step for n, step in zip(tiles.shape, (1, _BIN, _BIN), strict=True))
    if not height * width:
        return np.zeros((count, 1, 1), np.float32)
    whole = tiles[:, : height * _BIN, : width * _BIN].reshape(count, height, _BIN, width, _BIN)
    means: Array = whole.mean(axis=(2, 4), dtype=np.float32)
    return means


def _standard_error(difference: Array) -> float:
    rows = (blocks for tile in difference for blocks in np.array_split(tile, _BLOCKS))
    means = [block.mean() for row in rows for block in np.array_split(row, _BLOCKS, axis=1) if block.size]
    return float(np.std(means)) / math.sqrt(max(1, len(means)))


def _correlation(first: Array, second: Array) -> float:
    first, second = (each - each.mean(axis=(1, 2), keepdims=True) for each in (first, second))
    spread = math.sqrt(float(np.sum(first**2)) * float(np.sum(second**2)))
    return float(np.sum(first * second)) / spread if spread > 0 else 0.0


def brightness_flicker(stack: Stack, seen: Profile) -> Finding:
    """Measure by how much the means of neighbouring slices differ, beyond a trend, in grey levels.

    The mean over pairs of the absolute difference, of which the median of the 17 pairs around is taken away;
    of means that scatter normally by sigma it is 2 / sqrt(pi) sigma. The limit is `FLICKER` of the typical
    standard deviation of a slice; of small slices, whose tissue alone changes their means by more, three
    times that: what blocks of a slice differ by tells it, since flicker is the same for all of them.
    """
    limit = seen.brightness_limit
    value = _steps(seen, seen.means)
    passed = not value > limit
    return Finding(
        "brightness flicker",
        value,
        "grey levels",
        limit,
        passed,
        f"the means of neighbouring slices differ by {value:.2g} grey levels, their contrast being "
        f"{seen.deviation:.3g} (standard deviation)",
        "" if passed else stack.remedies.reconstruct("--match-slices"),
        {"slices": [*seen.means], "means": [round(mean, 3) for mean in seen.means.values()]},
    )


def contrast_flicker(stack: Stack, seen: Profile) -> Finding:
    """Measure by how much the standard deviations of neighbouring slices differ, beyond a trend.

    As `brightness_flicker` does, of the natural logarithms, so that the value is a fraction. The limit is
    `FLICKER`, and of small slices higher by the factor that the limit of the brightness is.
    """
    shown = {z: math.log(spread) for z, spread in seen.deviations.items() if spread > 0}
    value = _steps(seen, shown)
    limit = FLICKER if not seen.deviation else seen.brightness_limit / seen.deviation
    passed = not value > limit
    return Finding(
        "contrast flicker",
        value,
        "",
        limit,
        passed,
        f"the contrast of neighbouring slices differs by {100 * value:.2g} %",
        "" if passed else stack.remedies.reconstruct("--match-slices"),
        {
            "slices": [*seen.deviations],
            "deviations": [round(spread, 3) for spread in seen.deviations.values()],
        },
    )


def _steps(seen: Profile, values: dict[int, float]) -> float:
    from scipy.ndimage import median_filter

    blank, steps = set(seen.blank), list[NDArray[np.float64]]()
    for run in seen.runs:
        shown = np.array([values[z] for z in run if z in values and z not in blank])
        found = np.diff(shown)
        # Of few pairs the median takes half of the flicker away.
        if found.size >= _WINDOW // 2:
            found = found - median_filter(found, min(_WINDOW, found.size), mode="nearest")
        steps.append(found)
    every = np.concatenate(steps)
    return float(np.abs(every).mean()) if every.size else math.nan


def blank_slices(stack: Stack, seen: Profile) -> Finding:
    """Count slices that show nothing: padding alone, or a contrast of at most `BLANK` of the typical one."""
    blank = seen.blank
    text = f"{len(blank)} of {seen.looked_at} slices are blank" + (f": {listed(blank)}" if blank else "")
    remedy = stack.remedies.filled(blank, stack.volume.shape[0]) if 0 < len(blank) < seen.looked_at else ""
    return _count("blank slices", blank, text, remedy, seen)


def repeated_slices(stack: Stack, seen: Profile) -> Finding:
    """Count slices that are copies of the one before, exactly or nearly.

    Their root mean square difference is at most `REPEATED` of the median of all pairs', or a hundredth of the
    typical standard deviation of a slice. The number is that of the copy.
    """
    blank = set(seen.blank)
    differences = {z: d for z, d in seen.differences.items() if not blank & {z, z - 1}}
    typical = float(np.median([*differences.values()])) if differences else 0.0
    most = max(REPEATED * typical, seen.deviation / 100)
    repeated = [z for z, difference in differences.items() if difference <= most]
    text = f"{len(repeated)} of {seen.looked_at} slices repeat the one before"
    text += f": {listed(repeated)}" if repeated else ""
    remedy = stack.remedies.filled(repeated, stack.volume.shape[0]) if repeated else ""
    return _count("repeated slices", repeated, text, remedy, seen)


def missing_slices(stack: Stack, seen: Profile) -> Finding:
    """Count pairs of neighbours that resemble each other far less than others do.

    Slices are missing between them, or one is displaced or damaged. Fisher's z of their correlation lies
    `JUMP` robust standard deviations below the median of the pairs, and at least 0.35, which is what 0.9 and
    0.81 differ by: the correlation of tissue that is twice as far apart.
    """
    blank = set(seen.blank)
    found = {z: r for z, r in seen.correlations.items() if not blank & {z, z - 1} and r < 1}
    jumps, typical = list[int](), math.nan
    if len(found) >= _FEW:
        heights = np.arctanh(np.clip([*found.values()], -0.999999, 0.999999))
        middle = float(np.median(heights))
        spread = 1.4826 * float(np.median(np.abs(heights - middle)))
        least = middle - max(JUMP * spread, _LEAST_Z)
        jumps = [z for z, height in zip(found, heights, strict=True) if height < least]
        typical = math.tanh(middle)
    text = f"{len(jumps)} of {len(found)} pairs of neighbours jump: they correlate far less than the typical "
    text += f"{typical:.2f}"
    if jumps:
        text += f"; before slices {listed(jumps)} some are missing, or slices are displaced or damaged"
    remedy = stack.remedies.reconstruct("--crop", _longest(jumps, stack.volume.shape[0])) if jumps else ""
    details = {"correlations": {str(z): round(r, 4) for z, r in found.items()}, "typical": _known(typical)}
    return _count("missing slices", jumps, text, remedy, seen, **details)


def _known(value: float) -> float | None:
    return round(value, 4) if math.isfinite(value) else None


def _longest(jumps: list[int], depth: int) -> str:
    ends = [0, *jumps, depth]
    first, last = max(pairwise(ends), key=lambda run: run[1] - run[0])
    return f"{first}:{last},:,:"


def _count(name: str, found: list[int], text: str, remedy: str, seen: Profile, **details: Any) -> Finding:
    shown = {"slices": found, "looked_at": seen.looked_at, **details}
    return Finding(name, float(len(found)), "slices", 0.0, not found, text, remedy, shown)
