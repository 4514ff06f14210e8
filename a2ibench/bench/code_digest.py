"""Digests of the code, weights and data that a job runs, found by imports in source without importing it."""

from __future__ import annotations

import ast
import contextlib
import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from importlib import metadata
from importlib.machinery import ModuleSpec
from importlib.metadata import Distribution
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from a2ibench.data.checksums import sha256_of
from a2ibench.hookspecs import PROJECT
from a2ibench.registry import Registered

_SHOWING: Final = r"a2ibench\.(cli|reporting|scaffold|testing|bench\.gate|bench\.kept_planes)(\..*)?"
"""Modules that show results, or serve those who write plugins, and make no result."""

_WRITING: Final = r"a2ibench\.data\.(writing|formats\.\w+_writer)(\..*)?"

_SKIPPED: Final = re.compile(
    r"\..*|__pycache__|node_modules|venv|.*\.(py[co]|egg-info|dist-info|log|tmp|lock)", re.IGNORECASE
)
_BESIDE: Final = frozenset(
    {"benchmarks", "bin", "build", "dist", "docs", "examples", "scripts", "site", "test", "tests"}
    | {"conftest", "noxfile", "setup", "tasks", "versioneer"}
)
"""What lies beside the packages of a project that is installed in place, and belongs to no release."""

_MOST_FILES: Final = 20_000
"""Of a larger folder, such as a data set inside a package, the rest counts by sizes and times."""


def core_digest(root: str, *, writers: bool = False) -> str:
    """Return a digest of a module of a2ibench and all that it reaches by import, plugins apart.

    Parameters
    ----------
    root : str
        Name of the module that does the work.
    writers : bool
        Whether the modules that write volumes count.
    """
    unless = _SHOWING if writers else f"{_SHOWING}|{_WRITING}"
    return tree_digest((), reached([root], unless=unless))


def code_digest(registered: Registered) -> str:
    """Return a digest of all files that came with what is registered, and of what they reach in a2ibench.

    They are those of the distribution: what it lists, and the packages that are imported from it, also where
    it is installed in place (editable). Of a2ibench itself only the target's package counts, or module where
    it is in a2ibench, and every module that is reached from there by import.

    Parameters
    ----------
    registered : Registered
        A method, degradation or metric.
    """
    distribution = None if registered.distribution == PROJECT else _distribution(registered.distribution)
    return target_digest(registered.spec.target, distribution)


def target_digest(target: str, distribution: Distribution | None = None) -> str:
    """Return what `code_digest` does for a target ``"package.module:name"``, registered or not."""
    module = target.partition(":")[0]
    places = [] if module.partition(".")[0] == PROJECT else list(_package_of(module))
    if distribution is not None:
        places += _listed(distribution)
        for name in _modules(distribution):
            places += _package_of(name)
    sources = (file for place in places for _, file in _files(place) if file.suffix == ".py")
    modules = reached([module], sources, unless=f"{_SHOWING}|{_WRITING}")
    return tree_digest(places, modules)


def tree_digest(places: Iterable[Path], modules: Mapping[str, Path] | None = None) -> str:
    """Return a digest of files, and of all files in folders but caches, bytecode and hidden ones.

    Parameters
    ----------
    places : iterable of Path
        Files and folders; those that do not exist count as empty.
    modules : mapping of str to Path, optional
        Further files, by the names that they count with.
    """
    digest = hashlib.sha256()
    seen: set[str] = set()
    for place in places:
        for name, file in _files(place):
            real = os.path.realpath(file)
            if real not in seen:
                seen.add(real)
                digest.update(f"{name}\0{_content(file, len(seen))}\0".encode("utf-8", "surrogateescape"))
    for name, file in (modules or {}).items():
        digest.update(f"{name}\0{_content(file, 1)}\0".encode())
    return digest.hexdigest()


