from __future__ import annotations

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex

from a2ibench.bench.run import read_run
from a2ibench.reporting.axial_power import axial_power_curves, draw_axial_power
from a2ibench.reporting.figures import write_figures

OCTAVES = [0.01, 0.02, 0.04]


def job(make_run, dataset, method, ratio, seed=0, octaves=OCTAVES, **told):
    record, *arrays = make_run.job(dataset, method, seed)
    record["provenance"]["axial_power"] = {"octaves": octaves, "ratio": ratio} | told
    return (record, *arrays)


@pytest.fixture
def run(make_run):
    reference = [0.9, 1.0, 1.1]
    return read_run(
        make_run(
            job(make_run, "cells", "cubic", [0.8, 0.1, 0.001], reference=reference),
            job(make_run, "cells", "net", [0.9, 0.4, 0.1], reference=reference),
            job(make_run, "cells", "net", [0.9, 0.1, 0.001], 1, reference=reference),
            job(make_run, "cells", "other-octaves", [1.0, 1.0], octaves=[0.01, 0.02]),
            job(make_run, "cells", "of-zeros", [1.0, 0.0, 0.1]),
            job(make_run, "cells", "uneven", [1.0, 0.1]),
            make_run.job("cells", "silent"),
            job(make_run, "stack", "net", [0.7, 0.3, 0.2]),
            datasets=["cells", "stack"],
            methods=["cubic", "net"],
        )
    )


def test_curves_are_means_over_seeds_of_what_records_tell(run):
    cells, stack = axial_power_curves(run.records)
    assert (cells.dataset, list(cells.methods)) == ("cells", ["cubic", "net"])
    assert cells.octaves == tuple(OCTAVES)
    np.testing.assert_allclose(cells.methods["net"], [0.9, 0.2, 0.01])
    assert cells.reference == (0.9, 1.0, 1.1)
    assert (stack.dataset, stack.methods, stack.reference) == ("stack", {"net": (0.7, 0.3, 0.2)}, ())


def test_each_panel_shows_its_lines_and_the_key_names_them(run):
    figure = draw_axial_power(axial_power_curves(run.records))
    first, second = figure.axes
    lines = {tuple(np.round(line.get_ydata(), 6)): line for line in first.lines}
    assert lines[0.9, 1.0, 1.1].get_linestyle() == "--"
    assert lines[0.8, 0.1, 0.001].get_linestyle() == lines[0.9, 0.2, 0.01].get_linestyle() == "-"
    (net,) = (line for line in second.lines if len(line.get_ydata()) == 3)
    # A method has one colour in all panels.
    assert to_hex(net.get_color()) == to_hex(lines[0.9, 0.2, 0.01].get_color())
    assert to_hex(net.get_color()) != to_hex(lines[0.8, 0.1, 0.001].get_color())
    assert [text.get_text() for text in second.get_legend().get_texts()] == ["reference", "cubic", "net"]
    # Octaves around 0.01, 0.02 and 0.04 cycles/nm.
    assert [text.get_text() for text in first.get_xticklabels()] == ["70.7-141", "35.4-70.7", "17.7-35.4"]
    assert first.get_ylim() == second.get_ylim()


def test_nothing_leaves_the_figure_or_lies_over_something_else(run):
    figure = draw_axial_power(axial_power_curves(run.records))
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    parts = [axes.get_tightbbox() for axes in figure.axes]
    parts += [text.get_window_extent() for text in figure.texts]
    whole = figure.bbox
    assert all(whole.x0 <= part.x0 and part.x1 <= whole.x1 for part in parts)
    assert all(whole.y0 <= part.y0 and part.y1 <= whole.y1 for part in parts)
    overlapping = [(a, b) for i, a in enumerate(parts) for b in parts[:i] if a.overlaps(b)]
    assert not overlapping


def test_it_is_written_where_records_tell_of_it_and_nowhere_else(run, tmp_path):
    assert write_figures(run) == [run.files.axial_power]
    content = run.files.axial_power.read_bytes()
    write_figures(run)
    assert run.files.axial_power.read_bytes() == content


def test_without_any_there_is_no_figure(make_run):
    assert write_figures(read_run(make_run(make_run.job("cells", "silent")))) == []
