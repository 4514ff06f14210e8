"""What a page shows of the planes that jobs have kept, and how they are encoded."""

from __future__ import annotations

import base64
import io
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bs4 import BeautifulSoup
from PIL import Image

import a2ibench
from a2ibench.bench.paths import RunFiles
from a2ibench.bench.record import Record, write_record
from a2ibench.reporting.page.viewer import script_json, viewer_assets, viewer_section
from a2ibench.reporting.page.viewer_planes import ROOM, Encoder, error_limit, grey_limits, png
from a2ibench.reporting.page.viewer_stacks import kept_stacks

from .conftest import Keep, anisotropic

HOSTILE = '</script><script>window.broken=1</script><img src=x onerror="window.broken=1">\'`&{{7*7}}'


def volumes(dtype: Any = np.uint8, top: int = 256, ratio: float = 10 / 3, n_in: int = 12) -> dict[str, Any]:
    rng = np.random.default_rng(3)
    n_out = round(n_in * ratio)
    data = rng.integers(0, top, (n_in, 30, 40)).astype(dtype)
    shown = rng.integers(0, top, (3, n_out, 30, 40)).astype(dtype)
    return {"volume": anisotropic(data, ratio, intensity=(0, top - 1)),
            "predictions": {"cubic": shown[0], "net": shown[1]}, "reference": shown[2]}  # fmt: skip


def decoded(text: str) -> np.ndarray[Any, Any]:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(text))))


def told(section: str) -> dict[str, Any]:
    found = BeautifulSoup(section, "html.parser").find("script", type="application/json")
    return dict(json.loads(found.string))  # type: ignore[union-attr,arg-type]


def shown(section: str) -> dict[tuple[int, str, str], list[np.ndarray[Any, Any]]]:
    scripts = BeautifulSoup(section, "html.parser").find_all("script", type="text/plain")
    return {
        (int(one["data-source"]), one["data-kind"], one["data-family"]): [
            decoded(text) for text in one.string.split()
        ]
        for one in scripts
    }


def test_eight_bits_are_shown_as_they_are(keep: Keep) -> None:
    given = volumes()
    section = viewer_section(keep(**given)) or ""
    about = told(section)
    assert (about["low"], about["step"], about["exact"]) == (0, 1, True)
    assert [one["name"] for one in about["sources"]] == ["reference", "input", "cubic", "net"]
    (z0, z1), (y0, y1), (x0, x1) = about["stack"]
    planes = shown(section)
    for number, whole in ((0, given["reference"]), (3, given["predictions"]["net"])):
        kind = about["sources"][number]["kind"]
        np.testing.assert_array_equal(planes[number, kind, "xy"], whole[z0:z1])
        np.testing.assert_array_equal(planes[number, kind, "xz"], whole[:, y0:y1].transpose(1, 0, 2))
        np.testing.assert_array_equal(planes[number, kind, "yz"], whole[:, :, x0:x1].transpose(2, 0, 1))
    first, last = int((z0 + 0.5) / (10 / 3)), int((z1 - 0.5) / (10 / 3))
    np.testing.assert_array_equal(planes[1, "input", "xy"], given["volume"].data[first : last + 1])


def test_few_levels_of_sixteen_bits_are_shown_as_they_are(keep: Keep) -> None:
    given = volumes(np.uint16, 200)
    for array in (*given["predictions"].values(), given["reference"], given["volume"].data):
        array += 7000
    section = viewer_section(keep(**given)) or ""
    about = told(section)
    assert (about["step"], about["exact"]) == (1, True)
    levels = about["low"] + np.stack(shown(section)[3, "method", "xy"])
    np.testing.assert_array_equal(levels, given["predictions"]["net"][slice(*about["stack"][0])])


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_other_levels_are_within_half_a_step(keep: Keep, dtype: Any) -> None:
    given = volumes(dtype, 4000)
    section = viewer_section(keep(**given)) or ""
    about = told(section)
    assert about["exact"] is False
    assert about["step"] == pytest.approx(3999 / 255)
    levels = about["low"] + about["step"] * np.stack(shown(section)[3, "method", "xy"])
    expected = given["predictions"]["net"][slice(*about["stack"][0])]
    assert np.abs(levels - expected.astype(float)).max() <= about["step"] / 2 + 1e-9
    assert f"steps of {about['step']:.3g}" in section


