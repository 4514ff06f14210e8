"""Which metrics rank reconstructions as people need them ranked, with and without a reference.

``python docs/studies/metric_agreement.py WORK`` makes twelve reconstructions of each of five volumes, keeps
them in the folder WORK, scores all by every metric, and prints Kendall's tau of each metric with PSNR, with
the segmentation's variation of information and adapted Rand error, as means over the volumes with 95 %
intervals. The same command goes on where it was stopped. The table is in docs/metric_agreement.md.

The reconstructions: cubic interpolation; plain and SRMD after 50, 150 and 400 steps; and of the last one of
plain five that are worse in known ways: smoothed, noisy, half a voxel off, with invented structure, and that
of a network that was trained on another tissue. Networks train without the slices that are held out.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, stats

from a2ibench import AxialGrid, Budget, Context, HeldOut, ScoreContext, Simulation, Volume
from a2ibench.bench.handed import Handed, open_handed
from a2ibench.contracts import DatasetSpec, Method
from a2ibench.data.catalogue import load_catalogue
from a2ibench.protocol.blocks import reconstruct_volume
from a2ibench.protocol.intensity import quantise
from a2ibench.protocol.profiles import PROFILES, described_degradation, training_settings
from a2ibench.registry import host
from a2ibench.registry.validation import measure
from a2ibench.statistics import mean_half_width
from a2ibench.validation.held_out import degraded_planes, split

CATALOGUE = Path(__file__).parents[2] / "reports" / "reference" / "volumes.toml"
SIDE = 128
STEPS = (50, 150, 400)
PROFILE = PROFILES["quick"]
TRUTHS = ("psnr", "voi", "arand")
# It takes minutes a reconstruction.
LEFT_OUT = ("fsim",)

Voxels = NDArray[Any]
Change = Callable[[Voxels, int], Voxels]


def volumes(catalogue: Path) -> Iterator[DatasetSpec]:
    """Yield a phantom of a seed of its own, and 128 voxels a side of the public volumes."""
    phantom = {"size": SIDE, "seed": 301}
    yield DatasetSpec("phantom-301", "", (15.0,) * 3, phantom=phantom, simulate=Simulation(3.0), labels=True)
    for name, spec in load_catalogue(catalogue).items():
        first = [start for start, _ in spec.crop] if spec.crop else [0, 0, 0]
        depth = 48 if name == "epfl-ca1-15nm" else SIDE
        crop = tuple((at, at + n) for at, n in zip(first, (depth, SIDE, SIDE), strict=True))
        yield replace(spec, crop=crop)


def smoothed(voxels: Voxels, axis: int) -> Voxels:
    """Return voxels under a Gaussian of 0.8 voxels, along all axes but `axis`."""
    sigmas = [0.0 if number == axis else 0.8 for number in range(3)]
    return np.asarray(ndimage.gaussian_filter(voxels.astype(np.float32), sigmas))


def noisy(voxels: Voxels, axis: int) -> Voxels:
    """Return voxels with white noise of 6 grey levels."""
    return voxels + np.random.default_rng(1).normal(0, 6, voxels.shape)


def shifted(voxels: Voxels, axis: int) -> Voxels:
    """Return voxels half a voxel off along z."""
    return np.asarray(ndimage.shift(voxels.astype(np.float32), (0.5, 0, 0), order=3, mode="nearest"))


def invented(voxels: Voxels, axis: int) -> Voxels:
    """Return voxels with dark rings and bright middles, like vesicles, one for every 60 000 voxels."""
    random, out = np.random.default_rng(2), voxels.astype(np.float32)
    for _ in range(max(4, voxels.size // 60_000)):
        place = [random.integers(0, n) for n in voxels.shape]
        radius = random.uniform(2.5, 4.5)
        away = np.zeros(())
        for number, (n, at) in enumerate(zip(voxels.shape, place, strict=True)):
            squared = (np.arange(n) - at) ** 2 * (1e6 if number == axis else 1)
            away = away[..., None] + squared
        away = np.sqrt(away)
        out += np.where(away < radius - 1, 25, 0) - 60 * np.exp(-((away - radius) ** 2))
    return out


CHANGES: dict[str, Change] = {
    "smoothed": smoothed,
    "noisy": noisy,
    "shifted": shifted,
    "invented": invented,
}


def trained(name: str, volume: Volume, spec: DatasetSpec, steps: int) -> Method:
    """Return a method that was trained on a volume."""
    method: Method = host().build("method", name, **training_settings(name, "matched", spec.simulate))
    method.fit(volume, context(steps))
    return method


def context(steps: int = 1) -> Context:
    """Return the context of the profile quick."""
    return Context(size=PROFILE.size, budget=Budget(steps=steps), batch=PROFILE.batch, patch=PROFILE.patch)


def made_by(spec: DatasetSpec) -> str:
    """Return how the input of a volume is made."""
    return described_degradation(spec.simulate or Simulation(1.0))


def levels(changed: Voxels) -> Voxels:
    """Return grey levels of 8 bits."""
    return np.clip(np.rint(changed), 0, 255).astype(np.uint8)


def reconstructions(
    spec: DatasetSpec, handed: Handed, foreign: Callable[[], Method]
) -> Iterator[tuple[str, dict[str, Voxels]]]:
    """Yield each reconstruction by name: volume, held-out planes, disagreement."""
    volume = handed.volume
    training, held_out = split(volume)
    planes, _ = degraded_planes(held_out, spec.simulate, like=training)
    grid = AxialGrid(planes.shape[0], planes.ratio)

    def made(method: Method) -> dict[str, Voxels]:
        apart = np.zeros(handed.shape, np.float32)
        output = quantise(reconstruct_volume(method, volume, context(), apart=apart), volume)
        restored = quantise(method.reconstruct_planes(planes, grid, context()), planes)  # type: ignore[attr-defined]
        return {"volume": output, "planes": restored, "apart": 255 * apart}

    yield "cubic", made(trained("cubic", training, spec, 1))
    for name in ("plain", "srmd"):
        for steps in STEPS:
            result = made(trained(name, training, spec, steps))
            yield f"{name}, {steps} steps", result
            if name == "plain" and steps == STEPS[-1]:
                best = result
    for name, change in CHANGES.items():
        changed = {
            key: levels(change(best[key], 1 if key == "planes" else -1)) for key in ("volume", "planes")
        }
        yield name, changed | {"apart": best["apart"]}
    yield "another tissue", made(foreign())


def kept(work: Path, spec: DatasetSpec, handed: Handed, foreign: Callable[[], Method]) -> list[Path]:
    """Return the files of the reconstructions of a volume; make them if they are not there."""
    folder = work / spec.name
    if not (folder / "done").exists():
        folder.mkdir(parents=True, exist_ok=True)
        for number, (name, arrays) in enumerate(reconstructions(spec, handed, foreign)):
            sys.stderr.write(f"{spec.name}, {name}\n")
            np.savez(folder / f"{number:02} {name}.npz", **arrays)
        (folder / "done").touch()
    return sorted(folder.glob("*.npz"))


def scored(file: Path, handed: Handed, labels: Voxels | None, spec: DatasetSpec) -> dict[str, float]:
    """Return the scores of a reconstruction by metric; what was computed before is read."""
    store = file.with_suffix(".json")
    scores: dict[str, float] = json.loads(store.read_text()) if store.exists() else {}
    missing = [name for name in host().metrics if name not in scores and name not in LEFT_OUT]
    if not missing:
        return scores
    arrays = np.load(file)
    _, truth = degraded_planes(split(handed.volume).held_out, spec.simulate)
    known = ScoreContext(
        prediction=arrays["volume"],
        reference=None if handed.reference is None else handed.reference.data,
        data_range=255.0,
        voxel_size=handed.voxel_size,
        input=handed.volume,
        ratio=handed.volume.ratio,
        degradation=made_by(spec),
        labels=labels,
        held_out=HeldOut(arrays["planes"], truth),
        disagreement=arrays["apart"] if arrays["apart"].any() else None,
    )
    for name in missing:
        found = measure(host().build("metric", name), name, known)
        scores[name] = float("nan") if found is None else found.value
    store.write_text(json.dumps(scores))
    return scores


def undistorted(rows: dict[str, dict[str, float]]) -> list[dict[str, float]]:
    """Return the scores of the reconstructions of a volume that nothing was done to."""
    return [scores for name, scores in rows.items() if name == "cubic" or name.endswith("steps")]


def taus(scores: list[dict[str, float]], metric: str, truth: str) -> float:
    """Return Kendall's tau of two metrics over the reconstructions of a volume."""
    pairs = np.array([(one[metric], one[truth]) for one in scores], float)
    pairs *= [1 if host().higher_is_better(name) else -1 for name in (metric, truth)]
    pairs = pairs[np.isfinite(pairs).all(axis=1)]
    return float(stats.kendalltau(pairs[:, 0], pairs[:, 1]).statistic) if len(pairs) > 3 else float("nan")


