"""A stack of any format, reconstructed into any format, equals the one reconstructed in memory."""

from __future__ import annotations

import json
from functools import cache

import h5py
import mrcfile
import numpy as np
import pytest
import tifffile
import zarr

import a2ibench
from a2ibench import InputError, Volume
from a2ibench.data import writing
from a2ibench.data.formats import open_lazy
from a2ibench.reconstruction import creating, reconstruct

NM = (40.0, 10.0, 10.0)
CORNER = ((0, 3), (0, 24), (0, 32))
QUICK = {"profile": "smoke", "budget": "3steps", "device": "cpu"}


def read(path):
    with open_lazy(path) as volume:
        return volume[:, :, :], volume.voxel_size


@pytest.mark.parametrize("name", ["o.ome.zarr", "o.tif", "o.h5", "o.mrc"])
def test_every_format_holds_what_memory_holds(stack, tmp_path, name) -> None:
    told = []
    target = a2ibench.reconstruct_file(
        stack, tmp_path / name, "cubic", voxel_size=NM, progress=lambda *news, **values: told.append(news)
    )
    volume = Volume(tifffile.imread(stack), NM, (0.0, 255.0))
    expected = a2ibench.reconstruct(volume, "cubic")
    found, voxel_size = read(target)
    np.testing.assert_array_equal(found, expected.data)
    assert voxel_size == pytest.approx((10, 10, 10))
    assert told[-1] == ("reconstruct", found.size, found.size)
    assert sorted(path.name for path in tmp_path.iterdir()) == [name, f"{name}.json", f"{name}.png"]


@pytest.mark.parametrize(("given", "found"), [(None, 3), ("0.5", 3), ("0.4", 2), (0.4, 2)])
def test_the_version_of_ome_zarr(stack, tmp_path, given, found) -> None:
    options = {"voxel_size": NM, "crop": CORNER, "ome_version": given}
    target = a2ibench.reconstruct_file(stack, tmp_path / "o.ome.zarr", "cubic", **options)
    assert zarr.open_group(target, mode="r").metadata.zarr_format == found
    assert read(target)[1] == (10, 10, 10)


def test_only_ome_zarr_has_a_version_and_nothing_is_read_otherwise(tmp_path) -> None:
    with pytest.raises(
        InputError, match=r"ome_version: .*o\.tif is no OME-Zarr; give an output that ends in"
    ):
        a2ibench.reconstruct_file("nowhere.tif", tmp_path / "o.tif", "cubic", ome_version="0.4")
    with pytest.raises(InputError, match=r"ome_version: got 1; give 0\.4 or 0\.5"):
        a2ibench.reconstruct_file("nowhere.tif", tmp_path / "o.zarr", "cubic", ome_version="1")


@pytest.mark.parametrize("kind", ["tiff", "big-endian", "hdf5", "zarr", "mrc", "npy", "slices"])
def test_every_format_is_read(stack, tmp_path, kind) -> None:
    voxels, source = tifffile.imread(stack)[:, :64, :80], tmp_path / "in"
    options = {"voxel_size": NM}
    if kind == "tiff":
        tifffile.imwrite(source, voxels, photometric="minisblack", compression="zlib", tile=(32, 32))
    elif kind == "big-endian":
        tifffile.imwrite(source, voxels, photometric="minisblack", byteorder=">")
    elif kind == "hdf5":
        with h5py.File(source, "w") as file:
            file["volumes/raw"] = voxels
            file["volumes/other"] = voxels
        options["key"] = "volumes/raw"
    elif kind == "zarr":
        zarr.create_array(source, data=voxels, chunks=(4, 32, 32))
    elif kind == "mrc":
        source = source.with_suffix(".mrc")
        with mrcfile.new(source) as file:
            file.set_data(voxels.astype(np.uint16))
    elif kind == "npy":
        source = source.with_suffix(".npy")
        np.save(source, voxels)
    else:
        source.mkdir()
        for number, plane in enumerate(voxels):
            tifffile.imwrite(source / f"{number}.tif", plane)
    target = a2ibench.reconstruct_file(source, tmp_path / "o.tif", "cubic", **options)
    expected = a2ibench.reconstruct(Volume(voxels, NM, (0.0, 255.0)), "cubic").data
    np.testing.assert_array_equal(read(target)[0], expected)


