"""docs/figures/borders.py: what it measures, and its table of a finished run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from matplotlib.image import imread

from a2ibench import Budget, Context, load_catalogue
from a2ibench.data.opening import open_dataset
from a2ibench.protocol.simulate import simulate
from a2ibench.registry import host

CATALOGUE = """[scene]
title = "A generated scene"
phantom = {size = 48, seed = 1}
voxel_size = [15.0, 15.0, 15.0]
simulate = {ratio = 3.0}
"""
METHODS = ("srmd", "plain")


@pytest.fixture
def borders(script: Callable[[str], ModuleType]) -> ModuleType:
    return script("figures/borders")


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    path = tmp_path / "scene.toml"
    path.write_text(CATALOGUE)
    return path


@pytest.fixture
def finished(catalogue: Path, tmp_path: Path) -> Path:
    spec = load_catalogue(catalogue)["scene"]
    assert spec.simulate is not None
    volume, _ = simulate(open_dataset(spec), spec.simulate)
    for name in METHODS:
        method = host().build("method", name)
        method.fit(volume, Context(size="tiny", budget=Budget(steps=3), batch=2, patch=24))
        method.save(tmp_path / "run" / "jobs" / f"scene--{name}--s0" / "checkpoint")
    return tmp_path / "run"


def test_a_seam_between_blocks_is_told_and_a_mean_that_drifts(borders: ModuleType) -> None:
    rng = np.random.default_rng(0)
    whole = rng.normal(120, 2, (30, 24, 24)).astype(np.float32)
    broken = whole.copy()
    broken[:, :, 12:] += 40
    same = borders.Looked("same", 8, whole, whole, ([15], [12], [12]))
    seamed = same._replace(blocks=broken)
    assert borders.step_at_cuts(same) == 1
    assert borders.step_at_cuts(seamed) > 3
    shifted = same._replace(whole=whole + 5)
    assert borders.interior(borders.errors(shifted, whole)) == pytest.approx(5, rel=1e-5)


def test_the_table_is_of_the_networks_of_a_run(
    borders: ModuleType,
    catalogue: Path,
    finished: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    figure = finished.parent / "figure.png"
    options = [
        *("--methods", ",".join(METHODS), "--catalogue", str(catalogue), "--dataset", "scene"),
        *("--run", str(finished), "--max-voxels", "60000", "--output", str(figure)),
    ]
    monkeypatch.setattr("sys.argv", ["borders.py", *options])
    borders.main()
    rows = [line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines()]
    named = {name: [row for row in rows if row[0] == name] for name in ("cubic", *METHODS)}
    assert {name: len(found) for name, found in named.items()} == dict.fromkeys(named, 2)
    for (_, largest, *_), (_, drift, *_) in named.values():
        assert float(largest) <= 0.2
        assert abs(float(drift)) < 0.5
    assert imread(figure).std() > 0.1


def test_a_run_without_the_method_is_refused_in_one_line(
    borders: ModuleType,
    catalogue: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    options = ["--methods", "plain", "--catalogue", str(catalogue), "--dataset", "scene"]
    monkeypatch.setattr("sys.argv", ["borders.py", *options, "--run", str(tmp_path)])
    with pytest.raises(SystemExit, match="2"):
        borders.main()
    assert "scene--plain--s0" in capsys.readouterr().err.splitlines()[-1]
