"""The charts of report.html as matplotlib figures, one call each: ``run.plot.quality_against_time()``."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import cast

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from a2ibench.bench.run import Run
from a2ibench.errors import InputError, UnknownNameError, one_line
from a2ibench.metrics.fsc import WEDGES
from a2ibench.reporting.canvas import drawable, own_style
from a2ibench.reporting.page.chart import Chart
from a2ibench.reporting.page.curves import CORRELATION, COSTS, POWER, SLICES, TRAINING, charts
from a2ibench.reporting.page.drawing import key_style, plot_chart, styles_in, styles_of

_WIDTH, _HEIGHT = 6.0, 3.0


class RunPlots:
    """Plots of a run, dataset below dataset.

    Each method takes `dataset`, the name of one, and `axes`, matplotlib axes to draw one dataset into, and
    returns the matplotlib figure. It is not known to pyplot: a notebook shows it where it is the value of a
    cell, and ``figure.savefig`` saves it.

    Parameters
    ----------
    run : Run
        The run.
    """

    def __init__(self, run: Run) -> None:
        self._run = run

    def quality_against_time(
        self, dataset: str | None = None, *, phase: str = "fit", axes: Axes | None = None
    ) -> Figure:
        """Plot the quality against the seconds of a phase, and join what no other is better and faster than.

        Quality is the PSNR where there is a reference, else the in-plane PSNR. A bar is the 95 % interval
        over the seeds. What takes no time, as the training of cubic interpolation, is a dotted line.

        Parameters
        ----------
        dataset : str, optional
            One of the run's; all by default.
        phase : {"fit", "reconstruct"}
            What takes the time.
        axes : matplotlib.axes.Axes, optional
            Where to draw; takes a `dataset` where the run has several.

        Raises
        ------
        InputError
            If the run has no such results, or several datasets are to be drawn into `axes`.
        UnknownNameError
            If the run has no such dataset.
        """
        if phase not in ("fit", "reconstruct"):
            raise InputError(f'phase is {one_line(str(phase))}; give "fit" or "reconstruct"')
        return self._draw(COSTS, phase, dataset, axes)

    def quality_against_size(
        self, dataset: str | None = None, *, size: str = "params", axes: Axes | None = None
    ) -> Figure:
        """Plot the quality against parameters (``"params"``) or multiply-adds (``"macs_per_voxel"``).

        Else as `quality_against_time`.
        """
        if size not in ("params", "macs_per_voxel"):
            raise InputError(f'size is {one_line(str(size))}; give "params" or "macs_per_voxel"')
        return self._draw(COSTS, size, dataset, axes)

    def per_slice(
        self,
        dataset: str | None = None,
        *,
        metric: str = "psnr",
        plane: str = "xz",
        axes: Axes | None = None,
    ) -> Figure:
        """Plot the score of each slice, the mean over the seeds.

        Parameters
        ----------
        dataset : str, optional
            One of the run's; all by default.
        metric : {"psnr", "ssim"}
            The score.
        plane : {"xz", "yz"}
            The slices.
        axes : matplotlib.axes.Axes, optional
            Where to draw; takes a `dataset` where the run has several.

        Raises
        ------
        InputError, UnknownNameError
            As `quality_against_time`.
        """
        return self._draw(SLICES, f"{metric}.{plane}", dataset, axes)

    def training(self, dataset: str | None = None, *, axes: Axes | None = None) -> Figure:
        """Plot the loss of each training; losses of two methods may be of two kinds."""
        return self._draw(TRAINING, TRAINING, dataset, axes)

    def axial_power(self, dataset: str | None = None, *, axes: Axes | None = None) -> Figure:
        """Plot how much of the lateral power there is along z, octave by octave. It is no score."""
        return self._draw(POWER, POWER, dataset, axes)

    def fsc(self, dataset: str | None = None, *, wedge: str = "axial", axes: Axes | None = None) -> Figure:
        """Plot the Fourier shell correlation with the reference, the mean over the seeds.

        Parameters
        ----------
        dataset : str, optional
            One of the run's; all by default.
        wedge : {"axial", "lateral"}
            The directions.
        axes : matplotlib.axes.Axes, optional
            Where to draw; takes a `dataset` where the run has several.

        Raises
        ------
        InputError, UnknownNameError
            As `quality_against_time`.
        """
        if wedge not in WEDGES:
            raise InputError(f'wedge is {one_line(str(wedge))}; give "axial" or "lateral"')
        return self._draw(CORRELATION, f"fsc.{wedge}", dataset, axes)

    def _draw(self, part: str, kind: str, dataset: str | None, axes: Axes | None) -> Figure:
        if dataset is not None and dataset not in self._run.datasets:
            raise UnknownNameError("dataset", dataset, self._run.datasets)
        found = [one for one in charts(self._run, (part,)) if one.kind == kind]
        wanted = [one for one in found if dataset is None or one.dataset == dataset]
        if not wanted:
            raise InputError(_nothing(self._run, kind, dataset, [one.dataset for one in found]))
        if axes is None:
            return _figure(wanted, self._run.methods)
        if len(wanted) > 1:
            names = ", ".join(one.dataset for one in wanted)
            raise InputError(f"axes take one dataset, and there are {one_line(names)}; name one")
        _fill(axes, wanted[0], self._run.methods)
        return cast(Figure, axes.figure)


def _nothing(run: Run, kind: str, dataset: str | None, others: Sequence[str]) -> str:
    place = str(run.folder) if dataset is None else f"{run.folder}: {dataset}"
    if others:
        return one_line(f"{place}: nothing to plot ({kind}); there is of {', '.join(others)}", 400)
    return one_line(f"{place}: nothing to plot ({kind}); no job that is ok has left it", 400)


class ShownFigure(Figure):
    """A figure that notebooks show, also where pyplot was never imported."""

    def _repr_png_(self) -> bytes | None:
        stream = io.BytesIO()
        try:
            self.savefig(stream, format="png", dpi=110)
        except Exception:
            # Notebooks then show the text.
            return None
        return stream.getvalue()


def _figure(wanted: Sequence[Chart], methods: Sequence[str]) -> Figure:
    with own_style():
        figure = ShownFigure(figsize=(_WIDTH, _HEIGHT * len(wanted)), layout="constrained")
        for place, chart in enumerate(wanted, start=1):
            _fill(figure.add_subplot(len(wanted), 1, place), chart, methods)
    return figure


def _fill(axes: Axes, chart: Chart, methods: Sequence[str]) -> None:
    styles = styles_in(chart, styles_of(methods))
    plot_chart(axes, chart, styles)
    axes.set_title(drawable(f"{chart.dataset}: {chart.title}"), loc="left", fontsize=10, parse_math=False)
    keys = [Line2D([], [], **key_style(chart, name, style)) for name, style in styles.items()]
    # A name that begins with an underscore would be left out.
    labels = [f" {label}" if label.startswith("_") else label for label in map(drawable, styles)]
    legend = axes.legend(keys, labels, loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False, fontsize=8)
    for text in legend.get_texts():
        text.set_parse_math(False)
