"""Checks a stack, tries methods on a sample of it, and says which to use."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from a2ibench.bench.input import dataset_name, input_dataset, local_stack
from a2ibench.bench.options import check_option
from a2ibench.bench.run import read_run
from a2ibench.contracts import DatasetSpec, Volume
from a2ibench.data.formats import open_lazy
from a2ibench.data.intensity_range import find_levels
from a2ibench.data.prepare import Crop
from a2ibench.data.writing.whole import write_whole
from a2ibench.errors import InputError, one_line
from a2ibench.files import write_bytes, write_json
from a2ibench.inspection import Finding, check_stack
from a2ibench.recommendation.expectations import expectations
from a2ibench.recommendation.options import RecommendOptions
from a2ibench.recommendation.page import page
from a2ibench.recommendation.ranking import Ranked, ranking_of, recommended
from a2ibench.recommendation.sample import Sample, sample_of
from a2ibench.recommendation.trial import Trial, carry_out, in_order
from a2ibench.reconstruction.options import DEFAULT_METHOD, output_voxels
from a2ibench.reporting.figures import write_figures
from a2ibench.validation.held_out import check_size

FILE, PAGE, STACK = "recommendation.json", "recommendation.html", "stack.ome.zarr"
_FLICKER = ("brightness flicker", "contrast flicker")
_GIVEN = ("voxel_size", "key", "level", "crop", "intensity")


@dataclass(frozen=True)
class Recommendation:
    """Which method to use for a stack, and what that rests on.

    Parameters
    ----------
    stack : str
        The stack, as commands name it.
    findings : tuple of Finding
        What the checks found.
    ranking : tuple of Ranked
        The methods, the best first; empty where none could be compared.
    method : str
        The one to use.
    expectations : tuple of str
        What can and cannot be expected, a line each, the most important first.
    command : str
        That reconstructs the stack.
    folder : Path
        Of the trial, its page and recommendation.json.
    sample : tuple of (start, stop)
        Voxels along (z, y, x) that methods were tried on.
    """

    stack: str
    findings: tuple[Finding, ...]
    ranking: tuple[Ranked, ...]
    method: str
    expectations: tuple[str, ...]
    command: str
    folder: Path
    sample: tuple[tuple[int, int], tuple[int, int], tuple[int, int]]

    def to_dict(self) -> dict[str, Any]:
        """Return it JSON-able."""
        return {
            "stack": self.stack,
            "method": self.method,
            "command": self.command,
            "expectations": list(self.expectations),
            "ranking": [one.to_dict() for one in self.ranking],
            "findings": [one.to_dict() for one in self.findings],
            "sample": [list(bounds) for bounds in self.sample],
            "folder": str(self.folder),
        }


def recommend_method(options: RecommendOptions) -> Recommendation:
    """Check a stack, try methods on a sample of it, and write what came of it.

    Raises
    ------
    InputError
        If the stack cannot be read, is isotropic, or an option cannot be used.
    UnknownNameError
        If there is no such method.
    KeyboardInterrupt
        After Ctrl-C; finished trials are kept.
    """
    seconds, methods = check_option("budget", options), in_order(check_option("methods", options))
    folder = check_option("out", options) or _default_folder(options.stack)
    if isinstance(options.stack, Volume):
        options = _written(options.stack, options, folder)
    given = {name: check_option(name, options) for name in _GIVEN}
    place = local_stack(options.stack) if isinstance(options.stack, str | Path) else None
    spec = input_dataset(place, simulate=None, **given)
    if spec is None or place is None:
        raise InputError("stack: give the path of a stack, or a Volume")
    findings, volume, sample = _looked_at(spec, place, seconds)
    trial = Trial(
        replace(spec, crop=_within(spec, sample)),
        methods,
        seconds,
        check_option("profile", options),
        check_option("device", options),
        folder / "trial",
    )
    ranking: tuple[Ranked, ...] = ()
    problem = _too_small(volume, sample)
    if not problem:
        ranking = ranking_of(carry_out(trial, fresh=options.fresh, events=options.events), methods)
    best = recommended(ranking)
    method = DEFAULT_METHOD if best is None else best.method
    name = str(options.stack)
    found = Recommendation(
        name,
        findings,
        ranking,
        method,
        expectations(findings, ranking, best, output_voxels(volume.shape, volume.ratio), problem),
        command_of(name, method, findings, options),
        folder,
        sample,
    )
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / FILE, found.to_dict())
    figures = write_figures(read_run(trial.folder)) if ranking else []
    text = page(name, method, found.command, found.expectations, findings, ranking, figures)
    write_bytes(folder / PAGE, text.encode())
    return found


def _default_folder(stack: str | Path | Volume) -> Path:
    name = stack.name if isinstance(stack, Volume) else Path(stack).name
    return Path("reports") / f"recommend-{dataset_name(Path(name))}"


def _written(volume: Volume, options: RecommendOptions, folder: Path) -> RecommendOptions:
    """Write a volume in memory, so that the trial, and the command, can read it."""
    place = folder / STACK
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(place, np.asarray(volume.data), volume.voxel_size, overwrite=place.exists())
    intensity = volume.intensity if options.intensity is None else options.intensity
    return replace(options, stack=place, voxel_size=volume.voxel_size, intensity=intensity)


def _looked_at(spec: DatasetSpec, place: Path, seconds: float) -> tuple[tuple[Finding, ...], Volume, Sample]:
    with open_lazy(place, key=spec.key, level=spec.level) as source:
        crop = Crop(source, spec.crop)
        levels = find_levels(crop, spec.name, declared=spec.intensity)
        volume = Volume(crop, spec.voxel_size, name=spec.name, **levels._asdict())
        sample = sample_of(crop, volume.ratio, levels.padding, levels.intensity, seconds)
        return check_stack(volume, str(place)), volume, sample


def _within(spec: DatasetSpec, sample: Sample) -> Sample:
    """Return a sample of a cropped stack in voxels of the whole one."""
    first = [0, 0, 0] if spec.crop is None else [start for start, _ in spec.crop]
    return Sample(*((at + start, at + stop) for at, (start, stop) in zip(first, sample, strict=True)))


def _too_small(volume: Volume, sample: Sample) -> str:
    shape = [stop - start for start, stop in sample]
    try:
        check_size(shape, volume.ratio, volume.name)
    except InputError as error:
        return one_line(error)
    return ""


def command_of(stack: str, method: str, findings: Sequence[Finding], options: RecommendOptions) -> str:
    """Return the command that reconstructs a stack as recommended.

    Parameters
    ----------
    stack : str
        As commands name it.
    method : str
        To use.
    findings : sequence of Finding
        Of the stack; slices that flicker are matched.
    options : RecommendOptions
        What was told of the stack.
    """
    target = f"{dataset_name(Path(stack))}-isotropic.ome.zarr"
    parts = ["a2ibench", "reconstruct", stack, target, "--method", method]
    for name in _GIVEN:
        value = getattr(options, name)
        if value is not None:
            parts += [f"--{name.replace('_', '-')}", _text(value)]
    if any(one.name in _FLICKER and not one.passed for one in findings):
        parts.append("--match-slices")
    return shlex.join(parts)


def _text(value: Any) -> str:
    if isinstance(value, str | int):
        return str(value)
    if value and isinstance(value[0], slice):
        value = [(part.start, part.stop) for part in value]
    if value and isinstance(value[0], tuple):
        return ",".join(":".join("" if end is None else str(end) for end in pair) for pair in value)
    return ",".join(f"{number:g}" for number in value)
