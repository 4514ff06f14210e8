"""Outputs of any size take the memory of a few blocks."""

from __future__ import annotations

import pytest
from written import NAMES

WRITE = """
import resource, sys
shape = eval(sys.argv[2])
block = noise((256, 256, 1024), "uint8")
with create(sys.argv[1], shape, "uint8", NM, identity={}) as writer:
    for start in block_starts(writer, shape):
        size = [min(by, n - at) for by, n, at in zip(writer.block, shape, start)]
        writer.write(start, block[: size[0], : size[1], : size[2]])
    writer.finish()
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""


@pytest.mark.parametrize("name", NAMES)
def test_memory_does_not_grow_with_the_output(tmp_path, name, child):
    def peak(shape):
        out, err = child(WRITE, tmp_path / f"{shape[0]}{name}", shape).communicate()
        assert not err
        return int(out)

    small, large = peak((256, 512, 512)), peak((768, 512, 512))
    # The output grows by 128 MiB, of 16 MiB a block.
    assert large - small < 48 * 2**20
