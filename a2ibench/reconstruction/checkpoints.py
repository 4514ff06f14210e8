"""A trained method: how it outlasts an interruption, and how it is kept beside the output for others."""

from __future__ import annotations

import json
import logging
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from a2ibench.bench.provenance import seen_before, trained_on
from a2ibench.contracts import Budget, Context, Method, Volume
from a2ibench.data.checksums import sha256_of
from a2ibench.data.writing.partial import (
    is_intact,
    remove_with_checksum,
    sums,
    write_checksum,
)
from a2ibench.documents import read_json
from a2ibench.errors import InputError, OptionError, counted, printable
from a2ibench.files import flush, flush_all, flush_tree, remove, write_bytes
from a2ibench.protocol.checkpointer import TRAINING, FileCheckpointer
from a2ibench.protocol.profiles import seed_everything
from a2ibench.reconstruction.checkpoint_method import INTENSITY
from a2ibench.reconstruction.options import MethodOptions, check_applies, output_voxels
from a2ibench.registry import host


def to_json(volume: Volume) -> dict[str, Any]:
    """Return the grey levels of a volume, JSON-able."""
    return {"intensity": volume.intensity, "contrast": volume.contrast, "padding": volume.padding}


def from_json(content: Any, volume: Volume) -> Volume:
    """Return a volume with grey levels as `to_json` gives them, or with two that are its intensity range.

    Raises
    ------
    ValueError, TypeError, KeyError
        If they are neither.
    InputError
        If they make no sense.
    """
    if isinstance(content, list):
        return replace(volume, intensity=_pair(content), contrast=None, padding=None)
    contrast, padding = content["contrast"], content["padding"]
    return replace(
        volume,
        intensity=_pair(content["intensity"]),
        contrast=None if contrast is None else _pair(contrast),
        padding=None if padding is None else tuple(float(level) for level in padding),
    )


def trained_levels(checkpoint: Path | None, volume: Volume) -> Volume | None:
    """Return a volume with the grey levels of a checkpoint, None where it does not tell them.

    Raises
    ------
    InputError
        If its file of them is damaged.
    """
    file = None if checkpoint is None else checkpoint / INTENSITY
    if file is None or not file.is_file():
        return None
    try:
        return from_json(read_json(file), volume)
    except (ValueError, TypeError, KeyError, OSError, InputError):
        raise OptionError(
            "{file}: not two grey levels; give {intensity:(LO, HI)}, or remove it", file=file
        ) from None


def applied(trained: Volume | None, own: Volume, *, declared: bool) -> Volume:
    """Return a volume with the grey levels that a trained method is to see it with.

    Those of the training; what the volume has beyond them widens the intensity range, which the output is
    clipped to, and not the contrast. Its own where its intensity range is declared to be another.

    Parameters
    ----------
    trained : Volume or None
        The volume, with the grey levels of the training as `trained_levels` gives them.
    own : Volume
        The same, with the grey levels that were found in it.
    declared : bool
        Whether the intensity range was declared, not found.
    """
    if trained is None or (declared and tuple(own.intensity) != tuple(trained.intensity)):
        return own
    (low, high), (least, most) = trained.intensity, own.intensity
    wide = min(low, least), max(high, most)
    if wide == (low, high):
        return replace(trained, padding=own.padding)
    return replace(own, intensity=wide, contrast=trained.contrast or trained.intensity)


def _pair(levels: Sequence[float]) -> tuple[float, float]:
    low, high = levels
    return float(low), float(high)


_log = logging.getLogger("a2ibench")

_STATE = "method"


