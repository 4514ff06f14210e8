"""A volume read, reconstructed and written piece by piece equals the one reconstructed whole."""

from __future__ import annotations

import threading
from contextlib import ExitStack

import numpy as np
import pytest
import tifffile

from a2ibench import AxialGrid, Context, InputError, PluginError, Volume
from a2ibench.data.formats import open_lazy
from a2ibench.data.prepare import Crop
from a2ibench.data.writing.layout import parts, starts
from a2ibench.protocol.blocks import reconstruct_volume
from a2ibench.protocol.intensity import quantise
from a2ibench.reconstruction import streaming
from a2ibench.reconstruction.streaming import stream, unpacked
from a2ibench_cubic.method import Cubic

RATIO = 10 / 3


class Memory:
    """Takes blocks like a writer, and notes which thread brought them."""

    def __init__(self, shape, dtype, block) -> None:
        self.block, self.shape = block, shape
        self.voxels = np.zeros(shape, dtype)
        self.done, self.threads = set(), set()

    def is_done(self, start, shape):
        return all(at in self.done for at in starts(shape, self.block, start))

    def write(self, start, array):
        self.threads.add(threading.get_ident())
        for at, block in parts(start, array, self.block):
            assert at not in self.done
            self.voxels[tuple(slice(a, a + n) for a, n in zip(at, block.shape, strict=True))] = block
            self.done.add(at)


class Blurred(Cubic):
    """Looks sideways, and cares where the kept part is."""

    halo = (3, 4)

    def reconstruct(self, volume, grid, ctx):
        ctx.progress("reconstruct", 1, 2)
        found = super().reconstruct(volume, grid, ctx)
        if ctx.kept is not None:
            hidden = np.ones(found.shape[1:], bool)
            hidden[ctx.kept] = False
            found[:, hidden] = 9.0
        return found


@pytest.fixture
def volume(crop):
    values = np.random.default_rng(1).integers(0, 256, (23, 40, 53)).astype(np.uint8)
    return Volume(crop(values), (RATIO * 10, 10.0, 10.0), (0.0, 255.0), "stack")


def expected(method, volume):
    whole = Volume(volume.data[:, :, :], volume.voxel_size, volume.intensity)
    return quantise(reconstruct_volume(method, whole, Context()), whole)


@pytest.mark.parametrize("method", [Cubic(), Blurred()], ids=["cubic", "sideways"])
@pytest.mark.parametrize("block", [(16, 16, 16), (77, 8, 53), (30, 40, 20)])
def test_equals_the_volume_in_one_piece(volume, reports, method, block) -> None:
    shape = (AxialGrid(23, RATIO).n_out, 40, 53)
    writer = Memory(shape, np.uint8, block)
    stream(method, volume, writer, Context(progress=reports[0]), most=30_000)
    np.testing.assert_array_equal(writer.voxels, expected(method, volume))
    assert threading.get_ident() not in writer.threads
    done = [done for _, done, _ in reports[1]]
    assert done == sorted(done)
    assert reports[1][-1] == ("reconstruct", writer.voxels.size, writer.voxels.size)


def test_only_what_is_missing_is_done(volume, reports) -> None:
    shape = (AxialGrid(23, RATIO).n_out, 40, 53)
    writer = Memory(shape, np.uint8, (16, 16, 16))
    stream(Cubic(), volume, writer, Context(), most=30_000)
    lost = {start for start in writer.done if start[0] == 32 and start[2] >= 32}
    writer.done -= lost
    before, writer.voxels = writer.voxels, np.zeros_like(writer.voxels)
    stream(Cubic(), volume, writer, Context(progress=reports[0]), most=1)
    for start in lost:
        box = tuple(slice(at, at + 16) for at in start)
        np.testing.assert_array_equal(writer.voxels[box], before[box])
    assert np.count_nonzero(writer.voxels) <= len(lost) * 16**3
    assert reports[1][0][1] > before.size - (len(lost) + 1) * 16**3


@pytest.mark.parametrize("where", ["read", "method", "write"])
def test_what_goes_wrong_anywhere_is_told(volume, where, monkeypatch) -> None:
    shape = (AxialGrid(23, RATIO).n_out, 40, 53)
    writer, method = Memory(shape, np.uint8, (16, 16, 16)), Cubic()

    def fail(*arguments):
        raise InputError(f"{where} failed")

    if where == "read":
        monkeypatch.setattr(Crop, "__getitem__", fail)
    elif where == "write":
        monkeypatch.setattr(writer, "write", fail)
    else:
        monkeypatch.setattr(method, "reconstruct", lambda *arguments: np.zeros((1, 1, 1), np.float32))
    with pytest.raises((InputError, PluginError), match="failed" if where != "method" else "returned shape"):
        stream(method, volume, writer, Context(), most=10_000)


def test_compressed_slices_are_unpacked_once(tmp_path, reports, monkeypatch) -> None:
    monkeypatch.setattr(streaming, "_VOXELS", 10_000)
    monkeypatch.setattr("a2ibench.reconstruction.streaming.AXIAL_VOXELS", 60_000)
    values = np.random.default_rng(1).integers(0, 256, (12, 90, 80)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "stack.tif", values, compression="zlib", rowsperstrip=90)
    with open_lazy(tmp_path / "stack.tif") as opened, ExitStack() as resources:
        volume = Volume(Crop(opened), (30.0, 10.0, 10.0), (0.0, 255.0), "stack")
        unit = (16, 16, 16)
        copy = unpacked(Cubic(), volume, unit, tmp_path, resources, reports[0])
        assert copy.data is not volume.data
        np.testing.assert_array_equal(copy.data[:, :, :], values)
        assert reports[1][-1] == ("unpack", 12, 12)
        reports[1].clear()
        unpacked(Cubic(), volume, unit, tmp_path, resources, reports[0])
        assert reports[1] == []
        # A network's pieces are dear themselves, and larger: here it is a single one.
        assert unpacked(Blurred(), volume, unit, tmp_path, resources, reports[0]) is volume
