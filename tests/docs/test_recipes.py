"""Every recipe is written out as it stands on the page, installed, and checked as `plugin check` does."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import Distribution
from pathlib import Path

import numpy as np
import pytest

from a2ibench import AxialGrid, Budget, Context, ScoreContext, Volume, build_degradation
from a2ibench.registry import host
from a2ibench.testing import checks, judge
from a2ibench.testing.volumes import scene

PAGE = Path(__file__).parents[2] / "docs" / "recipes.md"
FENCE = re.compile(r'^```(\w+) title="([^"]+)"\n(.*?)^```$', re.MULTILINE | re.DOTALL)
FILES = {title: text for _, title, text in FENCE.findall(PAGE.read_text(encoding="utf-8"))}
METHODS = ("mirrored", "two-stages", "adversarial", "shipped", "deep", "coarse")
METRICS = ("fsc-60nm", "refit")
LONGEST = 62
# Other tests ask it of one plugin of each kind; here it would take half of the time.
LEFT_OUT = "listed-lightly"


@pytest.fixture(scope="module", autouse=True)
def _recipes(
    tmp_path_factory: pytest.TempPathFactory, write_distribution: Callable[..., Distribution]
) -> Iterator[None]:
    """Install the package of the page once, with a checkpoint for the recipe that needs one."""
    package, site = "a2ibench_recipes/", tmp_path_factory.mktemp("site")
    files = {title.removeprefix(package): text for title, text in FILES.items() if title.startswith(package)}
    entry_points = "[a2ibench]\nrecipes = a2ibench_recipes\n"
    source = files.pop("__init__.py")
    write_distribution(site, "a2ibench-recipes", source, files=files, entry_points=entry_points)
    metadata = site / "a2ibench_recipes-1.0.dist-info" / "METADATA"
    metadata.write_text(f"{metadata.read_text()}License-Expression: MIT\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(site))
        patch.setenv("PYTHONPATH", str(site), prepend=os.pathsep)
        host.cache_clear()
        # Importing each recipe in a process of its own first would take most of the time.
        patch.setattr(host(), "_apart", False)
        method, ctx = host().build("method", "mirrored"), Context(size="tiny", budget=Budget(30), batch=4)
        method.fit(scene(3.0, (8, 40, 40))[0], ctx)
        method.save(site / package / "weights")
        yield
    host.cache_clear()
    for name in [name for name in sys.modules if name.startswith("a2ibench_recipes")]:
        del sys.modules[name]


def _judged(kind: str, name: str) -> dict[str, tuple[str, str]]:
    found = map(judge, (check for check in checks(kind, name) if check.name != LEFT_OUT))
    return {result.check.name: (result.status, result.message) for result in found}


@pytest.mark.parametrize("name", METHODS)
def test_a_method_conforms(name: str) -> None:
    outcomes = _judged("method", name)
    assert {check: said for check, (status, said) in outcomes.items() if status == "failed"} == {}
    skipped = {check for check, (status, _) in outcomes.items() if status == "skipped"} - {"cpu-and-gpu"}
    untrained = {"progress", "resumed-training", "training-beats-its-start"}
    # These restore no planes by themselves, or have no two families of them.
    alone = {"planes-by-themselves", "disagreement"}
    assert skipped == {"shipped": untrained, "deep": alone, "coarse": alone}.get(name, set())


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_conforms(name: str) -> None:
    outcomes = _judged("metric", name)
    assert {check: said for check, (status, said) in outcomes.items() if status == "failed"} == {}


def test_the_metrics_measure_what_they_say() -> None:
    volume, truth = scene(3.0, (8, 40, 40))
    reference = np.rint(255 * truth).astype(np.uint8)
    context = ScoreContext(reference, reference, 255.0, (10.0,) * 3, volume, 3.0, "slab-average")
    shells, consistency = (host().build("metric", name) for name in METRICS)
    assert shells.score(context) == pytest.approx(1)
    # Rounding of both to grey levels is all that is left.
    assert 20 * np.log10(255 / 0.5) < consistency.score(context) <= 100
    # A wave of 60 nm turned by half a period is correlated the other way round; one of 30 nm does not count.
    wave = np.sin(2 * np.pi * np.arange(36) * 10.0 / 60.0) * np.ones((36, 36, 1))
    finer = np.sin(2 * np.pi * np.arange(36) * 10.0 / 30.0) * np.ones((36, 36, 1))
    turned = ScoreContext(-wave + finer, wave, 2.0, (10.0,) * 3, volume, 3.0)
    assert shells.score(turned) == pytest.approx(-1)
    # The input of another model is not what the slab average gives.
    other = build_degradation("subsample").operator(AxialGrid(8, 3.0)) @ truth.reshape(24, -1)
    acquired = Volume(255 * other.reshape(8, 40, 40), (30.0, 10.0, 10.0), (0.0, 255.0))
    scores = [
        consistency.score(ScoreContext(255 * truth, None, 255.0, (10.0,) * 3, acquired, 3.0, model))
        for model in ("subsample", "slab-average")
    ]
    assert scores[0] > 90
    assert scores[1] < 50


def test_recipes_are_short() -> None:
    modules = {title: len(text.splitlines()) for title, text in FILES.items() if title.endswith(".py")}
    assert len(modules) == 1 + len(METHODS) + len(METRICS)
    assert {title: lines for title, lines in modules.items() if lines > LONGEST} == {}


def test_each_file_is_named_in_the_text() -> None:
    prose = FENCE.sub("", PAGE.read_text(encoding="utf-8"))
    assert [title for title in FILES if f"`{title}`" not in prose] == []
