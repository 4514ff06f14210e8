"""What a run and a volume show of themselves, and the DataFrame of a run."""

from __future__ import annotations

import base64
import io
import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from PIL import Image

import a2ibench
from a2ibench.bench.record import Record, write_record
from a2ibench.bench.run import Run
from a2ibench.bench.score import Score

HOSTILE = "<script>alert(1)</script>\"'<img src=x>"
ATTRIBUTES = {"class", "style", "src", "width", "height", "alt", "scope"}


def parsed(html: str | None) -> BeautifulSoup:
    """Return HTML that has nothing that runs, and loads nothing."""
    assert html is not None
    soup = BeautifulSoup(html, "html.parser")
    assert not soup.find_all(["script", "link", "iframe", "a", "style", "object"])
    for tag in soup.find_all(True):
        assert set(tag.attrs) <= ATTRIBUTES
        assert "url(" not in tag.get("style", "")
    for image in soup.find_all("img"):
        assert image["src"].startswith("data:image/png;base64,")
        assert len(image["src"]) < 30_000
    return soup


def picture(soup: BeautifulSoup) -> np.ndarray:
    content = base64.b64decode(soup.img["src"].partition(",")[2])
    return np.asarray(Image.open(io.BytesIO(content)))


def cells(soup: BeautifulSoup) -> list[list[str]]:
    return [[cell.text for cell in row.find_all(["th", "td"])] for row in soup.find_all("tr")]


class Lazy:
    """133 GB of which every piece that is read is noted."""

    shape, dtype = (1000, 11_530, 11_530), np.dtype(np.uint8)

    def __init__(self) -> None:
        self.read = 0

    def __getitem__(self, key: tuple[slice, ...]) -> np.ndarray:
        sizes = [len(range(*one.indices(size))) for one, size in zip(key, self.shape, strict=True)]
        self.read += math.prod(sizes)
        return np.random.default_rng(0).integers(0, 256, sizes, np.uint8)


def test_of_a_large_volume_a_piece_of_one_plane_is_read() -> None:
    lazy = Lazy()
    soup = parsed(a2ibench.Volume(lazy, (50.0, 15.0, 15.0), (0, 255), HOSTILE)._repr_html_())
    assert 0 < lazy.read <= 1024 * 1024
    facts = dict(cells(soup))
    assert facts["shape (z, y, x)"] == "1000 x 11530 x 11530"
    assert (facts["ratio"], facts["size"]) == ("3.333", "133 GB")
    assert soup.strong.text == HOSTILE
    assert "1024 x 1024 voxels in the middle" in soup.figcaption.text


def test_the_picture_is_the_middle_plane_between_the_levels_of_tissue() -> None:
    data = np.zeros((5, 300, 200), np.uint16)
    data[2, :, 100:] = 1000
    volume = a2ibench.Volume(data, (30.0, 10.0, 10.0), (0, 65535), contrast=(0, 2000))
    image = picture(parsed(volume._repr_html_()))
    assert image.shape == (150, 100)
    assert (np.unique(image[:, :50]), np.unique(image[:, 50:])) == ([0], [128])
    assert volume._repr_html_() == volume._repr_html_()


@pytest.mark.parametrize("level", [0.0, np.nan, np.inf])
def test_a_constant_plane_is_shown_too(level: float) -> None:
    volume = a2ibench.Volume(np.full((1, 1, 3), level, np.float32), (9.0, 3.0, 3.0), (0.0, 1.0))
    assert picture(parsed(volume._repr_html_())).shape == (1, 3)


def test_a_volume_that_cannot_be_read_is_shown_without_a_picture() -> None:
    class Gone(Lazy):
        def __getitem__(self, key: tuple[slice, ...]) -> np.ndarray:
            raise OSError("the disk is gone")

    soup = parsed(a2ibench.Volume(Gone(), (1.0, 1.0, 2.0), (0, 255))._repr_html_())
    assert soup.img is None
    assert dict(cells(soup))["ratio"] == "none"


def test_where_nothing_can_be_told_the_text_is_shown() -> None:
    class Odd:
        @property
        def shape(self) -> tuple[int, int, int]:
            self.calls = getattr(self, "calls", 0) + 1
            if self.calls > 3:
                raise RuntimeError("lost")
            return 1, 1, 1

    assert a2ibench.Volume(Odd(), (1.0, 1.0, 1.0), (0, 1))._repr_html_() is None


def make_job(folder: Path, method: str, seed: int, psnr: float, *, dataset: str = "cells", **more) -> None:
    job = folder / "jobs" / f"{dataset}--{method}--s{seed}"
    job.mkdir(parents=True)
    slices = np.random.default_rng(0).normal(30, 1, 64)
    errors = 10 ** (-slices / 10)
    slices += psnr + 10 * np.log10(errors.mean())
    np.savez(job / "scores.npz", **{"psnr.xz": slices, "psnr.yz": slices})
    if method == "net":
        planes = np.zeros((3, 20, 30), np.uint8)
        planes[1] = 100
        np.savez(job / "planes.npz", prediction_xz=planes, contrast=np.array([0.0, 200.0]))
    told = {"protocol_version": 2, "profile": "smoke"}
    record = Record(dataset, method, seed, metrics={"psnr": Score(psnr, 1)}, provenance=told,
                    timings={"fit": 2.0, "reconstruct": 1.0}, **more)  # fmt: skip
    write_record(job, record)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    for seed, gain in enumerate((1.0, 1.2, 1.4)):
        make_job(tmp_path, "cubic", seed, 29.0)
        make_job(tmp_path, "net", seed, 29.0 + gain, model={"params": 10.0})
    make_job(tmp_path, "net", 0, 20.0, dataset="other")
    return a2ibench.read_run(tmp_path)