@pytest.fixture(scope="module")
def picture(stack, tmp_path_factory):
    """Return a function that reconstructs a corner of the stack in a dtype, once for each method."""
    voxels = tifffile.imread(stack)[:, :48, :56]
    voxels[0, 0, :2] = 0, 255

    @cache
    def made(method, dtype):
        folder = tmp_path_factory.mktemp("picture")
        np.save(folder / "in.npy", voxels.astype(dtype))
        a2ibench.reconstruct_file(folder / "in.npy", folder / "o.tif", method, voxel_size=NM, **QUICK)
        return read(folder / "o.tif")[0]

    return made


@pytest.mark.parametrize("dtype", ["uint16", "int16", ">u2", "float32", ">f4", "float64"])
def test_a_copy_in_another_dtype_gives_the_same_picture(picture, dtype) -> None:
    # 8 bits show a network the range of the dtype, others that of the voxels, so it learns a little else.
    for method, most, mean in (("cubic", int("f" in dtype), 0.01), ("srmd", 60, 2.0)):
        pictures = {kind: picture(method, kind) for kind in ("uint8", dtype)}
        assert pictures[dtype].dtype == np.dtype(dtype).newbyteorder("=") or dtype == "float64"
        apart = np.abs(pictures["uint8"] - np.rint(pictures[dtype].astype(float)))
        assert apart.max() <= most
        assert apart.mean() < mean
        assert pictures["uint8"].std() > 5


def test_only_the_crop_is_reconstructed(stack, tmp_path) -> None:
    crop = ((1, 6), (None, 50), (100, None))
    target = a2ibench.reconstruct_file(
        stack, tmp_path / "o.h5", "cubic", voxel_size=NM, crop=crop, target_spacing=16.0
    )
    found, voxel_size = read(target)
    assert voxel_size == (16.0, 10.0, 10.0)
    voxels = tifffile.imread(stack)[1:6, :50, 100:]
    expected = a2ibench.reconstruct(Volume(voxels, (25.0, 10.0, 10.0), (0.0, 255.0)), "cubic")
    np.testing.assert_array_equal(found, expected.data)


def test_a_checkpoint_saves_the_training(stack, tmp_path) -> None:
    part = {"voxel_size": NM, "crop": ((None, None), (0, 48), (0, 64))}
    first = a2ibench.reconstruct_file(
        stack, tmp_path / "a.tif", save_checkpoint=tmp_path / "kept", **part, **QUICK
    )
    told = []
    again = a2ibench.reconstruct_file(
        stack,
        tmp_path / "b.tif",
        checkpoint=tmp_path / "kept",
        progress=lambda phase, *news, **values: told.append(phase),
        **part,
        **QUICK,
    )
    np.testing.assert_array_equal(read(again)[0], read(first)[0])
    assert "fit" not in told
    one = a2ibench.reconstruct_file(
        stack, tmp_path / "c.tif", checkpoint=tmp_path / "kept", settings={"planes": "xz"}, **part, **QUICK
    )
    assert not np.array_equal(read(one)[0], read(first)[0])


