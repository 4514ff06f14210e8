"""Reconstructs one stack: in memory, or block by block from a file of any size to another."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from a2ibench.bench.options import check_option
from a2ibench.contracts import AxialGrid, Context, Method, Volume, equal_laterally
from a2ibench.data.formats import open_lazy
from a2ibench.data.intensity_range import find_levels, levelled, natural_range
from a2ibench.data.prepare import Crop, check_finite
from a2ibench.data.spacing import implausible
from a2ibench.data.writing import Writer, check_creatable, check_ome_version, check_resumable, create
from a2ibench.data.writing.layout import ZYX
from a2ibench.errors import A2IBenchError, InputError, OptionError, one_line, printable
from a2ibench.files import disk_errors
from a2ibench.protocol.blocks import reconstruct_volume
from a2ibench.protocol.intensity import quantise
from a2ibench.reconstruction.checkpoint_method import INTENSITY
from a2ibench.reconstruction.checkpoints import (
    applied,
    built_method,
    check_free,
    check_replaceable,
    from_json,
    has_learnt,
    keep,
    loaded_method,
    log_training,
    read_or_compute,
    to_json,
    trained_levels,
    trained_method,
)
from a2ibench.reconstruction.differing import explained
from a2ibench.reconstruction.history import (
    as_call,
    check_history_free,
    history_of,
    input_of,
    write_beside,
)
from a2ibench.reconstruction.identity import content, file_sha256, identity
from a2ibench.reconstruction.matching import matched_slices, matched_volume, matching_told
from a2ibench.reconstruction.options import (
    MethodOptions,
    ReconstructOptions,
    Spacings,
    check_applies,
    context,
    output_voxels,
    resolve_method,
    resolved_options,
    spacings,
)
from a2ibench.reconstruction.outlook import Told, outlook_of, unsaid
from a2ibench.reconstruction.paths import Places, State, check_apart, files_of, located, places, states
from a2ibench.reconstruction.streaming import stream, training_volume, unpacked
from a2ibench.registry import host
from a2ibench.reporting.orthogonal import draw_planes, middle_planes


def reconstruct_in_memory(volume: Volume, options: ReconstructOptions) -> Volume:
    """Train a method on a volume, or load a trained one, and reconstruct it; see `a2ibench.reconstruct`."""
    if not isinstance(volume, Volume):
        raise InputError(f"volume: got {type(volume).__name__}; give a Volume, such as open_volume returns")
    volume = replace(volume, voxel_size=equal_laterally(volume.voxel_size, volume.name))
    if volume.ratio == 1:
        raise InputError(
            f"{volume.name}: voxel size {volume.voxel_size} is isotropic; nothing to reconstruct"
        )
    if (problem := implausible(volume.voxel_size)) is not None:
        _logger.warning("%s: its voxel size is in nm %s", printable(volume.name), problem)
    ctx, resolved = context(options, output_voxels(volume.shape, volume.ratio)), resolve_method(options)
    checkpoint = resolved.checkpoint
    method: Method = host().build("method", resolved.method, **resolved.settings)
    volume = replace(volume, data=np.ascontiguousarray(volume.data))
    check_finite(volume.data, volume.name)
    if options.match_slices:
        volume = matched_volume(volume, progress=ctx.progress)
    trained = trained_levels(checkpoint, volume)
    if trained is not None:
        declared = natural_range(volume.data, volume.name) != tuple(volume.intensity)
        volume = applied(trained, levelled(volume), declared=declared)
    elif checkpoint is None:
        volume = levelled(volume)
    check_applies(method, resolved.method, volume)
    if checkpoint is None:
        log_training(method, resolved.method, volume, ctx.budget)
        method.fit(volume, ctx)
    else:
        method.load(checkpoint)
    data = quantise(reconstruct_volume(method, volume, ctx), volume)
    lateral = volume.voxel_size[1]
    return replace(volume, data=data, voxel_size=(lateral, lateral, lateral))


_logger = logging.getLogger(__name__)


class Written(NamedTuple):
    """The reconstruction, and a figure of its planes beside the input's."""

    output: Path
    figure: Path


