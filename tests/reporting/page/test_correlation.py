"""The charts of the Fourier shell correlation, from volumes to the numbers that are saved."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
from scipy.fft import irfft, rfft

from a2ibench.bench.record import write_record
from a2ibench.bench.run import Run
from a2ibench.bench.scores_file import write_scores
from a2ibench.bench.scoring import score
from a2ibench.contracts import Curve, ScoreContext, Volume
from a2ibench.reporting.page.chart import Chart, Line
from a2ibench.reporting.page.correlation import correlations
from a2ibench.reporting.page.curves import charts
from a2ibench.reporting.page.drawing import drawn

VOXEL, SIGMA, NOISE = 8.0, 1.3, 0.05
X = np.array([0.01, 0.02, 0.03, 0.04])


def curves(axial, lateral, x=X):
    found = {"axial": Curve(x, np.array(axial)), "lateral": Curve(x, np.array(lateral))}
    return {"fsc_axial": found}


@pytest.fixture(scope="module")
def blurred():
    """What is kept of white volumes that are blurred along z by a known transfer, with white noise."""
    found = []
    for seed in range(2):
        reference, noise = np.random.default_rng(seed).standard_normal((2, 96, 96, 96), np.float32)
        gain = np.exp(-2 * (np.pi * SIGMA * np.arange(49) / 96) ** 2)
        prediction = np.moveaxis(irfft(rfft(np.moveaxis(reference, 0, -1)) * gain, 96), -1, 0)
        acquired = Volume(reference[::2], (2 * VOXEL, VOXEL, VOXEL), (0.0, 1.0))
        context = ScoreContext(
            prediction + math.sqrt(NOISE) * noise, reference, 1.0, (VOXEL,) * 3, acquired, 2.0
        )
        found.append(score(("fsc_axial",), context))
    return found


def test_charts_of_a_run_are_the_closed_form_of_a_known_blur(blurred, make_record, tmp_path: Path):
    records = []
    for seed, scores in enumerate(blurred):
        record = make_record("white", "net", seed, {"fsc_axial": scores.metrics["fsc_axial"].value})
        folder = tmp_path / "jobs" / record.name
        folder.mkdir(parents=True)
        scores.save(folder)
        records.append(write_record(folder, record))
    found = charts(Run(tmp_path, records=tuple(records)), ("fsc",))
    assert [chart.kind for chart in found] == ["fsc.axial", "fsc.lateral"]
    # Of a cone of 30 degrees, directions are uniform in their cosine; S is 1.
    along = np.linspace(math.cos(math.radians(30)), 1, 400)
    for chart in found:
        (line,) = chart.lines
        frequency = np.array(line.x) * VOXEL
        if chart.kind == "fsc.axial":
            gain = np.exp(-2 * (np.pi * SIGMA * frequency[:, None] * along) ** 2)
            wanted = gain.mean(axis=1) / np.sqrt((gain**2).mean(axis=1) + NOISE)
            np.testing.assert_allclose(line.y[6:], wanted[6:], atol=0.05)
            resolution = np.mean([scores.metrics["fsc_axial"].value for scores in blurred])
            at = float(re.search(r"below 1/2 at ([\d.]+) nm", line.note)[1])
            assert at == pytest.approx(resolution, rel=0.02)
            assert at == pytest.approx(VOXEL / frequency[np.flatnonzero(wanted < 0.5)[0]], rel=0.06)
        else:
            assert line.note == "never below 1/2, never below 1/7"
        assert f"net {line.note}" in chart.words
        assert dict(chart.thresholds) == {"1/2": 0.5, "1/7": 1 / 7}
    assert found[0].limits == found[1].limits


def test_seeds_are_averaged_and_other_shells_left_out():
    jobs = [
        ("a", curves([1.0, 0.8, 0.2, 0.0], [1, 1, 1, 1])),
        ("a", curves([1.0, 0.6, 0.4, 0.0], [1, 1, 1, 0.5])),
        ("b", curves([1.0, 0.4, 0.4, 0.4], [np.nan, 1, 1, 1])),
        ("c", curves([1.0, 0.4, 0.4, 0.4], [1, 1, 1, 1], x=2 * X)),
        ("old", {}),
    ]
    axial, lateral = correlations("d", jobs)
    assert [line.name for line in axial.lines] == ["a", "b"]
    assert axial.lines[0].y == (1.0, 0.7, 0.3, 0.0)
    assert axial.lines[0].note == f"below 1/2 at {1 / 0.025:.1f} nm, below 1/7 at {1 / 0.03524:.1f} nm"
    assert axial.lines[1].note == f"below 1/2 at {6 / 0.11:.1f} nm, never below 1/7"
    assert lateral.lines[1].note == "below 1/2 at no known wavelength, below 1/7 at no known wavelength"
    assert list(correlations("d", [("old", {}), ("other", {"mine": {}})])) == []


def test_any_of_the_metrics_will_do():
    kept = {"fsc_lateral_143": curves([1, 0.9, 0.8, 0.7], [1, 1, 1, 1])["fsc_axial"]}
    assert [chart.kind for chart in correlations("d", [("a", kept)])] == ["fsc.axial", "fsc.lateral"]


def test_the_picture_tells_frequencies_wavelengths_and_thresholds():
    ((_, svg), _) = drawn(list(correlations("d", [("a", curves([1, 0.6, 0.3, 0], [1] * 4))])), ["a"])
    texts = re.findall(r"<text[^>]*>(.*?)</text>", svg, re.DOTALL)
    text = " ".join(re.sub(r"<[^>]+>", " ", one) for one in texts)
    for told in ("0.02", "50 nm", "0.04", "25 nm", "1/2", "1/7", "spatial frequency (cycles/nm)"):
        assert told in text
    assert "<title>a: below 1/2 at 42.9 nm, below 1/7 at 28.4 nm</title>" in svg


def test_a_method_that_is_not_measured_costs_the_others_nothing(make_record, tmp_path: Path):
    records = [make_record("d", method, 0, {"psnr": 30.0}) for method in ("new", "old")]
    write = tmp_path / "jobs" / records[0].name
    write.mkdir(parents=True)
    write_scores(write / "scores.npz", {}, curves([1, 0.6, 0.3, 0], [1] * 4))
    found = charts(Run(tmp_path, records=tuple(records)), ("fsc",))
    assert [[line.name for line in chart.lines] for chart in found] == [["new"], ["new"]]


def test_numbers_that_are_saved_are_those_that_are_drawn():
    lines = (
        Line("a", (1.0, 2.0), (0.5, math.nan)),
        Line("b", (1.0, 2.0), (3.0, 4.0)),
        Line("c", (5.0,), (6.0,), spread=(5.5, 6.5)),
    )
    chart = Chart("k", "d", "t", "step", "loss", lines, levels=(("e", 7.0),))
    assert json.loads(chart.numbers()) == {
        "head": ["method", "step", "loss", "low", "high"],
        "lines": [
            ["a", [1.0, 2.0], [0.5, None]],
            ["b", None, [3.0, 4.0]],
            ["c", [5.0], [6.0], [5.5], [6.5]],
            ["e", [None], [7.0]],
        ],
    }
