"""Folders of runs as a2ibench.bench leaves them, and a browser that opens what is made of them."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from a2ibench.bench.record import Record, write_record
from a2ibench.files import plain


def job(
    dataset="cells",
    method="cubic",
    seed=0,
    *,
    status="ok",
    scores=None,
    version=1,
    protocol=1,
    timings=None,
    model=None,
    planes=None,
    slices=None,
    **fields,
):
    """One job: its record, and the arrays of slices.npz and scores.npz, if any."""
    record = {
        "dataset": dataset,
        "method": method,
        "seed": seed,
        "status": status,
        "metrics": {name: {"value": value, "version": version} for name, value in (scores or {}).items()},
        "timings": timings or {},
        "memory": {"process": 3 << 30},
        "model": model or {},
        "provenance": {
            "protocol_version": protocol,
            "profile": "smoke",
            "device": "cpu",
            "precision": "fp32",
            "dataset": {"name": dataset, "voxel_size": [8.0, 8.0, 8.0]},
        },
        "error": None,
    }
    return record | fields, planes, slices


@pytest.fixture
def make_run(tmp_path):
    def make(*jobs, datasets=(), methods=()):
        for record, planes, slices in jobs:
            folder = tmp_path / "jobs" / f"{record['dataset']}--{record['method']}--s{record['seed']}"
            folder.mkdir(parents=True)
            if planes is not None:
                np.savez_compressed(folder / "slices.npz", **planes)
            if slices is not None:
                np.savez_compressed(folder / "scores.npz", **slices)
            write_record(folder, Record.from_dict(plain(record)))
        if datasets or methods:
            plan = {"datasets": [{"name": name} for name in datasets], "methods": list(methods)}
            (tmp_path / "run.json").write_text(json.dumps({"plan": plan}))
        return tmp_path

    make.job = job
    return make


_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


@pytest.fixture(scope="session")
def browser():
    """Start headless Chromium."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright, of the extra test")
    program = next(filter(None, map(shutil.which, _NAMES)), None)
    if program is None:
        pytest.skip("needs Chromium, which is not found")
    with sync_api.sync_playwright() as playwright:
        # Within a container its own sandbox cannot be made; what is opened here is ours.
        started = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def complaints(browser):
    """A function that opens a file, unfolds all of it, and returns what axe has against it."""
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="needs it, of the extra test"
    ).Axe()

    # Who speaks to a page says what stands on its buttons; axe counts that rule as an experiment.
    options = {"resultTypes": ["violations"], "rules": {"label-content-name-mismatch": {"enabled": True}}}

    def complaints_of(file):
        found = []
        # Wide and narrow, light and dark: that is all four in two, since colours and widths do not meet.
        for width, scheme in ((1400, "light"), (390, "dark")):
            page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
            page.goto(file.as_uri())
            page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
            page.evaluate("document.querySelectorAll('#more:not(:checked)').forEach((one) => one.click())")
            told = axe.run(page, options=options).response
            assert len(told["passes"]) > 5
            found += [
                f"{width} {scheme}: {one['id']}: {node['html'][:200]}"
                for one in told["violations"]
                for node in one["nodes"]
            ]
            page.close()
        return found

    return complaints_of
