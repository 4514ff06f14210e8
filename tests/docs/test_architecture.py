"""The page on the architecture says what the code is like."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def drawing():
    pytest.importorskip("grimp", reason="import-linter, of the extra dev, is not installed")
    sys.path.insert(0, str(ROOT / "docs" / "studies"))
    try:
        import draw_architecture

        yield draw_architecture
    finally:
        sys.path.pop(0)


def test_the_figure_shows_the_imports_of_today(drawing) -> None:
    text = drawing.OUTPUT.read_text(encoding="utf-8")
    drawn = set(re.findall(r'id="(\w+-imports-\w+)"', text))
    rooms = drawing.imports()
    assert drawn == {f"{first}-imports-{second}" for first, second in rooms.edges}, (
        "run python docs/studies/draw_architecture.py"
    )
    assert all(f">{room}<" in text for room in rooms)


def test_files_that_the_page_names_exist() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:[\w-]+/)+[\w.*-]*)`", page)
    assert len(named) > 20
    for path in named:
        base = ROOT if path.startswith(("docs/", "a2ibench/")) else ROOT / "a2ibench"
        assert list(base.glob(path.rstrip("/"))), path