def _content(file: Path, number: int) -> str:
    try:
        if number <= _MOST_FILES:
            return sha256_of(file)
        state = file.stat()
    except (OSError, ValueError):
        return "unreadable"
    return f"{state.st_size} {state.st_mtime_ns} {state.st_ctime_ns}"


def _files(place: Path) -> Iterator[tuple[str, Path]]:
    """Yield every file that counts, with a name that does not tell where the package is installed."""
    if place.is_file():
        yield place.name, place
        return
    above = len(place.parent.parts)
    for folder, folders, names in os.walk(place):
        folders[:] = sorted(name for name in folders if not _SKIPPED.fullmatch(name))
        for name in sorted(names):
            if not _SKIPPED.fullmatch(name):
                file = Path(folder, name)
                yield "/".join(file.parts[above:]), file


def _package_of(module: str) -> list[Path]:
    """Return the folder or file of the outermost regular package on the way to a module."""
    top, *rest = module.split(".")
    spec = _spec(top)
    if spec is None:
        return []
    if spec.submodule_search_locations is None:
        return [Path(spec.origin)] if spec.origin else []
    places = [Path(place) for place in spec.submodule_search_locations]
    # A namespace may hold packages of many distributions.
    while rest and not any((place / "__init__.py").is_file() for place in places):
        name = rest.pop(0)
        files = [place / f"{name}.py" for place in places if (place / f"{name}.py").is_file()]
        places = files or [place / name for place in places if (place / name).is_dir()]
        if files:
            break
    return places


def _spec(name: str) -> ModuleSpec | None:
    try:
        return find_spec(name)
    except (ImportError, ValueError, AttributeError):
        return None


def _distribution(name: str) -> Distribution | None:
    try:
        return metadata.distribution(name)
    except (metadata.PackageNotFoundError, ValueError):
        return None


def _listed(distribution: Distribution) -> list[Path]:
    """Return the files that a distribution lists, but for metadata and scripts."""
    wanted = (
        file
        for file in distribution.files or ()
        if not any(map(_SKIPPED.fullmatch, file.parts)) and file.parts[0] != ".." and file.suffix != ".pth"
    )
    return sorted(Path(str(distribution.locate_file(file))) for file in wanted)


def _modules(distribution: Distribution) -> list[str]:
    """Return names of modules that belong to a distribution, also where it lists none of its files."""
    found = {entry.value.partition(":")[0].strip() for entry in distribution.entry_points}
    found |= set((distribution.read_text("top_level.txt") or "").split())
    for file in distribution.files or ():
        path = Path(str(distribution.locate_file(file)))
        if file.suffix == ".pth" and len(file.parts) == 1:
            found |= {name for folder in _folders(path) for name in _importable(folder)}
        elif file.name.startswith("__editable__") and file.suffix == ".py":
            found |= _mapped(path)
    return sorted(name for name in found if all(part.isidentifier() for part in name.split(".")))


def _folders(pth: Path) -> list[Path]:
    with contextlib.suppress(OSError, UnicodeDecodeError):
        lines = pth.read_text(encoding="utf-8").splitlines()
        places = (
            pth.parent / line for line in lines if line and not line.startswith(("import ", "import\t", "#"))
        )
        return [place for place in places if place.is_dir()]
    return []


def _importable(folder: Path) -> Iterator[str]:
    for entry in folder.iterdir():
        if entry.stem not in _BESIDE and not _SKIPPED.fullmatch(entry.name):
            if entry.suffix == ".py" and entry.is_file():
                yield entry.stem
            elif (entry / "__init__.py").is_file():
                yield entry.name


def _mapped(finder: Path) -> set[str]:
    # setuptools writes a module with a table MAPPING of what it has installed in place.
    with contextlib.suppress(OSError, SyntaxError, ValueError):
        for node in ast.parse(finder.read_text(encoding="utf-8")).body:
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            if any(isinstance(target, ast.Name) and target.id == "MAPPING" for target in targets):
                value = getattr(node, "value", None)
                return {str(name) for name in ast.literal_eval(value)} if value is not None else set()
    return set()


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
