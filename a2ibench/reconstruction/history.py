"""What a reconstruction is and how it came about: for its own attributes, and for the file beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from a2ibench.bench.cache_key import named_files
from a2ibench.bench.provenance import configuration_of
from a2ibench.contracts import Context, Method, decimal_spacing
from a2ibench.data.formats import LazyVolume
from a2ibench.data.formats.source import find
from a2ibench.data.prepare import Crop
from a2ibench.documents import read_json
from a2ibench.errors import OptionError
from a2ibench.files import plain, write_json
from a2ibench.hookspecs import PROJECT
from a2ibench.reconstruction.options import MethodOptions, ReconstructOptions, Spacings

KIND = "isotropic reconstruction"


@dataclass(frozen=True)
class History:
    """What a volume's own attributes tell; the same whenever the voxels are.

    The first entries are those that a format with little room keeps.

    Parameters
    ----------
    method, plugin : str
        Its name, and the distribution that it comes with, with its version.
    seed : int
        Of the training.
    degradation : str or None
        What the slices are taken to have gone through; None where the method does not ask.
    match_slices : bool
        Whether slices were matched in mean and contrast first.
    training : mapping or None
        Size and budget; None where a checkpoint was loaded.
    checkpoint : str or None
        Digest of the one that was loaded.
    input : mapping
        Its name and digest, and what of it was read: never a path.
    voxel_size : tuple of float
        Of the reconstruction, (z, y, x) in nm.
    ratio : float
        Axial spacing of the input over that of the reconstruction.
    intensity : tuple of float or None
        The grey levels that were declared.
    device, precision : str
        Where and in what the method ran.
    settings : mapping
        Of the method, resolved.
    versions : mapping
        Of a2ibench and of libraries.
    """

    method: str
    plugin: str
    seed: int
    degradation: str | None
    match_slices: bool
    training: Mapping[str, Any] | None
    checkpoint: str | None
    input: Mapping[str, Any]
    voxel_size: tuple[float, float, float]
    ratio: float
    intensity: tuple[float, float] | None
    device: str
    precision: str
    settings: Mapping[str, Any]
    versions: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        """Return it JSON-able, in its order, with what tells that it is a reconstruction."""
        told = {"software": PROJECT, "version": self.versions[PROJECT], "kind": KIND}
        named = {one.name: plain(getattr(self, one.name)) for one in fields(self)}
        return told | named


def history_of(
    read: Mapping[str, Any],
    spacing: Spacings,
    options: ReconstructOptions,
    resolved: MethodOptions,
    ctx: Context,
    determined: Mapping[str, Any],
    method: Method,
) -> History:
    """Return the history of a reconstruction.

    Parameters
    ----------
    read : mapping
        What `input_of` tells of the input.
    spacing : Spacings
        Voxel sizes.
    options, resolved, ctx
        What is asked for, and what of it the method is told.
    determined : mapping
        What `identity` returns.
    method : Method
        The method as it was trained, where a checkpoint is loaded, and else as it was built.
    """
    registered = determined["method"]
    settings = _without_paths({**resolved.settings, **configuration_of(method)})
    given = determined["checkpoint"]
    return History(
        method=resolved.method,
        plugin=f"{registered['distribution']} {registered['version']}",
        seed=ctx.seed,
        degradation=settings.get("degradation"),
        match_slices=options.match_slices,
        training=None if given else {"size": ctx.size, "budget": str(ctx.budget)},
        checkpoint=given,
        input=dict(read) | {"voxel_size": [decimal_spacing(size) for size in spacing.given]},
        voxel_size=spacing.reconstructed,
        ratio=decimal_spacing(spacing.ratio),
        intensity=options.intensity,
        device=ctx.device,
        precision=ctx.precision,
        settings=settings,
        versions={PROJECT: determined["a2ibench"], **determined["libraries"]},
    )


def input_of(volume: LazyVolume, crop: Crop, digest: str, sha256: str | None) -> dict[str, Any]:
    """Return what a history tells of an input.

    Parameters
    ----------
    volume : LazyVolume
        The input.
    crop : Crop
        What is read of it.
    digest : str
        As `content` returns it.
    sha256 : str, optional
        Checksum of the file, where it is one and all of it was read.
    """
    part = [[start, start + size] for start, size in zip(crop.first, crop.shape, strict=True)]
    return {
        "name": find(volume.source).name,
        "digest": f"content:{digest}" if sha256 is None else f"sha256:{sha256}",
        "shape": list(volume.shape),
        "dtype": volume.dtype.name,
        "crop": None if crop.shape == volume.shape else part,
        "key": volume.key,
        "level": volume.level,
    }


def _without_paths(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings with the names of the files that they name in place of their paths."""
    shown = dict(settings)
    for told in named_files(settings):
        name, _, path = told.partition("=")
        shown[name] = str(shown[name]).replace(path, Path(path).name)
    return shown


def as_call(source: str | Path, target: Path, options: ReconstructOptions) -> str:
    """Return the call of Python that asks for a reconstruction, with the options that are not the default."""
    given = {one.name: getattr(options, one.name) for one in fields(options) if one.name != "progress"}
    defaults = {one.name: one.default for one in fields(options)}
    changed = [
        f"{name}={text}"
        for name, text in ((name, _text(value)) for name, value in given.items())
        if text not in (_text(defaults[name]), "{}")
    ]
    return f"a2ibench.reconstruct_file({', '.join([_text(source), _text(target), *changed])})"


def _text(value: Any) -> str:
    return repr(str(value)) if isinstance(value, Path) else repr(value)


def check_history_free(file: Path, *, overwrite: bool) -> None:
    """Accept a place for the file beside an output that is free, or holds what an earlier call left.

    Raises
    ------
    OptionError
        If it holds something else, which only `overwrite` replaces.
    """
    if overwrite or not file.exists() or _is_history(file):
        return
    raise OptionError(
        "{file}: exists already and was not left by reconstruct; move it away, or add {overwrite:True}",
        file=file,
    )


def _is_history(file: Path) -> bool:
    try:
        content = read_json(file)
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and (content.get("software"), content.get("kind")) == (PROJECT, KIND)


def write_beside(
    file: Path, history: History, *, command: str, output: Path, source: str, **more: Any
) -> None:
    """Write the file beside an output: its history, and what only one call tells, such as the command."""
    call = {"command": command, "date": datetime.now(UTC).isoformat(timespec="seconds")}
    write_json(file, history.to_json() | call | {"source": source, "output": str(output)} | more)
