"""A trained method, and how it outlasts an interruption."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from a2ibench.contracts import Context, Method, Volume
from a2ibench.plugins import host
from a2ibench.protocol.seeding import seed_everything
from a2ibench.reconstructing.in_memory import check_applies
from a2ibench.reconstructing.options import MethodOptions

_STATE = "method"


def trained_method(
    options: MethodOptions, volume: Volume, sample: Callable[[], Volume], ctx: Context, scratch: Path
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
    """
    method = built_method(options, ctx.seed)
    check_applies(method, options.method, volume)
    if options.checkpoint is not None:
        method.load(options.checkpoint)
        return method
    kept = kept_method(scratch)
    if not kept.is_dir():
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
    """Return what a JSON file holds; compute and write it first where there is none."""
    if not path.is_file():
        temporary = path.with_name(f"{path.name}.new")
        temporary.write_text(json.dumps(compute()), encoding="utf-8")
        temporary.replace(path)
    return json.loads(path.read_text(encoding="utf-8"))


def built_method(options: MethodOptions, seed: int) -> Method:
    """Return the method, neither trained nor loaded."""
    host().load("method", options.method)
    seed_everything(seed)
    method: Method = host().build("method", options.method, **options.settings)
    return method


def _save(method: Method, folder: Path) -> None:
    temporary = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    method.save(temporary)
    temporary.replace(folder)
