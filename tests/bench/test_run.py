"""What `read_run` tells of a folder, and which files it trusts."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import a2ibench
from a2ibench import Record, Run, Score, read_run
from a2ibench.bench.record import Failure, write_record
from a2ibench.errors import InputError

Make = Callable[..., Path]


def job(dataset: str, method: str, seed: int = 0, psnr: float = math.nan, version: int = 1) -> Record:
    provenance = {"protocol_version": 1, "profile": "smoke", "device": "cpu", "precision": "fp32"}
    return Record(
        dataset,
        method,
        seed,
        metrics={} if math.isnan(psnr) else {"psnr": Score(psnr, version)},
        timings={"fit": 2.0, "load": 0.5},
        memory={"process": 1 << 30},
        model={"params": 7},
        provenance=provenance,
    )


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Return a writer of run folders, with a plan where one is given."""

    def write(*records: Record, plan: dict[str, object] | None = None) -> Path:
        for record in records:
            folder = tmp_path / "jobs" / record.name
            folder.mkdir(parents=True)
            write_record(folder, record)
        if plan is not None:
            (tmp_path / "run.json").write_text(json.dumps({"plan": plan, "environment": {"python": "3"}}))
        return tmp_path

    return write


PLAN = {"datasets": [{"name": "b"}, {"name": "a"}], "methods": ["net", "cubic"], "profile": "smoke"}


def test_records_stand_in_the_order_of_the_plan(make: Make) -> None:
    written = [job(d, m, s) for d in "ab" for m in ("cubic", "net", "more") for s in (1, 0)]
    run = read_run(str(make(*written, plan=PLAN)))
    assert [record.name for record in run.records][:4] == [
        "b--net--s0",
        "b--net--s1",
        "b--cubic--s0",
        "b--cubic--s1",
    ]
    assert run.records[-1].name == "a--more--s1"
    assert (run.datasets, run.methods) == (("b", "a"), ("net", "cubic", "more"))
    assert (run.options["profile"], run.environment, run.damaged) == ("smoke", {"python": "3"}, {})


def test_without_a_plan_names_give_the_order(make: Make) -> None:
    run = read_run(make(job("b", "x"), job("a", "y"), job("a", "x")))
    assert [record.name for record in run.records] == ["a--x--s0", "a--y--s0", "b--x--s0"]
    assert (run.datasets, run.methods, dict(run.options)) == (("a", "b"), ("x", "y"), {})


def test_it_tells_where_every_file_of_a_job_lies(make: Make) -> None:
    folder = make(job("a", "net", 3))
    run = read_run(folder)
    files, here = run.files_of(run.records[0]), folder / "jobs" / "a--net--s3"
    assert (files.record, files.log, files.curve) == (
        here / "record.json",
        here / "log.txt",
        here / "train.csv",
    )
    assert (files.checkpoint, files.scores, files.slices) == (
        here / "checkpoint",
        here / "scores.npz",
        here / "slices.npz",
    )
    assert run.files.table("csv") == folder / "table.csv"


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda file: file.write_bytes(file.read_bytes()[:90]), "JSONDecodeError"),
        (lambda file: file.write_text(file.read_text().replace("30.0", "31.0")), "it was changed after"),
        (lambda file: file.write_text("[" * 100_000), "nested too deeply"),
        (lambda file: (file.unlink(), file.symlink_to("nowhere")), "a link that leads nowhere"),
        (lambda file: (file.unlink(), file.mkdir()), "IsADirectoryError"),
    ],
)
def test_a_file_that_cannot_be_trusted_is_named_and_left_out(
    make: Make, spoil: Callable[[Path], object], problem: str
) -> None:
    folder = make(job("a", "cubic", psnr=30.0), job("a", "net", psnr=31.0))
    file = folder / "jobs" / "a--cubic--s0" / "record.json"
    spoil(file)
    run = read_run(folder)
    assert [record.method for record in run.records] == ["net"]
    assert list(run.damaged) == [file]
    assert problem in run.damaged[file]


def test_a_copy_of_a_jobs_folder_counts_once(make: Make) -> None:
    folder = make(job("a", "cubic", psnr=30.0))
    record = folder / "jobs" / "a--cubic--s0" / "record.json"
    copy = folder / "jobs" / "a--cubic--s0 (copy)" / "record.json"
    copy.parent.mkdir()
    copy.write_bytes(record.read_bytes())
    run = read_run(folder)
    assert len(run.records) == 1
    assert run.damaged == {copy: "it is that of a--cubic--s0"}


