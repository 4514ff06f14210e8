"""Dialects of MRC, HDF5, NumPy and DigitalMicrograph, and files of other kinds."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import bigdataviewer_files
import dm_files
import h5py
import mrc_files
import mrcfile
import numpy as np
import volume_files
from dialect import DEEP, FLOATS, NM, VOXELS, Dialect, made

UNSIGNED, SIGNED = mrc_files.tissue(3, 251), mrc_files.tissue(-120, 117)


def mrc(voxels: np.ndarray) -> Callable[[Path], Path]:
    def write(path: Path) -> None:
        with mrcfile.new(path) as file:
            file.set_data(voxels)
            if voxels.ndim == 3:
                file.set_volume()
            z, y, x = NM
            file.voxel_size = (10 * x, 10 * y, 10 * z)

    return made(write, "a.mrc")


def extended_mrc(folder: Path) -> Path:
    path = mrc(DEEP.astype(np.int16))(folder)
    with mrcfile.open(path, mode="r+") as file:
        file.set_extended_header(np.ones(1000, "V1"))
    return path


def bytes_of_mrc(voxels: np.ndarray, **stated: object) -> Callable[[Path], Path]:
    return lambda folder: mrc_files.written(folder, voxels, **stated)


def longer(make: Callable[[Path], Path], more: bytes) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        path = make(folder)
        path.write_bytes(path.read_bytes() + more)
        return path

    return write


def packed_mrc(folder: Path) -> Path:
    content = mrc(DEEP)(folder).read_bytes()
    (folder / "a.map.gz").write_bytes(gzip.compress(content))
    return folder / "a.map.gz"


def hdf5(
    datasets: Mapping[str, np.ndarray], attributes: Mapping[str, object] | None = None, name: str = "a.h5"
):
    def write(path: Path) -> None:
        with h5py.File(path, "w") as file:
            for key, data in datasets.items():
                file.create_dataset(key, data=data, chunks=True, compression="gzip")
                file[key].attrs.update(attributes or {})

    return made(write, name)


def axistags(names: str) -> dict[str, object]:
    return {"axistags": json.dumps({"axes": [{"key": name} for name in names]})}


def sparse_hdf5(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("raw", VOXELS.shape, "u1", chunks=(1, 16, 24))[:5] = VOXELS[:5]


def matlab(folder: Path) -> Path:
    return volume_files.write_mat(folder, VOXELS)


def bigdataviewer(folder: Path) -> Path:
    setup = bigdataviewer_files.SETUP.format(number=0, unit="nm", size="4 5 40")
    (folder / "b.xml").write_text(bigdataviewer_files.XML.format(setups=setup))
    return bigdataviewer_files.written(folder)


def npy(voxels: np.ndarray) -> Callable[[Path], Path]:
    return made(lambda path: np.save(path, voxels), "a.npy")


def dm(version: int, *images: np.ndarray) -> Callable[[Path], Path]:
    described = [(data, NM[-data.ndim :], ("nm",) * data.ndim) for data in images]
    return lambda folder: dm_files.written(folder, *described, version=version)


def foreign(name: str, start: bytes) -> Callable[[Path], Path]:
    return made(lambda path: path.write_bytes(start.ljust(512, b"\0")), name)


_BYTES = [
    (name, make, {"size": (30.0, 5.0, 5.0)} | options)
    for name, make, options in [
        ("mode 0, signed by its range", bytes_of_mrc(SIGNED, range_=(-120, 117)), {"voxels": SIGNED}),
        ("mode 0, unsigned by its range", bytes_of_mrc(UNSIGNED, range_=(3, 251)), {"voxels": UNSIGNED}),
        ("mode 0, unsigned by IMOD's flag", bytes_of_mrc(UNSIGNED, stamp=0), {"voxels": UNSIGNED}),
        ("mode 0, signed by IMOD's flag", bytes_of_mrc(SIGNED, stamp=1), {"voxels": SIGNED}),
        (
            "mode 0, unsigned by its voxels",
            bytes_of_mrc(UNSIGNED),
            {
                "voxels": UNSIGNED,
                "warned": (
                    "a.mrc: its header does not tell whether bytes are signed; they are read as "
                    "unsigned, in which neighbours differ less"
                ),
            },
        ),
        (
            "mode 0, signed by its voxels",
            bytes_of_mrc(SIGNED),
            {
                "voxels": SIGNED,
                "warned": (
                    "a.mrc: its header does not tell whether bytes are signed; they are read as "
                    "signed, in which neighbours differ less"
                ),
            },
        ),
    ]
]
MRC = [
    Dialect("MRC", name, make, **({"size": NM} | options))
    for name, make, options in [
        *_BYTES,
        ("mode 1, 16 bits", mrc(DEEP.astype(np.int16)), {"voxels": DEEP}),
        ("mode 2, floats", mrc(FLOATS), {"voxels": FLOATS}),
        ("mode 6, 16 bits unsigned", mrc(DEEP), {"voxels": DEEP}),
        ("an extended header", extended_mrc, {"voxels": DEEP}),
        ("mode 12, half floats", mrc(FLOATS.astype(np.float16)), {"voxels": FLOATS.astype(np.float16)}),
        (
            "mode 4, complex",
            mrc(FLOATS.astype(np.complex64)),
            {"refused": "a.mrc: dtype is complex64; give 8- or 16-bit integers, or floats"},
        ),
        (
            "a stack of volumes",
            mrc(np.stack([DEEP, DEEP])),
            {
                "refused": (
                    "a.mrc: holds 2 volumes of 6 sections each; store one of them in a file of its own"
                )
            },
        ),
        (
            "longer than its header says",
            longer(mrc(DEEP), b"\1" * 512),
            {
                "refused": (
                    "a.mrc: holds 512 bytes more than its header says: uint16 voxels of shape (6, "
                    "16, 24) after 1024 bytes of header; correct the header, or store one volume "
                    "again"
                )
            },
        ),
        (
            "padded with zeros",
            longer(mrc(DEEP), bytes(512)),
            {"voxels": DEEP, "warned": "a.mrc: 512 bytes of zeros behind its voxels are taken for padding"},
        ),
        (
            "gzipped, `.map.gz`",
            packed_mrc,
            {"refused": "a.map.gz: is compressed (gzip); unpack it (gunzip a.map.gz) and give the result"},
        ),
    ]
]
HDF5 = [
    Dialect("HDF5", name, make, **options)
    for name, make, options in [
        ("one dataset", hdf5({"volumes/raw": VOXELS}), {}),
        ("`element_size_um`", hdf5({"raw": VOXELS}, {"element_size_um": (0.04, 0.005, 0.004)}), {"size": NM}),
        ("several datasets, by `key`", hdf5({"a": VOXELS[::-1], "b": VOXELS}), {"options": {"key": "b"}}),
        (
            "several datasets",
            hdf5({"a": VOXELS[::-1], "b": VOXELS}),
            {"refused": "a.h5: give key, the 3D dataset to read; there are: a (6, 16, 24), b (6, 16, 24)"},
        ),
        ("axistags x, y, z", hdf5({"raw": VOXELS.T}, axistags("xyz")), {}),
        (
            "axistags t, y, x",
            hdf5({"raw": VOXELS}, axistags("tyx")),
            {
                "refused": (
                    "a.h5: /raw: axes t, y, x of shape (6, 16, 24); give a 3D volume with axes z, y and x"
                )
            },
        ),
        ("a trailing axis of 1", hdf5({"raw": VOXELS[..., np.newaxis]}), {}),
        (
            "chunks missing",
            made(sparse_hdf5, "a.h5"),
            {
                "refused": (
                    "a.h5: /raw: 1 of 6 chunks are missing; get the file again, or, if its writer "
                    "left out empty chunks, open it with fill_missing=True"
                )
            },
        ),
        (
            "chunks missing, `fill_missing`",
            made(sparse_hdf5, "a.h5"),
            {
                "voxels": np.concatenate([VOXELS[:5], np.zeros_like(VOXELS[:1])]),
                "warned": (
                    "a.h5: /raw: 1 of 6 chunks are missing; filled with the value that its metadata state"
                ),
                "options": {"fill_missing": True},
            },
        ),
        ("MATLAB v7.3", matlab, {}),
        (
            "MATLAB 5",
            foreign("a.mat", b"MATLAB 5.0 MAT-file"),
            {"refused": "a.mat: is a MATLAB 5 file; save it again with save(..., '-v7.3')"},
        ),
        ("BigDataViewer", bigdataviewer, {"voxels": bigdataviewer_files.DATA, "size": NM}),
        (
            "BigDataViewer, level 1",
            bigdataviewer,
            {
                "voxels": bigdataviewer_files.DATA[:, ::2, ::2],
                "size": (40.0, 10.0, 8.0),
                "options": {"level": 1},
            },
        ),
        (
            "labels of 32 bits",
            hdf5({"labels": VOXELS.astype(np.uint32)}),
            {"refused": "a.h5: /labels: dtype is uint32; give 8- or 16-bit integers, or floats"},
        ),
    ]
]
NPY = [
    Dialect("NumPy", name, make, **options)
    for name, make, options in [
        ("C order", npy(VOXELS), {}),
        ("Fortran order", npy(np.asfortranarray(VOXELS)), {}),
        (
            "longer than its header says",
            longer(npy(VOXELS), b"\1" * 512),
            {
                "refused": (
                    "a.npy: holds 512 bytes more than its header says: uint8 voxels of shape (6, 16, "
                    "24); correct the header, or store one volume again"
                )
            },
        ),
        (
            "padded with zeros",
            longer(npy(VOXELS), bytes(512)),
            {"warned": "a.npy: 512 bytes of zeros behind its voxels are taken for padding"},
        ),
        (
            "one plane",
            npy(VOXELS[0]),
            {"refused": "a.npy: axes y, x of shape (16, 24); give a 3D volume with axes z, y and x"},
        ),
        (
            "labels of 32 bits",
            npy(VOXELS.astype(np.uint32)),
            {"refused": "a.npy: dtype is uint32; give 8- or 16-bit integers, or floats"},
        ),
    ]
]
DM = [
    Dialect("DigitalMicrograph", name, make, **({"needs": "rsciio"} | options))
    for name, make, options in [
        ("DM3, a stack", dm(3, DEEP), {"voxels": DEEP, "size": NM}),
        ("DM4, a stack", dm(4, FLOATS), {"voxels": FLOATS, "size": NM}),
        (
            "DM4, several stacks",
            dm(4, DEEP, DEEP[:4]),
            {
                "refused": (
                    "a.dm4: give key, the number of the stack to read; there are: 0 (6, 16, 24), 1 "
                    "(4, 16, 24)"
                )
            },
        ),
        (
            "DM3, one slice",
            dm(3, DEEP[0]),
            {
                "refused": (
                    "a.dm3: holds no stack but images of shape (16, 24); give a stack, or the folder "
                    "of all slices"
                )
            },
        ),
    ]
]
OTHERS = [
    Dialect("others", name, foreign(f"a{suffix}", start), refused=f"a{suffix}: {words}")
    for name, suffix, start, words in [
        ("CZI", ".czi", b"ZISRAWFILE", ".czi is not read; export it from ZEN, or with Fiji, as TIFF"),
        ("NRRD", ".nrrd", b"NRRD0005\n", ".nrrd is not read; export it as TIFF"),
        ("NIfTI", ".nii", b"\x5c\x01\0\0", ".nii is not read; export it as TIFF"),
        (
            "anything else",
            ".xyz",
            b"xyz",
            "unknown format; give a file that ends in .tif, .tiff, .h5, .hdf5, .hdf, .mat, .mrc, .map, .rec, "
            ".st, .npy, .dm3, .dm4",
        ),
    ]
]
