"""OME-Zarr images as the reference library writes them: levels, axes, units, and what is malformed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import zarr
from ome_zarr_files import DATA, SPATIAL, written

from a2ibench.data.formats import open_lazy
from a2ibench.errors import InputError


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_levels_are_picked_by_number(tmp_path, version):
    path = written(tmp_path, version)
    for level, (data, size) in enumerate([(DATA, (40, 4, 4)), (DATA[::2, ::2, ::2], (80, 8, 8))]):
        with open_lazy(path, level=level) as volume:
            assert volume.level == level
            np.testing.assert_allclose(volume.voxel_size, size)
            np.testing.assert_array_equal(volume[:, :, :], data)
        with open_lazy(path, key=volume.key) as same, open_lazy(path / volume.key) as direct:
            # The path of a level is enough; its image knows axes and voxel size.
            for one in (same, direct):
                assert (one.voxel_size, one.level) == (volume.voxel_size, level)
                np.testing.assert_array_equal(one[:, :, :], data)
    with open_lazy(path) as volume:
        assert (volume.level, volume.shape) == (0, DATA.shape)
    with pytest.raises(InputError, match=r"level is 2, but there are 2; give 0 to 1$"):
        open_lazy(path, level=2)
    with pytest.raises(InputError, match=r"level is -1, but there are 2; give 0 to 1$"):
        open_lazy(path, level=-1)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_time_and_channel_axes_of_length_1_are_dropped(tmp_path, version):
    axes = [{"name": "t", "type": "time"}, {"name": "c", "type": "channel"}, *SPATIAL]
    with open_lazy(written(tmp_path, version, axes=axes, lead=2)) as volume:
        assert volume.shape == DATA.shape
        np.testing.assert_allclose(volume.voxel_size, (40, 4, 4))
        np.testing.assert_array_equal(volume[2:5, 3:, :9], DATA[2:5, 3:, :9])


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_an_image_inside_a_container_is_found(tmp_path, version):
    path = written(tmp_path, version, key="recon/em")
    zarr.open_group(path, mode="a", zarr_format=2 if version == "0.4" else 3)
    zarr.open_group(path / "recon", mode="a", zarr_format=2 if version == "0.4" else 3)
    for key in (None, "recon/em", "/recon/em/"):
        with open_lazy(path, key=key, level=1) as volume:
            assert volume.key == f"recon/em/{volume.key.rpartition('/')[2]}"
            assert volume.shape == (4, 10, 16)


def attributes_file(path: Path) -> Path:
    return next(file for file in (path / ".zattrs", path / "zarr.json") if file.is_file())


def changed(path: Path, change) -> None:
    file = attributes_file(path)
    content = json.loads(file.read_text())
    attributes = content.get("attributes", content)
    change(attributes.get("ome", attributes)["multiscales"][0])
    file.write_text(json.dumps(content))


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize(
    ("unit", "nanometres"),
    [
        ("nanometer", 1),
        ("micrometer", 1e3),
        ("angstrom", 0.1),
        ("millimeter", 1e6),
        (None, None),
        ("parsec", None),
    ],
)
def test_units_become_nanometres_or_nothing(tmp_path, version, unit, nanometres):
    path = written(tmp_path, version)

    def change(image):
        for axis in image["axes"]:
            axis.pop("unit")
            if unit is not None:
                axis["unit"] = unit

    changed(path, change)
    with open_lazy(path) as volume:
        if nanometres is None:
            assert volume.voxel_size is None
        else:
            np.testing.assert_allclose(volume.voxel_size, np.array([0.04, 0.004, 0.004]) * nanometres)


def test_a_scale_of_the_whole_image_counts_too(tmp_path):
    path = written(tmp_path, "0.4")
    changed(
        path, lambda image: image.update(coordinateTransformations=[{"type": "scale", "scale": [2, 1, 1]}])
    )
    with open_lazy(path) as volume:
        np.testing.assert_allclose(volume.voxel_size, (80, 4, 4))


def test_axes_in_another_order_are_honoured(tmp_path):
    path = written(tmp_path, "0.4")
    changed(path, lambda image: image.update(axes=[image["axes"][i] for i in (2, 1, 0)]))
    with open_lazy(path) as volume:
        assert volume.shape == DATA.shape[::-1]
        np.testing.assert_allclose(volume.voxel_size, (4, 4, 40))
        np.testing.assert_array_equal(volume[:5, 2:, :], DATA.T[:5, 2:])


def test_several_channels_are_refused(tmp_path):
    path = written(tmp_path, "0.4")
    changed(
        path, lambda image: [axis.update(name=name) for axis, name in zip(image["axes"], "cyx", strict=True)]
    )
    with pytest.raises(InputError, match=r"axes c, y, x of shape .*; give a 3D volume with axes z, y and x"):
        open_lazy(path)
    for version, name in (("0.4", "c"), ("0.5", "t")):
        folder = tmp_path / version
        folder.mkdir()
        path = written(folder, version, axes=[{"name": name, "type": "other"}, *SPATIAL], lead=1)
        file = next(path.glob("*/.zarray"), None) or next(path.glob("*/zarr.json"))
        content = json.loads(file.read_text())
        content["shape"][0] = 3
        file.write_text(json.dumps(content))
        with pytest.raises(InputError, match=r"3 (channels|time points) .*; give a volume with one only$"):
            open_lazy(path)


MALFORMED = {
    "no datasets": lambda image: image.pop("datasets"),
    "datasets are a text": lambda image: image.update(datasets="0"),
    "a path is a number": lambda image: image["datasets"][0].update(path=3),
    "axes are numbers": lambda image: image.update(axes=[1, 2, 3]),
    "a scale too short": lambda image: image.update(
        coordinateTransformations=[{"type": "scale", "scale": [2, 1]}]
    ),
    "a scale of texts": lambda image: image["datasets"][0].update(
        coordinateTransformations=[{"type": "scale", "scale": ["a", "b", "c"]}]
    ),
}


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("change", MALFORMED.values(), ids=MALFORMED)
def test_malformed_descriptions_give_one_line(tmp_path, version, change):
    path = written(tmp_path, version)
    changed(path, change)
    with pytest.raises(InputError, match="damaged: multiscales in its attributes are malformed"):
        open_lazy(path)


def test_a_level_that_leads_nowhere_gives_one_line(tmp_path):
    path = written(tmp_path, "0.5")
    changed(path, lambda image: image["datasets"][0].update(path="gone"))
    with pytest.raises(InputError, match="'gone' does not exist"):
        open_lazy(path)
    changed(path, lambda image: image["datasets"][0].update(path=""))
    with pytest.raises(InputError, match="level 0, '', is no array"):
        open_lazy(path)
