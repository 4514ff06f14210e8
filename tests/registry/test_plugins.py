"""Discovery of plugins, with distributions that really lie on sys.path."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import Distribution

import pytest

import a2ibench
from a2ibench import hookspecs
from a2ibench.contracts import DatasetSpec
from a2ibench.registry import PluginHost, PluginStatus, host
from a2ibench.registry.loading import HOOKS
from a2ibench.registry.validation import KINDS

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


def test_bundled_plugins_register_through_the_entry_points_of_the_distribution() -> None:
    plugins = host()
    assert [s for s in plugins.plugins if s.distribution == "a2ibench" and s.error] == []
    assert {"cubic", "plain", "srmd", "pssr", "swinir", "a2i-3dem"} <= set(plugins.methods)
    assert {"slab-average", "gaussian", "subsample", "srmd", "crappifier"} <= set(plugins.degradations)
    assert {"psnr", "ssim", "ssim_3d"} <= set(plugins.metrics)
    assert plugins.methods["cubic"].distribution == "a2ibench"
    assert plugins.methods["cubic"].version == a2ibench.__version__


@pytest.mark.parametrize("kind", ["method", "degradation", "metric"])
def test_every_bundled_target_can_be_imported_and_built(kind: str) -> None:
    plugins = host()
    bundled = [name for name, r in plugins.table(kind).items() if r.distribution == "a2ibench"]
    assert bundled
    for name in bundled:
        assert plugins.build(kind, name) is not None


def test_listing_imports_nothing_heavy() -> None:
    code = (
        "import json, sys\n"
        "from a2ibench.registry import host\n"
        "names = [name for kind in ('method', 'degradation', 'metric', 'dataset', 'reporter')"
        " for name in host().table(kind)]\n"
        "heavy = ['torch', 'timm', 'pandas', 'matplotlib', 'skimage', 'scipy', 'h5py', 'tifffile']\n"
        "print(json.dumps([names, [name for name in heavy if name in sys.modules]]))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    names, heavy = json.loads(done.stdout)
    assert "cubic" in names
    assert heavy == []


def test_no_plugin_is_imported_before_it_is_asked_for() -> None:
    code = "import sys, a2ibench.registry; print([m for m in sys.modules if m.startswith('a2ibench_')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", HOOKS)
def test_every_hook_is_documented(name: str) -> None:
    assert (getattr(hookspecs, name).__doc__ or "").endswith(".")


def test_there_is_a_hook_for_each_kind() -> None:
    assert set(HOOKS) == {f"a2ibench_register_{kind}s" for kind in KINDS} | {"a2ibench_job_finished"}


@pytest.mark.parametrize("name", a2ibench.__all__)
def test_every_public_name_can_be_imported(name: str) -> None:
    assert getattr(a2ibench, name) is not None
    assert name in dir(a2ibench)


def test_an_installed_distribution_is_discovered(install_plugin: Install) -> None:
    install_plugin("a2ibench-mine", source("mine"), version="2.3")
    found = host().find("method", "mine")
    assert (found.plugin, found.distribution, found.version) == ("a2ibench-mine", "a2ibench-mine", "2.3")
    assert status(host(), "a2ibench-mine").error is None
    assert "cubic" in host().methods


def test_all_kinds_can_be_registered(install_plugin: Install) -> None:
    hooks = "".join(
        f"@hookimpl\ndef a2ibench_register_{kind}s(register):\n"
        f"    register({spec.__name__}('mine', 'mine.parts:Part', 'one'))\n"
        for kind, spec in KINDS.items()
        if kind != "dataset"
    )
    dataset = (
        "@hookimpl\ndef a2ibench_register_datasets(register):\n"
        "    register(DatasetSpec('mine', 'Mine', (3.0, 1.0, 1.0), phantom={}))\n"
    )
    plugins = only(install_plugin("mine", HEAD + hooks + dataset))
    assert plugins.plugins == [PluginStatus("mine", "mine", "1.0")]
    tables = (plugins.methods, plugins.degradations, plugins.metrics, plugins.datasets, plugins.reporters)
    assert [list(table) for table in tables] == [["mine"]] * 5
    assert isinstance(plugins.datasets["mine"].spec, DatasetSpec)


def test_the_first_of_two_copies_on_the_path_counts(install_plugin: Install) -> None:
    install_plugin("copied", source("old"), version="1.0")
    install_plugin("copied", source("new"), version="2.0")
    assert status(host(), "copied").version == "2.0"
    assert "new" in host().methods
    assert "old" not in host().methods


def test_tables_cannot_be_altered(install_plugin: Install) -> None:
    plugins = only(install_plugin("mine", source("mine")))
    with pytest.raises(TypeError):
        plugins.methods["other"] = plugins.methods["mine"]  # type: ignore[index]


def test_a_child_process_sees_the_plugin(install_plugin: Install) -> None:
    install_plugin("a2ibench-mine", source("mine"))
    code = "from a2ibench.registry import host; print(host().find('method', 'mine'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "plugin a2ibench-mine (distribution a2ibench-mine 1.0)"


def test_a_malformed_list_of_entry_points_harms_no_other(install_plugin: Install) -> None:
    install_plugin("fine", source("fine"))
    install_plugin("malformed", "", entry_points="[a2ibench]\nno equals sign here\n")
    error = status(host(), "malformed").error or ""
    assert error.startswith("cannot read its entry points: ")
    assert "fine" in host().methods


def test_malformed_distributions_of_others_are_no_concern(install_plugin: Install) -> None:
    install_plugin("malformed", "", entry_points="[console_scripts]\nno equals sign here\n")
    assert [s.name for s in host().plugins if s.distribution == "malformed"] == []
