"""A public tool that is no plugin: as the command of the documentation, and as a plugin of another Python."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

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


def test_it_scores_the_same_as_a_command_and_in_another_python(
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
    # A spline keeps more than cubic convolution; half a voxel off would lose more than that.
    assert -0.5 < one.metrics["psnr"].value - cubic.metrics["psnr"].value < 1.0
