"""Published results: the file, its reader, and the rule that says whether they may stand beside a run's."""

from __future__ import annotations

import re
from copy import deepcopy
from dataclasses import replace
from fnmatch import filter as matching_names
from pathlib import Path
from typing import Any

import pytest

from a2ibench import load_catalogue
from a2ibench.errors import InputError
from a2ibench.registry import host
from a2ibench.reporting.published.matching import (
    DEFINITIONS,
    VERSION,
    comparable,
    conditions,
    metric_here,
    reasons,
    sentences,
    shows_the_same,
)
from a2ibench.reporting.published.points import PROTOCOL, SCORING, Words
from a2ibench.reporting.published.results import Published, PublishedRow, Value, load_published

PAGE = Path(__file__).parents[2] / "docs" / "published.md"
TOLD = {
    "name": "phantom",
    "sha256": "ab" * 32,
    "sha256_of": "file",
    "shape": [159, 160, 160],
    "voxel_size": [15.0, 15.0, 15.0],
    "intensity": [0.0, 255.0],
    "dtype": "uint8",
    "definition": {"bin": 1, "crop": None},
    "simulation": {
        "ratio": 3.0,
        "degradation": "slab-average",
        "settings": {"gaussian": 0.0, "poisson": 0.0},
    },
}
OTHER = {
    "voxel_size": (5.0, 5.0, 5.0),
    "bin": 3,
    "crop": ((0, 159), (0, 160), (0, 160)),
    "shape": (351, 510, 510),
    "ratio": 4.0,
    "axis": "y",
    "degradation": "subsample",
    "settings": {"gaussian": 12.0, "poisson": 0.0},
    "trained_on": "nothing else",
    "over": "xz+yz",
    "data_range": 510.0,
    "rounded": "float32",
    "border": 9,
    "window": "uniform, 7 taps",
    "constants": (0.01, 0.02),
    "covariance": "sample",
}


