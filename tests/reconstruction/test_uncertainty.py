"""The difference of the plane families, as a volume beside the reconstruction and as its mean."""

from __future__ import annotations

import json
import multiprocessing
import re

import numpy as np
import pytest
import tifffile
from interrupted import reconstruct_in_units, reconstruct_until

import a2ibench
from a2ibench import InputError, SliceNetwork, Volume
from a2ibench.contracts import ScoreContext
from a2ibench.data.formats import open_lazy
from a2ibench.data.writing import Writer
from a2ibench.metrics.axial_power import axial_power
from a2ibench.protocol.blocks import tells_disagreement
from a2ibench.reconstruction import checks
from a2ibench.reconstruction.uncertainty import Apart
from a2ibench.registry import host
from a2ibench.validation.scores import Consistency

NM = (40.0, 10.0, 10.0)
CORNER = ((0, 4), (0, 40), (0, 48))
QUICK = {"voxel_size": NM, "profile": "smoke", "budget": "2steps", "device": "cpu", "precision": "fp32"}


def read(path):
    with open_lazy(path) as volume:
        return volume[:, :, :], volume.voxel_size


def beside(path):
    return json.loads(path.with_name(f"{path.name}.json").read_text())


@pytest.fixture(scope="module")
def trained(stack, tmp_path_factory):
    """Return where a stack of floats lies, reconstructed with its uncertainty and without."""
    folder = tmp_path_factory.mktemp("trained")
    source = folder / "in.npy"
    np.save(source, tifffile.imread(stack)[:4, :40, :48].astype(np.float32))
    a2ibench.reconstruct_file(source, folder / "a.tif", uncertainty=folder / "u.tif", **QUICK)
    a2ibench.reconstruct_file(source, folder / "b.tif", **QUICK)
    return folder


def test_it_is_the_difference_of_what_the_families_become(trained) -> None:
    families = [
        read(
            a2ibench.reconstruct_file(
                trained / "in.npy", trained / f"{planes}.tif", checkpoint=trained / "a.tif.checkpoint",
                planes=planes, **QUICK,
            )
        )[0]
        for planes in ("xz", "yz")
    ]  # fmt: skip
    found, voxel_size = read(trained / "u.tif")
    assert (found.dtype, voxel_size) == (np.float32, (10.0, 10.0, 10.0))
    assert found.shape == families[0].shape
    # What is clipped to the intensity range has lost its difference.
    lo, hi = np.load(trained / "in.npy").min(), np.load(trained / "in.npy").max()
    inner = np.all([(lo < each) & (each < hi) for each in families], axis=0)
    assert inner.mean() > 0.9
    expected = np.abs(families[0].astype(np.float64) - families[1])
    np.testing.assert_allclose(found[inner], expected[inner], atol=1e-3)
    assert expected.mean() > 0.01
    assert beside(trained / "a.tif")["checks"]["disagreement"] == pytest.approx(found.mean(), rel=1e-5)


