"""A public tool that is no plugin: as a command, as a plugin of another Python, and as a finished volume."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import tifffile

import a2ibench
from a2ibench.bench.record import Record

sitk = pytest.importorskip("SimpleITK", reason="SimpleITK, 260 MB, is not installed")

PAGE = Path(__file__).parents[2] / "docs" / "other_tools.md"
HOOKS = """
from a2ibench import MethodSpec, hookimpl

@hookimpl
def a2ibench_register_methods(register):
    register(MethodSpec("itk-there", "itk.methods:Bspline", "B-spline interpolation of ITK"))
"""
METHODS = """
import numpy as np
import SimpleITK as sitk
from a2ibench import normalise


class Bspline:
    # Splines reach through the whole volume.
    halo = (1 << 20, 0)

    def fit(self, volume, ctx): ...
    def save(self, path): ...
    def load(self, path): ...

    def reconstruct(self, volume, grid, ctx):
        image = sitk.GetImageFromArray(np.asarray(volume.data, np.float32))
        image.SetSpacing((1.0, 1.0, grid.ratio))
        resample = sitk.ResampleImageFilter()
        resample.SetInterpolator(sitk.sitkBSpline)
        resample.SetSize((volume.shape[2], volume.shape[1], grid.n_out))
        resample.SetOutputSpacing((1.0, 1.0, 1.0))
        resample.SetOutputOrigin((0.0, 0.0, grid.ratio * float(grid.positions[0])))
        resample.SetTransform(sitk.Transform(3, sitk.sitkIdentity))
        resample.UseNearestNeighborExtrapolatorOn()
        return normalise(sitk.GetArrayFromImage(resample.Execute(image)), volume)
"""


def test_it_scores_the_same_in_all_three_ways(
    record_of: Callable[..., Record],
    environment_with: Callable[..., Path],
    tmp_path: Path,
    shared_data: Path,
) -> None:
    code = re.search(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert code is not None
    (tmp_path / "resample.py").write_text(code[1], encoding="utf-8")
    command = f"{shlex.quote(sys.executable)} resample.py {{input}} {{output}} {{ratio}} {{n_out}}"
    there = environment_with("itk", HOOKS, METHODS, more=Path(sitk.__file__).parents[1])
    options = {
        "catalogue": shared_data / "datasets.toml",
        "datasets": "tiny-epfl",
        "metrics": ["psnr", "ssim"],
        "commands": {"itk": {"command": command, "folder": str(tmp_path)}},
        "environments": [f"itk-there={there}"],
    }
    cubic = record_of("cubic", **options)
    records = {record.method: record for record in a2ibench.read_run(tmp_path / "run").records}
    one, other = records["itk"], records["itk-there"]
    assert (one.status, other.status) == ("ok", "ok"), (one.message, other.message)
    assert one.metrics == other.metrics
    catalogue = shared_data / "datasets.toml"
    volume, _ = a2ibench.simulate("tiny-epfl", catalogue=catalogue)
    tifffile.imwrite(tmp_path / "input.tif", volume.data)
    script = [sys.executable, "resample.py", "input.tif", "output.tif", repr(volume.ratio), "64"]
    subprocess.run(script, cwd=tmp_path, check=True)
    finished = a2ibench.score(tmp_path / "output.tif", "tiny-epfl", name="itk-volume", into=tmp_path / "run")
    assert finished.metrics == one.metrics
    # A spline keeps more than cubic convolution; half a voxel off would lose more than that.
    assert -0.5 < one.metrics["psnr"].value - cubic.metrics["psnr"].value < 1.0
