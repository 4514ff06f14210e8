"""What changes under a run is noticed: edited records, a dataset that is replaced, a training degradation."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from a2ibench.bench.benchmark import execute
from a2ibench.bench.cache_key import used_by
from a2ibench.bench.options import RunOptions
from a2ibench.bench.plan import plan_run
from a2ibench.bench.record import read_record, write_record
from a2ibench.bench.run_folder import prepare_run_folder

DEGRADATION = """
from a2ibench import DegradationSpec, hookimpl

@hookimpl
def a2ibench_register_degradations(register):
    register(DegradationSpec(name="smear", target="smear.model:Smear", summary="nothing"))
"""


@pytest.fixture
def run(probe: Path, catalogue: Path, tmp_path: Path) -> Callable[[], Any]:
    given = {"metrics": ["spread"], "catalogue": catalogue, "profile": "smoke", "device": "cpu"}

    def run_again() -> Any:
        plan = plan_run(RunOptions(["nearest"], ["thin"], executor="inline", **given))
        (record,) = execute(plan, prepare_run_folder(plan, tmp_path / "run"))
        return record

    return run_again


def fits(probe: Path) -> int:
    return len((probe / "fits.txt").read_text().splitlines())


def test_an_edited_score_is_said_and_made_again(
    run: Callable[[], Any], probe: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = run()
    file = tmp_path / "run/jobs/thin--nearest--s0/record.json"
    content = json.loads(file.read_text())
    content["metrics"]["spread"]["value"] = 99.0
    file.write_text(json.dumps(content))
    assert run().metrics == before.metrics
    assert fits(probe) == 2
    (message,) = (one for one in caplog.messages if "left out" not in one)
    assert "thin, nearest" in message or "thin--nearest" in message
    assert message.endswith("was edited or is damaged; the job runs again")
    run()
    assert fits(probe) == 2


@pytest.mark.parametrize("name", ["scores.npz", "slices.npz", "planes.npz"])
def test_results_that_are_no_longer_those_of_the_record_are_made_again(
    run: Callable[[], Any], probe: Path, tmp_path: Path, name: str
) -> None:
    run()
    file = tmp_path / "run/jobs/thin--nearest--s0" / name
    whole = file.read_bytes()
    file.write_bytes(whole[:-1])
    run()
    assert (fits(probe), file.read_bytes()) == (2, whole)


def test_planes_to_look_at_may_be_gone(run: Callable[[], Any], probe: Path, tmp_path: Path) -> None:
    run()
    file = tmp_path / "run/jobs/thin--nearest--s0/planes.npz"
    file.unlink()
    run()
    assert (fits(probe), file.exists()) == (1, False)


def test_a_dataset_that_changes_while_it_is_read_is_not_taken_for_current_later(
    run: Callable[[], Any], probe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from a2ibench.data import opening

    file = tmp_path / "data" / "thin.tif"
    open_dataset = opening.open_dataset

    def replaced_meanwhile(*arguments: Any) -> Any:
        volume = open_dataset(*arguments)
        tifffile.imwrite(file, 255 - tifffile.imread(file), photometric="minisblack")
        return volume

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(opening, "open_dataset", replaced_meanwhile)
        before = run()
    assert before.provenance["used"]["dataset"] == "changed while it was read"
    after = run()
    assert fits(probe) == 2
    assert after.metrics["spread"].value == pytest.approx(
        np.repeat(tifffile.imread(file), 3, axis=0).std() / 255
    )
    run()
    assert fits(probe) == 2


def test_another_code_of_the_degradation_that_a_method_trains_with_is_another_job(
    run: Callable[[], Any], probe: Path, tmp_path: Path, install_plugin: Callable[..., Any]
) -> None:
    installed = install_plugin("smear", DEGRADATION, files={"model.py": "class Smear: strength = 1\n"})
    module = Path(str(installed.locate_file("smear/model.py")))
    run()
    folder = tmp_path / "run/jobs/thin--nearest--s0"
    record = read_record(folder)
    assert record is not None
    # As a method records it that has such a setting.
    configuration = {**record.provenance["configuration"], "degradation": "smear:strength=1"}
    used = {**record.provenance["used"], **used_by(configuration)}
    assert used["degradation"]["distribution"] == "smear"
    provenance = {**record.provenance, "configuration": configuration, "used": used}
    write_record(folder, replace(record, provenance=provenance))
    run()
    assert fits(probe) == 1
    module.write_text("class Smear: strength = 2\n")
    run()
    assert fits(probe) == 2