def reconstruct_between(
    source: str | Path,
    target: Path,
    options: ReconstructOptions,
    *,
    command: str | None = None,
    told: Told = unsaid,
    dry_run: bool = False,
) -> Written:
    """Reconstruct a stack block by block; see `a2ibench.reconstruct_file`.

    Parameters
    ----------
    source : str or Path
        File, folder or address of the stack.
    target : Path
        The output.
    options : ReconstructOptions
        What is asked for.
    command : str, optional
        How it was asked for, kept in the history beside the output; by default the call of Python.
    told : callable, optional
        Told what is about to be done, before the input is read.
    dry_run : bool
        Whether that is all, apart from checks; nothing is written.
    """
    command, given_source = command or as_call(source, target, options), str(source)
    ome_version = check_option("ome_version", options)
    check_ome_version(target, ome_version)
    given, wanted = check_option("checkpoint", options), check_option("save_checkpoint", options)
    given = None if given is None else given.absolute()
    _check_checkpoints(given, wanted)
    source, options = located(source), resolved_options(options)
    written = places(target, wanted if given is None else False)
    resolved = replace(resolve_method(options), checkpoint=given)
    with open_lazy(source, key=options.key, level=options.level, fill_missing=options.fill_missing) as volume:
        files = files_of(volume)
        check_apart(files if given is None else [*files, given], written)
        if written.checkpoint is not None:
            check_replaceable(written.checkpoint)
        check_history_free(written.history, overwrite=options.overwrite)
        spacing = spacings(options, volume.voxel_size, volume.source)
        crop = Crop(volume, check_option("crop", options))
        _check_slices(crop, volume.source)
        ctx = context(options, output_voxels(crop.shape, spacing.ratio))
        shape = (AxialGrid(crop.shape[0], spacing.ratio).n_out, *crop.shape[1:])
        profile, settings = (check_option(name, options) for name in ("profile", "settings"))
        method = built_method(resolved, ctx.seed)
        trained = method if given is None else loaded_method(resolved, ctx.seed)
        _bare(crop, spacing, options, Path(volume.source).name)
        _check_creatable(written, shape, crop, options.overwrite, method)
        told(outlook_of(crop, str(source), written.output, shape, spacing, resolved, settings, profile, ctx))
        # Around a narrow piece a network restores more than is kept.
        how = _How(options.overwrite, int(method.halo[1]) == 0, ome_version)
        before = states(files)

        def determine() -> dict[str, Any]:
            return identity(content(volume, crop, files), spacing.ratio, options, resolved, ctx)

        if dry_run:
            _check_leftover(written, shape, crop, spacing, how, determine)
            return Written(written.output, written.figure)
        determined = determine()
        history = history_of(
            input_of(volume, crop, determined["input"], file_sha256(volume, crop, files)),
            spacing,
            options,
            resolved,
            ctx,
            determined,
            trained,
        )
        with create(
            written.output,
            shape,
            crop.dtype,
            spacing.reconstructed,
            identity=determined,
            **how._asdict(),
            history=history.to_json(),
            explain=explained,
        ) as writer:
            try:
                if written.checkpoint is not None and not options.overwrite:
                    check_free(written.checkpoint, writer.scratch, method)
                if not writer.published:
                    _fill(writer, crop, spacing, options, resolved, ctx, Path(volume.source).name)
            except A2IBenchError:
                if not writer.done and not has_learnt(writer.scratch):
                    writer.discard()
                raise
            if not writer.published:
                _check_unchanged(
                    writer,
                    before,
                    states(files),
                    lambda: content(volume, crop, files) == determined["input"],
                )
                writer.publish()
            # The hidden folder stays until all is in its place, so that the same call can go on from here.
            if written.checkpoint is not None:
                with disk_errors(written.checkpoint):
                    keep(writer.scratch, written.checkpoint)
            with disk_errors(written.history):
                write_beside(
                    written.history,
                    history,
                    command=command,
                    source=given_source,
                    output=written.output,
                    matching=matching_told(writer.scratch),
                )
            _draw_if_possible(written.figure, crop, written.output, spacing, resolved.method)
            writer.finish()
        return Written(written.output, written.figure)


def _check_slices(crop: Crop, source: str) -> None:
    if crop.shape[0] < 2:
        raise InputError(f"{source}: has one slice (z) only; give a stack or crop of at least 2")