@pytest.fixture
def example(tmp_path: Path) -> Published:
    """The made-up entry of the documentation, which matches a run of the phantom."""
    (code,) = re.findall(r"^```toml\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    (tmp_path / "ours.toml").write_text(code, encoding="utf-8")
    (found,) = load_published(tmp_path / "ours.toml")
    return found


def table(name: str, place: str) -> Published:
    (found,) = (one for one in load_published() if (one.source, one.place) == (name, place))
    return found


def test_the_table_of_the_paper_says_what_its_text_says() -> None:
    rows = {row.name: row for row in table("khateri-2023", "Table I").rows}
    assert [*rows] == ["Cubic", "SRMD", "PSSR", "SwinIR", "A2I-3DEM"]
    psnr, ssim = ({name: row.values[one].value for name, row in rows.items()} for one in ("psnr", "ssim"))
    assert (psnr["A2I-3DEM"], ssim["Cubic"]) == (30.61, 0.698)
    # Its text: the best PSNR is the paper's own, the best SSIM that of cubic interpolation.
    assert max(psnr, key=psnr.__getitem__) == "A2I-3DEM"
    assert max(ssim, key=ssim.__getitem__) == "Cubic"


def test_the_file_names_what_there_is() -> None:
    known, catalogue = load_published(), load_catalogue()
    for one in known:
        for pattern in one.datasets:
            assert matching_names(catalogue, pattern), pattern
        for row in one.rows:
            assert not row.method or row.method in host().methods, row.method
            assert set(row.values) <= DEFINITIONS.keys()
        assert one.citation or one.rows, one.name


def test_what_metrics_are_said_to_be_is_of_their_versions() -> None:
    for known in DEFINITIONS.values():
        for name in known:
            assert host().build("metric", name).version == VERSION, f"{name}: see what DEFINITIONS tells"


def test_an_entry_that_says_all_and_the_same_matches(example: Published) -> None:
    here = conditions(TOLD)
    assert reasons(example, here) == []
    assert [(row.name, names) for row, names in comparable(example, [])] == [
        ("Cubic", ("psnr", "ssim")),
        ("Great-Net", ("psnr", "ssim")),
    ]
    assert example.rows[1].values["psnr"] == Value(31.0, 0.1)


def changed(one: Published, name: str, value: Any) -> Published:
    """Return results of which a point is stated otherwise; None for not at all."""

    def other(table: dict[str, Any]) -> dict[str, Any]:
        rest = {key: known for key, known in table.items() if key != name}
        return rest if value is None or name not in table else rest | {name: value}

    scores = {metric: other(dict(table)) for metric, table in one.scores.items()}
    return replace(one, protocol=other(dict(one.protocol)), scores=scores)


@pytest.mark.parametrize("name", [*PROTOCOL, *SCORING])
def test_each_point_is_a_reason(example: Published, name: str) -> None:
    title, here = (PROTOCOL | SCORING)[name].title, conditions(TOLD)
    for value in (None, OTHER[name], Words("as ever")):
        found = reasons(changed(example, name, value), here)
        expected = {"", *example.metrics} if name in SCORING else {""}
        assert {one.title for one in found} >= {title}
        assert {one.metric for one in found} <= expected
        (first, *_) = (one for one in found if one.title == title)
        assert first.stated == (value is not None)
        assert first.theirs != first.here
        # Cubic interpolation, which learns nothing, still stands beside.
        left = [row.name for row, names in comparable(example, found) if name in PROTOCOL or "psnr" in names]
        assert ("Cubic" in left) == (name == "trained_on" or name in ("window", "constants", "covariance"))
        assert "Great-Net" not in left or name in ("window", "constants", "covariance")


def test_a_mean_over_other_planes_goes_beside_another_metric(example: Published) -> None:
    over = {**example.scores["psnr"], "over": "xy"}
    one = replace(example, scores={**example.scores, "psnr": over})
    assert reasons(one, conditions(TOLD)) == []
    assert (metric_here(example, "psnr"), metric_here(one, "psnr")) == ("psnr", "psnr_xy")
    assert metric_here(replace(example, scores={}), "ssim") == "ssim"


@pytest.mark.parametrize(
    ("told", "line"),
    [
        ({"name": "cells"}, "data: generated neuropil; here cells"),
        ({"simulation": None}, "reference: compared with one; here there is none"),
        ({"shape": [150, 160, 160]}, "voxels of the reference: 159 x 160 x 160; here 150 x 160 x 160"),
        ({"definition": {}}, "binning: none; here not known"),
        ({"definition": {"bin": 3, "crop": None}}, "binning: none; here 3 x 3 x 3, averaged"),
        (
            {"definition": {"bin": 1, "crop": [[0, 159], [0, 160], [8, 168]]}},
            "region: the whole stored volume; here 0 to 159, 0 to 160, 8 to 168",
        ),
        ({"contrast": [10.0, 200.0]}, "PSNR: data range: 255; here 190"),
        ({"intensity": ["low", None]}, "PSNR: data range: 255; here not known"),
        ({"dtype": "uint16"}, "SSIM: rounding of predictions: uint8; here uint16"),
    ],
)
def test_what_a_record_tells_decides(example: Published, told: dict[str, Any], line: str) -> None:
    found = reasons(example, conditions({**TOLD, **told}))
    assert line in sentences(found, {"psnr": "PSNR", "ssim": "SSIM"})


def test_numbers_may_be_rounded(example: Published) -> None:
    assert reasons(changed(example, "ratio", 3.00001), conditions(TOLD)) == []


def test_another_version_of_a_metric_is_a_reason(example: Published) -> None:
    found = reasons(example, conditions(TOLD, {"psnr": 2, "ssim": 1}))
    assert sentences(found, {}) == ["psnr: version of psnr: as of version 1; here 2"]
    assert [names for _, names in comparable(example, found)] == [("ssim",), ("ssim",)]


def test_a_checksum_finds_the_same_file_under_another_name_and_tells_others_apart(example: Published) -> None:
    renamed = conditions({**TOLD, "name": "mine"})
    assert not shows_the_same(example, renamed)
    assert reasons(replace(example, sha256="ab" * 32), renamed) == []
    (found,) = reasons(replace(example, sha256="cd" * 32), conditions(TOLD))
    assert sentences([found], {}) == ["checksum of the file: cdcdcdcdcdcd; here abababababab"]
    # That of voxels says nothing of the file that they are of.
    voxels = conditions({**TOLD, "sha256_of": "voxels"})
    assert reasons(replace(example, sha256="cd" * 32), voxels) == []


def test_a_score_that_is_not_defined_here_is_a_reason(example: Published) -> None:
    row = PublishedRow("Cubic", trained_on="nothing", values={"psnr": Value(30), "sharpness": Value(1)})
    one = replace(example, rows=(row,))
    (found,) = reasons(one, conditions(TOLD))
    assert (found.metric, found.title) == ("sharpness", "definition")
    assert [names for _, names in comparable(one, [found])] == [("psnr",)]


def test_today_nothing_that_ships_matches_the_data_of_the_paper() -> None:
    paper = table("khateri-2023", "Table I")
    told = {**TOLD, "name": "epfl-ca1", "shape": [354, 512, 682], "definition": {"bin": 3, "crop": None}}
    found = reasons(paper, conditions(told))
    assert comparable(paper, found) == []
    lines = sentences(found, {"psnr": "PSNR", "ssim": "SSIM"})
    assert "voxels of the reference: 351 x 510 x 510; here 354 x 512 x 682" in lines
    assert "degradation: anisotropic downsampling (stated in words only); here slab-average" in lines
    assert "not stated for SRMD, PSSR, SwinIR: training data" in lines
    assert not [line for line in lines if line.startswith("ratio")]


GOOD = {
    "sources": {"a": {"citation": "A"}},
    "results": [{"name": "A", "source": "a", "protocol": {}, "rows": [{"name": "B", "values": {"psnr": 1}}]}],
}


def written(folder: Path, content: Any) -> Path:
    def text(value: Any) -> str:
        if isinstance(value, dict):
            return "{" + ", ".join(f'"{key}" = {text(item)}' for key, item in value.items()) + "}"
        if isinstance(value, list):
            return "[" + ", ".join(map(text, value)) + "]"
        return f'"{value}"' if isinstance(value, str) else str(value).lower()

    file = folder / "mine.toml"
    file.write_text("\n".join(f"{key} = {text(value)}" for key, value in content.items()), encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (("result",), [], "unknown field 'result'; did you mean 'results'?"),
        (("results",), [], "holds no results; add a [[results]] table"),
        (("results",), 1, "results is 1; give a list"),
        (("sources", "a"), {}, "sources.a.citation is missing; give what to cite"),
        (("results", 0), 3, "[[results]] 1: is 3; give a table"),
        (("results", 0, "source"), "b", "[[results]] 1: unknown source 'b'"),
        (("results", 0, "name"), "", "[[results]] 1: name is ''; give a text"),
        (("results", 0, "datasets"), "phantom", "[[results]] 1: datasets is 'phantom'; give a list"),
        (("results", 0, "sha256"), "12", "[[results]] 1: sha256 is '12'; give 64 hexadecimal digits"),
        (
            ("results", 0, "protocol", "ratoi"),
            3,
            "unknown field 'ratoi'; did you mean 'ratio'?",
        ),
        (("results", 0, "protocol", "ratio"), 0.5, "protocol.ratio is 0.5; give a number of at least 1"),
        (("results", 0, "protocol", "shape"), [1, 2], "protocol.shape has 2 whole numbers; give 3 (z, y, x)"),
        (("results", 0, "protocol", "crop"), "all", "protocol.crop is 'all'; give 3 pairs (z, y, x)"),
        (("results", 0, "protocol", "axis"), {"words": 1}, "protocol.axis.words is 1; give a text"),
        (
            ("results", 0, "protocol", "settings"),
            {"a": "b"},
            "settings.a is 'b'; give a finite number",
        ),
        (("results", 0, "scores"), {"psnr": {"over": "zz"}}, "scores.psnr.over is 'zz'; give one of volume"),
        (
            ("results", 0, "rows", 0, "values"),
            {"psnr": "high"},
            "values.psnr is 'high'; give a finite",
        ),
        (("results", 0, "rows", 0, "values"), {"psnr": {"spread": 1}}, "values.psnr.value is missing"),
        (("results", 0, "rows", 0, "values"), {}, "rows[0] name or values is missing"),
    ],
)
def test_a_bad_file_is_one_line(tmp_path: Path, place: tuple[Any, ...], value: Any, message: str) -> None:
    content: Any = deepcopy(GOOD)
    assert [one.citation for one in load_published(written(tmp_path, content))] == ["A"]
    inner = content
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    with pytest.raises(InputError) as caught:
        load_published(written(tmp_path, content))
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"{tmp_path / 'mine.toml'}: ")
    assert "\n" not in str(caught.value)


def test_a_file_that_is_missing_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.toml: no such file; give the path of a file of published"):
        load_published(tmp_path / "gone.toml")