def report(found: dict[str, dict[str, dict[str, float]]]) -> Iterator[str]:
    """Yield the tables: scores by volume, then tau by metric."""
    shown = ("psnr", "ssim", "haarpsi", "gmsd", "fsc_axial", "voi", "arand", "in_plane_psnr", "consistency")
    for volume, rows in found.items():
        yield f"\n{volume}\n"
        yield f"| | {' | '.join(shown)} |"
        yield f"| --- |{' ---: |' * len(shown)}"
        for name, scores in rows.items():
            yield f"| {name} | {' | '.join(f'{scores[metric]:.4g}' for metric in shown)} |"
    columns = [f"{volume}{kind}" for volume in found for kind in ("", ", undistorted")]
    for truth in ("psnr", "voi"):
        yield f"\n| tau with {truth} | {' | '.join(columns)} |\n| --- |{' ---: |' * len(columns)}"
        for metric in (*shown[:5], "mdsi", *shown[7:], "in_plane_ssim"):
            parts = [part for rows in found.values() for part in (list(rows.values()), undistorted(rows))]
            of_all = [taus(part, metric, truth) for part in parts]
            yield f"| {metric} | {' | '.join(f'{tau:.2f}' for tau in of_all)} |"
    yield "\n| metric | " + " | ".join(f"tau with {truth}" for truth in TRUTHS) + " |"
    yield f"| --- |{' ---: |' * len(TRUTHS)}"
    for metric in (name for name in host().metrics if name not in LEFT_OUT):
        cells = []
        for truth in TRUTHS:
            values = [taus(list(rows.values()), metric, truth) for rows in found.values()]
            values = [value for value in values if np.isfinite(value)]
            if metric == truth or len(values) < 2:
                cells.append("-")
                continue
            half = mean_half_width(values)
            cells.append(
                f"{np.mean(values):.2f} [{np.mean(values) - half:.2f}, {np.mean(values) + half:.2f}]"
            )
        yield f"| {metric} | {' | '.join(cells)} |"


