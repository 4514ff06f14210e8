"""Goes on with an interrupted output, of which only what is as it was written is taken over."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from a2ibench.errors import InputError, printable
from a2ibench.volumes.writing.journal import Journal
from a2ibench.volumes.writing.layout import Layout, Triple
from a2ibench.volumes.writing.partial import Partial
from a2ibench.volumes.writing.target import Target

log = logging.getLogger("a2ibench")


def resumed(partial: Partial, settings: Mapping[str, Any], *, overwrite: bool) -> bool:
    """Return whether the work in a hidden folder is gone on with; what is not is removed.

    Raises
    ------
    InputError
        If it was begun with other settings, unless `overwrite` is set; says which, and both values.
    """
    if partial.interrupted:
        differing = partial.differences(settings)
        if not differing:
            return True
        if not overwrite:
            raise InputError(
                f"{partial.output}: an interrupted call left an output of other settings "
                f"({'; '.join(differing[:3])}); give the same settings to go on, or --overwrite to discard it"
            )
    elif partial.damaged:
        _say(partial, "state.json is damaged; all of it begins anew")
    partial.clear()
    return False


def laid_out(partial: Partial, target: Target, layout: Layout, settings: Mapping[str, Any]) -> Journal:
    """Open the output for writing, laid out now unless it is and sound; return the blocks that are done.

    Every block that an earlier process listed is read back and compared with its checksum.
    """

    def possible(start: Triple) -> bool:
        sides = zip(start, target.block, layout.shape, strict=True)
        return all(at % by == 0 and 0 <= at < n for at, by, n in sides)

    frame = partial.frame
    if frame is None or partial.data.is_symlink() or _frame(target) != frame:
        if partial.interrupted:
            _say(partial, "the unfinished output is damaged; its blocks are written anew")
        partial.clear_data()
        target.prepare()
        partial.begin(settings, target.frame())
        target.open()
        return partial.journal(possible)
    target.open()
    journal = partial.journal(possible)
    sound = {start for start, notes in journal.notes.items() if _is_sound(target, start, notes)}
    lost = journal.damaged + len(journal.notes) - len(sound)
    if lost:
        _say(partial, f"{lost} of the blocks listed as done are damaged; they are written anew")
        journal.keep(sound)
    target.tidy(sound)
    return journal


def _frame(target: Target) -> int | None:
    try:
        return target.frame()
    except Exception:  # damaged files raise almost anything inside the libraries
        return None


def _is_sound(target: Target, start: Triple, notes: Mapping[str, Any]) -> bool:
    try:
        return target.checksum(start) == notes.get("crc32")
    except OSError:
        return False


def _say(partial: Partial, what: str) -> None:
    log.warning("%s: %s", printable(str(partial.folder)), what)
