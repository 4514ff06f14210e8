"""One hot voxel in a dataset changes no score of a run."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from scipy.ndimage import gaussian_filter

from a2ibench.bench.options import RunOptions
from a2ibench.bench.plan import plan_run
from a2ibench.bench.record import Record
from a2ibench.bench.run_job import run_job
from a2ibench.contracts import silent

HOT = {"uint16": 65535, "float32": 1e6}
SIMULATED = {"plain": "{ratio = 4.0}", "noisy": "{ratio = 2.5, gaussian = 0.02}"}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Record]:
    """Run cubic interpolation on volumes with and without a hot voxel; return the records."""
    folder = tmp_path_factory.mktemp("hot")
    noise = gaussian_filter(np.random.default_rng(0).normal(size=(60, 88, 80)), 1.5)
    tissue = np.clip(noise / noise.std() * 400 + 1900, 0, 4095)
    entries = []
    for dtype, level in HOT.items():
        for kind in ("clean", "hot"):
            data = tissue.astype(dtype)
            if kind == "hot":
                data[30, 40, 50] = level
            tifffile.imwrite(folder / f"{dtype}-{kind}.tif", data)
            path = f'path = "{dtype}-{kind}.tif"'
            for name, simulate in SIMULATED.items():
                entries.append(
                    f"[{dtype}-{kind}-{name}]\n{path}\nvoxel_size = [8, 8, 8]\nsimulate = {simulate}\n"
                )
            entries.append(f"[{dtype}-{kind}-given]\n{path}\nvoxel_size = [32, 8, 8]\n")
    (folder / "c.toml").write_text("".join(entries))
    records = {}
    given = {"catalogue": folder / "c.toml", "metrics": ["psnr", "ssim", "fsc_axial"], "device": "cpu"}
    for job in plan_run(RunOptions("cubic", "all", **given)).jobs():
        (folder / job.dataset.name).mkdir()
        records[job.dataset.name] = run_job(job, folder / job.dataset.name, silent)
    return records


@pytest.mark.parametrize("dtype", HOT)
@pytest.mark.parametrize("name", SIMULATED)
def test_scores_are_those_without_it(results: dict[str, Record], dtype: str, name: str) -> None:
    clean, hot = (results[f"{dtype}-{kind}-{name}"].metrics for kind in ("clean", "hot"))
    assert 15 < clean["psnr"].value < 45
    assert hot["psnr"].value == pytest.approx(clean["psnr"].value, abs=0.05)
    assert hot["ssim"].value == pytest.approx(clean["ssim"].value, abs=0.002)
    assert hot["fsc_axial"].value == pytest.approx(clean["fsc_axial"].value, rel=0.02)


@pytest.mark.parametrize("dtype", HOT)
@pytest.mark.parametrize("name", [*SIMULATED, "given"])
def test_axial_power_is_that_without_it(results: dict[str, Record], dtype: str, name: str) -> None:
    clean, hot = (results[f"{dtype}-{kind}-{name}"].provenance["axial_power"] for kind in ("clean", "hot"))
    assert set(hot) == {"octaves", "ratio"} | ({"reference"} if name in SIMULATED else set())
    for one in hot:
        np.testing.assert_allclose(hot[one], clean[one], rtol=0.1, atol=0.02)


@pytest.mark.parametrize("dtype", HOT)
def test_without_reference_the_contrast_is_that_without_it(results: dict[str, Record], dtype: str) -> None:
    told = [results[f"{dtype}-{kind}-given"].provenance["dataset"] for kind in ("clean", "hot")]
    assert np.ptp(told[1]["intensity"]) > 5 * np.ptp(told[0]["intensity"])
    np.testing.assert_allclose(told[1]["contrast"], told[0]["contrast"], atol=20)
