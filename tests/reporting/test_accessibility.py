"""What axe, which knows the rules of WCAG that a program can check, has against the pages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import matplotlib.image
import numpy as np

from a2ibench.bench.kept_planes import save_planes
from a2ibench.bench.run import read_run
from a2ibench.bench.scores_file import write_scores
from a2ibench.contracts import Curve, Volume
from a2ibench.inspection import Finding
from a2ibench.recommendation.expectations import WARNING
from a2ibench.recommendation.page import page as recommendation_page
from a2ibench.recommendation.ranking import Ranked
from a2ibench.reporting.page.page import page, write_page

Complaints = Callable[[Path], list[str]]


def test_a_report_with_everything_on_it(make_run, complaints: Complaints) -> None:
    error = {"type": "RuntimeError", "message": "no 8x8 window", "traceback": "Traceback"}
    ours = {"timings": {"fit": 3.0, "reconstruct": 2.0}, "model": {"params": 70.0, "macs_per_voxel": 9.0}}
    jobs = [
        make_run.job("cells", "cubic", scores={"psnr": 29.0, "ssim": 0.8}, timings={"reconstruct": 1.0}),
        make_run.job("cells", "net", scores={"psnr": 30.0, "ssim": 0.9}, **ours),
        make_run.job("cells", "net", 1, scores={"psnr": 30.5, "ssim": 0.9}, **ours),
        make_run.job("cells", "broken", status="error", error=error),
        make_run.job("cells", "shy", status="skipped", reason="it has seen this volume"),
        make_run.job("acquired", "cubic", scores={"in_plane_psnr": 25.0, "consistency": 1.0}),
        make_run.job("acquired", "net", scores={"in_plane_psnr": 26.0, "consistency": 1.1}, **ours,
                     metric_errors={"lpips": "no file of weights"}),
    ]  # fmt: skip
    found = read_run(make_run(*jobs))
    truth = np.random.default_rng(0).integers(0, 255, (12, 14, 16)).astype(np.uint8)
    curve = Curve(np.array([0.01, 0.02, 0.03]), np.array([1.0, 0.6, 0.1]))
    for record in found.records:
        if record.ok:
            reference = truth if record.dataset == "cells" else None
            files = found.files_of(record)
            save_planes(
                files.folder, 3, truth[::-1], reference, Volume(truth[::3], (30.0, 10.0, 10.0), (0, 255))
            )
            if reference is not None:
                write_scores(files.scores, {}, {"fsc_axial": {"axial": curve, "lateral": curve}})
            if record.method == "net":
                files.curve.write_text("step,loss\n1,0.5\n2,0.25\n")
    # Records of an earlier day do not tell what lies beside them.
    run = replace(found, records=tuple(replace(one, files=None) for one in found.records))
    (file,) = write_page(run)
    text = file.read_text(encoding="utf-8")
    for part in ("axial Fourier shell correlation", "a2i-look-1", "no 8x8 window", "training loss"):
        assert part in text
    assert complaints(file) == []


def test_the_page_of_a_recommendation(tmp_path: Path, complaints: Complaints) -> None:
    figure = tmp_path / "planes.png"
    matplotlib.image.imsave(figure, np.zeros((20, 30)))
    ranking = [Ranked("net", 31.2, 1.2, 1.1, 1.3, 2e6, 1.0), Ranked("other", reason="error: out of memory")]
    findings = [
        Finding("shifts", 3.1, "px", 1.0, False, "slices are shifted", "align them first"),
        Finding("gaps", 0.0, "", None, True, "no slice is missing"),
    ]
    expectations = ["about 3 hours", f"{WARNING} slices are shifted"]
    text = recommendation_page(
        "/data/stack.tif", "net", "a2ibench reconstruct stack.tif", expectations, findings, ranking, [figure]
    )
    file = tmp_path / "recommendation.html"
    file.write_text(text, encoding="utf-8")
    assert complaints(file) == []


def test_what_is_wrong_is_found(make_run, tmp_path: Path, complaints: Complaints) -> None:
    run = read_run(make_run(make_run.job(scores={"psnr": 29.0})))
    file = tmp_path / "page.html"
    text = page(run).replace("--soft: #55585e", "--soft: #b5b8be").replace('<html lang="en">', "<html>")
    file.write_text(text.replace("--soft: #a9adb5", "--soft: #505560"), encoding="utf-8")
    found = complaints(file)
    for told in ("1400 light: color-contrast", "390 dark: color-contrast", "390 dark: html-has-lang"):
        assert any(line.startswith(told) for line in found), told