class _How(NamedTuple):
    """Options of `a2ibench.data.writing.create`."""

    overwrite: bool
    rows: bool
    ome_version: str | None


def _check_leftover(
    written: Places,
    shape: ZYX,
    crop: Crop,
    spacing: Spacings,
    how: _How,
    determine: Callable[[], dict[str, Any]],
) -> None:
    # Only to compare with it is the whole input read.
    if written.partial.exists():
        check_resumable(
            written.output,
            shape,
            crop.dtype,
            spacing.reconstructed,
            identity=determine(),
            **how._asdict(),
            explain=explained,
        )


def _check_creatable(written: Places, shape: ZYX, crop: Crop, overwrite: bool, method: Method) -> None:
    # What is there of an interrupted call is judged when its settings are known.
    if not written.partial.exists():
        check_creatable(written.output, shape, crop.dtype, overwrite=overwrite)
    if written.checkpoint is not None and not overwrite:
        check_free(written.checkpoint, written.partial / "scratch", method)


def _check_checkpoints(given: Path | None, wanted: Path | bool) -> None:
    if given is not None and not given.is_dir():
        raise InputError(f"{given}: no such folder; give a checkpoint that a run or reconstruct left")
    if given is not None and isinstance(wanted, Path):
        raise OptionError(
            "{checkpoint} and {save_checkpoint}: nothing is trained that could be saved; give one"
        )


def _check_unchanged(
    writer: Writer, before: Mapping[Path, State], now: Mapping[Path, State], is_same: Callable[[], bool]
) -> None:
    changed = sorted(path for path in before.keys() | now.keys() if before.get(path) != now.get(path))
    if not changed:
        return
    # A new link to a file, or other permissions, change nothing but the time of the last change.
    if (
        all(path in before and path in now and before[path].alike(now[path]) for path in changed)
        and is_same()
    ):
        return
    # Its blocks may be of two inputs.
    writer.discard()
    raise InputError(
        f"{changed[0]}: has changed while it was read; nothing is written, so give the command again"
    )


def _fill(
    writer: Writer,
    crop: Crop,
    spacing: Spacings,
    options: ReconstructOptions,
    resolved: MethodOptions,
    ctx: Context,
    name: str,
) -> None:
    data = matched_slices(crop, writer.scratch, name, ctx.progress) if options.match_slices else crop
    bare = _bare(data, spacing, options, name)

    def levels_of_all() -> dict[str, Any]:
        trained = trained_levels(resolved.checkpoint, bare)
        found = find_levels(data, name, declared=options.intensity, progress=ctx.progress)
        own = replace(bare, **found._asdict())
        seen = applied(trained, own, declared=options.intensity is not None)
        return to_json(seen) | {"method": resolved.method}

    volume = from_json(read_or_compute(writer.scratch / INTENSITY, levels_of_all), bare)

    def sample() -> Volume:
        return training_volume(data, volume, seed=ctx.seed, progress=ctx.progress)

    method = trained_method(resolved, volume, sample, ctx, writer.scratch, writer.forget)
    with ExitStack() as resources:
        volume = unpacked(method, volume, writer.block, writer.scratch, resources, ctx.progress)
        stream(method, volume, writer, ctx)


def _bare(data: Any, spacing: Spacings, options: ReconstructOptions, name: str) -> Volume:
    """Return the stack with the intensities that are declared, if any."""
    return Volume(data, spacing.given, options.intensity or (0.0, 1.0), name)


def _draw_if_possible(path: Path, crop: Crop, target: Path, spacing: Spacings, method: str) -> None:
    try:
        _draw(path, crop, target, spacing, method)
    except Exception as error:
        # The reconstruction is finished; nothing that happens here may take that back.
        _logger.warning("%s: figure left out: %s", printable(str(path)), one_line(error))


def _draw(path: Path, crop: Crop, target: Path, spacing: Spacings, method: str) -> None:
    with open_lazy(target) as written:
        after = middle_planes(written)
    axial, lateral, _ = spacing.reconstructed
    given = axial * spacing.ratio
    draw_planes(
        middle_planes(crop, spacing.ratio),
        after,
        (axial, lateral),
        name=f"{target.name}, {method}",
        about=f"planes through the middle; axial spacing {given:g} nm, reconstructed {axial:g} nm",
        path=path,
    )