@pytest.mark.parametrize(
    "plan",
    [
        "",
        "{",
        "[]",
        *(f'{{"plan": {p}}}' for p in ("5", '{"datasets": [5]}', '{"methods": [[]]}', '{"seeds": 5}')),
    ],
)
def test_a_damaged_plan_costs_the_order_alone(make: Make, plan: str) -> None:
    folder = make(job("b", "net"), job("a", "cubic"))
    (folder / "run.json").write_text(plan)
    run = read_run(folder)
    assert [record.dataset for record in run.records] == ["a", "b"]
    assert list(run.damaged) == [folder / "run.json"]


@pytest.mark.parametrize("name", ["", "nothing", "table.csv"])
def test_what_holds_no_run_is_said(tmp_path: Path, name: str) -> None:
    (tmp_path / "table.csv").touch()
    with pytest.raises(InputError, match=r": holds no run; give the folder that a2ibench run wrote"):
        read_run(tmp_path / name)


def test_a_run_whose_jobs_have_not_ended_is_one(make: Make) -> None:
    run = read_run(make(plan=PLAN))
    assert (run.records, run.groups, run.standings(), run.metrics) == ((), (), {}, ())
    assert run.to_frame().empty


def test_what_is_beside_the_jobs_is_no_job(make: Make) -> None:
    folder = make(job("a", "cubic"))
    (folder / "jobs" / "notes.txt").write_text("mine")
    (folder / "jobs" / "a--net--s0").mkdir()
    (folder / "jobs" / "a--net--s0" / f".{os.urandom(8).hex()}.tmp").write_text("{")
    run = read_run(folder)
    assert (len(run.records), run.damaged) == (1, {})


def test_standings_have_intervals_where_slices_tell(make: Make, tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    levels = {plane: draw.normal(30, 0.5, 64) for plane in ("xz", "yz")}
    records = []
    for method, gain in {"cubic": 0.0, "net": 1.0}.items():
        slices = {
            f"psnr.{p}": (row + gain + draw.normal(0, 0.02, 64)).astype(np.float32)
            for p, row in levels.items()
        }
        error = np.mean(10 ** (-slices["psnr.xz"] / 10))
        slices["psnr.yz"] -= 10 * np.log10(error / np.mean(10 ** (-slices["psnr.yz"] / 10)))
        folder = tmp_path / "jobs" / f"a--{method}--s0"
        folder.mkdir(parents=True)
        np.savez_compressed(folder / "scores.npz", **slices)
        made = job("a", method, psnr=float(-10 * np.log10(error)))
        records.append(replace(made, model={"params": 0 if method == "cubic" else 7}))
        write_record(folder, records[-1])
    standing = read_run(tmp_path).standings()["a", "net"]["psnr"]
    assert standing.best == "net"
    assert 0.8 < standing.gain.low < standing.gain.value < standing.gain.high < 1.2
    alone = Run(tmp_path / "elsewhere", records=tuple(records)).standings()["a", "net"]["psnr"]
    assert math.isnan(alone.gain.low)
    assert alone.gain.value == standing.gain.value


def test_versions_that_must_not_be_compared_are_apart(make: Make) -> None:
    run = read_run(make(job("a", "cubic", psnr=30.0), job("a", "net", psnr=31.0, version=2), job("b", "net")))
    assert [[record.name for record in part.records] for part in run.groups] == [
        ["a--cubic--s0"],
        ["a--net--s0", "b--net--s0"],
    ]
    assert list(run.standings()) == [("a", "net")]


def test_the_frame_has_a_row_for_each_job(make: Make) -> None:
    failed = replace(
        job("a", "net"), status="oom", error=Failure("MemoryError", "full", ""), memory={}, model={}
    )
    frame = read_run(make(job("a", "cubic", psnr=math.inf), failed)).to_frame()
    assert frame[["dataset", "method", "seed", "status"]].values.tolist() == [
        ["a", "cubic", 0, "ok"],
        ["a", "net", 0, "oom"],
    ]
    assert frame["psnr"][0] == math.inf
    assert math.isnan(frame["psnr"][1])
    assert frame["total_seconds"].tolist() == [2.5, 2.5]
    assert (frame["params"][0], frame["peak_process_bytes"][0]) == (7, 1 << 30)
    assert frame["params"].isna().tolist() == [False, True]
    assert frame["message"].dropna().tolist() == ["full"]


def test_what_a_run_returns_is_what_its_folder_tells(tmp_path: Path) -> None:
    catalogue = tmp_path / "c.toml"
    catalogue.write_text(
        "[small]\nphantom = {size = 32, seed = 1}\nvoxel_size = [15, 15, 15]\nsimulate = {ratio = 2.0}\n"
    )
    frame = a2ibench.run(
        "cubic",
        "small",
        catalogue=catalogue,
        device="cpu",
        executor="inline",
        out=tmp_path / "run",
        reporters=["tables"],
    )
    assert read_run(tmp_path / "run").to_frame().equals(frame)
    assert (tmp_path / "run" / "table.csv").is_file()
    assert not (tmp_path / "run" / "figures").exists()
