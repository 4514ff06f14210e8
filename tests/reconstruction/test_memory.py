"""Memory depends on the size of a piece, not on that of the stack."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

MIB = 2**20
CHILD = """
import sys
from pathlib import Path
import tensorstore, zarr
from a2ibench.registry import host
from a2ibench.reconstruction import sampling, streaming
from a2ibench.reconstruction.options import ReconstructOptions
from a2ibench.reconstruction.reconstruct import reconstruct_between

source, target, method = sys.argv[1:]
host().load("method", method)
streaming.VOXELS = streaming.AXIAL_VOXELS = 1 << 23
sampling.BYTES = 1 << 22

def highest():
    text = Path("/proc/self/status").read_text()
    return int(text.partition("VmHWM:")[2].split()[0]) * 1024

before = highest()
options = ReconstructOptions(
    method, profile="smoke", budget="1steps", device="cpu", voxel_size=(40, 10, 10)
)
reconstruct_between(source, Path(target), options)
print(highest() - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc/self/status")
def test_a_larger_stack_takes_no_more_memory(tmp_path) -> None:
    peaks = []
    for slices in (32, 128):
        source = np.lib.format.open_memmap(
            tmp_path / f"{slices}.npy", mode="w+", dtype=np.uint8, shape=(slices, 512, 512)
        )
        source[:, ::7, ::5] = 200
        source.flush()
        del source
        command = [
            sys.executable,
            "-c",
            CHILD,
            tmp_path / f"{slices}.npy",
            tmp_path / f"{slices}.h5",
            "cubic",
        ]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        peaks.append(int(done.stdout))
    # Outputs of 32 and 128 MiB; the largest block that is written together has 16 MiB.
    assert peaks[1] < peaks[0] + 24 * MIB
    assert max(peaks) < 200 * MIB