def trained_method(
    options: MethodOptions,
    volume: Volume,
    sample: Callable[[], Volume],
    ctx: Context,
    scratch: Path,
    forget: Callable[[], None],
) -> Method:
    """Return a method that can reconstruct: loaded, or trained now or by the call that was interrupted.

    A method that was just trained is saved and loaded again, so that one which goes on after an interruption
    is the same to the last bit.

    Parameters
    ----------
    options : MethodOptions
        Which method, the checkpoint to load, if any, and how often a training is kept.
    volume : Volume
        All of the volume, which need not be in memory.
    sample : callable
        Returns what to train on.
    ctx : Context
        For the training.
    scratch : Path
        Folder that outlasts an interruption.
    forget : callable
        Called before a training; what another one has made does not belong to the same output.
    """
    method = built_method(options, ctx.seed)
    check_applies(method, options.method, volume)
    if options.checkpoint is not None:
        method.load(options.checkpoint)
        return method
    kept = kept_method(scratch)
    if not is_intact(kept):
        if remove_with_checksum(kept):
            _log.warning("%s: the trained method is damaged; it is trained anew", printable(str(kept)))
        forget()
        log_training(method, options.method, volume, ctx.budget)
        # The folder tells already that it is the same training.
        every = options.checkpoint_every
        checkpointer = None if every is None else FileCheckpointer(scratch / TRAINING, every)
        method.fit(sample(), replace(ctx, workdir=scratch, checkpointer=checkpointer))
        _save(method, kept)
        if checkpointer is not None:
            checkpointer.discard()
        if not any(kept.iterdir()):
            return method
        method = built_method(options, ctx.seed)
    if any(kept.iterdir()):
        method.load(kept)
    else:
        # It keeps nothing, so it learns anew.
        method.fit(sample(), ctx)
    return method


def prepared_method(
    options: MethodOptions, volume: Volume, sample: Callable[[], Volume], ctx: Context, scratch: Path
) -> Method:
    """Return the method that `trained_method` returned before, in another process.

    Parameters
    ----------
    options, volume, sample, ctx, scratch
        As for `trained_method`.

    Raises
    ------
    InputError
        If it is gone.
    """
    kept, method = kept_method(scratch), built_method(options, ctx.seed)
    if options.checkpoint is not None:
        method.load(options.checkpoint)
    elif not is_intact(kept):
        raise OptionError("{kept}: the trained method is damaged; give the same with {prepare}", kept=kept)
    elif any(kept.iterdir()):
        method.load(kept)
    else:
        # It keeps nothing, so it learns anew.
        method.fit(sample(), ctx)
    return method


_MOST_HASHED = 1 << 31
"""Bytes of a file; larger ones no bundled weights have seen."""


def log_training(method: Method, name: str, volume: Volume, budget: Budget) -> None:
    """Say for how long a method is about to train, unless it trains nothing."""
    if trains(method):
        length = counted(budget.steps, "step") if budget.steps is not None else f"{budget.seconds:g} s"
        voxels = output_voxels(volume.shape, volume.ratio)
        _log.info("training %s for %s (%s output voxels)", name, length, f"{voxels:,}")
    if seen := trained_on(method):
        _log.info("%s begins with weights that were trained on %s", name, ", ".join(seen))


def warn_of_seen(method: Method, name: str, source: Path) -> None:
    """Say so where weights that a method begins with have seen the very file that it is to reconstruct."""
    learnt_from = trained_on(method)
    if not learnt_from or not source.is_file() or source.stat().st_size > _MOST_HASHED:
        return
    if (reason := seen_before(learnt_from, {"sha256": sha256_of(source)})) is not None:
        _log.warning("%s: %s: %s", printable(source.name), name, reason)


def kept_method(scratch: Path) -> Path:
    """Return the folder in which a method that was trained here is kept; it is empty if it learns nothing."""
    return scratch / _STATE


def has_learnt(scratch: Path) -> bool:
    """Return whether there is a trained method, or a training to go on with."""
    kept = kept_method(scratch)
    return (kept.is_dir() and any(kept.iterdir())) or (scratch / TRAINING).exists()


def read_or_compute(path: Path, compute: Callable[[], Any]) -> Any:
    """Return what a JSON file holds; compute and write it first where there is none, or a damaged one."""
    if not is_intact(path):
        remove_with_checksum(path)
        write_bytes(path, json.dumps(compute()).encode())
        write_checksum(path)
    return json.loads(path.read_text(encoding="utf-8"))


