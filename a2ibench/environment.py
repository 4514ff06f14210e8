"""What a result depends on besides the benchmark: machine, interpreter, libraries and state of the code."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import a2ibench


def environment() -> dict[str, Any]:
    """Return what belongs into the record of a job; unknown values are None, and nothing is raised.

    Returns
    -------
    dict
        JSON-able: ``a2ibench`` (version), ``python``, ``platform``, ``cpu`` (model), ``cpus`` (usable
        by this process), ``threads`` (of the computing libraries; None where their default is not
        known yet), ``libraries`` (name: version) and ``git``, the state of the checkout that a2ibench
        runs from, None for an installed copy.
    """
    return {
        "a2ibench": a2ibench.__version__,
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "platform": platform.platform(),
        "cpu": cpu_model(),
        "cpus": usable_cpus(),
        "threads": _threads(),
        "libraries": library_versions(),
        "git": _source_state(),
    }


def cpu_model() -> str:
    """Return the model of the processor, or at least its architecture."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    model = re.search(r"^model name\s*:\s*(\S.*)$", text, re.MULTILINE)
    return model[1].strip() if model else platform.processor() or platform.machine()


def usable_cpus() -> int | None:
    """Return how many logical processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count()


def library_versions() -> dict[str, str | None]:
    """Return the installed version of each dependency, without importing it; None where it is missing."""
    try:
        requirements = metadata.requires("a2ibench") or []
    except metadata.PackageNotFoundError:
        requirements = []
    plain = [text for text in requirements if "extra ==" not in text]
    names = sorted({found[0] for text in plain if (found := re.match(r"[A-Za-z0-9._-]+", text))})
    return {name: _version(name) for name in names}


def git_state(folder: Path) -> dict[str, Any] | None:
    """Return ``root``, ``commit`` and ``dirty`` of the git checkout around a folder, or None."""
    root = _git(folder, "rev-parse", "--show-toplevel")
    commit = _git(folder, "rev-parse", "--verify", "HEAD")
    if root is None or commit is None:
        return None
    changes = _git(folder, "status", "--porcelain")
    return {"root": root, "commit": commit, "dirty": None if changes is None else bool(changes)}


def _source_state() -> dict[str, Any] | None:
    source = Path(a2ibench.__file__).resolve().parent
    # A copy installed below someone's own checkout must not pass that checkout's commit for its own.
    if _git(source, "ls-files", "--error-unmatch", "__init__.py") is None:
        return None
    state = git_state(source)
    return state and {"commit": state["commit"], "dirty": state["dirty"]}


def _git(folder: Path, *arguments: str) -> str | None:
    program = shutil.which("git")
    if program is None:
        return None
    # Within a git hook these variables would point at another repository; and looking must not lock it.
    variables = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(
            [program, "-C", str(folder), *arguments],
            env=variables | {"GIT_OPTIONAL_LOCKS": "0"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


# Every job asks, and each answer is the parsing of a file that may hold a whole README.
@cache
def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except Exception:
        return None


def _threads() -> int | None:
    # Asking torch is exact, but not worth importing it.
    torch: Any = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "get_num_threads"):
        return int(torch.get_num_threads())
    given = os.environ.get("OMP_NUM_THREADS", "")
    return int(given) if given.isdecimal() else None