def test_pictures_are_exact() -> None:
    values = np.arange(256, dtype=np.uint8).reshape(16, 16).T
    np.testing.assert_array_equal(decoded(png(values)), values)


def test_the_scale_of_errors_is_of_grey_levels(keep: Keep) -> None:
    given = volumes()
    reference = np.full_like(given["reference"], 100)
    given |= {"reference": reference, "predictions": {"up": reference + 7, "down": reference - 12}}
    (stacks,), _ = kept_stacks(keep(**given))
    assert error_limit(stacks) == 12
    assert grey_limits(stacks) == pytest.approx((100, 100), abs=1e-5)


def test_without_a_reference_there_is_no_error(keep: Keep) -> None:
    given = volumes()
    given["reference"] = None
    section = viewer_section(keep(**given)) or ""
    about = told(section)
    assert (about["error"], about["disagreement"]) == (0, 0)
    assert about["sources"][0]["kind"] == "input"


def test_disagreement_is_shown_on_a_scale_of_its_own(keep: Keep) -> None:
    given = volumes()
    apart = np.linspace(0, 0.1, given["reference"].size, dtype=np.float32).reshape(given["reference"].shape)
    section = viewer_section(keep(given["volume"], given["predictions"], apart=apart)) or ""
    about = told(section)
    at = slice(*about["stack"][0])
    values = np.stack(shown(section)[2, "disagreement", "xz"]).transpose(1, 0, 2)
    levels = values / 255 * about["disagreement"]
    expected = np.minimum(apart[:, slice(*about["stack"][1])] * 255, about["disagreement"])
    assert np.abs(levels - expected).max() < about["disagreement"] / 255
    assert at.stop - at.start == 5


def test_fewer_planes_are_around_the_same_place(keep: Keep) -> None:
    run = keep(**volumes())
    whole, one = told(viewer_section(run) or ""), told(viewer_section(run, 1) or "")
    assert whole["voxel"] == one["voxel"]
    assert [stop - start for start, stop in one["stack"]] == [1, 1, 1]
    assert [start for start, _ in one["stack"]] == one["voxel"]
    assert viewer_section(run, 0) is None


