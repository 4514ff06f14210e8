"""What a bundle holds: its members, and a manifest that follows from them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, Final

from a2ibench.bench.paths import RECORD, RUN
from a2ibench.bench.record import content_digest
from a2ibench.bench.run import Run
from a2ibench.files import plain

FORMAT: Final = "a2ibench-bundle"
FORMAT_VERSION: Final = 1

MANIFEST: Final = "manifest.json"
SCORES: Final = "scores.npz"
FOLDER: Final = "jobs"

# The names that datasets and methods may have: one component of a path on every system.
_MEMBER: Final = re.compile(rf"{FOLDER}/[a-z0-9][a-z0-9._-]{{0,220}}--s\d{{1,12}}/(?:{RECORD}|{SCORES})")


def record_member(job: str) -> str:
    """Return the member that holds a job's record."""
    return f"{FOLDER}/{job}/{RECORD}"


def scores_member(job: str) -> str:
    """Return the member that holds the scores of a job's slices."""
    return f"{FOLDER}/{job}/{SCORES}"


def is_member(name: str) -> bool:
    """Whether a bundle may have a member of that name."""
    return name in (MANIFEST, RUN) or _MEMBER.fullmatch(name) is not None


def manifest_of(run: Run, members: Mapping[str, bytes]) -> dict[str, Any]:
    """Return the manifest of a bundle, which is the same for the same members.

    Parameters
    ----------
    run : Run
        As the members tell it.
    members : mapping of str to bytes
        All but the manifest.

    Returns
    -------
    dict
        Of JSON's types: ``format`` and ``format_version``; ``protocol_versions``, and ``metrics`` with their
        versions; ``plugins``, versions by distribution; ``environment``; ``outputs``, by job the checksums of
        ``files`` and the ``reconstruction``'s voxels; ``members`` with their SHA-256; and ``digest``, that
        of all this.
    """
    content: dict[str, Any] = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "protocol_versions": sorted(
            {version for record in run.records if (version := record.protocol_version) is not None}
        ),
        "metrics": _metrics(run),
        "plugins": _plugins(run),
        "environment": run.environment,
        "outputs": {
            record.name: {
                "files": record.files or {},
                "reconstruction": record.provenance.get("reconstruction"),
            }
            for record in run.records
        },
        "members": {name: hashlib.sha256(members[name]).hexdigest() for name in sorted(members)},
    }
    content = plain(content)
    return content | {"digest": content_digest(content)}


def as_bytes(manifest: Mapping[str, Any]) -> bytes:
    """Return a manifest as it stands in a bundle."""
    return (json.dumps(manifest, indent=2, sort_keys=True, allow_nan=False) + "\n").encode()


def _metrics(run: Run) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for record in run.records:
        for name, score in record.metrics.items():
            if score.version not in found.setdefault(name, []):
                found[name].append(score.version)
    return {name: sorted(versions, key=str) for name, versions in sorted(found.items())}


def _plugins(run: Run) -> dict[str, list[str]]:
    found: dict[str, set[str]] = {}
    for record in run.records:
        told = record.provenance
        if told.get("distribution") is not None:
            found.setdefault(str(told["distribution"]), set()).add(str(told.get("version")))
    return {name: sorted(versions) for name, versions in sorted(found.items())}
