"""Ask when cubic interpolation wins SSIM though a network wins PSNR: which SSIM, which sampling, which noise.

Run as ``python docs/studies/ssim_puzzle.py --data ../shared/data [--out DIR]``, where the folder holds a
datasets.toml; or, after ``a2ibench fetch epfl-ca1-training``, with ``--dataset epfl-ca1-training``. With
neither, the tissue is a generated phantom. Reconstructions are kept in DIR and read from there the next time.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import ssim_figure
from numpy.typing import NDArray
from scipy.ndimage import zoom
from ssim_terms import DEFINITIONS, PINNED, Similarity, grainy

from a2ibench import A2IBenchError, DatasetSpec, Simulation, Volume, load_catalogue, noise_level, reconstruct
from a2ibench.data.catalogue import find_dataset
from a2ibench.data.opening import open_dataset
from a2ibench.metrics.psnr import psnr
from a2ibench.protocol.simulate import simulate
from a2ibench.reporting.published.results import load_published

RATIO, BIN, MOST = 3.0, 3, (96, 192, 192)
OPERATORS = ("slab-average", "subsample")
PHANTOM = DatasetSpec(
    "phantom-5nm", "", (5, 5, 5), phantom={"size": 192, "shot_noise": 0, "read_noise": 9}, bin=BIN
)

Grey = NDArray[np.uint8]


class Result(NamedTuple):
    """A reconstruction and its scores."""

    name: str
    data: Grey
    psnr: float
    similarity: Similarity

    @property
    def ssim(self) -> float:
        """SSIM as the benchmark defines it."""
        return self.similarity.by_definition[PINNED]


class Case(NamedTuple):
    """One kind of input: its reference, the result of cubic, and the others, the noisiest training last."""

    title: str
    truth: Grey
    cubic: Result
    others: list[Result]

    def gain(self, result: Result) -> tuple[float, float]:
        """Return PSNR and SSIM above those of cubic."""
        return result.psnr - self.cubic.psnr, result.ssim - self.cubic.ssim

    def changes(self, result: Result) -> list[float]:
        """Return SSIM above that of cubic in every definition."""
        mine, cubic = result.similarity.by_definition, self.cubic.similarity.by_definition
        return [mine[each] - cubic[each] for each in DEFINITIONS]


def main() -> None:
    """Reconstruct, print the tables and draw the figure."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, help="a catalogue, or the folder of a datasets.toml")
    parser.add_argument("--dataset", help="an isotropic volume at 5 nm; by default epfl-ca1-5nm of --data")
    parser.add_argument("--noise", type=float, nargs="+", default=[0.0, 0.035], help="added in training")
    parser.add_argument("--steps", type=int, default=400, help="of each training")
    parser.add_argument("--out", type=Path, default=Path("reports/ssim_puzzle"))
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    try:
        spec = dataset(chosen.data, chosen.dataset)
        binned, fine = (opened(spec, factor) for factor in (BIN, 1))
        cases = [
            trained(volume, operator, sorted(chosen.noise), chosen.steps, chosen.out)
            for volume in (binned, fine)
            for operator in OPERATORS
        ]
        known = list(perfect(binned, 255 * noise_level(fine)))
    except A2IBenchError as error:
        parser.error(str(error))
    text = [*about(binned, fine, known), "", *scores(cases, known), "", *definitions(cases)]
    (chosen.out / "ssim_puzzle.txt").write_text("\n".join(text) + "\n", encoding="utf-8")
    sys.stdout.write("\n".join(text) + "\n")
    ssim_figure.draw(cases, known, table_of_the_paper(), chosen.out / "ssim_puzzle.png")


def table_of_the_paper() -> dict[str, tuple[float, float]]:
    """Return PSNR in dB and SSIM by method, of Table I of Khateri et al."""
    (table,) = (one for one in load_published() if (one.source, one.place) == ("khateri-2023", "Table I"))
    return {
        "cubic" if row.method == "cubic" else row.name: (row.values["psnr"].value, row.values["ssim"].value)
        for row in table.rows
    }


def dataset(data: Path | None, name: str | None) -> DatasetSpec:
    """Return the catalogue's entry, or the phantom where nothing is asked for."""
    if data is None and name is None:
        return PHANTOM
    file = data / "datasets.toml" if data is not None and data.is_dir() else data
    return find_dataset(name or "epfl-ca1-5nm", load_catalogue(file))


def opened(spec: DatasetSpec, factor: int) -> Volume:
    """Return a corner of the volume, binned, small enough for the study to take minutes."""
    volume = open_dataset(replace(spec, bin=factor))
    z, y, x = (slice(most) for most in MOST)
    return replace(volume.crop(z, y, x), name=f"{volume.voxel_size[0]:g} nm")