def test_a_checkpoint_is_applied_with_the_contrast_it_was_trained_with(stack, tmp_path) -> None:
    voxels = tifffile.imread(stack)[:, :48, :112].astype(np.uint16)
    # The part that is trained on needs fewer bits than the whole.
    voxels[:, :, 64:] *= 16
    np.save(tmp_path / "in.npy", voxels)
    part = {"voxel_size": NM, "crop": ((None, None), (None, None), (0, 64))} | QUICK
    first = a2ibench.reconstruct_file(
        tmp_path / "in.npy", tmp_path / "a.tif", save_checkpoint=tmp_path / "kept", **part
    )
    whole = a2ibench.reconstruct_file(
        tmp_path / "in.npy", tmp_path / "b.tif", checkpoint=tmp_path / "kept", voxel_size=NM, **QUICK
    )
    near = np.abs(read(whole)[0][:, :, :32].astype(int) - read(first)[0][:, :, :32])
    assert near.max() <= 3
    (tmp_path / "kept" / "intensity.json").write_text("[1]")
    with pytest.raises(InputError, match=r"intensity\.json: not two grey levels; give intensity=\(LO, HI\)"):
        a2ibench.reconstruct_file(
            tmp_path / "in.npy", tmp_path / "c.tif", checkpoint=tmp_path / "kept", **part
        )


def test_an_interrupted_one_goes_on_only_with_the_same_settings(stack, tmp_path, monkeypatch) -> None:
    from a2ibench.data.writing import Writer

    target = tmp_path / "o.tif"

    def begin(**options):
        return a2ibench.reconstruct_file(stack, target, "cubic", voxel_size=NM, **options)

    with monkeypatch.context() as broken:
        broken.setattr(Writer, "publish", lambda writer: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            begin()
    state = json.loads((tmp_path / ".o.tif.partial" / "state.json").read_text())
    assert state["identity.method"]["name"] == "cubic"
    with pytest.raises(InputError, match=r"other settings \(settings was not given, is a=-0.75\)"):
        begin(settings={"a": -0.75})
    told = []
    begin(progress=lambda phase, *news, **values: told.append(phase))
    # All blocks were written before.
    assert "reconstruct" not in told
    assert read(target)[0].shape == (28, 290, 530)


@pytest.mark.parametrize("name", ["vnc_sstem_stack1.tif", "isbi2012_vnc_sstem_train.tif"])
def test_real_stacks(shared_data, tmp_path, name) -> None:
    options = {"voxel_size": (50.0, 4.0, 4.0), "crop": ((None, None), (200, 264), (100, 190)), "ratio": 4.0}
    target = a2ibench.reconstruct_file(shared_data / name, tmp_path / "o.ome.zarr", "cubic", **options)
    found, voxel_size = read(target)
    assert voxel_size == (12.5, 4.0, 4.0)
    given = tifffile.imread(shared_data / name)[:, 200:264, 100:190]
    assert found.shape == (4 * len(given), 64, 90)
    # Four slices between two centres of input slices: those nearest to one look like it.
    assert np.abs(found[1::4].astype(float) - given).mean() < np.abs(found[3::4].astype(float) - given).mean()


@pytest.mark.parametrize(("method", "rows"), [("cubic", True), ("srmd", False)])
def test_only_what_looks_along_the_axis_alone_is_written_in_whole_rows(
    method, rows, stack, tmp_path, monkeypatch
) -> None:
    asked = []

    def create(*arguments, **options):
        asked.append(options["rows"])
        return writing.create(*arguments, **options)

    monkeypatch.setattr(creating, "create", create)
    a2ibench.reconstruct_file(stack, tmp_path / "o.tif", method, voxel_size=NM, crop=CORNER, **QUICK)
    assert asked == [rows]


def unreadable(*arguments, **options):
    raise MemoryError


@pytest.mark.parametrize("fails", ["middle_planes", "draw_planes"])
def test_a_figure_that_fails_takes_nothing_back(stack, tmp_path, monkeypatch, caplog, fails) -> None:
    monkeypatch.setattr(reconstruct, fails, unreadable)
    target = tmp_path / "\x1b[31m.tif"
    assert a2ibench.reconstruct_file(stack, target, "cubic", voxel_size=NM, crop=CORNER) == target
    assert sorted(tmp_path.iterdir()) == [target, target.with_name(f"{target.name}.json")]
    assert caplog.messages == [rf"{tmp_path}/\x1b[31m.tif.png: figure left out: MemoryError"]
