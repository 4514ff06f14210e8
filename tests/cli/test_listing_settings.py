"""``a2ibench list --verbose``: every declared setting, and what nothing is declared for."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from importlib.metadata import Distribution

import pytest

from a2ibench.cli.listing import allowed_text, value_text
from a2ibench.protocol.profiles import PROFILES
from a2ibench.settings import Setting

Cli = Callable[..., subprocess.CompletedProcess[str]]

PLUGIN = """
from a2ibench import MethodSpec, MetricSpec, hookimpl

@hookimpl
def a2ibench_register_methods(register):
    for name in ("Declared", "Undeclared", "Empty", "Gone"):
        register(MethodSpec(f"x-{name.lower()}", f"lister.methods:{name}", "a method for tests"))

@hookimpl
def a2ibench_register_metrics(register):
    register(MetricSpec("x-declared", "lister.methods:Declared", "a metric for tests"))
"""
METHODS = """
from a2ibench import Configurable, setting

class Declared(Configurable):
    width: int = setting(8, "channels of a layer", unit="channels", low=1, high=64)
    mode: str = setting("", "any text")

class Undeclared:
    def __init__(self, gain=1.5, mode="soft"):
        pass

class Empty(Configurable):
    pass
"""


@pytest.fixture
def lister(install_plugin: Callable[..., Distribution]) -> None:
    install_plugin("lister", PLUGIN, files={"methods.py": METHODS})


def test_every_setting_is_a_row_and_a_class_without_any_says_so(cli: Cli, lister: None) -> None:
    done = cli("list", "methods", "--verbose")
    assert done.returncode == 0, done.stderr
    data = json.loads(cli("list", "methods", "--verbose", "--json").stdout)
    plain = json.loads(cli("list", "methods", "--json").stdout)
    assert [{k: v for k, v in e.items() if k not in ("settings", "error")} for e in data] == plain
    blocks = {block.split(":")[0]: block.splitlines()[1:] for block in done.stdout.split("\n\n")}
    assert list(blocks) == [entry["name"] for entry in plain]
    found = {entry["name"]: entry for entry in data}
    for name, entry in found.items():
        properties = (entry["settings"] or {}).get("properties")
        if properties:
            header, *rows = blocks[name]
            assert header.split() == ["SETTING", "TYPE", "UNIT", "DEFAULT", "ALLOWED", "MEANING"]
            assert [row.split()[0] for row in rows] == list(properties)
            assert [row.split()[1] for row in rows] == [one["type"] for one in properties.values()]
            meanings = [one["description"] for one in properties.values()]
            assert all(row.endswith(meaning) for row, meaning in zip(rows, meanings, strict=True))
    assert found["srmd"]["settings"]["properties"]["degradation"]["default"] == "srmd"
    reach = found["srmd"]["settings"]["properties"]["reach"]
    assert (reach["type"], reach["default"], reach["minimum"]) == ("integer", 12, 0)

    rows = [" ".join(row.split()) for row in blocks["x-declared"]]
    assert rows[1:] == [
        "width integer channels 8 1 to 64 channels of a layer",
        'mode string - "" - any text',
    ]
    assert blocks["x-undeclared"] == ["  declares no settings; its constructor takes gain=1.5, mode='soft'"]
    assert blocks["x-empty"] == ["  has no settings"]
    (line,) = blocks["x-gone"]
    assert line.startswith("  cannot be imported: plugin lister (distribution lister 1.0)")
    assert (found["x-undeclared"]["settings"], found["x-undeclared"]["error"]) == (None, None)
    assert found["x-empty"]["settings"]["properties"] == {}
    assert found["x-gone"]["settings"] is None
    assert "lister.methods:Gone" in found["x-gone"]["error"]


def test_metrics_and_degradations_have_settings_too(cli: Cli, lister: None) -> None:
    metrics = {e["name"]: e for e in json.loads(cli("list", "metrics", "--verbose", "--json").stdout)}
    assert set(metrics["x-declared"]["settings"]["properties"]) == {"width", "mode"}
    assert metrics["psnr"]["settings"] is None
    models = {e["name"]: e for e in json.loads(cli("list", "degradations", "--verbose", "--json").stdout)}
    assert models["gaussian"]["settings"]["properties"]["fwhm"]["unit"] == "input slices"


def test_profiles_say_what_the_protocol_sets(cli: Cli) -> None:
    header, *rows = cli("list", "profiles").stdout.splitlines()
    assert header.split() == ["NAME", "SIZE", "STEPS", "BATCH", "PATCH"]
    assert [row.split()[0] for row in rows] == list(PROFILES)
    entries = json.loads(cli("list", "profiles", "--verbose", "--json").stdout)
    for entry in entries:
        properties = entry["settings"]["properties"]
        assert {name: one["default"] for name, one in properties.items()} == {
            name: entry[name] for name in ("size", "steps", "batch", "patch")
        }
    assert "side of a training patch" in cli("list", "profiles", "--verbose").stdout


@pytest.mark.parametrize("kind", ["datasets", "plugins"])
def test_what_has_no_settings_is_an_error(kind: str, cli: Cli) -> None:
    done = cli("list", kind, "--verbose")
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    others = "methods, metrics, degradations, profiles"
    assert line == f"a2ibench: error: --verbose: {kind} have no settings; list {others}"


@pytest.mark.parametrize(
    ("setting", "allowed"),
    [
        (Setting(1, "n", low=0, high=8), "0 to 8"),
        (Setting(1.0, "n", low=0.125), ">= 0.125"),
        (Setting(1.0, "n", high=12345678), "<= 12345678"),
        (Setting(1.0, "n"), ""),
        (Setting("a", "n", choices=("a", "b")), "a|b"),
        (Setting(True, "n"), ""),
    ],
)
def test_ranges_and_choices_as_text(setting: Setting, allowed: str) -> None:
    assert allowed_text(setting) == allowed


@pytest.mark.parametrize(
    ("value", "text"), [(True, "true"), (0.001, "0.001"), (1e-9, "1e-09"), (20000, "20000"), ("", '""')]
)
def test_values_as_text(value: bool | float | str, text: str) -> None:
    assert value_text(value) == text
