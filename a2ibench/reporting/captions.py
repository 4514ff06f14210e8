"""The captions of tables, and the phrases that all of them share."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from a2ibench.bench.groups import Group
from a2ibench.bench.run import CUBIC
from a2ibench.bench.standings import LEAST_SEEDS, Standing
from a2ibench.reporting.summary import OK, Row

TIED = "≈"
"""Stands before a score that cannot be told from the best."""

CONTROLS_TOLD = (
    "controls in brackets: interpolations, the least blur that leaves no more noise than averaging to cubes, "
    "and the reference itself"
)
PRETRAINED_TOLD = "(pretrained): began with weights trained on other volumes, and has no rank"
FEW_TOLD = (
    "with fewer than three seeds numbers are of these trainings, and methods that learn are not "
    "ranked among each other"
)

_DIGEST_SHOWN = len("sha256:") + 8

Compared = Sequence[tuple[str, Standing]]
"""Metrics, each with how one of the methods stands."""


def caption_of(
    group: Group,
    shown: Sequence[str],
    rows: Sequence[Row],
    gains: bool,
    marked: bool,
    compared: Compared,
) -> str:
    """Return the caption of the table of a run: what it shows, with versions and marks."""
    parts = [protocol_told(group), *machine_told(group)]
    if shown:
        parts.append(versions_told(group, shown))
    seeds = any(len(row.statuses) > 1 for row in rows)
    few = has_few(rows)
    if seeds:
        parts.append("mean ± sample standard deviation over seeds")
    if gains:
        over = "axial slices and seeds" if seeds else "axial slices"
        over += ", of these trainings" * few
        known = any(name == "psnr" and standing.gain.known for name, standing in compared)
        parts.append(f"gain: PSNR above that of {CUBIC}" + f" [95 % interval over {over}]" * known)
    if any(row.control for row in rows):
        parts.append(CONTROLS_TOLD)
    if any(row.pretrained for row in rows):
        parts.append(PRETRAINED_TOLD)
    if marked:
        parts.append("best of each dataset in bold")
    if judged := judged_of(shown, compared):
        parts.append(tied_told(judged))
    if few:
        parts.append(FEW_TOLD)
    return "; ".join(parts) + "."


def has_few(rows: Collection[Row]) -> bool:
    """Whether a method that learns has too few trainings to be compared with another one."""
    return any(row.learned and row.statuses.count(OK) < LEAST_SEEDS for row in rows)


def judged_of(shown: Sequence[str], compared: Compared) -> list[str]:
    """Return the metrics of which it is known whether a score can be told from the best."""
    with_lead = {metric for metric, standing in compared if standing.lead.known}
    return [name for name in shown if name in with_lead]


def tied_told(judged: Sequence[str]) -> str:
    """Return what the mark of scores that cannot be told from the best means."""
    return f"{TIED} in {' and '.join(judged)}: the 95 % interval of the difference from the best contains 0"


def protocol_told(group: Group) -> str:
    """Return the version of the protocol."""
    return f"Protocol version {group.protocol}"


def versions_told(group: Group, shown: Sequence[str]) -> str:
    """Return the versions of metrics, with their settings."""
    return "metric versions: " + ", ".join(_version(group, name) for name in shown)


def _version(group: Group, metric: str) -> str:
    settings = group.settings.get(metric, {})
    told = ", ".join(f"{key} {_shortened(value)}" for key, value in settings.items())
    return f"{metric} {group.versions[metric]}" + (f" ({told})" if told else "")


def _shortened(value: object) -> str:
    text = str(value)
    return text[:_DIGEST_SHOWN] if text.startswith("sha256:") else text


def machine_told(group: Group) -> list[str]:
    """Return in which precision networks ran on what; nothing where none of them tells."""
    told = (record.provenance for record in group.records if record.ok)
    used = {f"{one['precision_used']} on {one.get('device')}" for one in told if "precision_used" in one}
    return [f"networks in {' and '.join(sorted(used))}"] if used else []
