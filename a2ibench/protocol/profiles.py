"""What is the same for every method: the work it may do, what it learns to undo, where randomness begins."""

from __future__ import annotations

import random
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from a2ibench.contracts import Degradation, Simulation, Volume
from a2ibench.registry import host
from a2ibench.registry.schema import declared_settings
from a2ibench.settings import Setting, Value


@dataclass(frozen=True)
class Profile:
    """Network size, steps, patches a step and voxels along a patch's side."""

    name: str
    size: str
    steps: int
    batch: int
    patch: int

    def settings(self) -> dict[str, Setting]:
        """Return what the profile sets, by name, with its meaning; the profile's values are the defaults."""
        return {
            "size": Setting(self.size, "width and depth of the networks", choices=("tiny", "small", "full")),
            "steps": Setting(self.steps, "steps of the training, where no budget is given", low=1),
            "batch": Setting(self.batch, "patches of a training step", low=1),
            "patch": Setting(
                self.patch, "side of a training patch; less where the volume is thinner", unit="voxels", low=1
            ),
        }


PROFILES: Mapping[str, Profile] = MappingProxyType(
    {
        "smoke": Profile("smoke", size="tiny", steps=10, batch=4, patch=32),
        "quick": Profile("quick", size="small", steps=400, batch=16, patch=48),
        "standard": Profile("standard", size="small", steps=4000, batch=16, patch=48),
        "full": Profile("full", size="full", steps=20_000, batch=16, patch=96),
    }
)


MULTIPLY_ADDS: Mapping[str, int] = MappingProxyType({"tiny": 26_300, "small": 156_300, "full": 2_090_000})
"""Multiply-adds per output voxel, of both plane families, that networks of a size have within 2.5 %."""

TRAINING_DEGRADATIONS = ("matched", "own")
TRAINED_ON = "degradation"
"""The setting of a method that names what it learns to undo."""


def training_settings(method: str, choice: str, simulation: Simulation | None = None) -> dict[str, Value]:
    """Return the settings that say what a method learns to undo.

    Parameters
    ----------
    method : str
        Name of a registered method.
    choice : str
        ``"matched"``: what the volume went through, so that methods differ in nothing else; ``"own"``: what
        the method was published with, without the noise that is estimated from the volume.
    simulation : Simulation, optional
        How the volume was made; of an acquired one the slab average is assumed.

    Returns
    -------
    dict
        Values of ``degradation`` or ``noise``; nothing where the method has no such setting.
    """
    declared = declared_settings(host().load("method", method)) or {}
    wanted = training_wishes(choice, simulation)
    return {name: value for name, value in wanted.items() if name in declared}


def training_wishes(choice: str, simulation: Simulation | None = None) -> dict[str, Value]:
    """Return what `training_settings` returns for a method that has all of these settings."""
    given = Simulation(1.0) if simulation is None else simulation
    return {TRAINED_ON: described_degradation(given)} if choice == "matched" else {"noise": "none"}


def build_degradation(name: str, volume: Volume | None = None, **options: Value) -> Degradation:
    """Return a registered model of how the axial direction was acquired.

    Parameters
    ----------
    name : str
        Its name, such as ``"gaussian"``; or a text with options, as settings called ``degradation`` hold it:
        ``"gaussian:fwhm=1.2,gaussian=0.01"``.
    volume : Volume, shape (z, y, x), optional
        The anisotropic volume that the model is to describe. Only models that estimate from it look at it.
    **options
        Of the model; they go before those of the text.

    Raises
    ------
    UnknownNameError
        If no plugin registers the name, or the model has no such option.
    InputError
        If the value of an option is not allowed.
    PluginError
        If it cannot be imported.
    """
    first, _, rest = name.partition(":")
    given = [option.partition("=") for option in rest.split(",") if option]
    values = {key: value for key, _, value in given} | options
    model: Degradation = host().build("degradation", first, **values)
    if volume is not None and (found := _estimated(model, volume)):
        model = host().build("degradation", first, **values | found)
    return model


def estimated_options(name: str, volume: Volume) -> dict[str, Value]:
    """Return the options with which a model describes a volume; none where nothing is estimated.

    Parameters
    ----------
    name : str
        As `build_degradation` takes it.
    volume : Volume, shape (z, y, x)
        The anisotropic volume.
    """
    return _estimated(build_degradation(name), volume)


def _estimated(model: Degradation, volume: Volume) -> dict[str, Value]:
    estimate = getattr(model, "estimated", None)
    return {} if estimate is None else dict(estimate(volume))


def described_degradation(simulation: Simulation) -> str:
    """Return how a volume was made, as the text that `build_degradation` takes."""
    options = ",".join(f"{name}={value}" for name, value in simulation.options.items())
    return f"{simulation.degradation}:{options}".removesuffix(":")


def seed_everything(seed: int) -> None:
    """Seed the global generators of Python, NumPy and, where it is imported, torch."""
    import numpy as np

    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 (plugins may draw from the global generator)
    torch: Any = sys.modules.get("torch")
    if torch is not None:
        torch.manual_seed(seed)
