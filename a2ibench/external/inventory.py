"""What another Python has: its methods, who brings them, with which code, and which libraries.

This runs there, where nothing but the standard library and NumPy need be installed.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
from collections.abc import Iterable, Iterator
from importlib import metadata
from importlib.metadata import Distribution, EntryPoint
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import a2ibench
from a2ibench.contracts import API_VERSION, MethodSpec
from a2ibench.errors import one_line
from a2ibench.external.messages import EXCHANGE
from a2ibench.hookspecs import PROJECT

_HOOK: Final = "a2ibench_register_methods"
_ALWAYS: Final = ("numpy", "torch", "tensorflow", "jax")
# The rest of a2ibench shows results, or runs here alone.
_RUNS_THERE: Final = ("contracts", "degradations", "external", "layers", "protocol", "settings.py")


def describe() -> dict[str, Any]:
    """Return what this Python has, JSON-able.

    Returns
    -------
    dict
        ``python``, ``platform``, ``a2ibench`` (version), ``exchange``, ``api_version`` and ``core`` (digest
        of the code that methods build on); ``methods``, by name: ``target``, ``summary``, ``citation``,
        ``distribution``, ``version``, ``libraries`` (name: version) and ``code`` (digest); ``problems``, one
        line by entry point that failed.
    """
    methods: dict[str, dict[str, Any]] = {}
    problems: dict[str, str] = {}
    for entry_point in _entry_points():
        try:
            found = list(_registered(entry_point))
        except BaseException as error:
            problems[entry_point.name] = one_line(error)
            continue
        for spec in found:
            told = _told(spec, entry_point.dist)
            if spec.name in methods and PROJECT not in (
                told["distribution"],
                methods[spec.name]["distribution"],
            ):
                both = f"{methods[spec.name]['distribution']} and {told['distribution']}"
                problems[spec.name] = f"{both} register it; uninstall one there"
            elif spec.name not in methods or told["distribution"] == PROJECT:
                methods[spec.name] = told
    home = Path(a2ibench.__file__).parent
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "platform": platform.platform(),
        "a2ibench": a2ibench.__version__,
        "exchange": EXCHANGE,
        "api_version": API_VERSION,
        "core": _digest(home / name for name in _RUNS_THERE),
        "methods": methods,
        "problems": problems,
    }


def _entry_points() -> Iterator[EntryPoint]:
    seen = set()
    for distribution in metadata.distributions():
        try:
            ours = distribution.entry_points.select(group=PROJECT)
            name = re.sub(r"[-_.]+", "-", distribution.metadata["Name"]).lower()
        except Exception:  # noqa: S112 (what cannot be read names no plugin)
            continue
        # As for imports, the first of two copies on sys.path counts.
        if ours and name not in seen:
            seen.add(name)
            yield from ours


def _registered(entry_point: EntryPoint) -> Iterator[MethodSpec]:
    hook = getattr(entry_point.load(), _HOOK, None)
    found: list[MethodSpec] = []
    # What pluggy's marker, or the one that stands in for it, leaves on a function.
    if hook is not None and hasattr(hook, f"{PROJECT}_impl"):
        hook(found.append)
    return iter(found)


def _told(spec: MethodSpec, distribution: Distribution | None) -> dict[str, Any]:
    name = version = "unknown"
    required: Iterable[str] = ()
    if distribution is not None:
        name, version = distribution.metadata["Name"], distribution.version
        required = distribution.requires or ()
    top = re.match(r"\w*", str(spec.target).partition(":")[0])
    return {
        "target": str(spec.target),
        "summary": str(spec.summary),
        "citation": str(spec.citation),
        "distribution": name,
        "version": version,
        "libraries": _libraries(required),
        "code": _digest(_places(top[0] if top else "")),
    }


def _libraries(required: Iterable[str]) -> dict[str, str]:
    plain = [text for text in required if "extra ==" not in text]
    names = [*_ALWAYS, *(found[0] for text in plain if (found := re.match(r"[A-Za-z0-9._-]+", text)))]
    versions = {}
    for name in sorted(set(names)):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def _places(package: str) -> list[Path]:
    try:
        spec = find_spec(package) if package else None
    except (ImportError, ValueError):
        spec = None
    if spec is None:
        return []
    if spec.submodule_search_locations is not None:
        return [Path(place) for place in spec.submodule_search_locations]
    return [Path(spec.origin)] if spec.origin else []


def _digest(places: Iterable[Path]) -> str:
    """Return a digest of all files in folders and of single files, but for bytecode and hidden ones."""
    digest = hashlib.sha256()
    for place in places:
        for file in [place] if place.is_file() else _files(place):
            name = file.relative_to(place.parent).as_posix()
            digest.update(f"{name}\0{hashlib.sha256(file.read_bytes()).hexdigest()}\0".encode())
    return digest.hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    for inner, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name[0] != "." and name != "__pycache__")
        yield from (
            Path(inner, name) for name in sorted(names) if name[0] != "." and not name.endswith(".pyc")
        )
