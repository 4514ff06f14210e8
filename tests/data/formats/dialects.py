"""Every dialect of every format, both ways; prints the tables of docs/formats.md."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dialect import Dialect, Output
from dialects_chunked import N5, OME_ZARR, PRECOMPUTED, WEBKNOSSOS, ZARR
from dialects_files import DM, HDF5, MRC, NPY, OTHERS
from dialects_folders import FOLDERS
from dialects_tiff import TIFF
from dialects_written import OUTPUTS

READ: list[Dialect] = [
    *(*TIFF, *FOLDERS, *MRC, *HDF5, *ZARR, *OME_ZARR, *N5, *WEBKNOSSOS, *PRECOMPUTED, *DM, *NPY, *OTHERS)
]
WRITTEN: list[Output] = OUTPUTS


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def reading() -> str:
    """Return what is read."""
    rows = [(one.format, one.name, one.outcome, one.stated) for one in READ]
    return table(("format", "dialect", "outcome", "voxel size"), rows)


def writing() -> str:
    """Return what is written."""
    rows = [(one.suffix, one.name, one.holds, one.opened_by) for one in WRITTEN]
    return table(("output", "dialect", "what is in it", "opened by, in the tests"), rows)


if __name__ == "__main__":
    print(f"{reading()}\n\n{writing()}")  # noqa: T201