def test_the_frame_has_gains_with_intervals_and_folders(run: Run) -> None:
    table = run.to_frame()
    net = table[(table["method"] == "net") & (table["dataset"] == "cells")]
    assert np.allclose(net["psnr_gain_over_cubic"], 1.2)
    gain = run.standings()["cells", "net"]["psnr"].gain
    assert gain.known
    assert np.allclose(net[["psnr_gain_low", "psnr_gain_high"]], [gain.low, gain.high])
    assert (table.loc[table["method"] == "cubic", "psnr_gain_over_cubic"] == 0).all()
    assert table.loc[table["dataset"] == "other", "psnr_gain_over_cubic"].isna().all()
    assert table.attrs == {"folder": str(run.folder)}
    assert all((Path(folder) / "record.json").is_file() for folder in table["folder"])
    # Tables that are joined lose what describes them, and keep their columns.
    assert pd.concat([table, table])["folder"].nunique() == len(table)
    json.dumps(table.attrs)


def test_the_frame_asks_no_plugin_and_reads_the_scores_of_a_job_once(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def host() -> None:
        raise AssertionError

    read: list[str] = []

    def content_of(record: Record, file: Path) -> bytes:
        read.append(record.name)
        return file.read_bytes()

    monkeypatch.setattr("a2ibench.bench.standings.host", host)
    monkeypatch.setattr("a2ibench.bench.run.content_of", content_of)
    table = run.to_frame()
    assert table["psnr_gain_low"].notna().any()
    assert run.to_frame().equals(table)
    assert sorted(read) == sorted(record.name for record in run.records)


def test_the_frame_of_a_run_without_cubic_has_no_gains(tmp_path: Path) -> None:
    make_job(tmp_path, "net", 0, 30.0)
    table = a2ibench.read_run(tmp_path).to_frame()
    assert not [name for name in table if "gain" in name]
    assert Run(tmp_path / "none").to_frame().empty


def test_a_run_shows_its_methods_and_a_plane_of_the_best(run: Run) -> None:
    soup = parsed(run._repr_html_())
    head, *rows = cells(soup)
    assert head[:5] == ["dataset", "method", "jobs", "metric", "mean"]
    found = {(row[0], row[1]): row for row in rows}
    net = found["cells", "net"]
    assert net[2:5] == ["3 ok", "psnr", "30.2"]
    assert net[5].startswith("+1.2 [+")
    assert net[6:] == ["2", "1"]
    assert soup.figcaption.text == "cells, net, seed 0: an xz plane"
    assert (picture(soup) == 128).all()
    assert soup.strong.text == run.folder.name


def test_planes_that_were_changed_since_are_not_shown(run: Run) -> None:
    for file in run.folder.glob("jobs/*net*/planes.npz"):
        file.write_bytes(b"no planes")
    assert parsed(run._repr_html_()).img is None


def test_names_in_a_run_are_text(tmp_path: Path) -> None:
    records = tuple(
        Record(HOSTILE, name, 0, metrics={HOSTILE: Score(1.0, 1), "psnr": Score(2.0, 1)})
        for name in ("cubic", HOSTILE)
    )
    soup = parsed(Run(tmp_path / "a<b>", {}, {}, records)._repr_html_())
    assert [row[:2] for row in cells(soup)[1:]] == [[HOSTILE, "cubic"], [HOSTILE, HOSTILE]]
    assert soup.strong.text == "a<b>"


def test_a_long_run_shows_its_beginning(tmp_path: Path) -> None:
    records = tuple(Record("cells", f"m{n}", 0, metrics={"psnr": Score(1.0, 1)}) for n in range(60))
    soup = parsed(Run(tmp_path, {}, {}, records)._repr_html_())
    assert len(cells(soup)) == 41
    assert "20 rows more" in soup.text


def test_a_run_in_one_line(run: Run) -> None:
    assert repr(run) == f"<Run {run.folder}: 2 datasets, 2 methods, 7 jobs (7 ok)>"
    empty = Run(run.folder)
    assert repr(empty).endswith("0 jobs (none)>")
    assert "0 jobs" in parsed(empty._repr_html_()).text


WITHOUT = """
import sys
import a2ibench
heavy = {"numpy", "pandas", "matplotlib", "PIL", "html", "IPython"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
import numpy as np
html = a2ibench.Volume(np.zeros((3, 8, 8), np.uint8), (9.0, 3.0, 3.0), (0, 255))._repr_html_()
assert html.startswith('<div class="a2ibench">'), html
assert not {"IPython", "matplotlib", "pandas", "torch"} & set(sys.modules)
"""


def test_nothing_of_it_is_imported_with_the_package_nor_needs_ipython() -> None:
    subprocess.run([sys.executable, "-c", WITHOUT], check=True, timeout=120)
