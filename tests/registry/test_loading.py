"""Plugins that break: each is an error of its own and harms no other."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import Distribution

import pytest

from a2ibench.errors import PluginError
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


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("raise RuntimeError('no licence\\nfound')", "RuntimeError: no licence found"),
        ("import a_module_that_is_not_there", "No module named 'a_module_that_is_not_there'"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("import sys; sys.exit()", "SystemExit"),
        ("class Odd(BaseException): pass\nraise Odd('very')", "Odd: very"),
        ("raise GeneratorExit", "GeneratorExit"),
        ("def broken(:", "SyntaxError"),
        ("def again(): again()\nagain()", "RecursionError"),
        ("class E(Exception):\n    def __str__(self): raise ValueError\nraise E", "E"),
    ],
)
def test_a_plugin_that_cannot_be_imported_harms_no_other(
    install_plugin: Install, text: str, line: str
) -> None:
    install_plugin("fine", source("fine"))
    install_plugin("broken", text)
    broken = status(host(), "broken")
    assert broken.error is not None
    assert broken.error.startswith("cannot import broken: ")
    assert line in broken.error
    assert "\n" not in broken.error
    assert (broken.traceback or "").startswith("Traceback")
    assert status(host(), "fine").error is None
    assert {"fine", "cubic"} <= set(host().methods)


def test_an_entry_point_that_leads_nowhere_is_an_error_of_that_plugin(install_plugin: Install) -> None:
    text = "[a2ibench]\nmodule = nowhere_at_all\nattribute = adrift:missing\nformat = not a module!\n"
    plugins = only(install_plugin("adrift", source("x"), entry_points=text))
    assert all(s.error and s.error.startswith("cannot import") for s in plugins.plugins)
    assert len(plugins.plugins) == 3


def test_ctrl_c_while_a_plugin_is_imported_stops_the_program(install_plugin: Install) -> None:
    distribution = install_plugin("slow", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        only(distribution)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            source("x").replace("register_methods", "register_method"),
            "unknown hook a2ibench_register_method; did you mean a2ibench_register_methods?",
        ),
        (
            source("x").replace("a2ibench_register_methods", "job_done"),
            "unknown hook job_done; did you mean a2ibench_job_finished?",
        ),
        (
            source("x").replace("@hookimpl", ""),
            "a2ibench_register_methods is not marked as a hook; put @hookimpl above it",
        ),
        (
            "x = 1",
            "implements no hook; write a function a2ibench_register_methods with @hookimpl above it",
        ),
        (
            hook("return [MethodSpec('x', 'm:C', '')]"),
            "a2ibench_register_methods returned a value, which is not used; call register(...) instead",
        ),
    ],
)
def test_a_misunderstood_hook_is_explained(install_plugin: Install, text: str, line: str) -> None:
    plugins = only(install_plugin("astray", text))
    assert status(plugins, "astray").error == line
    assert plugins.methods == {}


def test_a_hook_with_a_wrong_argument_is_an_error(install_plugin: Install) -> None:
    install_plugin("fine", source("fine"))
    install_plugin("astray", source("x").replace("(register)", "(registry)"))
    assert "registry" in (status(host(), "astray").error or "")
    assert "fine" in host().methods


@pytest.mark.parametrize("raised", ["RuntimeError('half way')", "SystemExit('half way')"])
def test_a_hook_that_raises_half_way_registers_nothing(install_plugin: Install, raised: str) -> None:
    half = source("first") + f"    raise {raised}\n    register(MethodSpec('second', 'm:C', ''))\n"
    metric = (
        "@hookimpl\ndef a2ibench_register_metrics(register):\n    register(MetricSpec('mm', 'm:C', ''))\n"
    )
    install_plugin("half", half + metric)
    install_plugin("whole", source("whole"))
    kind = raised.partition("(")[0]
    assert status(host(), "half").error == f"a2ibench_register_methods failed: {kind}: half way"
    assert "half/__init__.py" in (status(host(), "half").traceback or "")
    assert {"first", "second"}.isdisjoint(host().methods)
    assert "mm" not in host().metrics
    assert "whole" in host().methods
    with pytest.raises(
        PluginError, match=r"method 'first' is not available: plugin half .* failed: .*half way"
    ):
        host().find("method", "first")


def test_an_earlier_kind_is_dropped_as_well(install_plugin: Install) -> None:
    later = "@hookimpl\ndef a2ibench_register_reporters(register):\n    raise OSError('disk')\n"
    plugins = only(install_plugin("late", source("early") + later))
    assert plugins.methods == {}
    assert status(plugins, "late").error == "a2ibench_register_reporters failed: OSError: disk"


@pytest.mark.parametrize(
    ("spec", "line"),
    [
        ("'mine'", "registered a str as a method; give a MethodSpec"),
        ("MetricSpec('mine', 'm:C', '')", "registered a MetricSpec as a method; give a MethodSpec"),
        ("MethodSpec", "registered a type as a method; give a MethodSpec"),
        ("MethodSpec('', 'm:C', '')", "method '': bad name"),
        ("MethodSpec('Mine', 'm:C', '')", "method 'Mine': bad name"),
        ("MethodSpec('mine', 'm.C', '')", "target is 'm.C'; give 'package.module:Class'"),
        ("MethodSpec('mine', 'm:C', '', api_version=2)", "api_version is 2, this a2ibench supports 1"),
        ("MethodSpec('mine', 'm:C', None)", "method 'mine': summary is None; give a text"),
    ],
)
def test_a_bad_spec_is_an_error_of_its_plugin(install_plugin: Install, spec: str, line: str) -> None:
    install_plugin("good", source("good"))
    install_plugin("bad", hook(f"register(MethodSpec('other', 'm:C', ''))\nregister({spec})"))
    assert line in (status(host(), "bad").error or "")
    assert "other" not in host().methods
    assert "good" in host().methods


def test_a_refused_spec_counts_although_the_plugin_hides_the_error(install_plugin: Install) -> None:
    text = "try:\n    register(None)\nexcept Exception:\n    pass\nregister(MethodSpec('mine', 'm:C', ''))"
    plugins = only(install_plugin("hiding", hook(text)))
    assert status(plugins, "hiding").error == "registered a NoneType as a method; give a MethodSpec"
    assert plugins.methods == {}
