"""Rows whose method is no plugin here: what tells them apart, and what their records say of them."""

from __future__ import annotations

from typing import Any

from a2ibench.bench.code_digest import tree_digest
from a2ibench.bench.job import Job
from a2ibench.external.command import Command


def command_identity(command: Command) -> dict[str, Any]:
    """Return what tells a command apart, JSON-able: its text, its program, and the content of files it names.

    Libraries, packages and container images that it loads are not seen; the stated version stands for them.
    """
    program = command.program
    return command.told() | {
        "program": None if program is None else tree_digest([program]),
        "files": {name: tree_digest([place]) for name, place in command.named_files().items()},
    }


def identity_outside(job: Job) -> dict[str, Any] | None:
    """Return what tells the code of a command, or of another Python, apart; None for a plugin here."""
    if job.command is not None:
        return {"command": command_identity(job.command)}
    if job.environment is not None:
        return {"environment": dict(job.environment.told)}
    return None


def provenance_outside(job: Job) -> dict[str, Any]:
    """Return what the record of a job says of its command or its other Python; nothing for a plugin here."""
    if job.command is not None:
        command = command_identity(job.command)
        return {"command": command, "version": job.command.version or None}
    if job.environment is not None:
        told = dict(job.environment.told)
        method = told["method"]
        return {
            "plugin": None,
            "distribution": method["distribution"],
            "version": method["version"],
            "environment_of_method": {"name": job.environment.name, **told},
        }
    return {}


def version_outside(job: Job) -> Any:
    """Return the version that a record of the job would state."""
    return provenance_outside(job).get("version")
