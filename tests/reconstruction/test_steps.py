"""How long a reconstruction trains where nobody says it: by the voxels of its output, never by a clock."""

from __future__ import annotations

import json
import logging
import math
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import a2ibench
from a2ibench import Volume
from a2ibench.bench import device
from a2ibench.bench.options import check_option
from a2ibench.data.writing import Writer
from a2ibench.protocol.profiles import PROFILES, Profile
from a2ibench.reconstruction import options
from a2ibench.reconstruction.options import ReconstructOptions, context, output_voxels, worthwhile_steps
from a2ibench.registry import host

QUICK, FULL = PROFILES["quick"], PROFILES["full"]
LIMITS = {"cpu": (400, 100_000), "cuda": (20_000, 100_000)}
NM = (40.0, 10.0, 10.0)
SHAPE = (5, 20, 16)
PROBE = """
import numpy as np
from a2ibench import MethodSpec, hookimpl
class Probe:
    halo = (0, 0)
    def fit(self, volume, ctx): ctx.progress("fit", 1, ctx.budget.steps)
    def reconstruct(self, volume, grid, ctx): return np.zeros((grid.n_out, *volume.shape[1:]), np.float32)
    def save(self, path): (path / "learnt").write_text("1")
    def load(self, path): pass
class Still(Probe):
    def save(self, path): pass
class Shipped(Probe):
    trains = False
@hookimpl
def a2ibench_register_methods(register):
    for name in ("Probe", "Still", "Shipped"):
        register(MethodSpec(name.lower(), f"prober:{name}", "a method for tests"))
"""
sizes = st.integers(1, 10**13)
profiles = st.sampled_from(list(PROFILES.values()))
devices = st.sampled_from(list(LIMITS))


@pytest.mark.parametrize(
    ("voxels", "profile", "where", "steps"),
    [
        (1, QUICK, "cpu", 400),
        (1200 * 6 * 16 * 48 * 48, QUICK, "cpu", 1200),
        (1000**3, QUICK, "cpu", 4500),
        (2500 * 6 * 16 * 96 * 96, FULL, "cpu", 2500),
        (10**12, QUICK, "cpu", 100_000),
        (1000**3, FULL, "cuda", 20_000),
        (50_000 * 6 * 16 * 96 * 96, FULL, "cuda", 50_000),
        (10**12, FULL, "cuda", 100_000),
    ],
)
def test_the_steps_of_some_volumes(voxels: int, profile: Profile, where: str, steps: int) -> None:
    assert worthwhile_steps(voxels, profile, where) == steps


@given(voxels=sizes, more=sizes, profile=profiles, where=devices)
def test_larger_volumes_never_get_fewer_steps(voxels: int, more: int, profile: Profile, where: str) -> None:
    fewer, steps = (worthwhile_steps(size, profile, where) for size in (voxels, voxels + more))
    least, most = LIMITS[where]
    assert least <= fewer <= steps <= most


@given(voxels=sizes, profile=profiles, where=devices)
def test_between_the_limits_only_rounding_parts_them_from_the_formula(
    voxels: int, profile: Profile, where: str
) -> None:
    least, most = LIMITS[where]
    exact = min(max(voxels / (6 * profile.batch * profile.patch**2), least), most)
    steps = worthwhile_steps(voxels, profile, where)
    assert steps == pytest.approx(exact, rel=0.05)
    assert len(str(steps).rstrip("0")) <= 2


def test_the_page_says_what_the_rule_gives() -> None:
    page = Path(__file__).parents[2] / "docs" / "reconstruct_your_stack.md"
    rows = re.findall(
        r"^\| (\d+) x (\d+) x (\d+) \| ([\d ]+) \| ([\d ]+) \|", page.read_text("utf-8"), re.MULTILINE
    )
    assert len(rows) >= 5
    for *shape, cpu, gpu in rows:
        voxels = math.prod(map(int, shape))
        steps = worthwhile_steps(voxels, QUICK, "cpu"), worthwhile_steps(voxels, FULL, "cuda")
        assert steps == (int(cpu.replace(" ", "")), int(gpu.replace(" ", "")))


@given(shape=st.tuples(*[st.integers(2, 500)] * 3), ratio=st.floats(1, 20))
def test_what_counts_is_the_output(shape: tuple[int, int, int], ratio: float) -> None:
    assert output_voxels(shape, ratio) == round(shape[0] * ratio) * shape[1] * shape[2]


def test_the_default_method_is_the_plain_network() -> None:
    assert check_option("method", ReconstructOptions()) == "plain"
    assert host().find("method", options.DEFAULT_METHOD).distribution == "a2ibench"


