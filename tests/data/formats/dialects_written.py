"""What is written by suffix, opened by the readers of the field."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path

import h5py
import mrcfile
import numpy as np
import ome_zarr.io
import ome_zarr.reader
import tensorstore
import tifffile
import zarr
from dialect import Output, VoxelSize

Found = list[tuple[np.ndarray, VoxelSize]]


def imagej(path: Path) -> Found:
    with tifffile.TiffFile(path) as file:
        told, tags = file.imagej_metadata, file.pages[0].tags
        unit = {"um": 1000.0}[told["unit"]]
        y, x = (float(unit / Fraction(*tags[f"{axis}Resolution"].value)) for axis in "YX")
        return [(file.asarray(), (told["spacing"] * unit, y, x))]


def ome_tiff(path: Path) -> Found:
    with tifffile.TiffFile(path) as file:
        pixels = tifffile.xml2dict(file.ome_metadata)["OME"]["Image"]["Pixels"]
        unit = {"nm": 1.0}
        z, y, x = (pixels[f"PhysicalSize{axis}"] * unit[pixels[f"PhysicalSize{axis}Unit"]] for axis in "ZYX")
        return [(file.asarray(), (z, y, x))]


def ome(path: Path) -> Found:
    (node,) = ome_zarr.reader.Reader(ome_zarr.io.parse_url(path))()
    assert [axis["unit"] for axis in node.metadata["axes"]] == ["nanometer"] * 3
    z, y, x = node.metadata["coordinateTransformations"][0][0]["scale"]
    driver = "zarr3" if (path / "zarr.json").is_file() else "zarr"
    spec = {"driver": driver, "kvstore": {"driver": "file", "path": f"{path}/0/"}}
    read = (
        np.asarray(node.data[0]),
        zarr.open_array(path / "0", mode="r")[:],
        tensorstore.open(spec).result()[...].read().result(),
    )
    return [(voxels, (z, y, x)) for voxels in read]


def hdf5(path: Path) -> Found:
    with h5py.File(path) as file:
        (dataset,) = file.values()
        z, y, x = (1000 * float(size) for size in dataset.attrs["element_size_um"])
        return [(dataset[()], (z, y, x))]


def mrc(path: Path) -> Found:
    said = io.StringIO()
    assert mrcfile.validate(path, print_file=said), said.getvalue()
    with mrcfile.open(path) as file:
        size = file.voxel_size
        return [(file.data.copy(), (float(size.z) / 10, float(size.y) / 10, float(size.x) / 10))]


GREYS = ("uint8", "uint16", "int16", "float32")
ALL = (*GREYS, "int8")
READERS = "ome-zarr, zarr, tensorstore"
OUTPUTS = [
    Output("`.ome.zarr`, `.zarr`", "OME-Zarr 0.5", "levels, nm, Zarr 3", READERS, ALL, ome),
    Output(
        "`.ome.zarr`, `.zarr` with `--ome-version 0.4`",
        "OME-Zarr 0.4",
        "levels, nm, Zarr 2",
        READERS,
        ALL,
        ome,
        "0.4",
    ),
    Output("`.tif`, `.tiff`", "ImageJ", "resolution tags, spacing in µm", "tifffile (ImageJ)", GREYS, imagej),
    Output("`.tif`, `.tiff` of int8", "OME-TIFF", "OME metadata, nm", "tifffile (OME)", ("int8",), ome_tiff),
    Output("`.ome.tif`, `.ome.tiff`", "OME-TIFF", "OME metadata, nm", "tifffile (OME)", ALL, ome_tiff),
    Output("`.h5`, `.hdf5`", "HDF5", "one dataset with `element_size_um`", "h5py", ALL, hdf5),
    Output("`.mrc`", "MRC2014", "voxel size in its header; uint8 as uint16", "mrcfile", ALL, mrc),
]
