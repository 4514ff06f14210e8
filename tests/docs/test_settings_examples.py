"""Settings and degradations that the pages show are ones that the methods take."""

from __future__ import annotations

import ast
import re
import shlex
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import typer.main

from a2ibench import DatasetSpec, Degraded, SliceNetwork, Volume
from a2ibench.bench.options import RunOptions, check_option, options_of
from a2ibench.bench.plan import Plan, plan_run
from a2ibench.bench.run_file import KEYS, SETTINGS, combined_options, read_run_file
from a2ibench.bench.tuning_options import TuneOptions
from a2ibench.cli.app import app
from a2ibench.cluster.options import read_cluster_file
from a2ibench.contracts import Simulation
from a2ibench.errors import A2IBenchError
from a2ibench.protocol.profiles import PROFILES, training_settings
from a2ibench.protocol.sampling import PatchSampler, training_grid
from a2ibench.reconstruction.options import ReconstructOptions
from a2ibench.registry import host
from a2ibench.registry.schema import parse_setting, settings_of
from a2ibench.scaffold import PluginNames, kinds, render

ROOT = Path(__file__).parents[2]
PAGES = [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md", ROOT / "CHANGELOG.md"]
# Messages, meanings of settings and docstrings show settings, too; the site is made of them.
SOURCES = [path for folder in ("a2ibench", "plugins") for path in sorted((ROOT / folder).rglob("*.py"))]
GENERATED = {f"README of a new {kind}": PluginNames(kind, "an-example") for kind in kinds()}
ELSEWHERE = {"catalogue", "datasets", "out", "file", "device"}
"""Options of which only the reader's own machine can tell whether they are right."""

_FENCE = re.compile(r'^```(\w+)(?: title="([^"\n]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
_NAMED = re.compile(r"# (\S+\.(?:toml|py))\b.*\n")
_PLUGIN = re.compile(r"^a2ibench plugin new (\S+)(?: --kind (\S+))?$", re.MULTILINE)
_COMMAND = re.compile(r"a2ibench (run|reconstruct|plugin tune) ([^`\n#>]*)")
_SETS = re.compile(r"--set |--training-degradation |tune [a-z]")
_SET = re.compile(r"""--set (?:"([^"\n]+)"|([^\s`"]+))""")
_SIMULATE = re.compile(r"simulate = \{[^{}]*\}")
_UNDONE = re.compile(r"\{setting\}`([^`]+)\.(\w+)` `= ([^`]+)`")
_INLINE = re.compile(r"`([a-z_]+)=([\w.-]+)`")
_BLANK = re.compile(r"\b(METHOD|METRIC|KEY|VALUE|NAME|DATASET|FILE)\b|\.\.\.|\$")
"""What a reader has to fill in."""

Check = Callable[[], None]


def _examples(text: str, folder: Path) -> dict[str, Check]:
    """Return what a text shows and how it is checked, with a folder for the files that this takes."""
    return {**dict(_in_commands(text)), **dict(_in_words(text)), **dict(_in_code(text, folder))}


def _in_commands(text: str) -> Iterator[tuple[str, Check]]:
    joined = text.replace("\\\n", " ")
    for name, words in _COMMAND.findall(joined):
        shown = f"{name} {words}"
        if _SETS.search(shown) and not _BLANK.search(shown):
            yield shown, partial(_command, name, shlex.split(words))
    for found in _SET.finditer(_COMMAND.sub("", joined)):
        setting = found[1] or found[2]
        if "=" in setting and not _BLANK.search(setting):
            yield found[0], partial(_command, "run", ["--set", setting])


def _in_words(text: str) -> Iterator[tuple[str, Check]]:
    for shown in _SIMULATE.findall(text):
        if not _BLANK.search(shown):
            yield shown, partial(_simulation, tomllib.loads(shown)["simulate"])
    for method, key, value in _UNDONE.findall(text):
        yield f"{method}.{key} = {value}", partial(_command, "run", ["--set", f"{method}.{key}={value}"])
    for key, value in _INLINE.findall(text):
        yield f"{key}={value}", partial(_of_some_method, key, value)


def _in_code(text: str, folder: Path) -> Iterator[tuple[str, Check]]:
    for language, _, code in _FENCE.findall(text):
        if language == "toml" and "class" in tomllib.loads(code):
            yield code, partial(_cluster_file, code, folder)
        elif language == "toml" and _is_run_file(tomllib.loads(code)):
            yield code, partial(_run_file, code, folder)
        for call in ast.walk(ast.parse(code)) if language == "python" else ():
            if isinstance(call, ast.Call) and ast.unparse(call.func) == "a2ibench.run":
                yield ast.unparse(call), partial(_call, call)


def _command(name: str, words: list[str]) -> None:
    """Check the options of a command, and that methods take the settings it gives them."""
    command: Any = typer.main.get_command(app)
    for part in name.split():
        command = command.commands[part]
    given = command.make_context(name, words).params
    given = {key: value for key, value in given.items() if value and key not in ELSEWHERE}
    if name == "run":
        _plan(RunOptions(**{key: value for key, value in given.items() if key not in ("dry_run", "json")}))
    elif name == "plugin tune":
        options = TuneOptions(given.pop("name"), **given)
        for option in options_of(TuneOptions):
            check_option(option, options)
    else:
        wanted = ReconstructOptions(**{key: given[key] for key in ("method", "settings") if key in given})
        _accepts(check_option("method", wanted), check_option("settings", wanted))


def _is_run_file(content: dict[str, Any]) -> bool:
    # An entry of a catalogue has a table of that name, a run file a ratio.
    return bool({*content} & {*KEYS, SETTINGS}) and not isinstance(content.get("simulate"), dict)


def _run_file(code: str, folder: Path) -> None:
    file = folder / "bench.toml"
    file.write_text(code, encoding="utf-8")
    _plan(combined_options(read_run_file(file), {}))


def _cluster_file(code: str, folder: Path) -> None:
    file = folder / "cluster.toml"
    file.write_text(code, encoding="utf-8")
    read_cluster_file(file)


def _call(call: ast.Call) -> None:
    given = {one.arg: ast.literal_eval(one.value) for one in call.keywords if one.arg not in ELSEWHERE}
    _plan(RunOptions(**given))


def _plan(options: RunOptions) -> None:
    """Check all options of a run, and each method on what the run would train it on."""
    plan: Plan = plan_run(options)
    size = PROFILES[plan.profile].size if options.profile else "tiny"
    changed = plan.settings if plan.training_degradation == "matched" else {*plan.methods}
    for dataset in plan.datasets:
        for method in changed:
            chosen = training_settings(method, plan.training_degradation, dataset.simulate)
            _accepts(method, chosen | plan.settings.get(method, {}), size)


def _simulation(table: dict[str, Any]) -> None:
    """Check that a volume can be made like that, and that methods take it as what they train on."""
    given = dict(table)
    simulation = Simulation(given.pop("ratio"), given.pop("degradation", "slab-average"), given)
    for method in ("a2i-3dem", "srmd"):
        _accepts(method, training_settings(method, "matched", simulation))


def _of_some_method(key: str, value: str) -> None:
    """Check a setting without its method: of every bundled method that has it, or a catalogue's field."""
    having = [name for name in host().methods if key in (settings_of("method", name) or {})]
    assert having or key in {field.name for field in fields(DatasetSpec)}, f"no method has a setting {key}"
    for method in having:
        parse_setting(method, key, value)


def _accepts(method: str, settings: Mapping[str, Any], size: str = "tiny") -> None:
    """Make a method and show its network one patch that its degradation made; nothing is trained."""
    built = host().build("method", method, **settings)
    if isinstance(built, SliceNetwork):
        name, _, options = built.degradation.partition(":")
        given = dict(one.split("=") for one in options.split(",") if one)
        grey = np.random.default_rng(0).integers(0, 256, (6, 24, 24), dtype=np.uint8)
        volume = Volume(grey, (40.0, 15.0, 15.0), (0.0, 255.0))
        model, grid = host().build("degradation", name, **given), training_grid(volume, 24)
        degraded, target = PatchSampler(volume, model, grid, batch=1, device="cpu", seed=0).pairs()
        shown = Degraded(
            degraded.image.to("meta"), {key: drawn.to("meta") for key, drawn in degraded.parameters.items()}
        )
        # Without data the largest networks take no time.
        assert built.forward(built.build(size).to("meta"), shown).shape == target.shape


def _complaints(text: str, folder: Path) -> list[str]:
    complaints = []
    for shown, check in _examples(text, folder).items():
        try:
            check()
        except (A2IBenchError, AssertionError, ValueError, TypeError) as error:
            complaints.append(f"{shown}: {error}")
    return complaints


@pytest.fixture
def install(install_plugin, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Install the packages that a page writes or has generated: ``install(text, generated)``."""

    def install(text: str, generated: Sequence[PluginNames] = ()) -> None:
        for name, source, modules in _packages(text, generated):
            install_plugin(name, source, files=modules)
        # What they do when they are imported first is for other tests, and takes seconds in another process.
        monkeypatch.setattr(host(), "_apart", False)

    return install


def _packages(text: str, generated: Sequence[PluginNames] = ()) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Yield distribution, source of the package and further modules of all that a page writes."""
    files: dict[Path, str] = {}
    new = [PluginNames(kind or "method", name) for name, kind in _PLUGIN.findall(text)]
    for names in (*generated, *new):
        files |= {Path(names.distribution, path): content for path, content in render(names).items()}
    for _, title, code in _FENCE.findall(text):
        named = _NAMED.match(code)
        if title or named:
            files[Path(title or named[1])] = code
    for project in [path for path in files if path.name == "pyproject.toml"]:
        described = tomllib.loads(files[project])["project"]
        (package,) = described["entry-points"]["a2ibench"].values()
        home = project.parent / package
        modules = {p.relative_to(home).as_posix(): code for p, code in files.items() if home in p.parents}
        yield described["name"], modules.pop("__init__.py"), modules


_PROJECT = tomllib.loads((ROOT / "plugins" / "zoo" / "pyproject.toml").read_text(encoding="utf-8"))
ZOO = _PROJECT["project"]["entry-points"]["a2ibench"]
"""The packages of the zoo, by the names of their methods."""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_settings_on_a_page(page: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    text = page.read_text(encoding="utf-8")
    if page.stem in ZOO:
        package = ROOT / "plugins" / "zoo" / ZOO[page.stem]
        modules = {path.name: path.read_text("utf-8") for path in package.glob("*.py")}
        install = request.getfixturevalue("install_plugin")
        install(package.name, modules.pop("__init__.py"), files=modules)
        request.getfixturevalue("monkeypatch").setattr(host(), "_apart", False)
    # Plugins are found anew where any are installed, which takes time.
    if _examples(text, tmp_path) and [*_packages(text)]:
        request.getfixturevalue("install")(text)
    assert _complaints(text, tmp_path) == []


@pytest.mark.parametrize("names", GENERATED.values(), ids=GENERATED)
def test_settings_in_the_readme_of_a_new_plugin(
    names: PluginNames, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    (readme,) = (text for path, text in render(names).items() if path.name == "README.md")
    if _examples(readme, tmp_path):
        request.getfixturevalue("install")("", [names])
    assert _complaints(readme, tmp_path) == []


def test_settings_in_messages_and_docstrings(tmp_path: Path) -> None:
    # The examples of help, texts in a table, have a test of their own.
    sources = [path for path in SOURCES if path.name != "examples.py"]
    assert [line for path in sources for line in _complaints(path.read_text("utf-8"), tmp_path)] == []


def test_examples_are_found(tmp_path: Path) -> None:
    shown = [one for page in PAGES for one in _examples(page.read_text("utf-8"), tmp_path)]
    assert len(shown) > 30
    assert 'run --set "srmd.degradation=slab-average:gaussian=0.02,poisson=0.001"' in shown
    assert "--set swinir.planes=xz" in shown
    assert "a2i-3dem.degradation = em-distortions" in shown
    assert "fusion=mean" in shown


WRONG = {
    "a setting": ("```sh\na2ibench run --set srmd.plane=xz\n```", "did you mean 'planes'"),
    "a value": ("`--set srmd.planes=zz`", "zz"),
    "a method": ("```sh\na2ibench run --methods cubic --set srmd.planes=xz\n```", "srmd, which is not run"),
    "a degradation": ('`--set "srmd.degradation=slab-averag:gaussian=0.02"`', "did you mean 'slab-average'"),
    "its option": ('`--set "srmd.degradation=slab-average:gausian=0.02"`', "gausian"),
    "an option": ("`a2ibench run --training-degradation others`", "others"),
    "a simulate table": ("`simulate = {ratio = 3.0, gausian = 0.03}`", "gausian"),
    "a value without its method": ("`fusion=average`", "average"),
    "a setting of none": ("`fuse=mean`", "no method has a setting fuse"),
    "what undoes a default": ("{setting}`a2i-3dem.degradation` `= em-distortion`", "em-distortions"),
    "a run file": ("```toml\n[settings.srmd]\nresidul = true\n```", "did you mean 'residual'"),
    "a call": ('```python\na2ibench.run(settings={"srmd": {"planes": "zz"}})\n```', "zz"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_example_is_reported(what: str, tmp_path: Path) -> None:
    text, expected = WRONG[what]
    complaints = _complaints(text, tmp_path)
    assert complaints
    assert all(expected in complaint for complaint in complaints)


def test_a_degradation_that_a_method_refuses_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    srmd = host().load("method", "srmd")

    def conditioned(self: Any, network: Any, degraded: Any) -> torch.Tensor:
        restored: torch.Tensor = network(degraded.image, degraded.maps())
        return restored

    text = (ROOT / "docs" / "reference" / "settings.md").read_text("utf-8")
    assert _complaints(text, tmp_path) == []
    monkeypatch.setattr(srmd, "forward", conditioned)
    assert any("slab-average" in complaint for complaint in _complaints(text, tmp_path))
