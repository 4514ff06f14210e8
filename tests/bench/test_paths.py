from __future__ import annotations

from pathlib import Path

from a2ibench.bench.job import Job
from a2ibench.bench.paths import JobFiles, RunFiles
from a2ibench.bench.record import Record
from a2ibench.contracts import Budget, DatasetSpec

RUN = RunFiles(Path("run"))


def test_a_run_has_the_layout_that_is_documented() -> None:
    found = [RUN.plan, RUN.jobs, *map(RUN.table, ("csv", "md", "tex")), RUN.timing]
    found += [RUN.page, RUN.figure("d"), RUN.axial_power]
    assert [place.as_posix() for place in found] == [
        "run/run.json",
        "run/jobs",
        "run/table.csv",
        "run/table.md",
        "run/table.tex",
        "run/timing.csv",
        "run/report.html",
        "run/figures/d.png",
        "run/axial_power.png",
    ]


def test_a_job_has_the_layout_that_is_documented() -> None:
    job = JobFiles(Path("job"))
    found = [job.request, job.record, job.log, job.curve, job.checkpoint, job.scores, job.slices]
    found.append(job.planes)
    names = ["job.json", "record.json", "log.txt", "train.csv", "checkpoint", "scores.npz", "slices.npz"]
    names.append("planes.npz")
    assert [place.as_posix() for place in found] == [f"job/{name}" for name in names]


def test_a_job_and_its_record_have_one_folder() -> None:
    job = Job(DatasetSpec("d", "D", (3.0, 1.0, 1.0)), "m", 2, "smoke", Budget(steps=1))
    assert job.name == Record("d", "m", 2).name
    assert RUN.job(job.name).folder.as_posix() == "run/jobs/d--m--s2"


def test_jobs_are_in_the_order_of_their_folders(tmp_path: Path) -> None:
    run = RunFiles(tmp_path)
    assert run.all_jobs() == []
    for name in ("b--m--s0", "a--m--s1", "a--m--s0"):
        (tmp_path / "jobs" / name).mkdir(parents=True)
    assert [job.folder.name for job in run.all_jobs()] == ["a--m--s0", "a--m--s1", "b--m--s0"]
