"""Generated neuropil in thick sections, as a dataset of a2ibench."""

from __future__ import annotations

from collections.abc import Callable

from a2ibench import DatasetSpec, Simulation, hookimpl


@hookimpl
def a2ibench_register_datasets(register: Callable[[DatasetSpec], None]) -> None:
    """Describe the dataset; it is generated when it is first used."""
    register(
        DatasetSpec(
            name="frozen-dataset",
            title="Generated neuropil, isotropic at 8 nm, read as sections of 40 nm",
            voxel_size=(8.0, 8.0, 8.0),
            phantom={"size": 96, "seed": 7},
            simulate=Simulation(ratio=5.0, degradation="gaussian", options={"fwhm": 1.0, "gaussian": 0.01}),
            licence="none needed: generated",
            citation="the phantom of a2ibench, version 1",
        )
    )
