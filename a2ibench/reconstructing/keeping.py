"""Keeps a trained method beside the output, for other stacks."""

from __future__ import annotations

import logging
import shutil
import tempfile
from pathlib import Path

from a2ibench.contracts import Method
from a2ibench.errors import InputError, printable
from a2ibench.reconstructing.trained import kept_method
from a2ibench.reconstructing.trained_levels import INTENSITY
from a2ibench.volumes.writing.durable import flush, flush_all, flush_tree, remove
from a2ibench.volumes.writing.seal import is_sealed, sums

log = logging.getLogger("a2ibench")


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
        raise InputError(
            f"{folder}: exists already and is no checkpoint that reconstruct saved; give --save-checkpoint "
            "another folder, or --no-save-checkpoint"
        )


def check_free(folder: Path, scratch: Path, method: Method) -> None:
    """Accept a place for a checkpoint that is free, holds this very one, or will not be needed.

    Raises
    ------
    InputError
        If it holds something else.
    """
    if not folder.exists() or not _learns(method):
        return
    if is_sealed(kept_method(scratch)) and sums(folder) == _content(scratch):
        return
    raise InputError(
        f"{folder}: exists already; add --overwrite, or give --save-checkpoint a folder that does not, or "
        "--no-save-checkpoint"
    )


def keep(scratch: Path, folder: Path) -> None:
    """Give the trained method its place, in one step unless it replaces an older one.

    An older one is away for the instant between two renames; a process killed right then leaves it
    as ``.NAME.old`` beside it. A method that learnt nothing leaves nothing.
    """
    kept = kept_method(scratch)
    if not is_sealed(kept) or not is_sealed(scratch / INTENSITY):
        log.warning("%s: the trained method is damaged; it is not saved", printable(str(kept)))
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


def _learns(method: Method) -> bool:
    """Return whether an untrained method has nothing to save, as one that never has."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            method.save(Path(folder))
        except Exception:  # what methods raise that are not trained is theirs to choose
            return True
        return any(Path(folder).iterdir())
