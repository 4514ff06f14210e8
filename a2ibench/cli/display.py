"""Bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from a2ibench.cli.errors import say_progress

if TYPE_CHECKING:
    from a2ibench.bench.events import Events


def interactive() -> bool:
    """Whether stderr is a terminal that somebody watches and that can redraw lines."""
    unwanted = any(os.environ.get(name) for name in ("CI", "NO_COLOR")) or os.environ.get("TERM") == "dumb"
    return sys.stderr.isatty() and not unwanted


@contextmanager
def shown_events() -> Iterator[Events]:
    """Yield events that show a run on stderr, for as long as the context lasts."""
    if interactive():
        from rich.console import Console

        from a2ibench.cli.bars import BarEvents

        with BarEvents(Console(stderr=True)) as bars:
            yield bars
    else:
        from a2ibench.cli.plain import PlainEvents

        yield PlainEvents(say_progress)
