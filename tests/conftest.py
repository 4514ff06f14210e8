"""Fixtures shared by all tests."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from importlib.metadata import Distribution, EntryPoint
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from filelock import FileLock

ROOT = Path(__file__).parents[1]

if "PYTEST_XDIST_WORKER" in os.environ:
    # Tests that run side by side share the processors; torch reads this when it is imported.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    # A shell's background job hands that on to every command that a test presses Ctrl-C in.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that also runs what takes long."""
    parser.addoption("--slow", action="store_true", help="Run the tests marked slow, too.")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Import no file in vain where only tests with a mark are asked for, such as ``-m alone``."""
    mark, _, rest = config.getoption("markexpr").partition(" ")
    if mark not in ("alone", "slow") or " or " in rest or collection_path.suffix != ".py":
        return None
    return None if f"mark.{mark}" in collection_path.read_text(encoding="utf-8") else True


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the tests marked slow out, unless they are asked for."""
    if not config.getoption("--slow"):
        slow = [item for item in items if "slow" in item.keywords]
        items[:] = [item for item in items if "slow" not in item.keywords]
        config.hook.pytest_deselected(items=slow)


@pytest.fixture(scope="session")
def source_state() -> Callable[[], object]:
    """Return what tells the state of the checkout, and asks git once."""
    from a2ibench import environment

    return cache(environment._source_state)


@pytest.fixture(autouse=True)
def light_jobs(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, source_state: Callable[[], object]
) -> None:
    """Spare the jobs of this process most of what a short one takes: rounds of calibration, and git."""
    if request.node.get_closest_marker("alone") is None:
        monkeypatch.setattr("a2ibench.bench.calibration._WARM_UP", 0)
        monkeypatch.setattr("a2ibench.bench.calibration._AT_ONCE", 1)
        monkeypatch.setattr("a2ibench.environment._source_state", source_state)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the real volumes, which the project does not ship."""
    folder = ROOT.parent / "shared" / "data"
    if not (folder / "datasets.toml").is_file():
        pytest.skip("the real volumes are not present beside the repository")
    return folder


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[Path], None]], Path]:
    """Return a function that makes a folder once for all workers: ``once(name, make)``.

    ``make(folder)`` fills it; if that fails, the next worker that asks tries again.
    """
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent

    def folder(name: str, make: Callable[[Path], None]) -> Path:
        place, made = shared / name, shared / f"{name}.made"
        with FileLock(shared / f"{name}.lock"):
            if not made.exists():
                shutil.rmtree(place, ignore_errors=True)
                place.mkdir()
                make(place)
                made.touch()
        return place

    return folder


@pytest.fixture(scope="session")
def write_distribution() -> Callable[..., Distribution]:
    """Return a function that writes a distribution with a plugin: ``write_distribution(site, name, source)``.

    It takes the options of `install_plugin`, and leaves it to the caller that `site` is on the path.
    """

    def write(
        site: Path,
        name: str,
        source: str,
        *,
        version: str = "1.0",
        files: Mapping[str, str] = MappingProxyType({}),
        entry_points: str | None = None,
    ) -> Distribution:
        package = re.sub(r"\W", "_", name)
        info = f"{package}-{version}.dist-info"
        contents = {f"{package}/{path}": textwrap.dedent(text) for path, text in files.items()} | {
            f"{package}/__init__.py": textwrap.dedent(source),
            f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
            f"{info}/entry_points.txt": entry_points or f"[a2ibench]\n{name} = {package}\n",
        }
        contents[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in (*contents, f"{info}/RECORD"))
        for path, text in contents.items():
            (site / path).parent.mkdir(parents=True, exist_ok=True)
            (site / path).write_text(text, encoding="utf-8")
        (distribution,) = Distribution.discover(name=name, path=[str(site)])
        return distribution

    return write


@pytest.fixture
def together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let plugins be imported in this process at once, as in a job's; trying them apart takes seconds."""
    from a2ibench import registry

    class Together(registry.PluginHost):
        def __init__(
            self, entry_points: Iterable[EntryPoint], *, apart: bool = False, **options: Any
        ) -> None:
            super().__init__(entry_points, **options)

    monkeypatch.setattr(registry, "PluginHost", Together)


@pytest.fixture
def install_plugin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write_distribution: Callable[..., Distribution]
) -> Iterator[Callable[..., Distribution]]:
    """Install genuine distributions with plugins for the length of a test, for child processes too.

    ``install_plugin(name, source, *, version="1.0", files={}, entry_points=None)`` writes a package called
    like the distribution, with the given source, further files of it by relative path, and a ``.dist-info``
    with the text of ``entry_points.txt``, by default one that leads to the package. It returns the
    distribution, whose ``entry_points`` a `PluginHost` takes.
    """
    from a2ibench.registry import host

    def install(name: str, source: str, **options: Any) -> Distribution:
        site = Path(tempfile.mkdtemp(prefix="site", dir=tmp_path))
        distribution = write_distribution(site, name, source, **options)
        monkeypatch.syspath_prepend(str(site))
        monkeypatch.setenv("PYTHONPATH", str(site), prepend=os.pathsep)
        host.cache_clear()
        return distribution

    host.cache_clear()
    yield install
    host.cache_clear()
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]