def built_method(options: MethodOptions, seed: int) -> Method:
    """Return the method, neither trained nor loaded."""
    host().load("method", options.method)
    seed_everything(seed)
    method: Method = host().build("method", options.method, **options.settings)
    return method


def loaded_method(options: MethodOptions, seed: int) -> Method:
    """Return the method of a checkpoint."""
    method = built_method(options, seed)
    if options.checkpoint is not None:
        method.load(options.checkpoint)
    return method


def _save(method: Method, folder: Path) -> None:
    temporary = folder.with_name(f"{folder.name}.new")
    remove_with_checksum(temporary)
    temporary.mkdir()
    method.save(temporary)
    flush_all(file for file in temporary.rglob("*") if file.is_file())
    temporary.replace(folder)
    write_checksum(folder)


def check_replaceable(folder: Path) -> None:
    """Accept what an older checkpoint may be replaced in.

    Raises
    ------
    InputError
        If there is anything else: a file, or a folder that holds no checkpoint of `reconstruct`.
    """
    if not folder.parent.is_dir():
        raise InputError(f"{folder}: its folder does not exist; make it first, or save elsewhere")
    if folder.is_symlink() or (folder.exists() and not _is_checkpoint(folder)):
        raise OptionError(
            "{folder}: exists already and is no checkpoint that reconstruct saved; give {save_checkpoint} "
            "another folder, or {save_checkpoint:False}",
            folder=folder,
        )


def check_free(folder: Path, scratch: Path, method: Method) -> None:
    """Accept a place for a checkpoint that is free, holds this very one, or will not be needed.

    Raises
    ------
    InputError
        If it holds something else.
    """
    if not folder.exists() or not learns(method):
        return
    if is_intact(kept_method(scratch)) and sums(folder) == _content(scratch):
        return
    raise OptionError(
        "{folder}: exists already; add {overwrite:True}, or give {save_checkpoint} a folder that does not, "
        "or {save_checkpoint:False}",
        folder=folder,
    )


def keep(scratch: Path, folder: Path) -> None:
    """Give the trained method its place, in one step unless it replaces an older one.

    An older one is away for the instant between two renames; a process killed right then leaves it
    as ``.NAME.old`` beside it. A method that learnt nothing leaves nothing.
    """
    kept = kept_method(scratch)
    if not is_intact(kept) or not is_intact(scratch / INTENSITY):
        _log.warning("%s: the trained method is damaged; it is not saved", printable(str(kept)))
        return
    if not any(kept.iterdir()) or (folder.is_dir() and sums(folder) == _content(scratch)):
        return
    new, old = (folder.with_name(f".{folder.name}.{what}") for what in ("new", "old"))
    for left in (new, old):
        if left.is_symlink() or left.exists():
            remove(left)
    shutil.copytree(kept, new)
    shutil.copy(scratch / INTENSITY, new / INTENSITY)
    flush_all(file for file in new.rglob("*") if file.is_file())
    flush_tree(new)
    if folder.exists():
        folder.rename(old)
    new.rename(folder)
    flush(folder.parent)
    if old.exists():
        remove(old)


def _content(scratch: Path) -> dict[str, int]:
    return sums(kept_method(scratch)) | {INTENSITY: sums(scratch / INTENSITY)["."]}


def _is_checkpoint(folder: Path) -> bool:
    return folder.is_dir() and ((folder / INTENSITY).is_file() or not any(folder.iterdir()))


def learns(method: Method) -> bool:
    """Return whether a method that was built just now keeps anything once it is trained."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            method.save(Path(folder))
        except Exception:  # what methods raise that are not trained is theirs to choose
            return True
        return any(Path(folder).iterdir())


def trains(method: Method) -> bool:
    """Return whether a method that was built just now learns in `fit`, and does not come with its weights."""
    return getattr(method, "trains", True) is not False and learns(method)
