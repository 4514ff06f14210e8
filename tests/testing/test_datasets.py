"""Datasets that break one rule each, and the check that says so; nothing is downloaded."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

GOOD = {
    "title": "'Cortex'",
    "voxel_size": "(10.0, 10.0, 10.0)",
    "path": "Path({path!r})",
    "simulate": "Simulation(4.0)",
    "licence": "'CC BY 4.0'",
    "citation": "'Nobody, 2024'",
}
PHANTOM = {"path": "None", "phantom": "{'size': 48, 'seed': 1}"}
LINK = {"path": "None", "url": "'https://localhost:1/x.tif'"}
BY_HAND = {"path": "None", "instructions": "'ask the authors'"}

FAULTS = {
    "no title": ("title", "title is ''; give a text", {"title": "''"}),
    "no citation": ("citation", "the citation of 'planted' is empty", {"citation": "''"}),
    "no licence": ("licence", "licence is ''; give a text", {"licence": "''"}),
    "unequal sides": ("voxel-size", "lateral spacings differ", {"voxel_size": "(10.0, 10.0, 5.0)"}),
    "simulated from slabs": (
        "voxel-size",
        "only be simulated from cubes",
        {"voxel_size": "(40.0, 10.0, 10.0)"},
    ),
    "nothing to do": ("voxel-size", "nothing to reconstruct", {"simulate": "None"}),
    "no such file": ("source", "is no file", {"path": "Path('/nowhere/x.tif')"}),
    "no link": ("source", "url is 'x.tif'; give a http", {**LINK, "url": "'x.tif'"}),
    "no checksum": ("source", "sha256 is 'abc'; give 64", {**LINK, "sha256": "'abc'"}),
    "no such option": (
        "source",
        "phantom options sizes do not exist",
        {**PHANTOM, "phantom": "{'sizes': 48}"},
    ),
    "ratio of 1": ("simulation", "simulate.ratio is 1.0", {"simulate": "Simulation(1.0)"}),
    "no such degradation": (
        "simulation",
        "did you mean 'gaussian'",
        {"simulate": "Simulation(4.0, 'gausian')"},
    ),
    "no such setting": (
        "simulation",
        "did you mean 'fwhm'",
        {"simulate": "Simulation(4.0, 'gaussian', {'fwhn': 1})"},
    ),
    "an empty crop": ("fields", "crop along y is (9, 9)", {"crop": "((0, 8), (9, 9), (0, 8))"}),
    "no range": ("fields", "intensity is (1.0, 1.0)", {"intensity": "(1.0, 1.0)"}),
    "a crop too large": (
        "opens",
        "crop reaches past the volume of (24, 20, 16) along z",
        {"crop": "((0, 25), (0, 20), (0, 16))"},
    ),
    "too thin": ("opens", "leave 1 input slices", {"simulate": "Simulation(13.0)"}),
}


@pytest.fixture
def register(plant, tmp_path):
    file = tmp_path / "cortex.tif"
    tifffile.imwrite(file, np.zeros((24, 20, 16), np.uint8))

    def registered(fields):
        given = {**GOOD, **fields}
        given["path"] = given["path"].format(path=str(file))
        text = ", ".join(f"{name}={value}" for name, value in given.items())
        return plant("dataset", spec=f"DatasetSpec('planted', {text})")

    return registered


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_fails_its_check(fault, register, failed) -> None:
    check, message, fields = FAULTS[fault]
    outcomes = register(fields)
    assert check in failed(outcomes)
    # What is not there cannot be opened either.
    assert failed(outcomes) <= {check, *(["opens"] if check in ("source", "fields") else [])}
    assert message in outcomes[check].message


@pytest.mark.parametrize("fields", [{}, PHANTOM, LINK, BY_HAND])
def test_a_sound_dataset_passes(fields, register, failed, monkeypatch) -> None:
    def refuse(*_args, **_keywords):
        raise AssertionError("a download was tried")

    monkeypatch.setattr("socket.socket.connect", refuse)
    outcomes = register(fields)
    assert failed(outcomes) == set()
    here = fields in ({}, PHANTOM)
    assert outcomes["opens"].status == ("ok" if here else "skipped")


def test_an_anisotropic_volume_needs_no_simulation(register, failed) -> None:
    outcomes = register({"simulate": "None", "voxel_size": "(40.0, 10.0, 10.0)"})
    assert failed(outcomes) == set()
    assert outcomes["simulation"].message == "no input is simulated"