def test_nothing_else_changes(trained, content) -> None:
    assert content(trained / "a.tif") == content(trained / "b.tif")
    assert content(trained / "a.tif.checkpoint") == content(trained / "b.tif.checkpoint")
    told = [beside(trained / name) for name in ("a.tif", "b.tif")]
    assert told[0]["checks"] == told[1]["checks"]
    assert told[0]["uncertainty"]["path"] == str(trained / "u.tif")
    assert re.fullmatch("sha256:[0-9a-f]{64}", told[0]["uncertainty"]["digest"])
    assert told[1]["uncertainty"] is None
    with tifffile.TiffFile(trained / "u.tif") as file:
        assert (
            json.loads(file.imagej_metadata["Info"])["kind"] == "uncertainty of an isotropic reconstruction"
        )
    names = {path.name for path in trained.glob("[abu].tif*")}
    ours = {f"{name}{end}" for name in ("a.tif", "b.tif") for end in ("", ".json", ".png", ".checkpoint")}
    assert names == {"u.tif", *ours}
    heights = [(trained / f"{name}.tif.png").stat().st_size for name in "ab"]
    assert heights[0] > heights[1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "cubic"}, "cubic tells no uncertainty; leave uncertainty out, or use plain"),
        ({"planes": "xz"}, "plain with planes=xz tells no uncertainty, .*; leave uncertainty or planes out"),
        ({"uncertainty": "u.png"}, r"u\.png: unknown format; give a name that ends in"),
        ({"uncertainty": "gone/u.tif"}, "its folder does not exist"),
        ({"uncertainty": "in.npy"}, "as uncertainty it is .*in.npy, which is read; write elsewhere"),
        ({"uncertainty": "o.tif"}, "is uncertainty and output; give one of them another name"),
        ({"uncertainty": "o.tif.png"}, "is uncertainty and figure; give one"),
        ({"uncertainty": "o.tif.json"}, "is uncertainty and history; give one"),
        ({"uncertainty": "o.tif.checkpoint"}, "is uncertainty and checkpoint; give one"),
        ({"uncertainty": ".o.tif.partial/u.tif"}, "is uncertainty and folder of unfinished work; give one"),
        ({"uncertainty": "there.tif"}, r"there\.tif: exists already; .* add overwrite=True"),
    ],
)
def test_what_is_refused_before_anything_is_written(tmp_path, monkeypatch, options, message) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("in.npy", np.random.default_rng(0).integers(0, 255, (4, 40, 48), np.uint8))
    (tmp_path / "there.tif").write_text("precious")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match=message) as caught:
        a2ibench.reconstruct_file("in.npy", "o.tif", **QUICK | {"uncertainty": "u.tif"} | options)
    assert "\n" not in str(caught.value)
    assert sorted(tmp_path.rglob("*")) == before
    assert (tmp_path / "there.tif").read_text() == "precious"


def test_overwrite_replaces_both(stack, tmp_path) -> None:
    for seed in (0, 1):
        a2ibench.reconstruct_file(
            stack, tmp_path / "o.tif", uncertainty=tmp_path / "u.mrc", seed=seed, overwrite=True,
            **QUICK, crop=CORNER,
        )  # fmt: skip
        found = read(tmp_path / "u.mrc")[0]
    assert beside(tmp_path / "o.tif")["checks"]["disagreement"] == pytest.approx(found.mean(), rel=1e-5)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"u.mrc", "o.tif", "o.tif.json", "o.tif.png", "o.tif.checkpoint"}


BEGUN, WRITTEN, PUBLISHED, FINISHED = (
    (Writer, "write", 1),
    (Apart, "write", 2),
    (Apart, "publish", 1),
    (Apart, "finish", 1),
)


@pytest.mark.parametrize(
    ("name", "other", "crop", "moments"),
    [
        ("o.tif", "u.tif", ((0, 2), (0, 140), (0, 64)), (WRITTEN, PUBLISHED, FINISHED)),
        pytest.param("o.ome.zarr", "u.h5", ((0, 2), (0, 264), (0, 24)), (BEGUN,), marks=pytest.mark.slow),
    ],
)
def test_killed_at_some_moments_in_turn(stack, tmp_path, content, name, other, crop, moments) -> None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["interrupted", "a2ibench.reconstruction.reconstruct", "a2ibench_plain.method"]
    )
    options = {name: value for name, value in QUICK.items() if name != "device"} | {"crop": crop}

    def start(function, folder, *more):
        given = options | {"uncertainty": folder / other}
        process = context.Process(target=function, args=(stack, folder / name, "plain", given, *more))
        process.start()
        process.join()
        return process.exitcode

    whole = tmp_path / "whole"
    whole.mkdir()
    assert start(reconstruct_in_units, whole) == 0
    for moment in moments:
        assert start(reconstruct_until, tmp_path, *moment) == -9
    finished = moments[-1] == FINISHED
    assert (tmp_path / name).exists() == finished
    assert (tmp_path / f".{other}.partial").exists() != finished
    assert start(reconstruct_in_units, tmp_path) == 0
    for written in (name, other):
        assert content(tmp_path / written) == content(whole / written)
    assert not list(tmp_path.glob(".*"))
    told = [beside(folder / name) for folder in (whole, tmp_path)]
    assert told[0]["checks"] == told[1]["checks"]
    assert told[0]["checks"]["disagreement"] == pytest.approx(read(whole / other)[0].mean(), rel=1e-5)
    assert told[0]["uncertainty"]["digest"] == told[1]["uncertainty"]["digest"]


