"""Importing and building what plugins register, and telling them of finished jobs."""

from __future__ import annotations

import importlib
import logging
import sys
from collections.abc import Callable
from importlib.metadata import Distribution

import pytest

from a2ibench.errors import InputError, PluginError, UnknownNameError
from a2ibench.registry import PluginHost, PluginStatus, host

Install = Callable[..., Distribution]

HEAD = "from a2ibench import DatasetSpec, DegradationSpec, MethodSpec, MetricSpec, ReporterSpec, hookimpl\n"


def source(*names: str, home: str = "a2ibench_cubic.method") -> str:
    """Return a plugin that registers methods."""
    calls = "".join(f"    register(MethodSpec({name!r}, '{home}:Cubic', 'a method'))\n" for name in names)
    return f"{HEAD}\n@hookimpl\ndef a2ibench_register_methods(register):\n{calls}"


def hook(body: str, kind: str = "methods") -> str:
    """Return a plugin with one registering hook."""
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    return f"{HEAD}\n@hookimpl\ndef a2ibench_register_{kind}(register):\n{lines}"


def only(distribution: Distribution, **options: object) -> PluginHost:
    """Return a host of one distribution's plugins."""
    return PluginHost(distribution.entry_points, **options)  # type: ignore[arg-type]


def status(plugins: PluginHost, name: str) -> PluginStatus:
    """Return the status of the plugin called so."""
    (found,) = (status for status in plugins.plugins if status.name == name)
    return found


def test_an_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="unknown method 'cubik'; did you mean 'cubic'"):
        host().find("method", "cubik")
    with pytest.raises(
        UnknownNameError, match="unknown kind of registration 'methods'; did you mean 'method'"
    ):
        host().find("methods", "cubic")


def test_a_name_that_a_broken_plugin_would_give_is_explained(install_plugin: Install) -> None:
    install_plugin("wonder", "import a_module_that_is_not_there")
    with pytest.raises(PluginError, match=r"plugin wonder .* failed: cannot import wonder: .*not_there"):
        host().load("method", "wonder")


def test_targets_are_imported_when_loaded_and_not_before(install_plugin: Install) -> None:
    plugins = only(
        install_plugin("lazy", source("lazy", home="lazy.deep"), files={"deep.py": "class Cubic: pass"})
    )
    assert "lazy.deep" not in sys.modules
    assert plugins.load("method", "lazy") is importlib.import_module("lazy.deep").Cubic


@pytest.mark.parametrize(
    ("deep", "line"),
    [
        ("raise RuntimeError('driver\\ntoo old')", "RuntimeError: driver too old"),
        ("raise SystemExit(1)", "SystemExit: 1"),
        ("import not_installed_here", "No module named 'not_installed_here'"),
        ("x = 1", "has no attribute 'Cubic'"),
        ("Cubic = 5", "is a int; give a class"),
    ],
)
def test_a_target_that_cannot_be_imported_is_one_line(install_plugin: Install, deep: str, line: str) -> None:
    plugins = only(install_plugin("lazy", source("lazy", home="lazy.deep"), files={"deep.py": deep}))
    with pytest.raises(PluginError) as caught:
        plugins.load("method", "lazy")
    text = str(caught.value)
    assert text.startswith("plugin lazy (distribution lazy 1.0)")
    assert "lazy.deep:Cubic" in text
    assert line in text
    assert "\n" not in text
    assert status(plugins, "lazy").error is None


def test_ctrl_c_while_a_target_is_imported_stops_the_program(install_plugin: Install) -> None:
    files = {"deep.py": "raise KeyboardInterrupt"}
    plugins = only(install_plugin("slow", source("slow", home="slow.deep"), files=files))
    with pytest.raises(KeyboardInterrupt):
        plugins.load("method", "slow")


def test_a_dataset_has_no_target(install_plugin: Install) -> None:
    text = hook("register(DatasetSpec('mine', 'Mine', (1.0, 1.0, 1.0), phantom={}))", "datasets")
    with pytest.raises(InputError, match="dataset 'mine': nothing to import"):
        only(install_plugin("data", text)).load("dataset", "mine")


CLASSES = """
from a2ibench import Configurable, setting

class Cubic:
    def __init__(self, *, width=3, kind="a"):
        if width < 0:
            raise ValueError("width below 0")
        self.width = width / (0 if kind == "fail" else 1)

class Checked(Configurable):
    width: int = setting(3, "width", low=1)

class Broken:
    def __init__(self):
        raise TypeError("always")
"""


