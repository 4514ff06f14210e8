"""A trained method, and how it outlasts an interruption."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from a2ibench.contracts import Context, Method, Volume
from a2ibench.errors import printable
from a2ibench.plugins import host
from a2ibench.protocol.seeding import seed_everything
from a2ibench.reconstructing.in_memory import check_applies
from a2ibench.reconstructing.options import MethodOptions
from a2ibench.volumes.writing.durable import flush_all, write_whole
from a2ibench.volumes.writing.seal import is_sealed, seal, unseal

log = logging.getLogger("a2ibench")

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
        Which method, and the checkpoint to load, if any.
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
    if not is_sealed(kept):
        if unseal(kept):
            log.warning("%s: the trained method is damaged; it is trained anew", printable(str(kept)))
        forget()
        method.fit(sample(), replace(ctx, workdir=scratch))
        _save(method, kept)
        if not any(kept.iterdir()):
            return method
        method = built_method(options, ctx.seed)
    if any(kept.iterdir()):
        method.load(kept)
    else:
        # It keeps nothing, so it learns anew.
        method.fit(sample(), ctx)
    return method


def kept_method(scratch: Path) -> Path:
    """Return the folder in which a method that was trained here is kept; it is empty if it learns nothing."""
    return scratch / _STATE


def remembered(path: Path, compute: Callable[[], Any]) -> Any:
    """Return what a JSON file holds; compute and write it first where there is none, or a damaged one."""
    if not is_sealed(path):
        unseal(path)
        write_whole(path, json.dumps(compute()).encode())
        seal(path)
    return json.loads(path.read_text(encoding="utf-8"))


def built_method(options: MethodOptions, seed: int) -> Method:
    """Return the method, neither trained nor loaded."""
    host().load("method", options.method)
    seed_everything(seed)
    method: Method = host().build("method", options.method, **options.settings)
    return method


def _save(method: Method, folder: Path) -> None:
    temporary = folder.with_name(f"{folder.name}.new")
    unseal(temporary)
    temporary.mkdir()
    method.save(temporary)
    flush_all(file for file in temporary.rglob("*") if file.is_file())
    temporary.replace(folder)
    seal(folder)
