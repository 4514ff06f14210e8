"""Where the files of a run and of its jobs lie."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from a2ibench.protocol.checkpointer import TRAINING

RUN, RECORD, LOG = "run.json", "record.json", "log.txt"


def job_name(dataset: str, method: str, seed: int) -> str:
    """Return the name of a job, which is also that of its folder."""
    return f"{dataset}--{method}--s{seed}"


@dataclass(frozen=True)
class JobFiles:
    """Files of a job; any of them may be absent.

    Parameters
    ----------
    folder : Path
        The job's folder.
    """

    folder: Path

    @property
    def request(self) -> Path:
        """What the process of the job is asked to do."""
        return self.folder / "job.json"

    @property
    def record(self) -> Path:
        """What came of the job."""
        return self.folder / RECORD

    @property
    def log(self) -> Path:
        """What the process of the job, and the plugins in it, printed."""
        return self.folder / LOG

    @property
    def curve(self) -> Path:
        """Loss and validation of the training, by step."""
        return self.folder / "train.csv"

    @property
    def training(self) -> Path:
        """State of a training that has not ended, which the same job goes on with."""
        return self.folder / TRAINING

    @property
    def checkpoint(self) -> Path:
        """Folder of the trained method."""
        return self.folder / "checkpoint"

    @property
    def scores(self) -> Path:
        """Scores of single slices."""
        return self.folder / "scores.npz"

    @property
    def slices(self) -> Path:
        """The axial plane that figures show."""
        return self.folder / "slices.npz"

    @property
    def planes(self) -> Path:
        """The planes that the report lets people look at."""
        return self.folder / "planes.npz"

    @property
    def volume(self) -> Path:
        """The reconstruction, where volumes are kept."""
        return self.folder / "volume.ome.zarr"


@dataclass(frozen=True)
class RunFiles:
    """Files of a run; any of them may be absent.

    Parameters
    ----------
    folder : Path
        The run's folder.
    """

    folder: Path

    @property
    def plan(self) -> Path:
        """The plan, options and environment."""
        return self.folder / RUN

    @property
    def jobs(self) -> Path:
        """Folder of the jobs' folders."""
        return self.folder / "jobs"

    @property
    def removed(self) -> Path:
        """Folder of the jobs' folders that were taken out of the run."""
        return self.folder / "removed"

    @property
    def timing(self) -> Path:
        """What each job took."""
        return self.folder / "timing.csv"

    @property
    def axial_power(self) -> Path:
        """Figure of the axial power of all datasets."""
        return self.folder / "axial_power.png"

    @property
    def page(self) -> Path:
        """Everything about the run on one page."""
        return self.folder / "report.html"

    @property
    def paper_table(self) -> Path:
        """Table of scores for a paper, where one was made."""
        return self.folder / "paper.tex"

    def table(self, suffix: str) -> Path:
        """Return the table of scores as ``csv``, ``md`` or ``tex``."""
        return self.folder / f"table.{suffix}"

    def figure(self, dataset: str) -> Path:
        """Return the figure of a dataset."""
        return self.folder / "figures" / f"{dataset}.png"

    def job(self, name: str) -> JobFiles:
        """Return the files of the job of that name."""
        return JobFiles(self.jobs / name)

    def all_jobs(self) -> list[JobFiles]:
        """Return the files of every job whose folder exists, by the folders' names."""
        return [JobFiles(folder) for folder in sorted(self.jobs.glob("*"))]
