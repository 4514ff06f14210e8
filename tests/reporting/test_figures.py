from __future__ import annotations

import math
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg

from a2ibench.bench.run import read_run
from a2ibench.reporting.canvas import round_length
from a2ibench.reporting.figures import draw, write_figures
from a2ibench.reporting.panels import figure_data, textured_window


def planes(shape, *, reference=True, offset=4, seed=0):
    rng = np.random.default_rng(seed)
    truth = rng.integers(20, 230, shape, dtype=np.uint8)
    start = np.clip(truth.astype(int) + 8, 0, 255).astype(np.uint8)
    made = {
        "prediction": (truth.astype(int) + offset).astype(np.uint8),
        "interpolated": start,
        "lo": 0.0,
        "data_range": 255.0,
    }
    return made | ({"reference": truth} if reference else {})


def scene_of(run):
    return figure_data(read_run(run).records, read_run(run).files_of)


def titles_and_blanks(scene):
    return [(panel.title, panel.error is None) for panel in scene.panels]


def test_panels_are_reference_input_and_methods(make_run):
    job = make_run.job
    run = make_run(
        job(method="one", scores={"psnr": 30.614}, planes=planes((20, 24), offset=3)),
        job(method="two", planes=planes((20, 24), offset=0)),
    )
    scene = scene_of(run)
    assert titles_and_blanks(scene) == [
        ("reference", True),
        ("cubic input", False),
        ("one  30.61 dB", False),
        ("two", False),
    ]
    assert [np.unique(panel.error).tolist() for panel in scene.panels[1:]] == [[8], [3], [0]]
    assert scene.error_label == "prediction minus reference"
    assert scene.error_limit == 8
    truth = planes((20, 24))["reference"]
    np.testing.assert_allclose(scene.limits, np.percentile(truth, [1, 99]))
    assert scene.spacing == 8.0


def test_baseline_method_takes_the_place_of_the_input(make_run):
    same = planes((20, 24)) | {"prediction": planes((20, 24))["interpolated"]}
    run = make_run(make_run.job(method="cubic", scores={"psnr": 30.0}, planes=same))
    assert [panel.title for panel in scene_of(run).panels] == ["reference", "cubic  30.00 dB"]


def test_baseline_of_other_settings_stands_beside_the_input(make_run):
    run = make_run(make_run.job(method="cubic", planes=planes((20, 24))))
    assert [panel.title for panel in scene_of(run).panels] == ["reference", "cubic input", "cubic"]


def test_without_reference_methods_are_compared_with_the_input(make_run):
    job = make_run.job
    start = planes((20, 24), reference=False)
    run = make_run(
        job(method="cubic", planes=start | {"prediction": start["interpolated"]}),
        job(method="net", planes=start),
    )
    scene = scene_of(run)
    assert titles_and_blanks(scene) == [("cubic input", True), ("net", False)]
    assert np.unique(scene.panels[1].error).tolist() == [-4]
    assert scene.error_label == "difference to cubic input"


def test_titles_are_means_and_the_plane_is_that_of_the_nearest_seed(make_run):
    job = make_run.job
    run = make_run(
        job(method="net", seed=0, status="oom"),
        job(method="net", seed=1, scores={"psnr": 30.0}, planes=planes((20, 24))),
        job(method="net", seed=2, scores={"psnr": 32.0}, planes=planes((20, 24))),
        job(method="net", seed=3, scores={"psnr": 31.3}, planes=planes((20, 24))),
    )
    scene = scene_of(run)
    assert [panel.title for panel in scene.panels][2:] == ["net  31.10 ± 1.01 dB (seed 3)"]
    about = draw(scene).texts[1].get_text()
    assert about.endswith("PSNR of the whole volume, mean over seeds; one shown")


def test_without_scores_the_seed_is_named_all_the_same(make_run):
    jobs = (make_run.job(method="net", seed=seed, planes=planes((20, 24))) for seed in (4, 5))
    assert [panel.title for panel in scene_of(make_run(*jobs)).panels][-1] == "net (seed 4)"


def test_damaged_missing_and_misshapen_planes_are_left_out(make_run):
    job = make_run.job
    bad = planes((20, 24))
    run = make_run(
        job("a", "good", planes=planes((20, 24))),
        job("a", "absent"),
        job("a", "damaged", planes=planes((20, 24))),
        job("a", "other-shape", planes=planes((20, 30))),
        job("a", "mixed", planes=bad | {"prediction": bad["prediction"][:10]}),
        job("a", "partial", planes={"prediction": bad["prediction"]}),
        job("a", "failed", status="error", planes=planes((20, 24))),
        job("b", "failed", status="error"),
    )
    (run / "jobs" / "a--damaged--s0" / "slices.npz").write_bytes(b"PK\x03\x04 cut")
    found = read_run(run)
    scene = figure_data([record for record in found.records if record.dataset == "a"], found.files_of)
    assert [panel.title for panel in scene.panels] == ["reference", "cubic input", "good"]
    assert [path.name for path in write_figures(read_run(run))] == ["a.png"]


