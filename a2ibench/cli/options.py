"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer


def option(metavar: str, text: str, *names: str) -> Any:
    """Return an option whose help text alone says what its default is."""
    return typer.Option(*names, metavar=metavar, help=text, show_default=False)


Catalogue = Annotated[Path | None, option("FILE", "A datasets.toml instead of the one that ships.")]
