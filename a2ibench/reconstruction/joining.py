"""A process that does some of the pieces of a reconstruction, along with others that do the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from a2ibench.contracts import Method, Volume
from a2ibench.data.writing.layout import ZYX
from a2ibench.data.writing.shared import Note, SharedWriter
from a2ibench.errors import InputError
from a2ibench.protocol.blocks import Blocks
from a2ibench.reconstruction.options import ReconstructOptions
from a2ibench.reconstruction.parts import Part, note_count, prepared_plan, states_digest
from a2ibench.reconstruction.preparing import prepared
from a2ibench.reconstruction.request import Request, opened
from a2ibench.reconstruction.streaming import box_of, pieces_of_size, stream
from a2ibench.reconstruction.uncertainty import Apart


class Notes(NamedTuple):
    """Told of every piece that is done, of the reconstruction and of its uncertainty."""

    output: Note
    apart: Note


class Pieces:
    """The pieces of a reconstruction, for a process that does some of them; made by `joined`.

    Parameters
    ----------
    request : Request
        What is asked for.
    writer : SharedWriter
        Takes them.
    apart : Apart
        Takes how far the plane families are apart.
    method : Method
        The method, trained.
    volume : Volume
        The stack.
    blocks : Blocks
        All pieces, by number.
    """

    def __init__(
        self,
        request: Request,
        writer: SharedWriter,
        apart: Apart,
        method: Method,
        volume: Volume,
        blocks: Blocks,
    ) -> None:
        self.request, self.writer, self._apart, self.blocks = request, writer, apart, blocks
        self._method, self._volume = method, volume

    def starts(self, numbers: Iterable[int]) -> list[ZYX]:
        """Return where the output of pieces begins."""
        return [box_of(self.blocks[number])[0] for number in numbers]

    def left(self, numbers: Iterable[int]) -> list[int]:
        """Return the numbers of the pieces that are not done."""
        boxes = {number: box_of(self.blocks[number]) for number in numbers}
        return [
            number
            for number, box in boxes.items()
            if not (self.writer.is_done(*box) and self._apart.is_done(*box))
        ]

    def do(self, numbers: Iterable[int], computed: Callable[[], None] = lambda: None) -> None:
        """Do the pieces of these numbers that are not done; `computed` is that of `stream`."""
        blocks = [self.blocks[number] for number in numbers]
        stream(
            self._method,
            self._volume,
            self.writer,
            self.request.ctx,
            apart=self._apart,
            pieces=blocks,
            computed=computed,
        )

    def withdraw(self, numbers: Iterable[int]) -> None:
        """Take pieces for not done."""
        for start in self.starts(numbers):
            self.writer.withdraw(start)
            self._apart.withdraw(start)


@contextmanager
def joined(request: Request, notes: Notes | None = None) -> Iterator[Pieces]:
    """Join the processes that do pieces of a reconstruction which was prepared.

    Parameters
    ----------
    request : Request
        What is asked for, the same as was prepared.
    notes : Notes, optional
        Told of every piece, where a process that has prepared all of it waits for them; by default each piece
        is noted in a file of its own, and the input must be the one that was prepared.

    Raises
    ------
    InputError
        If nothing is prepared, or something else is.
    """
    volumes = request.volumes
    volumes.check_shared()
    places, plan = volumes.places, prepared_plan(volumes.places)
    determined = request.identity("")
    if notes is None and (not request.files or states_digest(request.files) != plan.states):
        # Copied elsewhere, or changed: its content tells.
        determined["input"] = request.content()
    else:
        # The process that prepared it has read all of it; each of many need not.
        del determined["input"]

    with ExitStack() as resources:
        writer = resources.enter_context(volumes.join(determined, notes and notes.output))

        def join_uncertainty(place: Path) -> SharedWriter:
            return volumes.join_uncertainty(place, determined, notes and notes.apart)

        apart = Apart(writer, volumes.shape, places.uncertainty, join_uncertainty, resources)
        method, volume = prepared(request, writer.scratch, plan, resources)
        yield Pieces(request, writer, apart, method, volume, pieces_of_size(method, volume, plan.size))


class PartDone(NamedTuple):
    """A part, how many pieces it has, and how many of them this call did."""

    part: Part
    pieces: int
    done: int


def reconstruct_part(source: str | Path, target: Path, options: ReconstructOptions, part: Part) -> PartDone:
    """Do one part of a reconstruction that was prepared; again, in any order, at once with others.

    Parameters
    ----------
    source : str or Path
        File, folder or address of the stack.
    target : Path
        The output.
    options : ReconstructOptions
        As they were given to prepare it.
    part : Part
        Which.

    Raises
    ------
    InputError
        If nothing is prepared, something else is, the stack changes meanwhile, or the output cannot be
        written.
    """
    with opened(source, target, options) as request, joined(request) as pieces:
        note_count(pieces.writer.scratch, part.parts)
        numbers = part.share(len(pieces.blocks))
        left = pieces.left(numbers)
        before = states_digest(request.files)
        pieces.do(left)
        if states_digest(request.files) != before:
            # They may be of two inputs.
            pieces.withdraw(left)
            raise InputError(
                f"{request.stored.source}: has changed while it was read; what this part wrote does not "
                "count, so give the command again"
            )
        return PartDone(part, len(numbers), len(left))