@pytest.mark.parametrize(
    ("shape", "methods", "inches"),
    [
        ((40, 40), 1, (3 * 2.97 - 0.07, 0.21 + 2 * 2.97)),
        ((40, 40), 6, (4 * 2.37 - 0.07, 2 * (0.21 + 2 * 2.37))),
        ((20, 100), 2, (2 * 5.82 + 1.15, 4 * 1.43)),
        ((90, 30), 1, (4.6, 0.21 + 2 * 3.47)),
    ],
)
def test_size_follows_shape_and_number_of_planes(make_run, shape, methods, inches):
    job = make_run.job
    run = make_run(*(job(method=f"m{i}", planes=planes(shape, offset=i)) for i in range(methods)))
    (path,) = write_figures(read_run(run))
    image = matplotlib.image.imread(path)
    width, height = inches[0] + 0.24, inches[1] + 0.52
    assert image.shape[1] == pytest.approx(200 * width, abs=2)
    assert image.shape[0] == pytest.approx(200 * height, abs=2)


def test_every_panel_has_content_and_errors_have_their_sign(make_run):
    high, low = planes((40, 40), offset=12), planes((40, 40), offset=-12)
    run = make_run(make_run.job(method="high", planes=high), make_run.job(method="low", planes=low))
    figure = draw(scene_of(run))
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[..., :3].astype(int)
    drawn = [axes for axes in figure.axes if axes.images]
    parts = []
    for axes in drawn:
        left, bottom, right, top = axes.get_window_extent().extents.round().astype(int)
        parts.append(pixels[pixels.shape[0] - top + 3 : pixels.shape[0] - bottom - 3, left + 3 : right - 3])
    # Per panel: plane, enlarged window and, after the reference, the error.
    assert len(parts) == 2 + 3 + 3 + 3
    planes_and_windows = [part for index, part in enumerate(parts) if index not in (4, 7, 10)]
    assert all(part.std() > 20 for part in planes_and_windows)
    for index, positive in ((4, True), (7, True), (10, False)):
        red, blue = parts[index][..., 0].mean(), parts[index][..., 2].mean()
        assert (red > blue) == positive


def test_dark_window_is_found_and_enlarged_everywhere(make_run):
    image = np.full((60, 80), 100, np.uint8)
    image[30:44, 50:64] = np.indices((14, 14)).sum(0) % 4 // 2 * 100 + 60
    row, column = textured_window(image.astype(np.float32), 16)
    assert abs(row - 29) <= 2
    assert abs(column - 49) <= 2


@given(st.integers(4, 40), st.integers(4, 40), st.integers(0, 2**31), st.data())
def test_window_lies_within_the_image(rows, columns, seed, data):
    side = data.draw(st.integers(1, min(rows, columns)))
    image = np.random.default_rng(seed).random((rows, columns), dtype=np.float32)
    row, column = textured_window(image, side)
    assert 0 <= row <= rows - side
    assert 0 <= column <= columns - side


@given(st.floats(1e-3, 1e7))
def test_scale_bar_has_a_round_length(longest):
    length = round_length(longest)
    assert length <= longest < 2.5 * length * (1 + 1e-9)
    digit = length / 10 ** math.floor(math.log10(length) + 1e-9)
    assert min(abs(digit - known) for known in (1, 2, 5)) < 1e-6


@pytest.mark.parametrize("shape", [(2, 2), (3, 50), (50, 3), (12, 16)])
def test_tiny_planes_and_an_unknown_voxel_size(make_run, shape):
    record, *arrays = make_run.job(planes=planes(shape))
    record["provenance"] = {"protocol_version": 1}
    (path,) = write_figures(read_run(make_run((record, *arrays))))
    assert matplotlib.image.imread(path)[..., :3].std() > 0.01


def test_identical_flat_planes_can_be_drawn(make_run):
    flat = np.full((20, 20), 7, np.uint8)
    run = make_run(make_run.job(planes={"prediction": flat, "interpolated": flat, "reference": flat}))
    assert len(write_figures(read_run(run))) == 1


def test_same_run_gives_the_same_bytes(make_run):
    run = make_run(make_run.job(planes=planes((20, 24))))
    first = write_figures(read_run(run))[0].read_bytes()
    assert write_figures(read_run(run))[0].read_bytes() == first
    assert [path.name for path in (run / "figures").iterdir()] == ["cells.png"]


def test_pyplot_is_not_touched(make_run):
    from matplotlib import pyplot

    write_figures(read_run(make_run(make_run.job(planes=planes((20, 24))))))
    assert pyplot.get_fignums() == []


def test_real_planes(make_run, shared_data: Path):
    truth = tifffile.imread(shared_data / "epfl_ca1_15nm_dev.tif")[:48, 120]
    coarse = truth.reshape(16, 3, -1).mean(1).repeat(3, 0).astype(np.uint8)
    arrays = {"prediction": coarse, "interpolated": coarse, "reference": truth}
    run = make_run(make_run.job(scores={"psnr": 25.0}, planes=arrays))
    scene = scene_of(run)
    row, column = textured_window(scene.panels[0].image, 24)
    chosen = truth[row : row + 24, column : column + 24].astype(float)
    assert chosen.std() > truth.std() * 0.8
    (path,) = write_figures(read_run(run))
    assert matplotlib.image.imread(path).shape[1] > 2000
