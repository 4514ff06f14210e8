"""Plots of a run in one call."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure

import a2ibench
from a2ibench.bench.run import Run, read_run
from a2ibench.bench.scores_file import write_scores


@pytest.fixture
def run(make_run) -> Run:
    slices = {"psnr.xz": np.linspace(28, 30, 40), "psnr.yz": np.linspace(28, 30, 40)}
    jobs = [
        make_run.job(dataset, method, scores={"psnr": psnr}, timings={"fit": fit, "reconstruct": 2.0},
                     model={"params": 7.0} if fit else {}, slices=slices)
        for dataset in ("cells", "other")
        for method, psnr, fit in (("cubic", 29.0, 0.0), ("_net $x$", 30.5, 50.0))
    ]  # fmt: skip
    return read_run(make_run(*jobs, methods=["cubic", "_net $x$"]))


def test_quality_against_time_has_a_point_and_a_level(run: Run) -> None:
    figure = run.plot.quality_against_time()
    assert isinstance(figure, Figure)
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "cells: quality against fit time",
        "other: quality against fit time",
    ]
    axes = figure.axes[0]
    drawn = [(line.get_xdata()[0], line.get_ydata()[0]) for line in axes.lines]
    assert drawn == [(0, 29.0), (50.0, 30.5)]
    assert [text.get_text().strip() for text in axes.get_legend().get_texts()] == ["_net $x$", "cubic"]
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_each_slice_is_plotted_into_axes_that_are_given(run: Run) -> None:
    axes = Figure().add_subplot()
    assert run.plot.per_slice("other", plane="yz", axes=axes) is axes.figure
    assert np.allclose(axes.lines[0].get_ydata(), np.linspace(28, 30, 40))
    assert axes.get_xlabel() == "yz slice"


def test_reconstruction_time_and_size(run: Run) -> None:
    (axes,) = run.plot.quality_against_time("cells", phase="reconstruct").axes
    assert [line.get_xdata()[0] for line in axes.lines] == [2.0, 2.0]
    assert run.plot.quality_against_size("cells").axes[0].get_xlabel() == "parameters"


def test_a_training_is_plotted(run: Run) -> None:
    curve = run.files_of(run.records[1]).curve
    curve.write_text("step,loss\n1,0.5\n2,0.25\n3,0.125\n")
    (axes,) = run.plot.training().axes
    assert axes.lines[0].get_ydata() == pytest.approx([0.5, 0.25, 0.125])
    assert axes.get_yscale() == "log"


def test_the_fourier_shell_correlation_is_plotted(run: Run) -> None:
    frequency, correlation = np.array([0.01, 0.02, 0.03]), np.array([1.0, 0.75, 0.25])
    curves = {"fsc_axial": {wedge: a2ibench.Curve(frequency, correlation) for wedge in ("axial", "lateral")}}
    write_scores(run.files_of(run.records[1]).scores, {}, curves)
    found = Run(run.folder, run.options, records=tuple(replace(one, files=None) for one in run.records))
    (axes,) = found.plot.fsc("cells", wedge="lateral").axes
    assert axes.get_title(loc="left") == "cells: lateral Fourier shell correlation"
    assert axes.lines[-1].get_ydata() == pytest.approx(correlation)
    with pytest.raises(a2ibench.InputError, match="wedge is sagittal"):
        found.plot.fsc(wedge="sagittal")


def test_what_cannot_be_plotted_is_one_clear_line(run: Run) -> None:
    with pytest.raises(a2ibench.InputError, match=r"nothing to plot \(axial_power\)"):
        run.plot.axial_power()
    with pytest.raises(a2ibench.InputError, match=r"\(lpips.xz\)"):
        run.plot.per_slice(metric="lpips")
    with pytest.raises(a2ibench.InputError, match='give "fit" or "reconstruct"'):
        run.plot.quality_against_time(phase="load")
    with pytest.raises(a2ibench.InputError, match='give "params"'):
        run.plot.quality_against_size(size="bytes")
    with pytest.raises(a2ibench.UnknownNameError, match="did you mean 'cells'"):
        run.plot.training("cell")
    with pytest.raises(a2ibench.InputError, match="axes take one dataset, and there are cells, other"):
        run.plot.per_slice(axes=Figure().add_subplot())
