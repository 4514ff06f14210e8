"""Reconstructs a stack of any size from one file to another."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from a2ibench.contracts import AxialGrid, Context, Progress, Volume
from a2ibench.errors import A2IBenchError, InputError
from a2ibench.protocol.streaming import spooled, stream, training_volume
from a2ibench.reconstructing.identity import identity
from a2ibench.reconstructing.options import MethodOptions, Spacings, StackOptions
from a2ibench.reconstructing.trained import (
    built_method,
    kept_method,
    remembered,
    trained_method,
)
from a2ibench.reconstructing.trained_levels import INTENSITY, from_json, to_json, trained_levels
from a2ibench.reporting.orthogonal import draw_planes, middle_planes
from a2ibench.volumes.lazy import open_lazy
from a2ibench.volumes.levels import find_levels
from a2ibench.volumes.window import Window
from a2ibench.volumes.writing import Writer, create


class Written(NamedTuple):
    """The reconstruction, and a figure of its planes beside the input's."""

    output: Path
    figure: Path


def reconstruct_between(
    source: str | Path,
    target: Path,
    stack: StackOptions,
    options: MethodOptions,
    *,
    overwrite: bool = False,
    save_checkpoint: Path | None = None,
    progress: Progress | None = None,
) -> Written:
    """Reconstruct a stack block by block; see `a2ibench.reconstruct_file`."""
    ctx = options.context(progress)
    _check_checkpoints(options.checkpoint, save_checkpoint)
    with open_lazy(source, key=stack.key, level=stack.level, fill_missing=stack.fill_missing) as stored:
        spacings = stack.spacings(stored.voxel_size, stored.source)
        window = Window(stored, stack.crop)
        if window.shape[0] < 2:
            raise InputError(f"{stored.source}: has one slice (z) only; give a stack or crop of at least 2")
        shape = (AxialGrid(window.shape[0], spacings.ratio).n_out, *window.shape[1:])
        determined = identity(window, spacings.ratio, stack, options, ctx)
        with create(
            target,
            shape,
            window.dtype,
            spacings.reconstructed,
            identity=determined,
            overwrite=overwrite,
            # Around a narrow piece a network restores more than is kept.
            rows=int(built_method(options, ctx.seed).halo[1]) == 0,
        ) as writer:
            try:
                _fill(writer, window, spacings, stack, options, ctx, Path(stored.source).name)
            except A2IBenchError:
                if not writer.done:
                    writer.discard()
                raise
            if save_checkpoint is not None:
                shutil.copytree(kept_method(writer.scratch), save_checkpoint)
                shutil.copy(writer.scratch / INTENSITY, save_checkpoint / INTENSITY)
            writer.finish()
        return Written(target, _figure(window, target, spacings, options.method))


def _check_checkpoints(given: Path | None, wanted: Path | None) -> None:
    if given is not None and not given.is_dir():
        raise InputError(f"{given}: no such folder; give a checkpoint that a run or --save-checkpoint left")
    if given is not None and wanted is not None:
        raise InputError(
            "--checkpoint and --save-checkpoint: nothing is trained that could be saved; give one"
        )
    if wanted is not None and wanted.exists():
        raise InputError(f"{wanted}: exists already; give --save-checkpoint a folder that does not")


def _fill(
    writer: Writer,
    window: Window,
    spacings: Spacings,
    stack: StackOptions,
    options: MethodOptions,
    ctx: Context,
    name: str,
) -> None:
    bare = Volume(window, spacings.given, stack.intensity or (0.0, 1.0), name)

    def levels_of_all() -> dict[str, Any]:
        # A network knows the contrast that it was trained with.
        trained = trained_levels(options.checkpoint, bare)
        if trained is not None and stack.intensity in (None, trained.intensity):
            return to_json(trained)
        found = find_levels(window, name, declared=stack.intensity, progress=ctx.progress)
        return found._asdict()

    volume = from_json(remembered(writer.scratch / INTENSITY, levels_of_all), bare)

    def sample() -> Volume:
        return training_volume(window, volume, seed=ctx.seed, progress=ctx.progress)

    method = trained_method(options, volume, sample, ctx, writer.scratch)
    with ExitStack() as resources:
        volume = spooled(method, volume, writer.block, writer.scratch, resources, ctx.progress)
        stream(method, volume, writer, ctx)


def _figure(window: Window, target: Path, spacings: Spacings, method: str) -> Path:
    with open_lazy(target) as written:
        after = middle_planes(written)
    axial, lateral, _ = spacings.reconstructed
    given = axial * spacings.ratio
    return draw_planes(
        middle_planes(window, spacings.ratio),
        after,
        (axial, lateral),
        name=f"{target.name}, {method}",
        about=f"planes through the middle; axial spacing {given:g} nm, reconstructed {axial:g} nm",
        path=target.with_name(f"{target.name}.png"),
    )