def main() -> None:
    """Make what is missing, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path)
    parser.add_argument("--catalogue", type=Path, default=CATALOGUE)
    parser.add_argument("--only-make", action="store_true", help="Make reconstructions, and score nothing.")
    parser.add_argument("--volumes", help="Some of the volumes, by name; all by default.")
    given = parser.parse_args()
    found: dict[str, dict[str, dict[str, float]]] = {}
    specs = list(volumes(given.catalogue))
    for number, spec in enumerate(specs):
        if given.volumes and spec.name not in given.volumes.split(","):
            continue
        handed = open_handed(spec, labels=True)
        other = specs[2] if number == 0 else specs[0]

        def foreign(other: DatasetSpec = other, like: DatasetSpec = spec, to: Handed = handed) -> Method:
            tissue = open_handed(replace(other, simulate=like.simulate))
            return trained("plain", replace(tissue.volume, voxel_size=to.volume.voxel_size), like, STEPS[-1])

        files = kept(given.work, spec, handed, foreign)
        if not given.only_make:
            labels = None if handed.labels is None else handed.labels
            found[spec.name] = {file.stem[3:]: scored(file, handed, labels, spec) for file in files}
    if found:
        sys.stdout.write("\n".join(report(found)) + "\n")


if __name__ == "__main__":
    main()
