"""What earlier executions of a job came to, as its folder tells: who is to blame for a worker that is gone.

Of a worker that dies together with its job nobody says why. What is left in the job's folder tells apart, as
well as can be: the job's process had sent its worker a signal, or the system has killed for want of memory
since: that is the job's doing. The worker was told to end, or the training got further than before: that
came from outside and does not count. What tells nothing is forgiven a few times.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

import psutil

from a2ibench.bench.executors.process import Unrecorded
from a2ibench.bench.executors.signals import SIGNAL_SENT
from a2ibench.documents import read_json
from a2ibench.files import write_json
from a2ibench.protocol.checkpointer import TRAINING

ATTEMPTS: Final = "attempts.json"
KEPT: Final = (TRAINING, ATTEMPTS)
FORGIVEN: Final = 4
"""Workers that may be gone with a job without anything that tells why, before the job counts as failed."""
FORGIVEN_AMONG_OTHERS: Final = 20
"""The same where most other jobs have lost workers, too, which no job does to others."""
_LOST: Final = ".lost"


@dataclass(frozen=True)
class Attempts:
    """How often a job was begun in a run, and what came of it.

    Parameters
    ----------
    run : str
        The command that runs it; a later command begins anew.
    failures : int
        How often it failed, or took its worker down.
    unexplained : int
        How often its worker was gone, and nothing tells why.
    out_of_memory : bool
        Whether the last worker that it took down was killed for want of memory.
    begun : float
        When it was begun last, in seconds since 1970; 0 once that has ended.
    machine : str
        Where that was.
    kills : int
        Processes that this machine had killed for want of memory by then.
    """

    run: str
    failures: int = 0
    unexplained: int = 0
    out_of_memory: bool = False
    begun: float = 0.0
    machine: str = ""
    kills: int = 0

    def failed(self) -> Attempts:
        """Return this with one failure more, which has ended."""
        return replace(self, failures=self.failures + 1, begun=0.0)

    def verdict(self, retries: int, forgiven: int = FORGIVEN) -> Unrecorded | None:
        """Return why the job is not begun again; None where it is.

        Parameters
        ----------
        retries : int
            How many failures may be followed by another attempt.
        forgiven : int
            The same of workers that are gone and nothing tells why, see `forgiven_losses`.
        """
        if self.failures > retries:
            what = "ran out of the machine's memory" if self.out_of_memory else "killed its worker"
            return Unrecorded(
                "oom" if self.out_of_memory else "error",
                "WorkerKilled",
                f"the job {what}, {self.failures} times of at most {retries + 1}; see retries",
            )
        if self.unexplained > forgiven + retries:
            return Unrecorded(
                "error",
                "WorkerLost",
                f"{self.unexplained} workers were gone while they ran this job, and nothing tells why; "
                "run it with the process executor to see what it does",
            )
        return None


def read_attempts(folder: Path, run: str) -> Attempts:
    """Return what a job's folder holds of a run; a run that has not begun it has none."""
    try:
        found = Attempts(**read_json(folder / ATTEMPTS))
    except (OSError, ValueError, TypeError):
        return Attempts(run)
    return found if found.run == run else Attempts(run)


def taken_up(folder: Path, run: str) -> Attempts:
    """Return what came of a job so far, judging an execution that did not end.

    Parameters
    ----------
    folder : Path
        The job's folder, as it was left.
    run : str
        The command that runs it.
    """
    before = read_attempts(folder, run)
    if not before.begun:
        return before
    if (folder / SIGNAL_SENT).exists():
        return before.failed()
    if before.machine == _machine() and _kills() > before.kills:
        return replace(before.failed(), out_of_memory=True)
    if _went_on(folder, before.begun):
        return replace(before, begun=0.0)
    return replace(before, unexplained=before.unexplained + 1, begun=0.0)


def note_loss(locks: Path, name: str) -> None:
    """Note for the other jobs of a run that the worker of this one was gone, and nothing tells why."""
    locks.mkdir(parents=True, exist_ok=True)
    (locks / f"{name}{_LOST}").touch()


def forgiven_losses(locks: Path, name: str) -> int:
    """Return how many workers of a job may be gone without anything that tells why.

    Parameters
    ----------
    locks : Path
        Folder with a lock of each job that was begun in the run.
    name : str
        Name of the job.
    """
    begun = {place.stem for place in locks.glob("*.lock")} - {name}
    lost = {place.stem for place in locks.glob(f"*{_LOST}")} - {name}
    return FORGIVEN_AMONG_OTHERS if 2 * len(lost) > len(begun) else FORGIVEN


def begin(folder: Path, attempts: Attempts) -> Attempts:
    """Note in a job's folder that it is begun."""
    with suppress(OSError):
        (folder / SIGNAL_SENT).unlink(missing_ok=True)
    now = replace(attempts, begun=time.time(), machine=_machine(), kills=_kills())
    return noted(folder, now)


def noted(folder: Path, attempts: Attempts) -> Attempts:
    """Note in a job's folder what came of it, and return that."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / ATTEMPTS, asdict(attempts))
    return attempts


def forget(folder: Path) -> None:
    """Remove the notes from a job's folder, once its record is complete."""
    for name in (ATTEMPTS, SIGNAL_SENT):
        with suppress(OSError):
            (folder / name).unlink(missing_ok=True)


def _went_on(folder: Path, since: float) -> bool:
    try:
        return (folder / TRAINING).stat().st_mtime > since
    except OSError:
        return False


def _machine() -> str:
    return f"{platform.node()} {psutil.boot_time():.0f}"


def _kills() -> int:
    """Return how many processes this machine has killed for want of memory; 0 where it does not tell."""
    try:
        lines = Path("/proc/vmstat").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    found: Mapping[str, str] = dict(line.split(maxsplit=1) for line in lines if " " in line)
    return int(found.get("oom_kill", 0))