def test_planes_are_as_many_as_there_is_room_for(keep: Keep) -> None:
    run = keep(**volumes())
    lengths = [
        len("".join(re.findall(r">([\w+/= ]+)</script>", viewer_section(run, n) or ""))) for n in (2, 3)
    ]
    assert lengths[0] < lengths[1]
    fits = viewer_section(run, room=sum(lengths) // 2) or ""
    assert told(fits)["stack"] == told(viewer_section(run, 2) or "")["stack"]


def test_where_one_plane_is_too_much_sides_are_cut(keep: Keep) -> None:
    shape = 2, 300, 200
    run = keep(anisotropic(np.zeros(shape, np.uint8)), {"cubic": np.zeros((6, *shape[1:]), np.uint8)})
    section = viewer_section(run, room=60_000) or ""
    assert told(section)["window"] == [[0, 6], [86, 214], [36, 164]]
    assert "cut to 6 x 128 x 128 voxels" in section


def test_the_seed_nearest_to_the_mean_is_shown_and_named(keep: Keep) -> None:
    given = volumes()
    for seed, value in enumerate((30.0, 34.0, 33.0)):
        prediction = np.full_like(given["reference"], 10 * seed)
        run = keep(given["volume"], {"net": prediction}, given["reference"], seed=seed, psnr={"net": value})
    section = viewer_section(run) or ""
    assert told(section)["sources"][2]["about"] == "seed 2 of 3, 33.00 dB"
    assert {int(plane.max()) for plane in shown(section)[2, "method", "xy"]} == {20}


def test_names_are_text() -> None:
    text = script_json({"name": HOSTILE, "odd": "\u2028\u2029<!--"})
    assert not set("<>&\u2028\u2029") & set(text)
    assert json.loads(text) == {"name": HOSTILE, "odd": "\u2028\u2029<!--"}


def test_hostile_names_stay_within_their_places(keep: Keep, monkeypatch: pytest.MonkeyPatch) -> None:
    run = keep(**volumes())
    (stacks,), _ = kept_stacks(run)
    named = replace(
        stacks,
        dataset=HOSTILE,
        sources=tuple(replace(one, name=HOSTILE) for one in stacks.sources),
        missing=(HOSTILE,),
    )
    monkeypatch.setattr("a2ibench.reporting.page.viewer.kept_stacks", lambda _: ([named], [HOSTILE]))
    section = viewer_section(run) or ""
    page = BeautifulSoup(section, "html.parser")
    assert page.find("img") is None
    assert {one.get("type") for one in page.find_all("script")} == {"application/json", "text/plain"}
    assert page.find("h3").get_text() == HOSTILE[:80] + "..."  # type: ignore[union-attr]
    assert told(section)["sources"][0]["name"] == HOSTILE[:80] + "..."


def test_runs_without_planes_have_no_section(tmp_path: Path) -> None:
    folder = RunFiles(tmp_path).job("cells--cubic--s0").folder
    folder.mkdir(parents=True)
    write_record(folder, Record("cells", "cubic", 0))
    assert viewer_section(a2ibench.read_run(tmp_path)) is None


def test_what_has_no_planes_is_said(keep: Keep) -> None:
    given = volumes()
    keep(**given)
    keep(given["volume"], {"other": given["reference"]}, given["reference"], count=0)
    run = keep(given["volume"], {"cubic": given["reference"]}, dataset="older", count=0)
    section = viewer_section(run) or ""
    assert "no such planes were kept of other" in section
    assert "No planes were kept of older." in section


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut", b"pickled"])
def test_damaged_files_are_left_out(keep: Keep, content: bytes) -> None:
    run = keep(**volumes())
    file = run.files.job("cells--net--s0").planes
    file.write_bytes(content)
    # Of a record that tells no checksums any file is taken.
    record = run.files.job("cells--net--s0").record
    fields = json.loads(record.read_text())
    del fields["files"], fields["digest"]
    record.write_text(json.dumps(fields))
    section = viewer_section(a2ibench.read_run(run.folder)) or ""
    assert [one["name"] for one in told(section)["sources"]] == ["reference", "input", "cubic"]


@pytest.mark.parametrize(
    "change",
    [
        {"stack": [[0, 99], [0, 5], [0, 5]]},
        {"ratio": 0.5},
        {"spacing": float("nan")},
        {"prediction_xz": np.zeros((5, 1, 1))},
        {"place": [1]},
        {"window": "none"},
        {"contrast": [1]},
    ],
)
def test_planes_that_make_no_sense_are_left_out(keep: Keep, change: dict[str, Any]) -> None:
    run = keep(**volumes())
    job = run.files.job("cells--net--s0")
    np.savez_compressed(job.planes, **dict(np.load(job.planes)) | change)
    (record,) = (one for one in run.records if one.method == "net")
    write_record(job.folder, record)
    section = viewer_section(a2ibench.read_run(run.folder)) or ""
    assert [one["name"] for one in told(section)["sources"]] == ["reference", "input", "cubic"]


def test_five_methods_on_two_volumes_leave_room_for_the_page(
    keep: Keep, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path(a2ibench.__file__).parents[1] / "../shared/data/epfl_ca1_15nm_dev.tif"
    if not real.exists():
        pytest.skip("needs the real volume epfl_ca1_15nm_dev.tif")
    import tifffile

    whole = tifffile.imread(real)[:48]
    # Of the size of the phantom.
    cube = np.resize(whole, (159, 160, 160))
    rng = np.random.default_rng(0)
    monkeypatch.setattr("a2ibench.bench.kept_planes.telling_place", lambda *_: (24, 80, 80))
    volumes = {"epfl": whole, "phantom": cube}
    for name, reference in volumes.items():
        # As rough as what networks give, and as hard to compress.
        noisy = np.clip(reference + rng.normal(0, 6, reference.shape), 0, 255).astype(np.uint8)
        predictions = {f"m{n}": np.roll(noisy, n, axis=2) for n in range(5)}
        run = keep(anisotropic(reference[1::3]), predictions, reference, dataset=name, count=9)
    section = viewer_section(run) or ""
    assert len(section) < ROOM + 20_000
    counts = [stop - start for start, stop in told(section)["stack"]]
    assert counts[0] >= 7


def test_nothing_in_the_script_ends_its_element() -> None:
    css, script = viewer_assets()
    assert "</script" not in script.lower()
    assert "<!--" not in script
    assert "</style" not in css.lower()
    assert not re.search(r"https?://|@import|url\(", css + script)


def test_no_datasets_no_planes() -> None:
    assert Encoder([]).fitting() == []
