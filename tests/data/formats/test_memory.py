"""Reading a volume block by block takes no more memory the larger its file is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import h5py
import mrcfile
import numpy as np
import pytest
import tifffile
import zarr

WORKER = Path(__file__).with_name("memory_worker.py")
SHAPE = (144, 1024, 1024)
CHUNKS = (16, 128, 128)


def write_sparse(folder: Path) -> list[Path]:
    """Write volumes of 144 MiB, of which the disk holds little."""
    zeros = np.zeros(SHAPE, np.uint8)
    grey = {"photometric": "minisblack"}
    tifffile.imwrite(folder / "pages.tif", zeros, compression="zlib", tile=(256, 256), **grey)
    with h5py.File(folder / "chunks.h5", "w") as file:
        file.create_dataset("raw", data=zeros, chunks=CHUNKS, compression="lzf")
    chunked = zarr.create_array(folder / "chunks.zarr", shape=SHAPE, chunks=CHUNKS, dtype="u1")
    chunked.with_config({"write_empty_chunks": True})[...] = zeros
    # These are holes all but for their headers.
    tifffile.imwrite(folder / "plain.tif", shape=SHAPE, dtype=np.uint8, **grey)
    mrcfile.new_mmap(folder / "plain.mrc", SHAPE, 0).close()
    np.lib.format.open_memmap(folder / "plain.npy", "w+", np.uint8, SHAPE)
    return sorted(folder.iterdir())


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="this system does not tell a peak")
def test_memory_does_not_grow_with_the_file(tmp_path):
    files = write_sparse(tmp_path)
    assert len(files) == 6
    done = subprocess.run(
        [sys.executable, str(WORKER), *map(str, files)], capture_output=True, text=True, check=True
    )
    # The largest of what is asked for, 8 whole slices, are 8 MiB.
    assert int(done.stdout) < 80
