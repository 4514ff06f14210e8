"""HDF5 files as BigDataViewer writes them, and the XML file beside one."""

from __future__ import annotations

import h5py
import numpy as np

DATA = np.random.default_rng(8).integers(20_000, 65_535, (8, 12, 20)).astype(np.uint16)
XML = """<?xml version="1.0" encoding="UTF-8"?>
<SpimData version="0.2"><BasePath type="relative">.</BasePath><SequenceDescription>
<ImageLoader format="bdv.hdf5"><hdf5 type="relative">b.h5</hdf5></ImageLoader>
<ViewSetups>{setups}</ViewSetups>
<Timepoints type="range"><first>0</first><last>0</last></Timepoints></SequenceDescription></SpimData>"""
SETUP = """<ViewSetup><id>{number}</id><name>em</name><size>20 12 8</size>
<voxelSize><unit>{unit}</unit><size>{size}</size></voxelSize></ViewSetup>"""


def written(path, *, setups=1, times=1, declared=None, dtype=np.int16):
    with h5py.File(path / "b.h5", "w") as file:
        for number in range(setups):
            file[f"s{number:02}/resolutions"] = np.array([[1, 1, 1], [2, 2, 1]], float)
            file[f"s{number:02}/subdivisions"] = np.full((2, 3), 4, np.int32)
            if declared is not None:
                file[f"s{number:02}"].attrs["dataType"] = declared
            for time in range(times):
                for level, data in enumerate((DATA, DATA[:, ::2, ::2])):
                    name = f"t{time:05}/s{number:02}/{level}/cells"
                    stored = data.view(dtype) if data.dtype.itemsize == np.dtype(dtype).itemsize else data
                    file.create_dataset(name, data=stored.astype(dtype), chunks=(4, 4, 4), compression="gzip")
    return path / "b.h5"
