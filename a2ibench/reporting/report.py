"""A run in the form that somebody asks for."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path

from a2ibench.bench.run import Run
from a2ibench.errors import InputError
from a2ibench.files import disk_errors, write_bytes
from a2ibench.reporting.tables import compared_groups, summary_frame, table_texts


def _html(run: Run, planes: int | None, published: Path | None) -> bytes:
    from a2ibench.reporting.page.page import page
    from a2ibench.reporting.published.results import load_published

    more = () if published is None else load_published(published)
    return page(run, planes, (*more, *load_published())).encode("utf-8", "backslashreplace")


def _table(suffix: str) -> Callable[[Run, int | None, Path | None], bytes]:
    return lambda run, planes, published: table_texts(run, compared_groups(run))[suffix].encode()


def _parquet(run: Run, planes: int | None, published: Path | None) -> bytes:
    stream = io.BytesIO()
    try:
        summary_frame(run).to_parquet(stream)
    except ImportError:
        raise InputError("format: parquet needs pyarrow; pip install pyarrow, or choose csv") from None
    return stream.getvalue()


FORMATS: Mapping[str, Callable[[Run, int | None, Path | None], bytes]] = {
    "md": _table("md"),
    "csv": _table("csv"),
    "tex": _table("tex"),
    "html": _html,
    "parquet": _parquet,
}
"""What a report may be, by name."""

BINARY = frozenset({"parquet"})
"""Formats that are no text."""


def report(run: Run, form: str, *, planes: int | None = None, published: Path | None = None) -> bytes:
    """Return a run as one of `FORMATS`.

    Parameters
    ----------
    run : Run
        The run.
    form : str
        One of `FORMATS`.
    planes : int, optional
        How many planes of each direction a page shows; by default all that are kept.
    published : Path, optional
        A file of published results that a page knows of beside those that ship.

    Raises
    ------
    InputError
        If the run has no record, the file of published results cannot be used, or the format needs a
        library that is not installed.
    """
    if not run.records:
        raise InputError(f"{run.folder}: no job of it has ended; there is nothing to report")
    return FORMATS[form](run, planes, published)


def place_of(run: Run, form: str) -> Path:
    """Return the file in the folder of a run that a report in a format is by default."""
    return run.files.page if form == "html" else run.files.table(form)


def write_report(
    run: Run,
    form: str,
    path: Path | None = None,
    *,
    planes: int | None = None,
    published: Path | None = None,
) -> Path:
    """Write a report, by default into the folder of the run; see `report`.

    Raises
    ------
    InputError
        As `report`, or if the file cannot be written.
    """
    content = report(run, form, planes=planes, published=published)
    target = path or place_of(run, form)
    if target.is_dir():
        raise InputError(f"{target}: is a folder; give a file")
    with disk_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        return write_bytes(target, content)
