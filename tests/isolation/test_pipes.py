"""A process that writes without end costs its reader neither memory nor its next line."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc

import pytest

from a2ibench.isolation.supervised import OVERLONG, Lines, Output

MEGABYTE = 1 << 20
FLOODS = {
    "one line": "for _ in range({size}): os.write(1, b'x' * (1 << 20))\nos.write(1, b'\\nlast\\n')",
    "short lines": "for _ in range({size}): os.write(1, b'{{}}\\n' * 5_000)\nos.write(1, b'last\\n')",
    "empty lines": "for _ in range({size}): os.write(1, b'\\n' * 20_000)\nos.write(1, b'last\\n')",
}
SIZES = [8, pytest.param(200, marks=pytest.mark.slow)]


def flood(name: str, size: int) -> subprocess.Popen[bytes]:
    source = "import os\n" + FLOODS[name].format(size=size)
    return subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", FLOODS)
def test_lines_that_nobody_takes_are_left_out(name: str, size: int) -> None:
    tracemalloc.start()
    try:
        with flood(name, size) as process:
            assert process.stdout is not None
            lines = Lines(process.stdout, longest=1000, waiting=100)
            assert lines.finished(120)
        assert tracemalloc.get_traced_memory()[1] < 4 * MEGABYTE
    finally:
        tracemalloc.stop()
    found = []
    while (line := lines.get(1)) is not None:
        found.append(line)
    assert len(found) < 100
    assert name != "one line" or found == [OVERLONG, b"last"]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", FLOODS)
def test_of_what_is_printed_the_end_is_kept(name: str, size: int) -> None:
    with flood(name, size) as process:
        assert process.stdout is not None
        kept = Output(process.stdout).end(120)
    assert kept.endswith("last\n")
    assert len(kept) <= 4000
