"""Runs the reference measurements for a GPU, and keeps what a reader needs of them beside this file.

    python reports/reference/full_profile.py --catalogue ../shared/data/datasets.toml

Two parts: all methods on volumes with a reference, several seeds each, and all methods on one volume of the
paper's size (117 x 510 x 510 voxels to 351 slices), laid out from real data by mirroring, timed from end to
end. The same command again continues where it stopped.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import tifffile

from a2ibench import Volume, load_catalogue

HERE = Path(__file__).resolve().parent
VOLUMES = "epfl-ca1-15nm,fib25-val,fib25-train2"
PAPER_SHAPE = (117, 510, 510)
KEPT = ("run.json", "table.csv", "table.md", "timing.csv")


def paper_size(source: Volume, shape: tuple[int, int, int]) -> np.ndarray:
    """Lay a volume out to a shape, mirrored at its faces so that structures go on."""
    extra = [(0, max(0, wanted - given)) for wanted, given in zip(shape, source.data.shape, strict=True)]
    return np.pad(source.data, extra, mode="symmetric")[tuple(slice(n) for n in shape)]


def write_paper_size(catalogue: Path, name: str, shape: tuple[int, int, int], folder: Path) -> Path:
    """Write a volume of the paper's size and its catalogue; return the catalogue."""
    from a2ibench.data.opening import open_dataset
    from a2ibench.protocol.simulate import simulate

    spec = load_catalogue(catalogue)[name]
    anisotropic, _ = simulate(open_dataset(spec), spec.simulate)
    folder.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(folder / "paper-size.tif", paper_size(anisotropic, shape), compression="zlib")
    written = folder / "datasets.toml"
    written.write_text(
        f'[paper-size]\ntitle = "{name} laid out to {shape}"\npath = "paper-size.tif"\n'
        f"voxel_size = {list(anisotropic.voxel_size)}\n"
    )
    return written


def bench(catalogue: Path, datasets: str, out: Path, options: argparse.Namespace, seeds: int) -> int:
    """Run the command line on some datasets and return its exit code."""
    command = [sys.executable, "-m", "a2ibench", "run", "--methods", options.methods]
    command += ["--datasets", datasets]
    command += ["--catalogue", str(catalogue), "--profile", options.profile, "--seeds", str(seeds)]
    command += ["--device", options.device, "--out", str(out)]
    if options.budget:
        command += ["--budget", options.budget]
    return subprocess.run(command, check=False).returncode


def keep(run: Path, to: Path) -> None:
    """Copy tables, figures and records of a run, without checkpoints and images."""
    to.mkdir(parents=True, exist_ok=True)
    for name in KEPT:
        shutil.copy(run / name, to / name)
    shutil.copytree(run / "figures", to / "figures", dirs_exist_ok=True)
    for record in run.glob("jobs/*/record.json"):
        (to / "records").mkdir(exist_ok=True)
        shutil.copy(record, to / "records" / f"{record.parent.name}.json")


def main() -> int:
    """Run both parts; the exit code is the worse of theirs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--catalogue", type=Path, required=True)
    parser.add_argument("--datasets", default=VOLUMES)
    parser.add_argument("--methods", default="all")
    parser.add_argument("--profile", default="full")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--budget", help="training of each learned method, such as 300s")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--shape", type=int, nargs=3, default=PAPER_SHAPE, metavar=("Z", "Y", "X"))
    parser.add_argument("--runs", type=Path, default=HERE.parent / "full-profile", help="where runs land")
    parser.add_argument("--keep", type=Path, default=HERE / "full-profile", help="what is kept of them")
    options = parser.parse_args()
    codes = [bench(options.catalogue, options.datasets, options.runs / "volumes", options, options.seeds)]
    first = options.datasets.split(",")[0]
    written = write_paper_size(options.catalogue, first, tuple(options.shape), options.runs / "paper-size")
    codes.append(bench(written, "paper-size", options.runs / "paper-size" / "run", options, 1))
    for run, name in ((options.runs / "volumes", "volumes"), (options.runs / "paper-size/run", "paper-size")):
        if (run / "table.csv").exists():
            keep(run, options.keep / name)
    return max(codes)


if __name__ == "__main__":
    sys.exit(main())
