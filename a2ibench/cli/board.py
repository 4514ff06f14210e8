"""The command ``a2ibench board``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from a2ibench.cli.errors import say
from a2ibench.cli.options import option
from a2ibench.errors import InputError


def make_board(
    bundles: Annotated[
        list[Path], typer.Argument(metavar="BUNDLE", help="What a2ibench bundle wrote.", show_default=False)
    ],
    out: Annotated[
        Path | None, option("DIR", "Where index.html and board.json go; board by default.")
    ] = None,
    entries: Annotated[
        Path | None, option("FILE", "Who submitted what; by default board.toml beside the first bundle.")
    ] = None,
) -> None:
    """Make a static leaderboard of bundles.

    The file of entries has name, bundle, submitter and status of each: own, reported or repeated. Entries
    that others supersede are shown as such; one whose bundle is gone is an error.

    Exit codes: 0 written; 2 bad input, such as a bundle that was edited.
    """
    from a2ibench.reporting.board.board import write_board
    from a2ibench.reporting.board.entries import NAME, read_entries

    folder = out or Path("board")
    if folder.exists() and not folder.is_dir():
        raise InputError(f"--out: {folder}: is no folder; give one")
    for path in write_board(read_entries(entries or bundles[0].parent / NAME, bundles), folder):
        say(path)
