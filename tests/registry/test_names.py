"""Names that several plugins want, and plugins that are blocked."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.metadata import Distribution

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a2ibench.contracts import MethodSpec, MetricSpec
from a2ibench.errors import PluginError
from a2ibench.registry import PluginHost, PluginStatus, host
from a2ibench.registry.loading import normalise

Install = Callable[..., Distribution]

HEAD = "from a2ibench import DatasetSpec, DegradationSpec, MethodSpec, MetricSpec, ReporterSpec, hookimpl\n"


def source(*names: str, home: str = "a2ibench_cubic.method") -> str:
    """Return a plugin that registers methods."""
    calls = "".join(f"    register(MethodSpec({name!r}, '{home}:Cubic', 'a method'))\n" for name in names)
    return f"{HEAD}\n@hookimpl\ndef a2ibench_register_methods(register):\n{calls}"


def only(distribution: Distribution, **options: object) -> PluginHost:
    """Return a host of one distribution's plugins."""
    return PluginHost(distribution.entry_points, **options)  # type: ignore[arg-type]


def status(plugins: PluginHost, name: str) -> PluginStatus:
    """Return the status of the plugin called so."""
    (found,) = (status for status in plugins.plugins if status.name == name)
    return found


def test_a_bundled_name_stays_with_a2ibench(install_plugin: Install) -> None:
    install_plugin("intruder", source("cubic", "own"))
    assert host().methods["cubic"].distribution == "a2ibench"
    assert status(host(), "cubic").error is None
    error = status(host(), "intruder").error or ""
    assert "method 'cubic' is registered by plugin cubic (distribution a2ibench" in error
    assert "by plugin intruder (distribution intruder 1.0)" in error
    assert "own" in host().methods


def test_a_name_of_two_third_parties_goes_to_none(install_plugin: Install) -> None:
    install_plugin("one", source("shared", "mine"))
    install_plugin("two", source("shared", "yours"))
    assert {"mine", "yours"} <= set(host().methods)
    assert "shared" not in host().methods
    for name in ("one", "two"):
        error = status(host(), name).error or ""
        assert "distribution one 1.0" in error
        assert "distribution two 1.0" in error
    with pytest.raises(PluginError, match=r"'shared' is not available: .*one.*two.*A2IBENCH_DISABLE_PLUGINS"):
        host().find("method", "shared")


def test_every_contested_name_shows(install_plugin: Install) -> None:
    install_plugin("one", source("first", "second"))
    install_plugin("two", source("second", "first"))
    error = status(host(), "one").error or ""
    assert "'first'" in error
    assert "'second'" in error


def test_disabling_one_of_them_settles_it(install_plugin: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    install_plugin("one", source("shared"))
    install_plugin("two", source("shared"))
    monkeypatch.setenv("A2IBENCH_DISABLE_PLUGINS", "two")
    assert host().methods["shared"].distribution == "one"
    assert status(host(), "one").error is None


def test_a_plugin_that_failed_contests_no_name(install_plugin: Install) -> None:
    install_plugin("one", source("shared"))
    install_plugin("two", source("shared") + "    raise ValueError\n")
    assert host().methods["shared"].distribution == "one"


def test_a_name_registered_twice_by_one_plugin_is_its_error(install_plugin: Install) -> None:
    plugins = only(install_plugin("twice", source("same", "same")))
    assert status(plugins, "twice").error == "method 'same': registered twice; give each a name of its own"


def test_one_name_may_be_used_for_several_kinds(install_plugin: Install) -> None:
    metric = (
        "@hookimpl\ndef a2ibench_register_metrics(register):\n    register(MetricSpec('both', 'm:C', ''))\n"
    )
    plugins = only(install_plugin("kinds", source("both") + metric))
    assert isinstance(plugins.find("metric", "both").spec, MetricSpec)
    assert isinstance(plugins.find("method", "both").spec, MethodSpec)


@pytest.mark.parametrize("blocked", ["My_Plugin", "my.plugin", " other , my-plugin,", "entry"])
def test_a_plugin_can_be_blocked(
    install_plugin: Install, monkeypatch: pytest.MonkeyPatch, blocked: str
) -> None:
    install_plugin("My-Plugin", "raise RuntimeError", entry_points="[a2ibench]\nentry = My_Plugin\n")
    monkeypatch.setenv("A2IBENCH_DISABLE_PLUGINS", blocked)
    assert status(host(), "entry") == PluginStatus("entry", "My-Plugin", "1.0", disabled=True)
    assert "My_Plugin" not in sys.modules
    with pytest.raises(PluginError, match=r"plugin entry .* is disabled by A2IBENCH_DISABLE_PLUGINS"):
        host().find("method", "entry")


@pytest.mark.usefixtures("install_plugin")
def test_bundled_plugins_can_be_blocked_one_by_one_and_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A2IBENCH_DISABLE_PLUGINS", "cubic")
    host.cache_clear()
    assert "cubic" not in host().methods
    assert "srmd" in host().methods
    monkeypatch.setenv("A2IBENCH_DISABLE_PLUGINS", "a2ibench")
    host.cache_clear()
    assert all(s.disabled for s in host().plugins if s.distribution == "a2ibench")
    assert not host().metrics


@given(st.text("aB-_.", min_size=1))
def test_names_are_compared_as_package_indexes_do(name: str) -> None:
    from packaging.utils import canonicalize_name

    assert normalise(name) == canonicalize_name(name)
