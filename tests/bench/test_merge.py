"""Runs of several machines become one, or it is said in one line why not."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from a2ibench.bench.merge import MergedRun, merged
from a2ibench.bench.record import Record, write_record
from a2ibench.bench.run import Run, read_run
from a2ibench.bench.score import Score
from a2ibench.errors import InputError
from a2ibench.reporting.page.model import page_model
from a2ibench.reporting.page.page import page
from a2ibench.reporting.tables import compared_groups, summary_frame, table_texts

Make = Callable[..., Run]


def told(**more: Any) -> dict[str, Any]:
    """Return the provenance of a job."""
    return {
        "protocol_version": 3,
        "profile": "quick",
        "budget": "100 steps",
        "device": "cpu",
        "protocol": {"training_degradation": "matched"},
        "configuration": {"channels": 8},
        "dataset": {"name": "cells", "sha256": "ab" * 32, "shape": [4, 8, 8]},
    } | more


def job(method: str = "cubic", seed: int = 0, value: float = 30.0, **more: Any) -> Record:
    """Return a record of a job on cells."""
    fields = {"metrics": {"psnr": Score(value, 1)}, "provenance": told()} | more
    return Record("cells", method, seed, **fields)


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Return a function that writes a run: ``make(name, *records, plan=None)``."""

    def make(name: str, *records: Record, plan: dict[str, Any] | None = None) -> Run:
        folder = tmp_path / name
        for record in records:
            place = folder / "jobs" / record.name
            place.mkdir(parents=True)
            level = record.metrics["psnr"].value if record.metrics else 0.0
            uneven = np.sin(np.arange(40.0) + len(record.method))
            # The errors of the slices have the mean that the volume's PSNR tells.
            slices = level + uneven + 10 * np.log10(np.mean(10 ** (-uneven / 10)))
            np.savez(place / "scores.npz", **{"psnr.xz": slices, "psnr.yz": slices})
            write_record(place, record)
        if plan is not None:
            (folder / "run.json").write_text(
                json.dumps({"fingerprint": "f", "identity": plan, "plan": plan, "environment": {}})
            )
        return read_run(folder)

    return make


def plan(*methods: str, **more: Any) -> dict[str, Any]:
    """Return what run.json holds of a run on cells."""
    base = {"methods": list(methods), "seeds": [0], "profile": "quick", "device": "cpu", "set": {}}
    return base | {"datasets": [{"name": "cells", "path": "/a/cells.tif", "crop": None}]} | more


def test_one_run_stays_what_it_is(make: Make) -> None:
    run = make("a", job())
    assert merged([run]) is run
    assert run.parts == (run,)


def test_rows_join_and_tell_their_run(make: Make) -> None:
    here = make("gpu", job(), job("srmd", 0, 31.0), job("srmd", 1, 33.0), plan=plan("cubic", "srmd"))
    there = make("laptop", job("srmd", 2, 32.0), job("pssr", 0, 29.0), plan=plan("srmd", "pssr", seeds=[2]))
    run = merged([here, there])
    assert (run.methods, run.datasets) == (("cubic", "srmd", "pssr"), ("cells",))
    table = summary_frame(run).set_index("method")
    assert table["run"].to_dict() == {
        "cubic": "gpu",
        "srmd": "gpu: seeds 0, 1; laptop: seed 2",
        "pssr": "laptop",
    }
    assert table.loc["srmd", ["psnr_mean", "psnr_n", "jobs"]].tolist() == [32.0, 3, 3]
    # The gain over cubic needs the slices of jobs in both folders.
    gain = [table.loc["pssr", f"psnr_gain_{end}"] for end in ("low", "high")]
    assert gain[0] < -1.0 < gain[1]
    assert run.to_frame()["run"].tolist() == ["gpu", "gpu", "gpu", "laptop", "laptop"]
    folders = {record.name: run.files_of(record).folder for record in run.records}
    assert folders["cells--pssr--s0"] == there.folder / "jobs" / "cells--pssr--s0"
    assert all(folder.is_dir() for folder in folders.values())
    assert "run" not in summary_frame(here)


def test_tables_for_people_and_the_page_tell_the_run(make: Make) -> None:
    device = told(device="cuda", precision_used="bf16")
    here, there = make("gpu", job(provenance=device)), make("<b>", job("srmd", status="error", metrics={}))
    run = merged([here, there])
    texts = table_texts(run, compared_groups(run))
    assert "| status | run |" in texts["md"]
    assert texts["tex"].count(r"\textless{}b\textgreater{}") == 1
    model = page_model(run)
    assert [one["name"] for one in model["runs"]] == ["gpu", "<b>"]
    assert dict(model["facts"])["device"] == "cuda and cpu"
    assert model["name"] == "gpu + <b>"
    assert model["failures"]["jobs"][0]["file"] == "<b>/jobs/cells--srmd--s0/log.txt"
    text = page(run)
    assert "&lt;b&gt;" in text
    assert "<b>" not in text


