"""docs/studies/learning_rates.py: which methods and volumes it takes, and its table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from a2ibench.bench.tuning import Outcome, Trial, Tuning, plan_tuning
from a2ibench.bench.tuning_options import TuneOptions


@pytest.fixture
def study(script: Callable[[str], ModuleType]) -> ModuleType:
    return script("studies/learning_rates")


def test_it_takes_the_methods_that_learn(study: ModuleType) -> None:
    found = study.learned()
    assert {"a2i-3dem", "srmd", "pssr", "swinir"} <= {*found}
    assert "cubic" not in found


def test_it_adds_the_part_of_the_real_volume_that_is_not_reported(study: ModuleType, tmp_path: Path) -> None:
    assert study.development(None, tmp_path) == {}
    options = study.development(Path("it's a volume.tif"), tmp_path / "out")
    first, second, real = plan_tuning(TuneOptions("srmd", device="cpu", **options)).run.datasets
    assert [first.name, second.name] == ["phantom-101", "phantom-102"]
    assert real.path == Path("it's a volume.tif").absolute()
    assert real.crop == ((0, 160),) * 3
    assert real.simulate is not None
    assert real.simulate.ratio == 4


def test_the_table_has_a_row_for_each_method_and_value_with_the_best_in_bold(study: ModuleType) -> None:
    trials = (Trial(0.001, {"one": Outcome("ok", 1.25, 3.0)}), Trial(0.002, {"one": Outcome("diverged")}))
    lines = [*study.markdown([Tuning("mine", "learning_rate", trials, Path("out"))])]
    assert lines == [
        "| method | learning_rate | one (dB) | mean (dB) | behind (dB) | fit (s) |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
        "| mine | **0.001** | +1.25 | +1.25 | 0.00 | 3.00 |",
        "| mine | 0.002 | diverged |  |  |  |",
    ]
