"""Plugins that were written for the first contracts run unchanged."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from a2ibench.registry import host
from a2ibench.registry.validation import KINDS
from a2ibench.testing import checks, judge

HERE = Path(__file__).parent
SUMS = HERE / "SHA256SUMS"
# It imports everything anew in a process of its own; that of ours and of planted plugins is tested elsewhere.
LEFT_OUT = "listed-lightly"
# Without a GPU.
SKIPPED = {"method": {"cpu-and-gpu"}, "degradation": {"estimated", "gpu"}, "metric": {"curves", "settings"}}
CACHES = {"__pycache__", ".pytest_cache", ".ruff_cache"}


def frozen() -> dict[str, str]:
    """Return the checksums of all files of the frozen plugins, by their paths."""
    files = [file for kind in KINDS for file in sorted((HERE / kind).rglob("*")) if file.is_file()]
    return {
        file.relative_to(HERE).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in files
        if not CACHES.intersection(file.parts)
    }


def test_nobody_has_edited_them() -> None:
    listed = dict(line.split("  ")[::-1] for line in SUMS.read_text(encoding="utf-8").splitlines())
    assert {path.split("/")[0] for path in listed} == set(KINDS)
    assert frozen() == listed


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_registered_and_keeps_to_the_contract(
    kind: str,
    together: None,
    install_plugin: Callable[..., object],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("A2IBENCH_CACHE", str(tmp_path / "cache"))
    name, package = f"frozen-{kind}", f"a2ibench_frozen_{kind}"
    files = {
        file.name: file.read_text(encoding="utf-8")
        for file in (HERE / kind / package).iterdir()
        if file.is_file()
    }
    source = files.pop("__init__.py")
    distribution = install_plugin(
        f"a2ibench-{name}", source, files=files, entry_points=f"[a2ibench]\n{name} = {package}\n"
    )
    metadata = Path(str(distribution.locate_file(f"{package}-1.0.dist-info/METADATA")))
    metadata.write_text(f"{metadata.read_text()}License-Expression: MIT\n")
    (status,) = (plugin for plugin in host().plugins if plugin.name == name)
    assert status.error is None
    assert name in host().table(kind)
    results = [judge(check) for check in checks(kind, name) if check.name != LEFT_OUT]
    assert {found.check.name: found.message for found in results if found.status == "failed"} == {}
    skipped = {found.check.name for found in results if found.status == "skipped"}
    assert skipped <= SKIPPED.get(kind, set())
    assert len(results) > 3
