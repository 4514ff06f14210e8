"""What notebooks show: a small picture beside a table, as HTML that loads nothing from elsewhere."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Callable, Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from a2ibench.errors import InputError, one_line

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from a2ibench.contracts.volume import Volume

PIECE = 1024
"""Voxels of a side of the piece of a plane that is read at most."""

_SIDES = (256, 224, 192, 160, 128, 96)
_MOST_BYTES = 22_000
_LONGEST = 120
_QUANTILES = (0.5, 99.5)
_BOX = "display:flex;flex-wrap:wrap;gap:1em;align-items:flex-start;margin:.3em 0"
_SMALL = "font-size:85%;opacity:.85"
_CELL = "padding:.15em .6em;border-bottom:1px solid rgba(128,128,128,.35);"
_LEFT, _RIGHT = f"{_CELL}text-align:left", f"{_CELL}text-align:right"


def html_or_none(draw: Callable[[], str]) -> str | None:
    """Return what is drawn, or None, for which notebooks show the text, where that fails."""
    try:
        return draw()
    except Exception:
        # Whoever looks at an object, often to see what is wrong with it, wants no traceback.
        return None


def cell_text(text: Any) -> str:
    """Return anything as one line of bounded length, escaped for HTML."""
    return escape(one_line(str(text), _LONGEST))


def box(title: str, picture: str, *tables: str, note: str = "") -> str:
    """Return a title over a picture and tables beside each other.

    Parameters
    ----------
    title : str
        Text, which is escaped here.
    picture : str
        HTML, as `figure` returns it; may be empty.
    *tables : str
        HTML, as `table` returns it.
    note : str
        Text below, which is escaped here.
    """
    below = f'<div style="{_SMALL}">{cell_text(note)}</div>' if note else ""
    inside = "".join(f'<div style="max-width:100%;overflow-x:auto">{one}</div>' for one in tables if one)
    return (
        f'<div class="a2ibench"><div><strong>{cell_text(title)}</strong></div>'
        f'<div style="{_BOX}">{picture}{inside}</div>{below}</div>'
    )


def table(rows: Iterable[Sequence[Any]], heads: Sequence[str] = (), numbers: int = 0) -> str:
    """Return an HTML table; the first cell of each row is its heading.

    Parameters
    ----------
    rows : iterable of sequence
        Cells, which are escaped here.
    heads : sequence of str
        Headings of the columns.
    numbers : int
        How many columns from the right hold numbers.
    """
    lines = []
    for row in rows:
        first = len(row) - numbers
        styles = [_LEFT if place < first else _RIGHT for place in range(len(row))]
        texts = [cell_text(one) for one in row]
        cells = [f'<th scope="row" style="{_LEFT};font-weight:normal">{texts[0]}</th>']
        cells += [f'<td style="{s}">{t}</td>' for s, t in zip(styles[1:], texts[1:], strict=True)]
        lines.append(f"<tr>{''.join(cells)}</tr>")
    above = "".join(
        f'<th scope="col" style="{_LEFT if place < len(heads) - numbers else _RIGHT}">{cell_text(head)}</th>'
        for place, head in enumerate(heads)
    )
    head = f"<thead><tr>{above}</tr></thead>" if heads else ""
    return f'<table style="border-collapse:collapse">{head}<tbody>{"".join(lines)}</tbody></table>'


def figure(plane: NDArray[Any], levels: tuple[float, float], words: str) -> str:
    """Return a picture of a plane, made small, of at most 30 kB, with words below.

    Parameters
    ----------
    plane : ndarray, shape (rows, columns)
        Grey levels.
    levels : tuple of float
        What is black and what is white.
    words : str
        What it shows, which is escaped here.
    """
    content, (rows, columns) = _small_png(plane, levels)
    address = f"data:image/png;base64,{base64.b64encode(content).decode('ascii')}"
    scale = max(1, 256 // max(rows, columns))
    size = f'width="{columns * scale}" height="{rows * scale}"'
    return (
        f'<figure style="margin:0;max-width:16em"><img src="{address}" {size} alt="{cell_text(words)}" '
        f'style="max-width:100%;height:auto"><figcaption style="{_SMALL}">{cell_text(words)}</figcaption>'
        "</figure>"
    )


def _small_png(plane: NDArray[Any], levels: tuple[float, float]) -> tuple[bytes, tuple[int, int]]:
    import numpy as np
    from PIL import Image

    lo, hi = levels
    scaled = (np.asarray(plane, np.float64) - lo) / (hi - lo)
    # What is no number is black.
    scaled = np.clip(np.nan_to_num(scaled, nan=0.0, posinf=1.0, neginf=0.0), 0, 1)
    content, shape = b"", (1, 1)
    for side in _SIDES:
        grey = np.rint(_reduced(scaled, side) * 255).astype(np.uint8)
        stream = io.BytesIO()
        Image.fromarray(grey).save(stream, format="png", optimize=True)
        content, shape = stream.getvalue(), grey.shape
        if len(content) <= _MOST_BYTES:
            break
    return content, (shape[0], shape[1])


def _reduced(plane: NDArray[np.float64], side: int) -> NDArray[np.float64]:
    """Return means of squares of voxels, so that no side is longer than `side`."""
    import numpy as np

    step = math.ceil(max(plane.shape) / side)
    for axis in (0, 1):
        starts = np.arange(0, plane.shape[axis], step)
        sizes = np.diff(np.append(starts, plane.shape[axis]))
        plane = np.add.reduceat(plane, starts, axis) / (sizes[:, None] if axis == 0 else sizes)
    return plane


def volume_html(volume: Volume) -> str:
    """Return a volume with its middle plane, of which at most 1,024 x 1,024 voxels are read."""
    picture = html_or_none(lambda: _middle(volume)) or ""
    return box(volume.name, picture, table(_facts(volume), numbers=1))


def _middle(volume: Volume) -> str:
    import numpy as np

    z, *laterally = volume.shape
    (top, bottom), (left, right) = (_amid(size) for size in laterally)
    # A piece, not every so many voxels: what is stored in chunks would be read whole for those.
    piece = np.asarray(volume.data[z // 2 : z // 2 + 1, top:bottom, left:right])[0]
    levels = volume.contrast or _levels(piece, volume.intensity)
    whole = piece.shape == tuple(laterally)
    part = "" if whole else f", its {piece.shape[0]} x {piece.shape[1]} voxels in the middle"
    return figure(piece, levels, f"xy plane {z // 2}{part}; grey levels {levels[0]:.4g} to {levels[1]:.4g}")


def _amid(size: int) -> tuple[int, int]:
    start = max(0, (size - PIECE) // 2)
    return start, min(size, start + PIECE)


def _levels(piece: NDArray[Any], intensity: tuple[float, float]) -> tuple[float, float]:
    import numpy as np

    if piece.dtype.itemsize == 1:
        return intensity
    # The range of anything else may be far wider than what tissue takes of it.
    known = piece[np.isfinite(piece)]
    lo, hi = (float(level) for level in np.percentile(known, _QUANTILES)) if known.size else intensity
    return (lo, hi) if lo < hi else intensity


def _facts(volume: Volume) -> list[tuple[str, str]]:
    shape, spacing = volume.shape, volume.voxel_size
    facts = [
        ("shape (z, y, x)", " x ".join(map(str, shape))),
        ("voxel size (nm)", " x ".join(f"{length:g}" for length in spacing)),
        ("extent (µm)", " x ".join(f"{n * s / 1000:.3g}" for n, s in zip(shape, spacing, strict=True))),
    ]
    try:
        facts.append(("ratio", f"{volume.ratio:.4g}"))
    except InputError:
        facts.append(("ratio", "none"))
    dtype = getattr(volume.data, "dtype", None)
    if dtype is not None:
        facts.append(("dtype", str(dtype)))
        size = getattr(dtype, "itemsize", None)
        if isinstance(size, int):
            facts.append(("size", _bytes(math.prod(shape) * size)))
    facts.append(("intensity", f"{volume.intensity[0]:g} to {volume.intensity[1]:g}"))
    if volume.contrast is not None:
        facts.append(("contrast", f"{volume.contrast[0]:g} to {volume.contrast[1]:g}"))
    return facts


def _bytes(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.4g} TB"
