"""Charts as SVG that takes its colours from the page, and that stands by itself where it is saved.

matplotlib draws them as the page is written. That needs no script in it, so they print, scale, can be read
out, and are there where scripts are not allowed.
"""

from __future__ import annotations

import io
import logging
import math
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any
from xml.etree import ElementTree

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogFormatterSciNotation, MaxNLocator, NullLocator

from a2ibench.errors import one_line, printable
from a2ibench.reporting.canvas import drawable, own_style
from a2ibench.reporting.page.chart import Chart, Line

_logger = logging.getLogger(__name__)

COLOURS = ("#0b62a4", "#b3400f", "#0b7a53", "#8e3a80", "#806400", "#00788c", "#c2185b", "#5d5d5e")
"""Those of a light page; the style sheet has others for a dark one, as ``--c0`` and so on."""

_INK, _GRID = "#1a1a1b", "#dadadb"
_NAMED = {_INK: "ink", _GRID: "line", **{colour: f"c{place}" for place, colour in enumerate(COLOURS)}}
_DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1.5, 1.5)))
_MARKERS = "osD^vPX"
_WIDTH, _HEIGHT = 4.6, 2.15
_LEFT, _RIGHT, _TOP, _BELOW = 0.74, 0.12, 0.3, 0.46
_TITLE_LINE, _TITLE_LENGTH = 0.17, 54
_LEGEND_LINE, _TICK_LINE = 0.18, 0.14
_SVG, _LINK = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}"
_PRECISE, _PLACED = re.compile(r"(\.\d\d)\d+"), ("d", "x", "y", "transform")
_USED = re.compile(r"#([\w.-]+)")
_SMALL = 8.5
_REFERENCE = "reference"


def drawn(charts: Sequence[Chart], methods: Sequence[str]) -> list[tuple[Chart, str]]:
    """Return charts with the SVG of each, safe to stand in HTML; one that cannot be drawn is left out.

    Parameters
    ----------
    charts : sequence of Chart
        What to draw.
    methods : sequence of str
        In the order that gives each its colour, dashes and marker, in all charts the same.
    """
    styles = styles_of(methods)
    with own_style(), rc_context({"svg.fonttype": "none", "font.size": _SMALL}):
        tried = [(chart, _tried(chart, styles, place)) for place, chart in enumerate(charts)]
    return [(chart, svg) for chart, svg in tried if svg is not None]


def _tried(chart: Chart, styles: Mapping[str, Mapping[str, Any]], place: int) -> str | None:
    try:
        return _svg(chart, styles, place)
    except Exception as error:
        # The page is worth as much without this one.
        title = printable(f"{chart.dataset}: {chart.title}")
        _logger.warning("chart left out of the page: %s: %s", title, one_line(error))
        return None


