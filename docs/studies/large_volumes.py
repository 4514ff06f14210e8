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
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import tifffile

RATIO, NM = 10 / 3, (50.0, 15.0, 15.0)
GIB, MIB = 2**30, 2**20


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


def reconstruct(source: str, target: str, method: str, limit: float) -> None:
    """Reconstruct for at most `limit` seconds, and print seconds, memory and how much is done as JSON."""
    import tensorstore
    import zarr  # noqa: F401

    from a2ibench.plugins import host
    from a2ibench.reconstructing import MethodOptions, StackOptions, reconstruct_between

    host().load("method", method)
    tensorstore.Context()
    before, begin, share = high_water(), time.perf_counter(), 0.0

    def progress(phase: str, amount: float, total: float, **values: float) -> None:
        nonlocal share
        if phase == "reconstruct":
            share = amount / total
            if time.perf_counter() - begin > limit:
                raise TimeoutError

    options = MethodOptions(method, profile="smoke", budget="3steps", device="cpu")
    with contextlib.suppress(TimeoutError):
        reconstruct_between(source, Path(target), StackOptions(), options, progress=progress)
    seconds = time.perf_counter() - begin
    sys.stdout.write(json.dumps({"seconds": seconds, "share": share, "memory": high_water() - before}))


def in_child(source: Path, target: Path, method: str, limit: float = math.inf) -> dict[str, float]:
    """Reconstruct in a process of its own, and remove what it wrote."""
    call = f"reconstruct({str(source)!r}, {str(target)!r}, {method!r}, float({str(limit)!r}))"
    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import large_volumes as l; l.{call}"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
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


def memory(stack: Path, folder: Path, sizes: list[float], methods: list[str], limit: float) -> Iterator[str]:
    """Yield a table of memory over the size of the output, and its slope."""
    yield "| method | output (GiB) | seconds | done | memory over the imports (MiB) |"
    yield "| --- | ---: | ---: | ---: | ---: |"
    for method in methods:
        peaks = []
        for size in sizes:
            source = make_input(stack, folder, size)
            found = in_child(source, folder / "output.ome.zarr", method, limit)
            source.unlink()
            peaks.append(found["memory"] / MIB)
            yield f"| {method} | {size:g} | {found['seconds']:.0f} | {found['share']:.0%} | {peaks[-1]:.0f} |"
        if len(sizes) > 1:
            slope, _ = np.polyfit(sizes, peaks, 1)
            yield f"| {method} | slope |  |  | {slope:+.1f} MiB for each GiB |"


def throughput(stack: Path, folder: Path, size: float, repeats: int) -> Iterator[str]:
    """Yield a table of how fast cubic reconstruction is, beside its parts on their own."""
    source = make_input(stack, folder, size)
    yield "| output | interpolation alone (s) | writing alone (s) | reconstruct (s) | slower part over it |"
    yield "| --- | ---: | ---: | ---: | ---: |"
    for name, write in (
        ("ome.zarr", write_zarr),
        ("tif", write_tiff),
        ("h5", write_hdf5),
        ("mrc", write_mrc),
    ):
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


def blocks(
    source: Path,
) -> tuple[tuple[int, int, int], Iterator[tuple[tuple[slice, slice, slice], np.ndarray]]]:
    """Return the shape of an output, and voxels like its own in blocks of 256 slices and rows."""
    real = tifffile.imread(source)
    slices = round(len(real) * RATIO)

    def cut() -> Iterator[tuple[tuple[slice, slice, slice], np.ndarray]]:
        for z in range(0, slices, 256):
            some = np.arange(z, min(z + 256, slices)) % len(real)
            for y in range(0, real.shape[1], 256):
                part = real[some, y : y + 256]
                yield (slice(z, z + len(some)), slice(y, y + part.shape[1]), slice(None)), part

    return (slices, *real.shape[1:]), cut()


def write_zarr(source: Path, target: Path) -> float:
    """Write by zarr-python, in the same shards and with the same compression; no coarser levels."""
    import zarr
    from zarr.codecs import ZstdCodec

    shape, parts = blocks(source)
    array = zarr.create_array(
        target,
        shape=shape,
        dtype="uint8",
        chunks=(64,) * 3,
        shards=(256,) * 3,
        compressors=ZstdCodec(level=1),
        fill_value=0,
    )
    return timed(parts, array.__setitem__, target)


def write_hdf5(source: Path, target: Path) -> float:
    """Write by h5py, in the same chunks."""
    import h5py

    shape, parts = blocks(source)
    with h5py.File(target, "w") as file:
        dataset = file.create_dataset("volume", shape, "uint8", chunks=(64,) * 3)
        return timed(parts, dataset.__setitem__, target, file.flush)


def write_mrc(source: Path, target: Path) -> float:
    """Write by mrcfile, to a map of the file."""
    import mrcfile

    shape, parts = blocks(source)
    with mrcfile.new_mmap(target, shape, mrc_mode=6, overwrite=True) as file:
        return timed(parts, file.data.__setitem__, target, file.flush)


def write_tiff(source: Path, target: Path) -> float:
    """Write by tifffile, slice after slice."""
    real = tifffile.imread(source)
    slices = round(len(real) * RATIO)
    planes = (real[number % len(real)] for number in range(slices))
    begin = time.perf_counter()
    tifffile.imwrite(target, planes, shape=(slices, *real.shape[1:]), dtype="uint8", bigtiff=True)
    flush(target)
    return time.perf_counter() - begin


def timed(parts: Iterator, write: Callable[..., None], target: Path, end: Callable[[], None] = list) -> float:
    """Return the seconds of writing blocks until they are on the disk; making them does not count."""
    seconds = 0.0
    for box, part in parts:
        begin = time.perf_counter()
        write(box, part)
        seconds += time.perf_counter() - begin
    begin = time.perf_counter()
    end()
    for file in target.rglob("*") if target.is_dir() else [target]:
        flush(file)
    return seconds + time.perf_counter() - begin


def flush(path: Path) -> None:
    """Wait until a file is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("table", choices=("memory", "throughput"))
    parser.add_argument("stack", type=Path, help="a TIFF stack of 8-bit slices")
    parser.add_argument("--folder", type=Path, default=Path(), help="where inputs and outputs go")
    parser.add_argument("--sizes", default="0.25,1,4,16", help="GiB of output")
    parser.add_argument("--methods", default="cubic")
    parser.add_argument("--limit", type=float, default=math.inf, help="seconds after which one is stopped")
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    sizes = [float(size) for size in given.sizes.split(",")]
    if given.table == "memory":
        lines = memory(given.stack, given.folder, sizes, given.methods.split(","), given.limit)
    else:
        lines = throughput(given.stack, given.folder, sizes[-1], given.repeats)
    for line in lines:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