def test_a_profile_or_a_budget_that_is_given_wins() -> None:
    voxels = 10**10
    by_rule = context(ReconstructOptions(device="cpu"), voxels).budget
    assert by_rule.steps not in {one.steps for one in PROFILES.values()}
    for name, profile in PROFILES.items():
        given_profile = ReconstructOptions(device="cpu", profile=name)
        assert context(given_profile, voxels).budget.steps == profile.steps
    assert str(context(ReconstructOptions(device="cpu", budget="7steps"), voxels).budget) == "7steps"
    both = ReconstructOptions(device="cpu", budget="9s", profile="smoke")
    assert str(context(both, voxels).budget) == "9s"


@pytest.mark.parametrize(
    ("gpu", "asked", "size", "steps"),
    [
        (False, "auto", "small", 400),
        (True, "auto", "full", 20_000),
        (True, "cuda", "full", 20_000),
        (True, "cpu", "full", 400),
    ],
)
def test_a_gpu_trains_for_longer(
    monkeypatch: pytest.MonkeyPatch, gpu: bool, asked: str, size: str, steps: int
) -> None:
    monkeypatch.setattr(device, "cuda_present", lambda: gpu)
    told = context(ReconstructOptions(device=asked), 1000)
    assert (told.size, told.budget.steps) == (size, steps)


@pytest.fixture
def probe(install_plugin, monkeypatch) -> None:
    """Install a method that tells its budget, and two that train nothing; a step sees one voxel."""
    install_plugin("prober", PROBE)
    monkeypatch.setattr(device, "cuda_present", lambda: False)
    monkeypatch.setattr(options, "PROFILES", {"quick": Profile("quick", "small", 400, batch=1, patch=1)})


@pytest.fixture
def voxels() -> np.ndarray:
    """Return a stack of a size for 1100 steps, if it is reconstructed to 20 slices."""
    return np.random.default_rng(0).integers(0, 256, SHAPE).astype(np.uint8)


def test_memory_and_files_train_for_the_same_steps(probe, voxels, tmp_path) -> None:
    told = []

    def progress(phase, done, total, **values):
        if phase == "fit":
            told.append(total)

    volume = Volume(voxels, NM, (0.0, 255.0))
    a2ibench.reconstruct(volume, "probe", progress=progress)
    np.save(tmp_path / "in.npy", voxels)
    given_all = {"method": "probe", "voxel_size": NM, "progress": progress, "save_checkpoint": False}
    a2ibench.reconstruct_file(tmp_path / "in.npy", tmp_path / "a.tif", **given_all)
    # The ratio and the crop decide how much there is to reconstruct.
    a2ibench.reconstruct_file(tmp_path / "in.npy", tmp_path / "b.tif", **given_all, ratio=10)
    a2ibench.reconstruct_file(
        tmp_path / "in.npy", tmp_path / "c.tif", **given_all, crop=((0, 5), (0, 20), (0, 8))
    )
    assert told == [1100, 1100, 2700, 530]


def test_the_steps_are_part_of_the_identity_which_a_later_call_has_too(
    probe, voxels, tmp_path, monkeypatch
) -> None:
    def begin(**changes):
        np.save(tmp_path / "in.npy", voxels)
        a2ibench.reconstruct_file(tmp_path / "in.npy", tmp_path / "o.tif", "probe", voxel_size=NM, **changes)

    with monkeypatch.context() as broken:
        broken.setattr(Writer, "publish", lambda writer: (_ for _ in ()).throw(KeyboardInterrupt))
        for _ in range(2):
            with pytest.raises(KeyboardInterrupt):
                begin()
    state = json.loads((tmp_path / ".o.tif.partial" / "state.json").read_text())
    assert state["identity.budget"] == "1100steps"
    with pytest.raises(a2ibench.InputError, match=r"\(budget was 1100steps, is 12steps\)"):
        begin(budget="12steps")
    begin(budget="1100steps")
    assert (tmp_path / "o.tif").is_file()


def test_a_line_says_how_long_what_learns_is_trained(probe, voxels, tmp_path, caplog) -> None:
    caplog.set_level(logging.INFO, "a2ibench")
    volume = Volume(voxels, NM, (0.0, 255.0))
    a2ibench.reconstruct(volume, "probe")
    a2ibench.reconstruct(volume, "still")
    a2ibench.reconstruct(volume, "shipped")
    a2ibench.reconstruct(volume, "probe", budget="8steps")
    np.save(tmp_path / "in.npy", voxels)
    given_all = {"voxel_size": NM, "budget": "8steps"}
    a2ibench.reconstruct_file(tmp_path / "in.npy", tmp_path / "a.tif", "probe", **given_all)
    a2ibench.reconstruct_file(
        tmp_path / "in.npy",
        tmp_path / "b.tif",
        "probe",
        checkpoint=tmp_path / "a.tif.checkpoint",
        **given_all,
    )
    assert caplog.messages == [
        "training probe for 1100 steps (6,400 output voxels)",
        "training probe for 8 steps (6,400 output voxels)",
        "training probe for 8 steps (6,400 output voxels)",
    ]
