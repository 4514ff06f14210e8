"""Reconstructs one stack, block by block from a file of any size to another; by one process or by many."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from a2ibench.data.formats import open_lazy
from a2ibench.data.writing import Writer
from a2ibench.data.writing.layout import ZYX
from a2ibench.data.writing.shared import unwritten
from a2ibench.errors import A2IBenchError, InputError, one_line, printable
from a2ibench.files import disk_errors
from a2ibench.reconstruction.checkpoints import check_free, check_replaceable, has_learnt, keep, warn_of_seen
from a2ibench.reconstruction.checks import Checks, checked
from a2ibench.reconstruction.history import (
    History,
    as_call,
    check_history_free,
    history_of,
    input_of,
    write_beside,
)
from a2ibench.reconstruction.identity import file_sha256
from a2ibench.reconstruction.matching import matching_told
from a2ibench.reconstruction.options import ReconstructOptions
from a2ibench.reconstruction.outlook import Told, outlook_of, unsaid
from a2ibench.reconstruction.parts import (
    Done,
    Plan,
    check_complete,
    prepared_plan,
    read_plan,
    states_digest,
    write_plan,
)
from a2ibench.reconstruction.paths import Places, State, states
from a2ibench.reconstruction.preparing import found_levels, prepare, read_data
from a2ibench.reconstruction.request import Request, opened
from a2ibench.reconstruction.streaming import UNPACKED, pieces_of, stream
from a2ibench.reconstruction.uncertainty import Apart, is_finished
from a2ibench.reporting.orthogonal import Planes, draw_planes, middle_planes

_logger = logging.getLogger(__name__)


class Written(NamedTuple):
    """The reconstruction, a figure of its planes beside the input's, its uncertainty, and what was found.

    Of one that is only prepared, `pieces` tells how many pieces are to be done; else it is None.
    """

    output: Path
    figure: Path
    uncertainty: Path | None
    checks: Checks
    pieces: int | None = None


Distribute = Callable[[Sequence[int], Callable[[Done], None]], None]
"""Has other processes do pieces of these numbers, and hands on what they tell of those that are done."""


def reconstruct_between(
    source: str | Path,
    target: Path,
    options: ReconstructOptions,
    *,
    command: str | None = None,
    told: Told = unsaid,
    dry_run: bool = False,
    distribute: Distribute | None = None,
) -> Written:
    """Reconstruct a stack block by block; see `a2ibench.reconstruct_file`.

    Parameters
    ----------
    source : str or Path
        File, folder or address of the stack.
    target : Path
        The output.
    options : ReconstructOptions
        What is asked for: to prepare, to finish, or all of it.
    command : str, optional
        How it was asked for, kept in the history beside the output; by default the call of Python.
    told : callable, optional
        Told what is about to be done, before the input is read.
    dry_run : bool
        Whether that is all, apart from checks; nothing is written.
    distribute : callable, optional
        Has other processes do the pieces.
    """
    command = command or as_call(source, target, options)
    with opened(source, target, options) as request:
        volumes, written = request.volumes, request.volumes.places
        if options.prepare or options.finish or distribute is not None:
            volumes.check_shared()
        if written.checkpoint is not None:
            check_replaceable(written.checkpoint)
        check_history_free(written.history, overwrite=options.overwrite)
        pieces = _prepared_pieces(request) if options.finish else []
        warn_of_seen(request.trained, request.resolved.method, Path(request.stored.source))
        volumes.check_creatable()
        _check_place(request, written.scratch)
        if not options.finish:
            told(outlook_of(**request.outlook()))
        before = states(request.files)
        if dry_run:
            volumes.check_resumable(lambda: request.identity(request.content()))
            return Written(written.output, written.figure, written.uncertainty, Checks())
        return _written(request, pieces, before, command, str(source), distribute)


def _check_place(request: Request, scratch: Path) -> None:
    place = request.volumes.places.checkpoint
    if place is not None and not request.options.overwrite:
        check_free(place, scratch, request.method)


def _prepared_pieces(request: Request) -> list[tuple[ZYX, ZYX]]:
    """Return all pieces, if all are done.

    Raises
    ------
    OptionError
        If nothing is prepared, or pieces are missing.
    """
    volumes = request.volumes
    places = volumes.places
    pieces = list(prepared_plan(places).pieces(volumes.shape))
    missing = set(unwritten(places.output, pieces))
    if places.uncertainty is not None and not is_finished(places.uncertainty, places.scratch):
        missing |= set(unwritten(places.uncertainty, pieces))
    check_complete(places.output, places.scratch, pieces, missing)
    return pieces


def _written(
    request: Request,
    pieces: Sequence[tuple[ZYX, ZYX]],
    before: Mapping[Path, State],
    command: str,
    source: str,
    distribute: Distribute | None,
) -> Written:
    """Write all that there is to write, or what an interrupted call has left to do."""
    volumes, places = request.volumes, request.volumes.places
    determined = request.identity(request.content())
    history = _history(request, determined)
    told, noted = history.to_json(), [start for start, _ in pieces]
    with ExitStack() as resources, volumes.create(determined, told, noted) as writer:
        apart: Apart | None = None

        def discard() -> None:
            if apart is not None:
                apart.discard()
            writer.discard()

        def create_uncertainty(place: Path) -> Writer:
            return volumes.create_uncertainty(place, determined, told, noted)

        try:
            _check_place(request, writer.scratch)
            apart = Apart(writer, volumes.shape, places.uncertainty, create_uncertainty, resources)
            if begun := not writer.published or apart.wanted:
                _fill(request, writer, apart, distribute, pieces)
        except A2IBenchError:
            if not (writer.done or has_learnt(writer.scratch) or request.options.finish):
                discard()
            raise
        if begun:
            _check_unchanged(
                discard, before, states(request.files), lambda: request.content() == determined["input"]
            )
        if request.options.prepare:
            count = _count(writer.scratch, volumes.shape)
            return Written(places.output, places.figure, places.uncertainty, Checks(), count)
        apart.publish()
        writer.publish()

        def tell(**found: Any) -> None:
            write_beside(
                places.history, history, command=command, source=source, output=places.output, **found
            )

        checks = _completed(request, writer, apart, history.degradation, tell)
    return Written(places.output, places.figure, places.uncertainty, checks)


def _history(request: Request, determined: Mapping[str, Any]) -> History:
    stored, crop = request.stored, request.crop
    read = input_of(stored, crop, determined["input"], file_sha256(stored, crop, request.files))
    return history_of(
        read, request.spacing, request.options, request.resolved, request.ctx, determined, request.trained
    )


def _completed(
    request: Request, writer: Writer, apart: Apart, degradation: str | None, tell: Callable[..., None]
) -> Checks:
    """Put in their places what belongs beside an output that has its name, and check it."""
    places = request.volumes.places
    # The hidden folder stays until all is in its place, so that the same call can go on from here.
    if places.checkpoint is not None:
        with disk_errors(places.checkpoint):
            keep(writer.scratch, places.checkpoint)
    checks = _checks_if_possible(writer, apart, request, degradation)
    with disk_errors(places.history):
        matching = matching_told(writer.scratch)
        tell(matching=matching, uncertainty=apart.told(), checks=checks.to_json())
    _draw_if_possible(request)
    apart.finish()
    writer.finish()
    return checks


def _count(scratch: Path, shape: ZYX) -> int:
    plan = read_plan(scratch)
    return 0 if plan is None else sum(1 for _ in plan.pieces(shape))


def _check_unchanged(
    discard: Callable[[], None],
    before: Mapping[Path, State],
    now: Mapping[Path, State],
    is_same: Callable[[], bool],
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
    discard()
    raise InputError(
        f"{changed[0]}: has changed while it was read; nothing is written, so give the command again"
    )


def _fill(
    request: Request,
    writer: Writer,
    apart: Apart,
    distribute: Distribute | None,
    pieces: Sequence[tuple[ZYX, ZYX]],
) -> None:
    """Write all voxels; or prepare to, or make sure that others have."""
    if request.options.finish:
        missing = {box[0] for box in pieces if not (writer.is_done(*box) and apart.is_done(*box))}
        check_complete(request.volumes.places.output, writer.scratch, pieces, missing)
        return
    scratch = writer.scratch

    def forget() -> None:
        apart.forget()
        writer.forget()

    with ExitStack() as resources:
        method, volume = prepare(request, scratch, apart.unit, forget, resources)
        if distribute is None and not request.options.prepare:
            stream(method, volume, writer, request.ctx, apart=apart)
            return
        size = pieces_of(method, volume, apart.unit).size
        plan = Plan(size, (scratch / UNPACKED).is_file(), states_digest(request.files))
        write_plan(scratch, plan)
    if distribute is not None:
        _distribute(request, writer, apart, plan, distribute)


def _distribute(request: Request, writer: Writer, apart: Apart, plan: Plan, distribute: Distribute) -> None:
    boxes = list(plan.pieces(request.volumes.shape))
    left = [number for number, box in enumerate(boxes) if not (writer.is_done(*box) and apart.is_done(*box))]
    total = math.prod(request.volumes.shape)
    done = total - sum(math.prod(boxes[number][1]) for number in left)
    request.ctx.progress("reconstruct", done, total)

    def take(found: Done) -> None:
        nonlocal done
        writer.adopt(found.blocks)
        apart.adopt(found.apart)
        done += sum(math.prod(boxes[number][1]) for number in found.numbers)
        request.ctx.progress("reconstruct", done, total)

    distribute(left, take)


def _checks_if_possible(writer: Writer, apart: Apart, request: Request, degradation: str | None) -> Checks:
    target, scratch = request.volumes.places.output, writer.scratch
    try:
        volume = found_levels(request, scratch, read_data(request, scratch, quiet=True))
        return checked(target, volume, request.spacing.ratio, degradation, apart.mean())
    except Exception as error:
        # The reconstruction is finished; nothing that happens here may take that back.
        _logger.warning("%s: checks left out: %s", printable(str(target)), one_line(error))
        return Checks()


def _draw_if_possible(request: Request) -> None:
    places = request.volumes.places
    try:
        _draw(places, request)
    except Exception as error:
        # The reconstruction is finished; nothing that happens here may take that back.
        _logger.warning("%s: figure left out: %s", printable(str(places.figure)), one_line(error))


def _draw(places: Places, request: Request) -> None:
    axial, lateral, _ = request.spacing.reconstructed
    ratio = request.spacing.ratio
    draw_planes(
        middle_planes(request.crop, ratio),
        _planes_of(places.output),
        (axial, lateral),
        name=f"{places.output.name}, {request.resolved.method}",
        about=f"planes through the middle; axial spacing {axial * ratio:g} nm, reconstructed {axial:g} nm",
        path=places.figure,
        uncertainty=None if places.uncertainty is None else _planes_of(places.uncertainty),
    )


def _planes_of(path: Path) -> Planes:
    with open_lazy(path) as written:
        return middle_planes(written)
