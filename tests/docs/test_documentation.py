"""Everything that a user can name is described in the built documentation."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

import a2ibench
from a2ibench import DatasetSpec, Setting
from a2ibench.bench.run_file import KEYS, SETTINGS
from a2ibench.cli.app import app
from a2ibench.cli.errors import ExitCode
from a2ibench.protocol.profiles import PROFILES
from a2ibench.registry import host
from a2ibench.registry.loading import HOOKS
from a2ibench.registry.schema import settings_of

SOURCE = Path(a2ibench.__file__).parent
SEPARATORS = {"method": ".", "degradation": ":", "metric": "."}


def _commands(command: Any, path: str = "a2ibench") -> Iterator[tuple[str, Any]]:
    yield path, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from _commands(inner, f"{path} {name}")


COMMANDS = dict(_commands(typer.main.get_command(app)))


def _own(kind: str) -> list[str]:
    return [name for name, found in host().table(kind).items() if found.distribution == "a2ibench"]


def _settings() -> dict[str, str]:
    declared = {
        f"{name}{separator}{key}": setting.meaning
        for kind, separator in SEPARATORS.items()
        for name in _own(kind)
        for key, setting in (settings_of(kind, name) or {}).items()
    }
    profiles = next(iter(PROFILES.values())).settings()
    return declared | {f"profile.{key}": setting.meaning for key, setting in profiles.items()}


def _options() -> dict[str, str]:
    return {
        f"{path.replace(' ', '-')}.{name}": param.help or ""
        for path, command in COMMANDS.items()
        for param in command.params
        if param.param_type_name == "option" and param.name != "help"
        for name in (*param.opts, *param.secondary_opts)
    }


def _first_line(text: str | None) -> str:
    return (text or "").strip().partition("\n")[0]


def _code(page: Any) -> set[str]:
    return {element.get_text() for element in page.find_all("code")}


def test_every_hook(site) -> None:
    from a2ibench import hookspecs

    expected = {
        # Double backticks of a docstring are not shown.
        f"a2ibench.hookspecs.{name}": _first_line(getattr(hookspecs, name).__doc__).replace("``", "")
        for name in HOOKS
    }
    assert site.undocumented("py:function", expected) == []
    assert {f"a2ibench.hookspecs.{name}" for name in HOOKS} <= site.names("py:function")


def test_every_command(site) -> None:
    expected = {path: _first_line(command.help) for path, command in COMMANDS.items()}
    assert len(expected) > 7
    assert site.undocumented("std:command", expected) == []


def test_every_option(site) -> None:
    expected = _options()
    assert "a2ibench-run.--methods" in expected
    assert site.undocumented("std:cmdoption", expected) == []


def test_every_argument(site) -> None:
    for path, command in COMMANDS.items():
        said = site.text("std:command", path)
        for param in command.params:
            if param.param_type_name == "argument":
                assert param.help, (path, param.name)
                assert param.help in said, (path, param.name)


def test_every_setting(site) -> None:
    expected = _settings()
    assert {"a2i-3dem.alpha", "em-distortions:jitter", "profile.steps"} <= expected.keys()
    assert site.undocumented("std:setting", expected) == []


def test_no_setting_that_is_gone(site) -> None:
    assert site.names("std:setting") == _settings().keys()


def test_every_public_name(site) -> None:
    said = {name: site.text("py", f"a2ibench.{name}") for name in a2ibench.__all__}
    assert [name for name, text in said.items() if not text] == []


def test_every_catalogue_field(site) -> None:
    fields = {field.name for field in dataclasses.fields(DatasetSpec)} - {"name"}
    assert site.names("std:field") == fields
    said = {field: site.text("std:field", field) for field in fields}
    assert [field for field, text in said.items() if len(text.split()) < 3] == []


def test_every_exit_code(site) -> None:
    codes = {str(int(code)) for code in ExitCode}
    assert site.names("std:exit-code") == codes
    assert all(site.text("std:exit-code", code) for code in codes)


def test_every_environment_variable(site) -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in SOURCE.rglob("*.py"))
    read = set(re.findall(r'"(A2IBENCH_[A-Z_]+)"', text))
    assert "A2IBENCH_CACHE" in read
    assert read <= site.names("std:envvar")


def test_every_key_of_a_run_file(site) -> None:
    shown = _code(site.page("run_files.html"))
    assert {*KEYS} <= shown
    assert f"[{SETTINGS}.METHOD]" in shown


def test_every_metric_and_degradation_on_its_page(site) -> None:
    pages = ("metrics", "metrics_fourier", "metrics_segmentation", "validation")
    assert set(_own("metric")) <= set().union(*(_code(site.page(f"{name}.html")) for name in pages))
    assert set(_own("degradation")) <= _code(site.page("degradations.html"))


def test_every_option_of_the_phantom_with_its_default(site) -> None:
    from a2ibench.data.phantom import phantom

    table = site.page("your_data.html").find(id="phantom").find("table")
    rows = [[cell.get_text(strip=True) for cell in row.find_all("td")] for row in table.find_all("tr")[1:]]
    parameters = dict(inspect.signature(phantom).parameters)
    del parameters["voxel_size"]
    assert {row[0]: float(row[-1]) for row in rows} == {n: p.default for n, p in parameters.items()}


def test_every_choice_of_the_reimplementation_is_listed(site) -> None:
    from a2ibench_a2i3dem.method import SIZES

    listed = site.page("protocol.html").find(id="choices-the-paper-leaves-open")
    rows = {row.find_all("td")[1].get_text(): row for row in listed.find_all("tr") if row.find("td")}
    text = " ".join(rows)
    for setting in settings_of("method", "a2i-3dem") or {}:
        assert f"a2i-3dem.{setting}" in text
    for setting in SIZES["full"]:
        sizes = ", ".join(f"{size} {shape[setting]}" for size, shape in SIZES.items())
        assert sizes in rows[f"a2i-3dem.{setting}"].get_text()


def test_a_setting_without_documentation_is_reported(site, monkeypatch: pytest.MonkeyPatch) -> None:
    cubic = host().load("method", "cubic")
    extra = {"tension": Setting(0.0, "tension of the spline"), "mute": Setting(0, "")}
    monkeypatch.setattr(cubic, "settings", cubic.settings | extra)
    assert site.undocumented("std:setting", _settings()) == ["cubic.tension", "cubic.mute"]


def test_a_changed_meaning_is_reported(site, monkeypatch: pytest.MonkeyPatch) -> None:
    cubic = host().load("method", "cubic")
    monkeypatch.setattr(cubic, "settings", {"a": Setting(-0.5, "something else")})
    assert site.undocumented("std:setting", _settings()) == ["cubic.a"]


@pytest.mark.parametrize(
    "kind", ["py:function", "std:command", "std:cmdoption", "std:field", "std:exit-code"]
)
def test_what_is_described_nowhere_is_reported(site, kind: str) -> None:
    assert site.names(kind)
    assert site.undocumented(kind, {"nowhere": "text"}) == ["nowhere"]
