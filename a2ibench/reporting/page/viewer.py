"""The section of a page in which people look: any two of reference, input and methods, plane by plane."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from html import escape
from importlib.resources import files
from typing import Any

from a2ibench.bench.run import Run
from a2ibench.contracts.planes import PLANES
from a2ibench.errors import one_line, printable
from a2ibench.reporting.page.viewer_planes import ROOM, Encoder, error_limit, grey_limits
from a2ibench.reporting.page.viewer_stacks import METHOD, Place, Source, Stacks, kept_stacks

_ASSETS = ("viewer_planes.js", "viewer_stage.js", "viewer_panel.js", "viewer.js")
# Within a script element these could end it, or begin a comment.
_IN_SCRIPT = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}
_NO_SCRIPT = "Looking at planes needs JavaScript; figures/ holds pictures of a plane of each dataset."


def viewer_assets() -> tuple[str, str]:
    """Return style sheet and script of the section, each to stand once in a page, in elements of its own."""
    folder = files("a2ibench.reporting.page") / "assets"
    scripts = [(folder / name).read_text(encoding="utf-8") for name in _ASSETS]
    return (folder / "viewer.css").read_text(encoding="utf-8"), "\n".join(scripts)


def viewer_section(run: Run, planes: int | None = None, *, room: int = ROOM) -> str | None:
    """Return the inside of the section as HTML, in which every name is text.

    Parameters
    ----------
    run : Run
        The run.
    planes : int, optional
        Planes of each direction to show at most, 0 for no section; by default all that were kept.
    room : int
        Characters that all pictures may take: fewer planes are shown, around the same place, where more
        would be needed.

    Returns
    -------
    str or None
        None where no job has kept planes.
    """
    if planes is not None and planes < 1:
        return None
    stacks, without = kept_stacks(run)
    if not stacks:
        return None
    encoder = Encoder(stacks)
    places = encoder.fitting(planes, room)
    parts = [_viewer(encoder, index, one, places[index]) for index, one in enumerate(stacks)]
    if without:
        names = ", ".join(map(_text, without))
        parts.append(f'<p class="a2i-note">No planes were kept of {names}.</p>')
    return "\n".join(parts)


def _viewer(encoder: Encoder, index: int, stacks: Stacks, place: Place) -> str:
    name = _text(stacks.dataset)
    lines = [
        f'<div class="a2i-viewer" id="a2i-look-{index}">',
        f'<h3 class="a2i-name">{name}</h3>',
        f'<p class="a2i-note">{_about(encoder, index, stacks, place)}</p>',
        f'<noscript><p class="a2i-note">{_NO_SCRIPT}</p></noscript>',
        f'<script type="application/json">{script_json(_told(encoder, index, stacks, place))}</script>',
    ]
    for number, kind, family, texts in encoder.texts(index, place):
        shown = f'data-source="{number}" data-kind="{kind}" data-family="{family}"'
        lines.append(f'<script type="text/plain" {shown}>{" ".join(texts)}</script>')
    return "\n".join([*lines, "</div>"])


def _about(encoder: Encoder, index: int, stacks: Stacks, place: Place) -> str:
    levels = encoder.levels[index]
    counts = [stop - start for start, stop in place.stack]
    sides = " x ".join(str(stop - start) for start, stop in place.window)
    z, y, x = place.voxel
    basis = "cubic interpolation errs most" if stacks.reference else "neighbouring slices differ most"
    told = [
        f"{max(counts)} {'plane' if max(counts) == 1 else 'planes'} in each direction around voxel "
        f"z {z}, y {y}, x {x}, where there is most detail and {basis}"
    ]
    if any(stop - start < size for (start, stop), size in zip(place.window, place.shape, strict=True)):
        told.append(f"cut to {sides} voxels (z, y, x) around it")
    if not levels.exact:
        told.append(f"grey levels in steps of {levels.step:.3g}, clipped to the contrast of the volume")
    repeated = [source for source in stacks.sources if source.kind == METHOD and source.seeds > 1]
    if repeated:
        told.append("of several seeds the one whose PSNR is nearest to their mean")
    if stacks.missing:
        told.append(f"no such planes were kept of {', '.join(map(_text, stacks.missing))}")
    return "; ".join(told) + "."


def _told(encoder: Encoder, index: int, stacks: Stacks, place: Place) -> Mapping[str, Any]:
    levels = encoder.levels[index]
    show = [(level - levels.low) / levels.step for level in grey_limits(stacks)]
    lo, hi = place.intensity
    methods = [number for number, source in enumerate(stacks.sources) if source.kind == METHOD]
    best = max(methods, key=lambda number: (_rank(stacks.sources[number]), number))
    return {
        "dataset": printable(stacks.dataset),
        "shape": place.shape,
        "voxel": place.voxel,
        "window": place.window,
        "stack": place.stack,
        "ratio": place.ratio,
        "inputs": place.n_in,
        "spacing": place.spacing,
        "low": levels.low,
        "step": levels.step,
        "exact": levels.exact,
        "show": show,
        "error": error_limit(stacks),
        "disagreement": encoder.limits[index] * (hi - lo),
        "families": {family: list(axes) for family, axes in PLANES.items()},
        "sources": [_source(source) for source in stacks.sources],
        "best": best,
    }


def _rank(source: Source) -> float:
    return -math.inf if math.isnan(source.psnr) else source.psnr


def _source(source: Source) -> Mapping[str, Any]:
    told = []
    if source.seed is not None:
        told.append(f"seed {source.seed}" + (f" of {source.seeds}" if source.seeds > 1 else ""))
    if math.isfinite(source.psnr):
        told.append(f"{source.psnr:.2f} dB")
    return {
        "kind": source.kind,
        "name": one_line(source.name, 80),
        "about": ", ".join(told),
        "disagreement": bool(source.disagreement),
    }


def _text(name: str) -> str:
    return escape(one_line(name, 80))


def script_json(value: Any) -> str:
    """Return JSON that stands within a script element, whatever texts hold."""
    return json.dumps(value, allow_nan=False).translate(_IN_SCRIPT)
