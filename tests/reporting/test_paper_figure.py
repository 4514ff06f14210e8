"""Figures for papers: the right voxels of the right seed, nothing covered, as wide as was asked for."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from a2ibench.bench.handed import open_handed
from a2ibench.bench.job import dataset_to_dict
from a2ibench.bench.kept_planes import save_planes
from a2ibench.bench.paths import RunFiles
from a2ibench.bench.record import Record, write_record
from a2ibench.bench.run import Run, read_run
from a2ibench.bench.score import Score
from a2ibench.contracts import DatasetSpec, Simulation, Volume
from a2ibench.data.writing.whole import write_whole
from a2ibench.errors import InputError
from a2ibench.reporting.paper_figure import paper_figure
from a2ibench.reporting.sheets import MEAN, Sheet, sheet

Keep = Callable[..., Run]
SHAPE = (24, 40, 56)


def numbered() -> np.ndarray[Any, Any]:
    """Return a volume in which every voxel tells where it is: z in steps of 100, and a little of y and x."""
    z, y, x = np.indices(SHAPE)
    return (100 * z + y + x / 100).astype(np.float32)


@pytest.fixture
def keep(tmp_path: Path) -> Keep:
    """Return a function that enters the jobs of a method, one for each offset from the reference."""

    def keep(
        method: str, *offsets: float, dataset: str = "cells", count: int = 5, reference: bool = True
    ) -> Run:
        truth = numbered()
        coarse = truth.reshape(8, 3, *SHAPE[1:]).mean(axis=1)
        volume = Volume(coarse, (30.0, 10.0, 10.0), (0.0, 2500.0))
        for seed, offset in enumerate(offsets):
            scores = {"psnr": Score(30.0 - offset, 1)}
            told = {"protocol_version": 3}
            record = Record(dataset, method, seed, metrics=scores, provenance=told, model={"params": 9.0})
            folder = RunFiles(tmp_path / "run").job(record.name).folder
            folder.mkdir(parents=True)
            save_planes(folder, count, truth + np.float32(offset), truth if reference else None, volume)
            write_record(folder, record)
        return read_run(tmp_path / "run")

    return keep


def shown(one: Sheet) -> dict[str, np.ndarray[Any, Any]]:
    """Return the images of a sheet by name."""
    return {column.name: column.image for column in one.columns}


def test_voxels_are_those_of_the_slice(keep: Keep) -> None:
    run, truth = keep("srmd", 0.25), numbered()
    middle = sheet(run, "cells", "xz").at
    for family, plane in (("xz", truth[:, middle + 1]), ("xy", None), ("yz", None)):
        if plane is not None:
            one = sheet(run, "cells", family, middle + 1)
            np.testing.assert_array_equal(shown(one)["reference"], plane)
            np.testing.assert_allclose(shown(one)["srmd"] - plane, 0.25, atol=1e-3)
            assert (one.area, one.spacing) == (((0, 24), (0, 56)), 10.0)
            assert one.columns[1].rows == (0.0, 24.0)
            assert one.columns[1].image.shape == (8, 56)
    one = sheet(run, "cells", "xy")
    np.testing.assert_array_equal(shown(one)["reference"], truth[one.at])
    # The input slice that covers it is the mean of three.
    first = one.at // 3 * 3
    np.testing.assert_allclose(shown(one)["input"], truth[first : first + 3].mean(axis=0), rtol=1e-6)
    one = sheet(run, "cells", "yz")
    np.testing.assert_array_equal(shown(one)["reference"], truth[:, :, one.at])


def test_the_seed_is_the_one_that_is_named(keep: Keep) -> None:
    run = keep("srmd", 0.0, 1.0, 5.0)
    for seed, offset, score, words in (
        (None, 1.0, "29.00 dB", "seed 1"),
        (2, 5.0, "25.00 dB", "seed 2"),
        (MEAN, 2.0, "28.00 ± 2.65 dB", "mean over seeds 0, 1, 2"),
    ):
        one = sheet(run, "cells", "xz", seed=seed)
        column = one.columns[-1]
        np.testing.assert_allclose(column.image - shown(one)["reference"], offset, atol=1e-3)
        assert (column.score, column.seed) == (score, words)
    with pytest.raises(InputError, match=r"^seed: got 7; srmd on cells has 0, 1, 2; give one that all have"):
        sheet(run, "cells", "xz", seed=7)


def test_a_plane_that_was_not_kept_says_which_are(keep: Keep) -> None:
    run = keep("srmd", 0.0)
    place = sheet(run, "cells", "xz").at
    with pytest.raises(
        InputError, match=rf"plane xz 0 was not kept of srmd; kept are .*xz {place - 2} to {place + 2}"
    ):
        sheet(run, "cells", "xz", 0)
    run = keep("plain", 0.0, count=0)
    assert sheet(run, "cells", "xz").missing == ("plain",)
    with pytest.raises(InputError, match=r"plane xz \d+ was not kept of plain; kept are xy"):
        sheet(run, "cells", "xz", methods=["plain", "srmd"])
    with pytest.raises(InputError, match=r"plane xz was not kept of plain; kept are none; .*keep_volumes"):
        sheet(run, "cells", "xz", methods=["plain"])


def test_kept_volumes_have_every_plane(tmp_path: Path) -> None:
    voxels = np.random.default_rng(0).integers(0, 255, (12, 20, 28), np.uint8)
    tifffile.imwrite(tmp_path / "cells.tif", voxels)
    spec = DatasetSpec(
        "cells", "Cells", (10.0, 10.0, 10.0), path=tmp_path / "cells.tif", simulate=Simulation(3.0)
    )
    handed = open_handed(spec)
    assert handed.reference is not None
    told = {"protocol_version": 3, "dataset": handed.described}
    record = Record("cells", "cubic", 0, provenance=told)
    job = RunFiles(tmp_path / "run").job(record.name)
    job.folder.mkdir(parents=True)
    restored = handed.reference.data // 2
    save_planes(job.folder, 1, restored, handed.reference.data, handed.volume)
    write_whole(job.volume, restored, handed.voxel_size, history={})
    write_record(job.folder, record)
    plan = {"datasets": [dataset_to_dict(spec)], "methods": ["cubic"]}
    (tmp_path / "run" / "run.json").write_text(json.dumps({"plan": plan}))
    run = read_run(tmp_path / "run")
    kept = sheet(run, "cells", "xz")
    at = 0 if kept.at else 1
    other = sheet(run, "cells", "xz", at)
    assert [column.name for column in other.columns] == ["reference", "input", "cubic"]
    np.testing.assert_array_equal(shown(other)["reference"], voxels[:, at])
    np.testing.assert_array_equal(shown(other)["cubic"], voxels[:, at] // 2)
    # What is read again is what the job had.
    job.planes.unlink()
    again = sheet(run, "cells", "xz", kept.at)
    for name, image in shown(again).items():
        np.testing.assert_array_equal(image, shown(kept)[name])
    assert (again.area, again.spacing) == (kept.area, kept.spacing)
    tifffile.imwrite(tmp_path / "cells.tif", voxels[::-1])
    with pytest.raises(
        InputError, match=r"the dataset is another one now: its checksum is not the record's$"
    ):
        sheet(run, "cells", "xz", kept.at)


def test_the_figure_is_as_wide_as_asked_and_windows_cover_nothing(keep: Keep) -> None:
    keep("srmd", 0.25, dataset="other")
    run = keep("srmd", 0.25)
    sheets = [sheet(run, name, "xz") for name in run.datasets]
    drawn = paper_figure(sheets, 89 / 25.4, [((2, 12), (10, 30)), "auto"], error=True)
    image = Image.open(io.BytesIO(drawn.saved("png")))
    assert image.width == pytest.approx(89 / 25.4 * 600, abs=1)
    assert drawn.caption[0].startswith("cells: xz plane at y = ")
    assert "enlarged 2:12,10:30 and " in drawn.caption[0]
    assert "shown are srmd seed 0" in drawn.caption[0]
    boxes = [axes.get_position() for axes in drawn.figure.axes]
    # For each dataset: a plane and two windows of three columns, one error, one scale of errors.
    assert len(boxes) == 2 * (3 * 3 + 2)
    for number, one in enumerate(boxes):
        assert 0 <= one.x0 < one.x1 <= 1.0001
        assert 0 <= one.y0 < one.y1 <= 1
        for other in boxes[number + 1 :]:
            assert one.x1 <= other.x0 or other.x1 <= one.x0 or one.y1 <= other.y0 or other.y1 <= one.y0


def test_what_is_enlarged_is_the_window(keep: Keep) -> None:
    drawn = paper_figure([sheet(keep("srmd", 0.0), "cells", "xz")], 3.5, [((2, 12), (10, 30))])
    overview, enlarged, _, of_input, *_ = drawn.figure.axes
    (frame,) = [one for one in overview.patches if one.get_width() == 20]
    assert (frame.get_xy(), frame.get_height()) == ((9.5, 1.5), 10)
    # Voxel 10 of the columns is at 0, and so is row 2; 50 of 56 voxels are right of them.
    assert enlarged.images[0].get_extent() == [-10.5, 45.5, 21.5, -2.5]
    assert (enlarged.get_xlim(), enlarged.get_ylim()) == ((-0.5, 19.5), (9.5, -0.5))
    assert of_input.images[0].get_extent() == [-10.5, 45.5, 21.5, -2.5]
    assert len({one.images[0].get_clim() for one in drawn.figure.axes}) == 1


@pytest.mark.parametrize("form", ["png", "svg", "pdf"])
def test_files_are_the_same_twice(keep: Keep, form: str) -> None:
    one = sheet(keep("srmd", 0.0), "cells", "xy")
    first, again = (paper_figure([one], 3.5).saved(form) for _ in range(2))
    assert first == again
    assert first[:5] in (b"\x89PNG\r", b"<?xml", b"%PDF-")


def test_what_cannot_be_drawn_is_said(keep: Keep) -> None:
    bare = sheet(keep("srmd", 0.0, reference=False), "cells", "xz")
    assert [column.name for column in bare.columns] == ["input", "srmd"]
    with pytest.raises(InputError, match=r"^error: cells has no reference; leave it out of datasets"):
        paper_figure([bare], 3.5, error=True)
    with pytest.raises(
        InputError, match=r"got 0:99,0:4; the xz plane of cells has 0:24,0:56 \(rows, columns\)"
    ):
        paper_figure([bare], 3.5, [((0, 99), (0, 4))])


def test_names_that_attack_are_text(keep: Keep) -> None:
    name = "$x^{$<b>" + "long" * 20
    drawn = paper_figure([sheet(keep(name, 0.0), "cells", "xz")], 1.5)
    texts = [text.get_text() for text in drawn.figure.texts]
    assert any(text.startswith("$x^{$<b>") and text.endswith("…") for text in texts)
    drawn.saved("svg")
