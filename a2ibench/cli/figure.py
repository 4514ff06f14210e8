"""The command ``a2ibench figure``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from a2ibench.cli.errors import say
from a2ibench.cli.options import option
from a2ibench.errors import InputError, UnknownNameError

_PLANES = "xy|xz|yz"
_AUTO, _MEAN = "auto", "mean"
_FORMATS = ("png", "svg", "pdf")
_Window = tuple[tuple[int, int], tuple[int, int]]


def make_figure(
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="RUN", help="Folder of a run; several are merged.", show_default=False),
    ],
    plane: Annotated[str, option(_PLANES, "Which planes to show; xz by default.")] = "xz",
    at: Annotated[
        str, option("N|auto", "Which one, by default that through the most telling place.", "--slice")
    ] = "auto",
    window: Annotated[
        list[str] | None,
        option("Y0:Y1,X0:X1", "Rows and columns to enlarge below the plane, or auto; may be repeated."),
    ] = None,
    datasets: Annotated[str | None, option("D1,D2", "Datasets, one below the other; by default all.")] = None,
    methods: Annotated[str | None, option("A,B", "Methods side by side; by default all.")] = None,
    width: Annotated[
        str, option("89mm|183mm|IN", "Width; by default 183mm, a page of two columns.")
    ] = "183mm",
    seed: Annotated[
        str | None, option("N|mean", "Seed to show; by default of each method that nearest to its mean PSNR.")
    ] = None,
    error: Annotated[bool, typer.Option("--error", help="Add a row of result minus reference.")] = False,
    out: Annotated[
        Path | None,
        option("FILE", "File ending in .png, .svg or .pdf; by default figures/PLANE.png in the run."),
    ] = None,
) -> None:
    """Draw planes of a run for a paper: datasets by methods, beside reference and input.

    Its caption goes to stdout: which plane, which seeds, which grey levels.

    Exit codes: 0 drawn; 2 bad input, such as a plane that was not kept.
    """
    from a2ibench.bench.merge import merged
    from a2ibench.bench.run import read_run
    from a2ibench.contracts.planes import PLANES
    from a2ibench.files import disk_errors, write_bytes
    from a2ibench.reporting.paper_figure import paper_figure
    from a2ibench.reporting.sheets import sheet

    if plane not in PLANES:
        raise UnknownNameError("plane", plane, PLANES)
    number = None if at == _AUTO else _whole("--slice", at, _AUTO)
    chosen = _MEAN if seed == _MEAN else None if seed is None else _whole("--seed", seed, _MEAN)
    inches, windows = _read_width(width), [_read_window(text) for text in window or ()]
    if out is None and len(runs) > 1:
        raise InputError(f"--out: give the file for the figure of {len(runs)} runs, such as figure.pdf")
    run = merged([read_run(folder) for folder in runs])
    target = run.files.figure(plane) if out is None else out
    form = _form_of(target)
    fine = {record.dataset for record in run.records if record.ok}
    names = [name for name in _names("dataset", datasets, run.datasets) if datasets or name in fine]
    wanted = None if methods is None else _names("method", methods, run.methods)
    sheets = [sheet(run, name, plane, number, wanted, chosen) for name in names]
    if not sheets:
        raise InputError(f"{run.folder}: no job of it has a result; there is nothing to show")
    drawn = paper_figure(sheets, inches, windows, error=error)
    with disk_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        say(write_bytes(target, drawn.saved(form)))
    for line in drawn.caption:
        say(line)


def _whole(flag: str, text: str, other: str) -> int:
    if not text.isdecimal():
        raise InputError(f"{flag}: got {text!r}; give a whole number, or {other}")
    return int(text)


def _names(kind: str, text: str | None, known: Sequence[str]) -> list[str]:
    names = list(known) if text is None else list(dict.fromkeys(text.split(",")))
    for name in names:
        if name not in known:
            raise UnknownNameError(kind, name, known)
    return names


def _form_of(path: Path) -> str:
    """Return the format of a file by its suffix."""
    form = path.suffix.lower().removeprefix(".")
    if form not in _FORMATS:
        raise InputError(f"--out: got {path}; give a file that ends in .{', .'.join(_FORMATS)}")
    return form


def _read_window(text: str) -> _Window | str:
    """Return the window that ``"Y0:Y1,X0:X1"`` or ``"auto"`` says."""
    if text == _AUTO:
        return _AUTO
    try:
        (y0, y1), (x0, x1) = ((int(end) for end in part.split(":")) for part in text.split(","))
    except ValueError:
        raise InputError(
            f"--window: got {text!r}; give Y0:Y1,X0:X1, such as 40:104,100:164, or {_AUTO}"
        ) from None
    return (y0, y1), (x0, x1)


def _read_width(text: str) -> float:
    """Return the inches that ``"89mm"``, ``"3.5in"`` or ``"3.5"`` say."""
    number, per = (text.removesuffix("mm"), 25.4) if text.endswith("mm") else (text.removesuffix("in"), 1.0)
    try:
        inches = float(number) / per
    except ValueError:
        inches = math.nan
    if not 1 <= inches <= 20:
        raise InputError(f"--width: got {text!r}; give 1 to 20 inches, such as 89mm, 183mm or 3.5in")
    return inches
