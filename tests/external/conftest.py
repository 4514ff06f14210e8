"""A small dataset, commands made of Python scripts, and another Python with another NumPy and no torch."""

from __future__ import annotations

import importlib.util
import shlex
import shutil
import subprocess
import sys
import textwrap
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

import a2ibench
from a2ibench.bench.record import Record

ROOT = Path(__file__).parents[2]

# Keys (1981), equation 4 for any slope, in double precision.
CUBIC = """
import sys
import numpy as np

a, shift = float(sys.argv[5]), float(sys.argv[6])
source, target, ratio, n_out = sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4])


def read(path):
    if path.endswith(".npy"):
        return np.load(path)
    if path.endswith(".mrc"):
        import mrcfile
        return mrcfile.read(path).astype(np.uint8)
    if path.endswith(".h5"):
        import h5py
        with h5py.File(path) as file:
            found = []
            file.visititems(lambda name, item: found.append(item) if getattr(item, "ndim", 0) == 3 else None)
            return found[0][:]
    import tifffile
    return tifffile.imread(path)


def write(path, data):
    if path.endswith(".npy"):
        np.save(path, data)
    elif path.endswith(".mrc"):
        import mrcfile
        mrcfile.write(path, data.astype(np.float32))
    elif path.endswith(".h5"):
        import h5py
        with h5py.File(path, "w") as file:
            file["volume"] = data
    else:
        import tifffile
        tifffile.imwrite(path, data)


data = read(source)
at = (np.arange(n_out) + 0.5) / ratio - 0.5 + shift
first = np.floor(at).astype(int)
out = np.zeros((n_out, *data.shape[1:]))
for tap in range(-1, 3):
    d = np.abs(at - first - tap)
    near = (a + 2) * d**3 - (a + 3) * d**2 + 1
    far = a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a
    weight = np.where(d <= 1, near, np.where(d < 2, far, 0))
    out += weight[:, None, None] * data[np.clip(first + tap, 0, len(data) - 1)]
write(target, np.clip(np.rint(out), 0, 255).astype(data.dtype))
"""


@pytest.fixture
def catalogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write a catalogue of an isotropic and of an anisotropic volume, 24 x 20 x 16 and 8 x 20 x 16."""
    monkeypatch.setenv("A2IBENCH_CACHE", str(tmp_path / "cache"))
    draw = np.random.default_rng(0)
    tifffile.imwrite(tmp_path / "full.tif", draw.integers(0, 256, (24, 20, 16), np.uint8))
    file = tmp_path / "datasets.toml"
    tifffile.imwrite(tmp_path / "thin.tif", draw.integers(0, 256, (8, 20, 16), np.uint8))
    file.write_text(
        '[full]\npath = "full.tif"\nvoxel_size = [10, 10, 10]\nsimulate = {ratio = 3.0}\n'
        '[thin]\npath = "thin.tif"\nvoxel_size = [30, 10, 10]\n'
    )
    return file


@pytest.fixture
def record_of(catalogue: Path, tmp_path: Path) -> Callable[..., Record]:
    """Return a function that runs one method and returns its record; options are those of `a2ibench.run`."""

    def run(method: str, out: str = "run", **options: Any) -> Record:
        given = {"profile": "smoke", "executor": "inline", "metrics": ["psnr"], "reporters": "none"}
        given |= {"datasets": "full", "catalogue": catalogue, "device": "cpu", "out": tmp_path / out}
        a2ibench.run(methods=[method], **{**given, **options})
        return next(one for one in a2ibench.read_run(tmp_path / out).records if one.method == method)

    return run


@pytest.fixture
def script(tmp_path: Path) -> Callable[..., str]:
    """Return a function that writes a Python script, and returns the command that runs it."""

    def write(source: str, arguments: str = "{input} {output}", name: str = "tool.py") -> str:
        (tmp_path / name).write_text(textwrap.dedent(source), encoding="utf-8")
        return f"{shlex.quote(sys.executable)} {shlex.quote(str(tmp_path / name))} {arguments}"

    return write


@pytest.fixture
def cubic(script: Callable[..., str]) -> Callable[..., str]:
    """Return a function that returns a command for cubic convolution, with NumPy and a reader alone."""

    def command(a: float = -1.0, shift: float = 0.0) -> str:
        return script(CUBIC, f"{{input}} {{output}} {{ratio}} {{n_out}} {a} {shift}", "cubic.py")

    return command


def _other_numpy(site: Path) -> None:
    pip = [sys.executable, "-m", "pip"] if importlib.util.find_spec("pip") else [shutil.which("pip") or ""]
    wanted = f"numpy>=1.26,!={np.__version__}"
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    command = [*pip, "install", "--quiet", "--no-deps", "--only-binary", ":all:", "--python-version", version]
    if not pip[0]:
        pytest.skip("there is no pip to install another NumPy with")
    done = subprocess.run([*command, "--target", site, wanted], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"another NumPy cannot be installed: {done.stderr.strip().splitlines()[-1:]}")


@pytest.fixture(scope="session")
def other_python(once: Callable[[str, Callable[[Path], None]], Path]) -> Path:
    """Make a virtual environment with another NumPy and a2ibench, and nothing that a2ibench depends on."""

    def make(folder: Path) -> None:
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
        site = site_of(folder)
        _other_numpy(site)
        # As `pip install --no-deps -e` would do.
        (site / "a2ibench.pth").write_text(f"{ROOT}\n{ROOT / 'plugins'}\n")
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        entry_points = "".join(f"{k} = {v}\n" for k, v in project["entry-points"]["a2ibench"].items())
        add_distribution(site, "a2ibench", project["version"], entry_points)

    return once("other-python", make) / "bin" / "python"


def site_of(environment: Path) -> Path:
    """Return where packages of a virtual environment lie."""
    (found,) = environment.glob("lib/python3*/site-packages")
    return found


def add_distribution(site: Path, name: str, version: str, entry_points: str) -> None:
    """Write the metadata of a distribution."""
    info = site / f"{name}-{version}.dist-info"
    info.mkdir(exist_ok=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "entry_points.txt").write_text(f"[a2ibench]\n{entry_points}")


@pytest.fixture
def environment_with(other_python: Path, tmp_path: Path) -> Callable[..., Path]:
    """Return a function that adds a plugin to the other Python for a test, and returns its interpreter."""

    def add(
        name: str, source: str, methods: str = "", version: str = "1.0", more: Path | None = None
    ) -> Path:
        site = tmp_path / f"site-{name}"
        (site / name).mkdir(parents=True, exist_ok=True)
        (site / name / "__init__.py").write_text(textwrap.dedent(source), encoding="utf-8")
        (site / name / "methods.py").write_text(textwrap.dedent(methods), encoding="utf-8")
        add_distribution(site, name, version, f"{name} = {name}\n")
        # Variables of Python's are those of this one; those of that one it has from its own start.
        python = tmp_path / f"python-{name}"
        places = f"{site}:{more}" if more else site
        python.write_text(f'#!/bin/sh\nPYTHONPATH="{places}" exec "{other_python}" "$@"\n')
        python.chmod(0o755)
        return python

    return add