def test_who_tells() -> None:
    class Own(SliceNetwork):
        def reconstruct(self, volume, grid, ctx):
            return super().reconstruct(volume, grid, ctx)

    class Both(Own):
        def reconstruct_with_disagreement(self, volume, grid, ctx):
            return super().reconstruct_with_disagreement(volume, grid, ctx)

    assert tells_disagreement(SliceNetwork())
    assert not tells_disagreement(SliceNetwork(planes="yz"))
    assert not tells_disagreement(Own())
    assert tells_disagreement(Both())
    assert not tells_disagreement(host().build("method", "cubic"))


@pytest.mark.parametrize(("dtype", "offset"), [(np.uint8, 0), (np.uint8, 6), (np.float32, 0)])
def test_consistency_of_a_sample_is_that_of_the_whole(tmp_path, monkeypatch, dtype, offset) -> None:
    random = np.random.default_rng(1)
    data = np.clip(random.normal(120, 8, (24, 70, 66)), 0, 255).astype(dtype)
    volume = Volume(data, (10 / 3 * 10, 10.0, 10.0), (0.0, 255.0), "noise")
    made = a2ibench.reconstruct(volume, "cubic")
    made = np.asarray(made.data) + np.asarray(offset, dtype)
    tifffile.imwrite(tmp_path / "o.tif", made, photometric="minisblack")
    expected = Consistency().score(ScoreContext(made, None, 255.0, (10.0,) * 3, volume, volume.ratio))
    found = checks.sampled_consistency(tmp_path / "o.tif", volume, volume.ratio, "slab-average")
    assert found == pytest.approx(expected, rel=1e-6)
    told = checks.checked(tmp_path / "o.tif", volume, volume.ratio, None, None)
    assert told[:3] == (pytest.approx(expected), 1.2, None)
    assert told.fits == (expected <= 1.2)
    whole = axial_power(made, (10.0,) * 3)
    lengths, ratios = zip(*told.axial_power[::-1], strict=True)
    assert lengths == pytest.approx(1 / whole.frequency)
    assert ratios == pytest.approx(whole.ratio)
    monkeypatch.setattr(checks, "_VOXELS", made.size // 4)
    monkeypatch.setattr(checks, "_SIDE", 32)
    sampled = checks.sampled_consistency(tmp_path / "o.tif", volume, volume.ratio, "slab-average")
    # Neither the noise of so small boxes nor their ends are known any better.
    assert sampled == pytest.approx(expected, rel=0.15)


def test_boxes_lie_within_the_input_and_are_not_more_than_wanted() -> None:
    for shape, ratio in (((3000, 9000, 200), 3.3), ((20, 5000, 5000), 12.0), ((2, 100000, 3000), 4.0)):
        boxes = list(checks._boxes(shape, ratio))
        assert len(set(map(str, boxes))) == len(boxes) == 8
        for box in boxes:
            assert all(0 <= part.start < part.stop <= n for part, n in zip(box, shape, strict=True))
        sizes = [np.prod([part.stop - part.start for part in box]) for box in boxes]
        assert sum(sizes) * ratio <= 1.01 * (1 << 24)
