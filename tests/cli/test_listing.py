"""The command ``a2ibench list``."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from importlib.metadata import Distribution
from pathlib import Path

import pytest

from a2ibench.cli.table import columns
from a2ibench.registry import host

Cli = Callable[..., subprocess.CompletedProcess[str]]

KEYS = {
    "methods": {"name", "summary", "citation", "plugin", "distribution", "version"},
    "metrics": {"name", "summary", "citation", "plugin", "distribution", "version"},
    "degradations": {"name", "summary", "citation", "plugin", "distribution", "version"},
    "plugins": {"name", "distribution", "version", "error", "traceback", "disabled", "status"},
    "datasets": {
        "name", "title", "source", "voxel_size", "ratio", "simulated",
        "path", "url", "sha256", "licence", "citation",
    },
}  # fmt: skip


@pytest.mark.parametrize("kind", KEYS)
def test_json_has_the_same_keys_for_every_entry_and_the_table_every_name(kind: str, cli: Cli) -> None:
    entries = json.loads(cli("list", kind, "--json").stdout)
    assert entries
    assert all(set(entry) == KEYS[kind] for entry in entries)
    header, *lines = cli("list", kind).stdout.splitlines()
    assert header.startswith("NAME ")
    assert [line.split()[0] for line in lines] == [entry["name"] for entry in entries]


def test_methods_are_those_of_the_host(cli: Cli) -> None:
    entries = json.loads(cli("list", "methods", "--json").stdout)
    assert {entry["name"] for entry in entries} == set(host().methods)
    assert "cubic" in {entry["name"] for entry in entries}


def test_reporters_are_those_of_plugins(cli: Cli, install_plugin: Callable[..., Distribution]) -> None:
    assert [one["name"] for one in json.loads(cli("list", "reporters", "--json").stdout)] == [
        "tables",
        "figures",
        "page",
    ]
    install_plugin(
        "scribe",
        """
        from a2ibench import ReporterSpec, hookimpl

        @hookimpl
        def a2ibench_register_reporters(register):
            register(ReporterSpec("scribe", "scribe:write", "writes things down"))
        """,
    )
    assert "writes things down" in cli("list", "reporters").stdout


def test_datasets_of_a_catalogue(cli: Cli, catalogue: Path) -> None:
    entries = json.loads(cli("list", "datasets", "--json", "--catalogue", catalogue).stdout)
    found = {entry["name"]: entry for entry in entries}
    assert list(found) == ["full", "thin", "flat", "gone", "asked"]
    assert found["full"]["title"] == "smooth noise"
    assert (found["full"]["ratio"], found["full"]["simulated"]) == (4.0, True)
    assert (found["thin"]["ratio"], found["thin"]["simulated"]) == (4.0, False)
    assert found["thin"]["path"] == str(catalogue.parent / "thin.tif")
    assert [found[name]["source"] for name in ("full", "asked")] == ["file", "by hand"]


def test_a_plugin_is_listed_with_what_it_registers_and_with_what_failed(
    cli: Cli, install_plugin: Callable[..., Distribution], monkeypatch: pytest.MonkeyPatch
) -> None:
    install_plugin(
        "lister",
        """
        from a2ibench import DatasetSpec, hookimpl

        @hookimpl
        def a2ibench_register_datasets(register):
            register(DatasetSpec("extra", "Of a plugin", (50.0, 15.0, 15.0), url="https://localhost/x.tif"))
        """,
        version="4.2",
    )
    install_plugin("crash", "raise RuntimeError('no luck')")
    assert "extra" in cli("list", "datasets").stdout
    plugins = {entry["name"]: entry for entry in json.loads(cli("list", "plugins", "--json").stdout)}
    assert (plugins["lister"]["version"], plugins["lister"]["status"]) == ("4.2", "ok")
    assert plugins["crash"]["status"] == f"failed: {plugins['crash']['error']}"
    assert "no luck" in plugins["crash"]["error"]
    monkeypatch.setenv("A2IBENCH_DISABLE_PLUGINS", "lister")
    assert "extra" not in cli("list", "datasets").stdout
    assert "disabled" in cli("list", "plugins").stdout


def test_columns_are_aligned() -> None:
    text = columns(["name", "n"], [["a", "1"], ["longer", ""]])
    assert text == "NAME    N\na       1\nlonger  -"
    assert columns(["name", "n"], []) == "NAME  N"
