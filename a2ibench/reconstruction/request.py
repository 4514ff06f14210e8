"""A reconstruction that is asked for: its input opened, its options checked, its outputs named."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from a2ibench.bench.options import check_option
from a2ibench.contracts import AxialGrid, Context, Method, Volume
from a2ibench.data.formats import LazyVolume, open_lazy
from a2ibench.data.prepare import Crop
from a2ibench.data.writing import check_ome_version
from a2ibench.errors import InputError, OptionError
from a2ibench.reconstruction.checkpoints import built_method, loaded_method
from a2ibench.reconstruction.creating import Volumes
from a2ibench.reconstruction.identity import content, identity
from a2ibench.reconstruction.options import (
    MethodOptions,
    ReconstructOptions,
    Spacings,
    context,
    output_voxels,
    resolve_method,
    resolved_options,
    spacings,
)
from a2ibench.reconstruction.paths import check_apart, files_of, located, places
from a2ibench.reconstruction.uncertainty import check_told


@dataclass(frozen=True)
class Request:
    """What is reconstructed, and how.

    Parameters
    ----------
    source : str
        The stack, as it was given.
    stored : LazyVolume
        The stack, opened.
    crop : Crop
        What is read of it.
    files : list of Path
        The local files that it lies in.
    spacing : Spacings
        Voxel sizes.
    options : ReconstructOptions
        What is asked for.
    resolved : MethodOptions
        What of it is about the method.
    ctx : Context
        What the method is told.
    method, trained : Method
        The method as it was built, and with the checkpoint that is given loaded.
    volumes : Volumes
        What is written.
    """

    source: str
    stored: LazyVolume
    crop: Crop
    files: list[Path]
    spacing: Spacings
    options: ReconstructOptions
    resolved: MethodOptions
    ctx: Context
    method: Method
    trained: Method
    volumes: Volumes

    @property
    def name(self) -> str:
        """The stack's, for messages."""
        return Path(self.stored.source).name

    def bare(self, data: Any) -> Volume:
        """Return voxels with the intensities that are declared, if any."""
        return Volume(data, self.spacing.given, self.options.intensity or (0.0, 1.0), self.name)

    def content(self) -> str:
        """Return a digest of what is read; see `a2ibench.reconstruction.identity.content`."""
        return content(self.stored, self.crop, self.files)

    def identity(self, input_content: str) -> dict[str, Any]:
        """Return all that the voxels of the reconstruction depend on."""
        return identity(input_content, self.spacing.ratio, self.options, self.resolved, self.ctx)

    def outlook(self) -> Mapping[str, Any]:
        """Return what `a2ibench.reconstruction.outlook.outlook_of` takes."""
        return {
            "crop": self.crop,
            "source": self.source,
            "output": self.volumes.places.output,
            "output_shape": self.volumes.shape,
            "spacing": self.spacing,
            "method": self.resolved,
            "settings": check_option("settings", self.options),
            "profile": check_option("profile", self.options),
            "ctx": self.ctx,
            "uncertainty": self.volumes.places.uncertainty,
        }


@contextmanager
def opened(source: str | Path, target: Path, options: ReconstructOptions) -> Iterator[Request]:
    """Open the stack and check the options; writes nothing.

    Parameters
    ----------
    source : str or Path
        File, folder or address of the stack.
    target : Path
        The output.
    options : ReconstructOptions
        What is asked for.

    Raises
    ------
    InputError
        If the stack or an option cannot be used.
    """
    ome_version = check_option("ome_version", options)
    check_ome_version(target, ome_version)
    unsure = check_option("uncertainty", options)
    unsure = None if unsure is None else unsure.absolute()
    given, wanted = check_option("checkpoint", options), check_option("save_checkpoint", options)
    given = None if given is None else given.absolute()
    _check_checkpoints(given, wanted)
    source, options = located(source), resolved_options(options)
    written = places(target, wanted if given is None else False, unsure)
    resolved = replace(resolve_method(options), checkpoint=given)
    with open_lazy(source, key=options.key, level=options.level, fill_missing=options.fill_missing) as volume:
        files = files_of(volume)
        check_apart(files if given is None else [*files, given], written)
        spacing = spacings(options, volume.voxel_size, volume.source)
        crop = Crop(volume, check_option("crop", options))
        _check_slices(crop, volume.source)
        ctx = context(options, output_voxels(crop.shape, spacing.ratio))
        shape = (AxialGrid(crop.shape[0], spacing.ratio).n_out, *crop.shape[1:])
        method = built_method(resolved, ctx.seed)
        trained = method if given is None else loaded_method(resolved, ctx.seed)
        if written.uncertainty is not None:
            check_told(trained, resolved.method)
        # Around a narrow piece a network restores more than is kept.
        rows = int(method.halo[1]) == 0
        volumes = Volumes(
            written, shape, crop.dtype, spacing.reconstructed, options.overwrite, rows, ome_version
        )
        request = Request(
            str(source), volume, crop, files, spacing, options, resolved, ctx, method, trained, volumes
        )
        # What is declared of it may make no sense.
        request.bare(crop)
        yield request


def _check_slices(crop: Crop, source: str) -> None:
    if crop.shape[0] < 2:
        raise InputError(f"{source}: has one slice (z) only; give a stack or crop of at least 2")


def _check_checkpoints(given: Path | None, wanted: Path | bool) -> None:
    if given is not None and not given.is_dir():
        raise InputError(f"{given}: no such folder; give a checkpoint that a run or reconstruct left")
    if given is not None and isinstance(wanted, Path):
        raise OptionError(
            "{checkpoint} and {save_checkpoint}: nothing is trained that could be saved; give one"
        )
