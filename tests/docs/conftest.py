"""The documentation site, built once, and what it says about each thing that it describes."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest
from bs4 import BeautifulSoup, Tag

DOCS = Path(__file__).parents[2] / "docs"
# Quotation marks as they are typed, which the site shows as they are printed.
_TYPED = str.maketrans("\u2018\u2019\u201c\u201d", "''\"\"")
_OBJECT = re.compile(r"(?P<name>.+?)\s+(?P<kind>\S+:\S+)\s+-?\d+\s+(?P<place>\S*)\s+.*")


def sphinx(source: Path, target: Path, builder: str) -> subprocess.CompletedProcess[str]:
    """Build a site with warnings as errors."""
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", builder]
    return subprocess.run(
        [*command, str(source), str(target)],
        capture_output=True,
        text=True,
        timeout=540,
        check=False,
    )


class Site:
    """A built site.

    Parameters
    ----------
    folder : Path
        Where objects.inv and the pages lie.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._page = cache(self._read)
        with (folder / "objects.inv").open("rb") as file:
            for _ in range(4):
                file.readline()
            lines = zlib.decompress(file.read()).decode().splitlines()
        self._places: dict[tuple[str, str], str] = {}
        for found in filter(None, map(_OBJECT.fullmatch, lines)):
            place = found["place"].replace("$", found["name"])
            self._places[found["kind"], found["name"]] = place

    def names(self, kind: str) -> set[str]:
        """Names of all objects of a kind, such as ``"std:setting"``; of a whole domain with ``"py"``."""
        return {name for found, name in self._places if found == kind or found.startswith(f"{kind}:")}

    def text(self, kind: str, name: str) -> str | None:
        """What stands beside or below a name; None where the site has no such object."""
        places = [
            place
            for (found, named), place in self._places.items()
            if named == name and (found == kind or found.startswith(f"{kind}:"))
        ]
        for place in places:
            page, _, anchor = place.partition("#")
            element = self._page(page).find(id=anchor)
            if element is not None:
                return " ".join(_said(element).translate(_TYPED).split())
        return None

    def page(self, name: str) -> BeautifulSoup:
        """The main part of a page, such as ``"protocol.html"``."""
        return self._page(name)

    def undocumented(self, kind: str, expected: Mapping[str, str]) -> list[str]:
        """Return the names that the site does not describe.

        Parameters
        ----------
        kind : str
            See `names`.
        expected : mapping of str to str
            Names, and a text which the description of each must hold. An empty text is never described.
        """
        missing = []
        for name, wanted in expected.items():
            said = self.text(kind, name)
            if said is None or not wanted.strip() or " ".join(wanted.split()) not in said:
                missing.append(name)
        return missing

    def _read(self, page: str) -> BeautifulSoup:
        return BeautifulSoup((self._folder / page).read_text(encoding="utf-8"), "html.parser")


def _said(element: Tag) -> str:
    row = element.find_parent("tr")
    if row is not None:
        return " ".join(cell.get_text() for cell in row.find_all("td")[1:])
    if element.name == "dt":
        description = element.find_next_sibling("dd")
        return "" if description is None else description.get_text()
    return element.get_text()


@pytest.fixture(scope="session")
def built(once: Callable[[str, Callable[[Path], None]], Path]) -> tuple[str, Path]:
    """What the build of the documentation complained of, and the folder it went to."""

    def make(folder: Path) -> None:
        done = sphinx(DOCS, folder / "html", "html")
        assert done.returncode == 0, done.stderr
        (folder / "stderr.txt").write_text(done.stderr)

    folder = once("site", make)
    return (folder / "stderr.txt").read_text(), folder / "html"


@pytest.fixture(scope="session")
def site(built: tuple[str, Path]) -> Site:
    """The built site."""
    return Site(built[1])


@pytest.fixture(scope="session")
def build() -> Callable[[Path, Path, str], subprocess.CompletedProcess[str]]:
    """Builds a site with warnings as errors: ``build(source, target, builder)``."""
    return sphinx


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], ModuleType]]:
    """Imports a script of the documentation: ``script("studies/noise")``."""

    def load(name: str) -> ModuleType:
        path = DOCS / name
        monkeypatch.syspath_prepend(str(path.parent))
        return importlib.import_module(path.name)

    yield load
    for name, module in [*sys.modules.items()]:
        if DOCS in Path(getattr(module, "__file__", None) or "").parents:
            del sys.modules[name]