def test_every_run_has_its_own_command(make: Make) -> None:
    failed = job("srmd", status="error", metrics={})
    here = make("gpu", job(), plan=plan("cubic"))
    there = make("laptop", failed, plan=plan("srmd"))
    model = page_model(merged([here, there]))
    assert [line.rpartition("/")[2] for line in model["command"]["text"].splitlines()] == ["gpu", "laptop"]
    (retry,) = model["failures"]["retry"]["text"].splitlines()
    assert retry.startswith("a2ibench run --methods srmd")
    assert retry.endswith("laptop")


def test_folders_of_one_name_are_told_apart(make: Make) -> None:
    run = merged([make("a/run", job()), make("b/run", job("srmd"))])
    assert isinstance(run, MergedRun)
    assert [Path(name).parts[-2:] for name in run.runs] == [("a", "run"), ("b", "run")]


def test_a_job_in_two_runs_must_be_the_same(make: Make) -> None:
    one = make("a", job())
    same = merged([one, make("b", job(), job("srmd"))])
    assert len(same.records) == 2
    with pytest.raises(InputError, match=r"^cells--cubic--s0: is in a and in c, and not the same; take it"):
        merged([one, make("c", job(value=30.1))])
    with pytest.raises(InputError, match=r"a: is given 2 times; give each run once$"):
        merged([one, one])


DATASET = told()["dataset"]


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (told(protocol_version=2), "the runs: protocol_version is 3 in a and 2 in b"),
        (told(profile="full"), "the runs: profile is quick in a and full in b"),
        (told(budget="9 steps"), "the runs: budget is 100 steps in a and 9 steps in b"),
        (
            told(protocol={"training_degradation": "own"}),
            "the runs: training_degradation is matched in a and own in b",
        ),
        (told(dataset=DATASET | {"sha256": "cd" * 32}), r"cells: dataset.sha256 is abab\S+ in a and cdcd"),
        (
            told(dataset=DATASET | {"definition": {"crop": None}}),
            r'cells: dataset.definition is absent in a and {"crop": null} in b',
        ),
        (told(configuration={"channels": 9}), "cells srmd: settings.channels is 8 in a and 9 in b"),
    ],
)
def test_what_may_not_share_a_table_is_refused(make: Make, other: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=rf"^a and b may not share a report: {message}"):
        merged([make("a", job("srmd")), make("b", job("srmd", 1, provenance=other))])


@pytest.mark.parametrize(
    ("score", "message"),
    [
        (Score(30.0, 2), "version of metric psnr is 1 in a and 2 in b"),
        (Score(30.0, 1, {"border": 4}), r'settings of metric psnr is {} in a and {"border": 4} in b'),
    ],
)
def test_metrics_must_be_the_same(make: Make, score: Score, message: str) -> None:
    with pytest.raises(InputError, match=message):
        merged([make("a", job("srmd")), make("b", job("pssr", metrics={"psnr": score}))])


def test_run_json_is_compared_wherever_files_lie(make: Make) -> None:
    here = make("a", job(), plan=plan("cubic"))
    moved = plan("srmd", device="cuda", datasets=[{"name": "cells", "path": "/b/cells.tif", "crop": None}])
    options = merged([here, make("b", job("srmd"), plan=moved)]).options
    assert options["methods"] == ["cubic", "srmd"]
    assert "device" not in options
    cut = plan("pssr", datasets=[{"name": "cells", "path": "/b/cells.tif", "crop": [1, 2]}])
    with pytest.raises(InputError, match=r"cells: crop is none in a and \[1, 2\] in c"):
        merged([here, make("c", job("pssr"), plan=cut)])
    with pytest.raises(InputError, match=r"the runs: set is {} in a and {.*9.*} in d"):
        merged([here, make("d", job(seed=1), plan=plan("cubic", set={"cubic": {"a": 9}}))])


def test_another_machine_and_a_generated_volume_that_is_rounded_otherwise_are_no_matter(make: Make) -> None:
    generated = DATASET | {"definition": {"phantom": {"kind": "cells"}}}
    here = told(dataset=generated)
    there = told(dataset=generated | {"sha256": "cd" * 32}, device="cuda", precision="bf16")
    run = merged([make("a", job(provenance=here)), make("b", job("srmd", provenance=there))])
    assert len(run.groups) == 1


def test_a_volume_from_elsewhere_joins(make: Make) -> None:
    entered = told(profile=None, budget=None, external={"software": "imod"})
    run = merged([make("a", job()), make("b", job("imod", provenance=entered))])
    assert summary_frame(run)["run"].tolist() == ["a", "b"]
    assert replace(run.groups[0], origins={}).origins == {}