def styles_of(methods: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return how the lines of each method are drawn, as matplotlib's properties, by name."""
    return {name: _style(place) for place, name in enumerate(methods)}


def _style(place: int) -> dict[str, Any]:
    return {
        "color": COLOURS[place % len(COLOURS)],
        "linestyle": _DASHES[place // len(COLOURS) % len(_DASHES)],
        "marker": _MARKERS[place % len(_MARKERS)],
    }


def _svg(chart: Chart, styles: Mapping[str, Mapping[str, Any]], place: int) -> str:
    styles = styles_in(chart, styles)
    names = list(styles)
    labels = {name: drawable(name) for name in names}
    rows = _legend_rows(list(labels.values()))
    titles = _titles(chart)
    top = _TOP + _TITLE_LINE * (len(titles) - 1)
    height = (
        top + _HEIGHT + _BELOW + (_TICK_LINE if chart.wavelengths else 0) + _LEGEND_LINE * len(rows) + 0.06
    )
    figure = Figure(figsize=(_WIDTH, height))
    bottom = height - top - _HEIGHT
    axes = figure.add_axes(
        (_LEFT / _WIDTH, bottom / height, (_WIDTH - _LEFT - _RIGHT) / _WIDTH, _HEIGHT / height)
    )
    for line, title in enumerate(titles):
        y = 1 - (0.2 + _TITLE_LINE * line) / height
        figure.text(0.01, y, title, color=_INK, size=9.5, weight="bold", parse_math=False)
    plot_chart(axes, chart, styles)
    axes.yaxis.set_label_coords((0.19 - _LEFT) / (_WIDTH - _LEFT - _RIGHT), 0.5)
    _legend(figure, rows, labels, styles, chart)
    with rc_context({"svg.hashsalt": f"a2ibench-{place}"}):
        stream = io.BytesIO()
        figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return _cleaned(stream.getvalue(), chart, {f"m{n}": name for n, name in enumerate(names)})


def _told(chart: Chart, name: str) -> str:
    """Return what a browser shows where a pointer rests on a method."""
    return ": ".join(
        [name, *dict.fromkeys(line.note for line in chart.lines if line.name == name and line.note)]
    )


def _titles(chart: Chart) -> list[str]:
    parts = [drawable(f"{chart.dataset}:"), drawable(chart.title)]
    if sum(map(len, parts)) < _TITLE_LENGTH:
        return [" ".join(parts)]
    return [text if len(text) <= _TITLE_LENGTH else f"{text[: _TITLE_LENGTH - 3]}..." for text in parts]


def styles_in(chart: Chart, styles: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Return the styles of what a chart shows, in its order; of the reference, too."""
    names = dict.fromkeys([*(line.name for line in chart.lines), *(name for name, _ in chart.levels)])
    return {name: styles.get(name, {"color": _INK, "linestyle": "--", "marker": ""}) for name in names}


def plot_chart(axes: Axes, chart: Chart, styles: Mapping[str, Mapping[str, Any]]) -> None:
    """Draw a chart without title and legend, in the styles that `styles_in` returns."""
    places = {name: place for place, name in enumerate(styles)}
    axes.set(xscale="log" if "x" in chart.log else "linear", yscale="log" if "y" in chart.log else "linear")
    for name, height in chart.levels:
        style = {**styles[name], "marker": "", "linestyle": ":"}
        axes.axhline(height, linewidth=1.3, gid=f"m{places[name]}", **style)
    for name, height in chart.thresholds:
        axes.axhline(height, color=_INK, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
        axes.annotate(
            name,
            (0.01, height),
            (0, 2),
            xycoords=axes.get_yaxis_transform(),
            textcoords="offset points",
            color=_INK,
            size=_SMALL,
            parse_math=False,
        )
    for line in chart.lines:
        _draw_line(axes, line, styles[line.name], f"m{places[line.name]}")
    if len(chart.front) > 1:
        spots = sorted((line.x[0], line.y[0]) for line in chart.lines if line.name in chart.front)
        across, along = zip(*spots, strict=True)
        axes.plot(across, along, color=_INK, linewidth=0.8, drawstyle="steps-post", zorder=0, alpha=0.6)
    _dress(axes, chart)


def _draw_line(axes: Axes, line: Line, style: Mapping[str, Any], gid: str) -> None:
    if len(line.x) > 1:
        marker = style["marker"] if len(line.x) < 12 else ""
        axes.plot(line.x, line.y, gid=gid, linewidth=1.3, markersize=4, **{**style, "marker": marker})
        return
    if line.spread is not None and all(map(math.isfinite, line.spread)):
        axes.plot(line.x * 2, line.spread, gid=gid, color=style["color"], linewidth=1)
    axes.plot(line.x, line.y, gid=gid, markersize=6.5, **{**style, "linestyle": ""})


def _dress(axes: Axes, chart: Chart) -> None:
    axes.grid(color=_GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    for side, spine in axes.spines.items():
        spine.set(color=_INK, linewidth=0.6, visible=side in ("left", "bottom"))
    axes.tick_params(which="both", colors=_INK, width=0.6, length=2.5)
    axes.set_xlabel(drawable(chart.x), color=_INK, parse_math=False)
    axes.set_ylabel(drawable(chart.y), color=_INK, parse_math=False)
    if chart.limits is not None:
        axes.set_ylim(*chart.limits)
    if chart.wavelengths:
        axes.set_xlim(left=0)
        axes.xaxis.set_major_formatter(FuncFormatter(_frequency))
    for axis in (axes.xaxis, axes.yaxis):
        if axis.get_scale() == "log":
            low, high = axis.get_view_interval()
            axis.set_major_formatter(_Plain())
            # Ticks without a number cost time.
            axis.set_minor_locator(NullLocator())
            # Within one decade its ends alone would tell too little, and all of its numbers would overlap.
            if high / low < 12:
                axis.set_major_locator(MaxNLocator(4))
                axis.set_major_formatter(FuncFormatter(_number))


def _frequency(value: float, _: int | None = None) -> str:
    return f"{value:.6g}\n{1 / value:.3g} nm" if value > 0 else "0"


class _Plain(LogFormatterSciNotation):
    """Ticks of a logarithmic axis as plain text, since mathematical text is many elements of SVG."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        return _number(x) if super().__call__(x, pos) else ""


def _number(value: float, _: int | None = None) -> str:
    return f"{value:,.6g}".replace("e+0", "e").replace("e-0", "e-")


def _legend_rows(labels: Sequence[str]) -> list[list[int]]:
    """Return which names stand in which row below the chart, by what they are wide."""
    rows: list[list[int]] = [[]]
    left = _room = _WIDTH - 0.1
    for place, label in enumerate(labels):
        wide = _entry_width(label)
        if rows[-1] and wide > left:
            rows.append([])
            left = _room
        rows[-1].append(place)
        left -= wide
    return rows


def _entry_width(label: str) -> float:
    return 0.42 + 0.072 * len(label)


def key_style(chart: Chart, name: str, style: Mapping[str, Any]) -> dict[str, Any]:
    """Return how a legend shows what stands in a chart under that name."""
    if name in {level for level, _ in chart.levels}:
        return {**style, "linestyle": ":", "marker": ""}
    if all(len(line.x) == 1 for line in chart.lines):
        return {**style, "linestyle": ""}
    if chart.lines and all(len(line.x) >= 12 for line in chart.lines):
        return {**style, "marker": ""}
    return dict(style)


def _legend(
    figure: Figure,
    rows: Sequence[Sequence[int]],
    labels: Mapping[str, str],
    styles: Mapping[str, Mapping[str, Any]],
    chart: Chart,
) -> None:
    width, height = (float(size) for size in figure.get_size_inches())
    names = list(labels)
    for number, row in enumerate(rows):
        y = (0.06 + _LEGEND_LINE * (len(rows) - number - 0.5)) / height
        left = 0.08
        for place in row:
            name = names[place]
            style = key_style(chart, name, styles[name])
            ends = [(left + 0.02) / width, (left + 0.15) / width, (left + 0.28) / width]
            mark = Line2D(ends, [y] * 3, markevery=[1], markersize=5, linewidth=1.3, **style)
            mark.set_gid(f"m{place}")
            figure.add_artist(mark)
            text = figure.text(
                (left + 0.33) / width, y, labels[name], color=_INK, va="center", parse_math=False
            )
            text.set_gid(f"m{place}")
            left += _entry_width(labels[name])


def _cleaned(content: bytes, chart: Chart, names: Mapping[str, str]) -> str:
    """Return an SVG as HTML takes it: named, without identifiers that others have, its lines by method."""
    root = ElementTree.fromstring(content)  # noqa: S314 (matplotlib's own)
    used = set(_USED.findall(content.decode()))
    for parent in root.iter():
        for child in [*parent]:
            if child.tag == f"{_SVG}metadata" or (child.tag == f"{_SVG}style"):
                parent.remove(child)
    for element in root.iter():
        _clean(element, used, names, chart)
    width, height = (root.attrib.pop(side).removesuffix("pt") for side in ("width", "height"))
    root.attrib.pop("version", None)
    label = f"{chart.dataset}: {chart.title}. {chart.words}"
    root.attrib.update(
        {
            "viewBox": f"0 0 {width} {height}",
            "role": "img",
            "aria-label": drawable_words(label),
            "style": "stroke-linejoin: round; stroke-linecap: butt",
        }
    )
    text = ElementTree.tostring(root, encoding="unicode")
    for colour, name in _NAMED.items():
        text = text.replace(colour, f"var(--{name}, {colour})")
    return text


def _clean(
    element: ElementTree.Element, used: Collection[str], names: Mapping[str, str], chart: Chart
) -> None:
    element.tag = element.tag.removeprefix(_SVG)
    for name in _PLACED:
        # A hundredth of a point is less than a screen or a printer shows.
        if (value := element.get(name)) is not None:
            element.set(name, _PRECISE.sub(r"\1", value))
    link = element.attrib.pop(f"{_LINK}href", None)
    if link is not None:
        element.set("href", link)
    method = names.get(element.get("id", ""))
    if method is not None:
        element.set("data-method", method)
        title = ElementTree.Element("title")
        title.text = drawable(_told(chart, method))
        element.insert(0, title)
    if element.get("id") is not None and element.get("id") not in used:
        del element.attrib["id"]


def drawable_words(text: str) -> str:
    """Return a text as XML can hold it, in one line."""
    return " ".join(text.split()).translate(dict.fromkeys(range(32)))