@pytest.fixture
def classes(install_plugin: Install) -> PluginHost:
    body = "\n".join(
        f"register(MethodSpec('{name.lower()}', 'classes.deep:{name}', ''))"
        for name in ("Cubic", "Checked", "Broken")
    )
    return only(install_plugin("classes", hook(body), files={"deep.py": CLASSES}))


def test_building_hands_over_the_options(classes: PluginHost) -> None:
    assert classes.build("method", "cubic").width == 3
    assert classes.build("method", "cubic", width=4).width == 4
    assert classes.build("method", "checked", width="5").width == 5


def test_a_bad_option_is_one_line_that_names_it(classes: PluginHost) -> None:
    with pytest.raises(
        InputError, match=r"method 'cubic': got widht=4; .*'widht'.*; its options: width, kind"
    ):
        classes.build("method", "cubic", widht=4)
    with pytest.raises(InputError, match="method 'cubic': got width=-1; ValueError: width below 0"):
        classes.build("method", "cubic", width=-1)
    with pytest.raises(UnknownNameError, match="unknown setting of Checked 'widht'; did you mean 'width'"):
        classes.build("method", "checked", widht=4)
    with pytest.raises(InputError, match="width: got 0; give a value"):
        classes.build("method", "checked", width=0)


def test_a_constructor_that_fails_by_itself_is_the_plugins_error(classes: PluginHost) -> None:
    with pytest.raises(
        PluginError, match=r"plugin classes .* cannot build method 'broken': TypeError: always"
    ):
        classes.build("method", "broken")
    with pytest.raises(PluginError, match="ZeroDivisionError"):
        classes.build("method", "cubic", kind="fail")


LISTENER = """
from a2ibench import hookimpl
seen = []

@hookimpl
def a2ibench_job_finished(record):
    seen.append(dict(record))
    record["metrics"]["psnr"] = None
    {after}
"""


def test_one_listener_that_fails_does_not_silence_the_others(
    install_plugin: Install, caplog: pytest.LogCaptureFixture
) -> None:
    points = []
    for name, after in {"a": "raise ValueError('two\\nlines')", "b": "raise SystemExit", "c": "pass"}.items():
        points += install_plugin(f"listener-{name}", LISTENER.format(after=after)).entry_points
    plugins = PluginHost(points)
    record = {"dataset": "phantom", "metrics": {"psnr": 30.0}}
    with caplog.at_level(logging.WARNING):
        plugins.job_finished(record)
    assert record == {"dataset": "phantom", "metrics": {"psnr": 30.0}}
    for name in "abc":
        seen = importlib.import_module(f"listener_{name}").seen
        assert [r["dataset"] for r in seen] == ["phantom"]
    failed = "plugin listener-{0} (distribution listener-{0} 1.0): a2ibench_job_finished failed: {1}"
    assert [r.getMessage() for r in caplog.records] == [
        failed.format("a", "ValueError: two lines"),
        failed.format("b", "SystemExit"),
    ]


def test_each_listener_gets_a_record_of_its_own(install_plugin: Install) -> None:
    points = [
        *install_plugin("listener-a", LISTENER.format(after="pass")).entry_points,
        *install_plugin("listener-b", LISTENER.format(after="pass")).entry_points,
    ]
    copied = "import copy\n" + LISTENER.replace("dict(record)", "copy.deepcopy(record)").format(after="pass")
    points += install_plugin("listener-c", copied).entry_points
    PluginHost(points).job_finished({"metrics": {"psnr": 30.0}})
    assert importlib.import_module("listener_c").seen == [{"metrics": {"psnr": 30.0}}]


def test_a_plugin_that_failed_hears_of_no_job(install_plugin: Install) -> None:
    text = LISTENER.format(after="pass") + hook("raise ValueError").removeprefix(HEAD)
    plugins = only(install_plugin("deaf", text))
    plugins.job_finished({"metrics": {}})
    assert importlib.import_module("deaf").seen == []


def test_ctrl_c_in_a_listener_stops_the_program(install_plugin: Install) -> None:
    plugins = only(install_plugin("slow", LISTENER.format(after="raise KeyboardInterrupt")))
    with pytest.raises(KeyboardInterrupt):
        plugins.job_finished({"metrics": {}})