def trained(volume: Volume, operator: str, noise: list[float], steps: int, out: Path) -> Case:
    """Sample a volume along z, and reconstruct it by cubic interpolation and by networks."""
    anisotropic, reference = simulate(volume, Simulation(RATIO, operator))
    cubic = reconstruct(anisotropic, "cubic", device="cpu").data
    made: dict[str, Grey] = {}
    for level in noise:
        name = f"PSSR, noise {level:g}" if level else "PSSR"
        kept = out / f"{volume.name}_{operator}_pssr_{level:g}_{steps}.npy".replace(" ", "")
        if not kept.is_file():
            # No noise but the level in question: by default what the volume has would be added.
            settings = {"degradation": f"{operator}:gaussian={level:g}", "noise": "none"}
            budget = f"{steps}steps"
            result = reconstruct(
                anisotropic, "pssr", profile="quick", device="cpu", budget=budget, settings=settings
            )
            np.save(kept, result.data)
        made[name] = np.load(kept)
    return scored(f"{volume.name}, {operator}", reference.data, cubic, made)


def perfect(tissue: Volume, noise: float) -> Iterator[Case]:
    """Yield cases whose tissue is known: the binned volume, as it is and enlarged, under white noise.

    The other result of each is the tissue itself, without the noise that the reference has.
    """
    z, y, x = (most // BIN for most in MOST)
    shown = tissue.data[:z, :y, :x].astype(np.float64)
    large = np.clip(np.rint(zoom(shown, BIN, order=3, mode="reflect", grid_mode=True)), 0, 255)
    for title, clean in (("15 nm", tissue.data), ("5 nm", large.astype(np.uint8))):
        grain = np.random.default_rng(0).normal(0, noise, clean.shape)
        noisy = replace(tissue, data=np.clip(np.rint(clean + grain), 0, 255).astype(np.uint8))
        for operator in OPERATORS:
            anisotropic, reference = simulate(noisy, Simulation(RATIO, operator))
            cubic = reconstruct(anisotropic, "cubic", device="cpu").data
            truth: Grey = reference.data
            yield scored(f"{title} made, {operator}", truth, cubic, {"the tissue": clean[: len(truth)]})


def scored(title: str, truth: Grey, cubic: Grey, others: dict[str, Grey]) -> Case:
    """Return a case with all scores."""
    results = [
        Result(name, data, psnr(data, truth, 255), Similarity(data, truth))
        for name, data in {"cubic": cubic, **others}.items()
    ]
    return Case(title, truth, results[0], results[1:])


def about(binned: Volume, fine: Volume, known: list[Case]) -> list[str]:
    """Return what the references are."""
    heads = "| reference | voxels | noise (grey levels) | windows with more noise than tissue |"
    lines = [heads, "|---|---|---:|---:|"]
    level = 255 * noise_level(fine)
    shown = [(volume.name, volume.data, 255 * noise_level(volume)) for volume in (binned, fine)]
    shown += [(case.title.partition(",")[0], case.truth, level) for case in known[:: len(OPERATORS)]]
    for name, data, noise in shown:
        size = " x ".join(map(str, data.shape))
        lines.append(f"| {name} | {size} | {noise:.1f} | {grainy(data, noise):.0%} |")
    return lines


def scores(cases: list[Case], known: list[Case]) -> list[str]:
    """Return the table of scores, of gains over cubic, and of the terms of SSIM."""
    lines = [
        "| reference, sampling | result | PSNR (dB) | SSIM | PSNR gain | SSIM gain | contrast | structure "
        f"| definitions in which cubic wins, of {len(DEFINITIONS)} |",
        "|---|---|" + "---:|" * 7,
    ]
    for case in cases + known:
        for result in (case.cubic, *case.others):
            _, contrast, structure = result.similarity.terms
            line = f"| {case.title} | {result.name} | {result.psnr:.2f} | {result.ssim:.3f} | "
            if result is case.cubic:
                line += f" | | {contrast:.3f} | {structure:.3f} | |"
            else:
                gain = case.gain(result)
                lost = sum(change < 0 for change in case.changes(result))
                line += f"{gain[0]:+.2f} | {gain[1]:+.3f} | {contrast:.3f} | {structure:.3f} | {lost} |"
            lines.append(line)
    return lines


def definitions(cases: list[Case]) -> list[str]:
    """Return the table of SSIM in every definition: of cubic, and the noisiest training above it."""
    lines = ["| window | planes | data range | " + " | ".join(case.title for case in cases) + " |"]
    lines.append("|---|---|---|" + "---:|" * len(cases))
    changes = zip(*(case.changes(case.others[-1]) for case in cases), strict=True)
    for each, row in zip(DEFINITIONS, changes, strict=True):
        cubic = [case.cubic.similarity.by_definition[each] for case in cases]
        cells = [f"{ssim:.3f} {change:+.3f}" for ssim, change in zip(cubic, row, strict=True)]
        lines.append("| " + " | ".join([*each, *cells]) + " |")
    return lines


if __name__ == "__main__":
    main()
