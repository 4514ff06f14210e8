"""What every kind of plugin must tell about itself, and that telling it is cheap."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Any

from a2ibench.registry import Registered
from a2ibench.testing.check import CheckFailed, Rule, rule

LONGEST_SUMMARY = 120

HEAVY = frozenset(
    {"torch", "torchvision", "timm", "lightning", "pytorch_lightning", "transformers", "monai", "careamics"}
    | {"tensorflow", "keras", "jax", "flax", "cupy", "numba", "onnxruntime"}
    | {"scipy", "skimage", "sklearn", "cv2", "PIL", "SimpleITK", "pandas", "matplotlib"}
    | {"h5py", "zarr", "dask", "tifffile"}
)
"""Libraries that take long to import, so that a program which only lists plugins must not import them."""

_LICENCE_FIELDS = ("License-Expression", "License", "License-File")

_PROBE = """
import json, sys
from a2ibench.registry import PluginHost, discover
from a2ibench.registry.loading import name_and_version
name, distribution = sys.argv[1:]
points, _ = discover()
mine = [point for point in points if point.name == name and name_and_version(point.dist)[0] == distribution]
before = set(sys.modules)
PluginHost(mine)
print(json.dumps([len(mine), sorted({module.partition(".")[0] for module in set(sys.modules) - before})]))
"""


@dataclass
class Registration:
    """What is checked: a registration, and where it runs.

    Parameters
    ----------
    registered : Registered
        The spec, and the plugin and distribution that gave it.
    device : str
        ``"cpu"`` or ``"cuda"``.
    """

    registered: Registered
    device: str

    @property
    def spec(self) -> Any:
        """The spec."""
        return self.registered.spec


@rule(
    "Listing the plugin imports no heavy library",
    "import heavy libraries in the target's module or inside functions, not in the module of the hooks",
)
def _listed_lightly(subject: Registration) -> None:
    plugin = subject.registered
    command = [sys.executable, "-c", _PROBE, plugin.plugin, plugin.distribution]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, check=False)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        raise CheckFailed(f"listing {plugin} in a new process failed: {last}")
    found, modules = json.loads(done.stdout.splitlines()[-1])
    if found != 1:
        raise CheckFailed(f"a new process finds {found} entry points of {plugin}; install it once")
    heavy = sorted(HEAVY.intersection(modules))
    if heavy:
        raise CheckFailed(f"listing {plugin} imports {', '.join(heavy)}")


@rule(
    "A summary of one line says what it is",
    f"give the spec a summary of one line and at most {LONGEST_SUMMARY} characters",
)
def _summary(subject: Registration) -> None:
    text = subject.spec.summary
    if not text.strip():
        raise CheckFailed(f"the summary of {subject.spec.name!r} is empty")
    if text != text.strip() or "\n" in text or len(text) > LONGEST_SUMMARY:
        raise CheckFailed(f"the summary is {text!r}, {len(text)} characters")


@rule(
    "A citation says what to cite",
    "give the spec a citation: the paper, or the repository with its version where there is none",
)
def _citation(subject: Registration) -> None:
    if not (isinstance(subject.spec.citation, str) and subject.spec.citation.strip()):
        raise CheckFailed(f"the citation of {subject.spec.name!r} is empty")


@rule(
    "The distribution declares its licence",
    'declare the licence in the metadata of the distribution: license = "MIT" in pyproject.toml',
)
def _licence(subject: Registration) -> None:
    name = subject.registered.distribution
    try:
        declared: Any = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        raise CheckFailed(f"the metadata of distribution {name} cannot be read") from None
    given = [value for field in _LICENCE_FIELDS for value in declared.get_all(field) or []]
    given += [value for value in declared.get_all("Classifier") or [] if value.startswith("License ::")]
    if all(value.strip() in ("", "UNKNOWN") for value in given):
        raise CheckFailed(f"distribution {name} {subject.registered.version} declares no licence")


LISTED, CITED = _listed_lightly, _citation
DESCRIBED: Sequence[Rule[Registration]] = (_listed_lightly, _summary, _licence)
