"""The modules of a2ibench that code reaches by import, found in its source without importing anything."""

from __future__ import annotations

import ast
import contextlib
import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Final

from a2ibench.hookspecs import PROJECT

HOME: Final = Path(__file__).parents[1]

# Parsing whole files takes ten times as long. What looks like an import in a docstring counts, too, which may
# cost a job and never keeps a stale one.
_IMPORT: Final = re.compile(
    rf"(?:^|[:;])[ \t]*(from[ \t]+{PROJECT}[\w.]*[ \t]+import[ \t]*(?:\([^)]*\)|[^\n(;]+)"
    rf"|import[ \t][^\n;]*\b{PROJECT}\b[^\n;]*)",
    re.MULTILINE,
)
_FOR_TYPES: Final = re.compile(r"^if TYPE_CHECKING:\n(?:[ \t]+.*\n|\n)+", re.MULTILINE)
_BY_TEXT: Final = re.compile(rf"""["']({PROJECT}(?:\.\w+)+)(\.\{{|["'])""")


def reached(roots: Iterable[str], sources: Iterable[Path] = (), unless: str = "") -> dict[str, Path]:
    """Return all modules of a2ibench that are imported, at once or within a function.

    A public name, as in ``from a2ibench import SliceNetwork``, leads to the module where it lives.

    Parameters
    ----------
    roots : iterable of str
        Modules to begin with.
    sources : iterable of Path
        Other files to begin with.
    unless : str
        Regular expression; modules whose names it matches are left out, and what only they import.

    Returns
    -------
    dict of Path
        Files by name of the module, sorted; with the packages that the modules lie in, but without
        a2ibench itself, whose part is to lend names.
    """
    public = {name.rpartition(".")[2]: name for name in _names(HOME / "__init__.py", for_types=True)}
    left_out = re.compile(unless) if unless else None
    found: dict[str, Path] = {}
    seen: set[str] = set()
    waiting = {*roots, *(name for file in sources for name in _names(file))}
    while waiting:
        name = waiting.pop()
        seen.add(name)
        parts = name.split(".")
        if parts[-1] == "*":
            every = public.values() if len(parts) == 2 else _modules_in(HOME.joinpath(*parts[1:-1]), name)
            waiting |= {name.removesuffix(".*"), *every} - seen
            continue
        module, file = _located(HOME, public.get(parts[1], name) if len(parts) > 1 else name)
        if file is not None and module not in found and not (left_out and left_out.fullmatch(module)):
            found[module] = file
            waiting |= {module.rpartition(".")[0], *_names(file)} - seen
    return dict(sorted(found.items()))


@lru_cache(maxsize=4096)
def _located(home: Path, name: str) -> tuple[str, Path | None]:
    """Return the module that a dotted name is in, or is, and its file; None where it is in no module."""
    top, *parts = name.split(".")
    for length in range(len(parts) if top == PROJECT else 0, 0, -1):
        place = home.joinpath(*parts[:length])
        for file in (place.with_suffix(".py"), place / "__init__.py"):
            if file.is_file():
                return ".".join([top, *parts[:length]]), file
    return name, None


def _modules_in(folder: Path, name: str) -> list[str]:
    return [name[:-1] + file.stem for file in folder.glob("*.py") if file.stem != "__init__"]


def _names(file: Path, *, for_types: bool = False) -> frozenset[str]:
    try:
        state = file.stat()
    except OSError:
        return frozenset()
    return _imports(file, state.st_mtime_ns, state.st_size, for_types)


@lru_cache(maxsize=1 << 15)
def _imports(file: Path, changed: int, size: int, for_types: bool) -> frozenset[str]:
    """Return dotted names of all that a file imports; `changed` and `size` tell its versions apart."""
    try:
        text = file.read_text(encoding="utf-8", errors="replace").replace("\\\n", " ")
    except OSError:
        return frozenset()
    if PROJECT not in text:
        return frozenset()
    statements = _IMPORT.findall(text if for_types else _FOR_TYPES.sub("", text))
    names: set[str] = set()
    for node in ast.walk(_parsed("\n".join(statements), text)):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
            # Of "import a2ibench" the names that are taken from it, whatever it is called here.
            called = [alias.asname or PROJECT for alias in node.names if alias.name == PROJECT]
            names |= {
                f"{PROJECT}.{name}" for own in called for name in re.findall(rf"\b{own}\.([\w.]+)", text)
            }
    if "import_module" in text:
        # The rest of a name that is only known later may be that of every module there.
        names |= {f"{name}.*" if end == ".{" else name for name, end in _BY_TEXT.findall(text)}
    return frozenset(name for name in names if name.split(".")[0] == PROJECT)


def _parsed(statements: str, text: str) -> ast.AST:
    for source in (statements, text):
        with contextlib.suppress(SyntaxError, ValueError, RecursionError):
            return ast.parse(source)
    return ast.Module([], [])
