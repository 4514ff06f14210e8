"""How much memory and time the reconstruction of large stacks takes; prints the tables of the documentation.

Inputs are tiled from a real stack, outputs deleted at once. ``python docs/studies/large_volumes.py memory
STACK`` takes 22 GiB of disk for its largest size, ``throughput STACK --sizes 4`` 10 GiB.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import thin_network
import tifffile
from bare_writing import write_hdf5, write_mrc, write_tiff, write_zarr

RATIO, NM = 10 / 3, (50.0, 15.0, 15.0)
GIB, MIB = 2**30, 2**20
WRITERS = {"ome.zarr": write_zarr, "tif": write_tiff, "h5": write_hdf5, "mrc": write_mrc}


def make_input(stack: Path, folder: Path, gib: float) -> Path:
    """Write a stack whose reconstruction has about `gib` GiB of 8-bit voxels, tiled from a real one."""
    side = round((gib * GIB) ** (1 / 3) / 8) * 8
    slices = round(side / RATIO)
    path = folder / f"input-{side}.tif"
    if path.exists():
        return path
    real = tifffile.imread(stack)
    sizes = {f"PhysicalSize{axis}": size for axis, size in zip("ZYX", NM, strict=True)}
    units = {f"{name}Unit": "nm" for name in sizes}

    def planes() -> Iterator[np.ndarray]:
        for number in range(slices):
            plane = np.roll(real[number % len(real)], (7 * number, 13 * number), (0, 1))
            yield np.pad(plane, [(0, max(0, side - n)) for n in plane.shape], mode="wrap")[:side, :side]

    shape = (slices, side, side)
    metadata = {"axes": "ZYX"} | sizes | units
    tifffile.imwrite(path, planes(), shape=shape, dtype="uint8", ome=True, bigtiff=True, metadata=metadata)
    return path


def high_water() -> int:
    """Return the most memory in bytes that this process has had."""
    text = Path("/proc/self/status").read_text()
    return 1024 * int(text.partition("VmHWM:")[2].split()[0])


def reconstruct(
    source: str, target: str, method: str, profile: str = "smoke", limit: float = math.inf
) -> None:
    """Reconstruct for at most `limit` seconds, and print seconds, memory and how much is done as JSON."""
    import tensorstore
    import zarr  # noqa: F401

    from a2ibench import reconstruct_file
    from a2ibench.registry import host

    host().load("method", method)
    tensorstore.Context()
    before, begin, share = high_water(), time.perf_counter(), 0.0

    def progress(phase: str, amount: float, total: float, **values: float) -> None:
        nonlocal share
        if phase == "reconstruct":
            share = amount / total
            if time.perf_counter() - begin > limit:
                raise TimeoutError

    options = {"profile": profile, "budget": "3steps", "device": "cpu", "save_checkpoint": False}
    with contextlib.suppress(TimeoutError):
        reconstruct_file(source, target, method, **options, progress=progress)
    seconds = time.perf_counter() - begin
    sys.stdout.write(json.dumps({"seconds": seconds, "share": share, "memory": high_water() - before}))


def in_child(source: Path, target: Path, *options: str | float) -> dict[str, float]:
    """Call `reconstruct` in a process of its own, and remove what it wrote."""
    code = "import json, sys; from large_volumes import reconstruct; reconstruct(*json.loads(sys.argv[1]))"
    given = json.dumps([str(source), str(target), *options])
    with tempfile.TemporaryDirectory() as folder:
        thin_network.install(Path(folder))
        paths = [folder, str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
        done = subprocess.run(
            [sys.executable, "-c", code, given],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise SystemExit(done.stderr)
    remove(target)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def remove(target: Path) -> None:
    """Remove an output, whole or not, and its figure."""
    for path in (target, target.with_name(f".{target.name}.partial")):
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    target.with_name(f"{target.name}.png").unlink(missing_ok=True)


def memory(
    stack: Path, folder: Path, sizes: list[float], methods: list[str], profile: str, limit: float
) -> Iterator[str]:
    """Yield a table of memory over the size of the output, and its slope."""
    yield "| method | output (GiB) | seconds | done | memory over the imports (MiB) |"
    yield "| --- | ---: | ---: | ---: | ---: |"
    for method in methods:
        peaks = []
        for size in sizes:
            source = make_input(stack, folder, size)
            found = in_child(source, folder / "output.ome.zarr", method, profile, limit)
            source.unlink()
            peaks.append(found["memory"] / MIB)
            yield f"| {method} | {size:g} | {found['seconds']:.0f} | {found['share']:.0%} | {peaks[-1]:.0f} |"
        if len(sizes) > 1:
            slope, _ = np.polyfit(sizes, peaks, 1)
            yield f"| {method} | slope |  |  | {slope:+.1f} MiB for each GiB |"


def throughput(stack: Path, folder: Path, size: float, formats: list[str], repeats: int) -> Iterator[str]:
    """Yield a table of how fast cubic reconstruction is, beside its parts on their own."""
    source = make_input(stack, folder, size)
    yield "| output | interpolation alone (s) | writing alone (s) | reconstruct (s) | slower part over it |"
    yield "| --- | ---: | ---: | ---: | ---: |"
    for name in formats:
        write = WRITERS[name]
        target = folder / f"output.{name}"
        times = []
        for _ in range(repeats):
            alone = interpolate_alone(source)
            written = write(source, target)
            remove(target)
            times.append((alone, written, in_child(source, target, "cubic")["seconds"]))
        alone, written, whole = np.median(times, axis=0)
        ratio = np.median([max(one[:2]) / one[2] for one in times])
        yield f"| {name} | {alone:.1f} | {written:.1f} | {whole:.1f} | {ratio:.2f} |"
    source.unlink()


def network(stack: Path, folder: Path, sizes: list[float], methods: list[str], repeats: int) -> Iterator[str]:
    """Yield a table of how long networks take in memory, and streamed to a file."""
    yield "| method | output (GiB) | pieces | in memory (s) | streamed (s) | streamed over in memory |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: |"
    for method in methods:
        for size in sizes:
            source = make_input(stack, folder, size)
            target = folder / "output.ome.zarr"
            times = [in_memory_and_streamed(source, target, method) for _ in range(repeats)]
            source.unlink()
            pieces, memory, streamed = np.median(times, axis=0)
            ratio = np.median([one[2] / one[1] for one in times])
            yield f"| {method} | {size:g} | {pieces:.0f} | {memory:.0f} | {streamed:.0f} | {ratio:.3f} |"


def in_memory_and_streamed(source: Path, target: Path, method: str) -> tuple[int, float, float]:
    """Return the number of pieces, and the seconds that one trained network takes both ways."""
    from a2ibench import Budget, Context, Volume
    from a2ibench.data.formats import open_lazy
    from a2ibench.data.prepare import Crop
    from a2ibench.data.writing import create
    from a2ibench.protocol.blocks import reconstruct_volume
    from a2ibench.protocol.intensity import quantise
    from a2ibench.reconstruction.streaming import stream
    from a2ibench.registry import host

    with open_lazy(source) as opened:
        lazy = Volume(Crop(opened), NM, (0.0, 255.0), "stack")
        whole = replace(lazy, data=lazy.data[:, :, :])
        ctx = Context(size="tiny", budget=Budget(steps=3))
        built = host().build("method", method)
        built.fit(whole, ctx)
        begin = time.perf_counter()
        levels = quantise(reconstruct_volume(built, whole, ctx), whole)
        memory = time.perf_counter() - begin
        written = []
        begin = time.perf_counter()
        with create(target, levels.shape, "uint8", (15.0,) * 3, identity={}) as writer:
            write = writer.write
            writer.write = lambda start, array: (written.append(start), write(start, array))[1]
            stream(built, lazy, writer, ctx)
            writer.finish()
        streamed = time.perf_counter() - begin
    remove(target)
    return len(written), memory, streamed


def interpolate_alone(source: Path) -> float:
    """Return the seconds that interpolation in the input's dtype takes, in memory and by slabs."""
    from a2ibench import AxialGrid, Volume, interpolate, normalise
    from a2ibench.protocol.intensity import quantise

    volume = Volume(tifffile.imread(source), NM, (0.0, 255.0))
    grid = AxialGrid(volume.shape[0], volume.ratio)
    begin = time.perf_counter()
    for row in range(0, volume.shape[1], 16):
        part = volume.crop(slice(None), slice(row, row + 16), slice(None))
        quantise(interpolate(normalise(part.data, part), grid), part)
    return time.perf_counter() - begin


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("table", choices=("memory", "throughput", "network"))
    parser.add_argument("stack", type=Path, help="a TIFF stack of 8-bit slices")
    parser.add_argument("--folder", type=Path, default=Path(), help="where inputs and outputs go")
    parser.add_argument("--sizes", default="0.25,1,4,16", help="GiB of output")
    parser.add_argument("--formats", default=",".join(WRITERS), help="suffixes of outputs")
    parser.add_argument("--methods", default="cubic", help="thin is a network of one convolution")
    parser.add_argument("--profile", default="smoke", help="how large the networks are")
    parser.add_argument("--limit", type=float, default=math.inf, help="seconds after which one is stopped")
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    sizes = [float(size) for size in given.sizes.split(",")]
    if given.table == "memory":
        lines = memory(given.stack, given.folder, sizes, given.methods.split(","), given.profile, given.limit)
    elif given.table == "network":
        lines = network(given.stack, given.folder, sizes, given.methods.split(","), given.repeats)
    else:
        lines = throughput(given.stack, given.folder, sizes[-1], given.formats.split(","), given.repeats)
    for line in lines:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
