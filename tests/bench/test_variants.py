"""Several rows of one method: named, expanded from lists, chosen, and refused where two are alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import a2ibench
from a2ibench.bench.options import RunOptions
from a2ibench.bench.plan import plan_run
from a2ibench.bench.run_file import combined_options, read_run_file
from a2ibench.errors import InputError, UnknownNameError

FILE = """
methods = ["cubic", "sharp"]
[variants.sharp]
method = "cubic"
a = [-0.5, -1.0]
[variants.soft]
method = "cubic"
a = -0.25
[settings."sharp-minus-1"]
a = -1.5
"""
SMALL = """
[small]
phantom = {size = 48, seed = 1}
voxel_size = [15.0, 15.0, 15.0]
simulate = {ratio = 3.0}
"""


def rows(methods: Any = "cubic", **variants: Any) -> dict[str, Any]:
    plan = plan_run(RunOptions(methods=methods, datasets="phantom", profile="smoke", variants=variants))
    return {job.method: (job.registered, dict(job.settings)) for job in plan.jobs()}


def test_a_list_of_values_gives_a_row_for_each() -> None:
    grid = {"method": "srmd", "flips": [True, False], "planes": ["xz", "both"], "noise": "none"}
    assert rows(grid=grid) == {
        "cubic": ("cubic", {}),
        "grid-true-xz": ("srmd", {"flips": True, "planes": "xz", "noise": "none"}),
        "grid-true-both": ("srmd", {"flips": True, "planes": "both", "noise": "none"}),
        "grid-false-xz": ("srmd", {"flips": False, "planes": "xz", "noise": "none"}),
        "grid-false-both": ("srmd", {"flips": False, "planes": "both", "noise": "none"}),
    }


def test_names_of_methods_variants_and_families_choose_the_order() -> None:
    sharp = {"method": "cubic", "a": [-0.5, -1.0]}
    assert list(rows(["sharp", "cubic"], sharp=sharp)) == ["sharp-minus-0.5", "sharp-minus-1", "cubic"]
    assert list(rows("sharp-minus-1,cubic", sharp=sharp)) == ["sharp-minus-1", "cubic", "sharp-minus-0.5"]
    assert list(rows("all", sharp=sharp))[-2:] == ["sharp-minus-0.5", "sharp-minus-1"]


def test_what_the_command_line_names_is_all_that_is_run(tmp_path: Path) -> None:
    file = tmp_path / "bench.toml"
    file.write_text(FILE)

    def settings(**given: Any) -> dict[str, Any]:
        options = combined_options(read_run_file(file), {"profile": "smoke", "datasets": "phantom", **given})
        return {job.method: dict(job.settings) for job in plan_run(options).jobs()}

    sharp = {"sharp-minus-0.5": {"a": -0.5}, "sharp-minus-1": {"a": -1.5}}
    assert settings() == {"cubic": {}, **sharp, "soft": {"a": -0.25}}
    assert settings(methods="sharp") == sharp
    assert settings(methods="sharp-minus-0.5,cubic") == {"sharp-minus-0.5": {"a": -0.5}, "cubic": {}}
    assert settings(methods="cubic") == {"cubic": {}}
    changed = settings(methods="soft", settings=["soft.a=-0.3"])
    assert changed == {"soft": {"a": -0.3}}


@pytest.mark.parametrize(
    ("variants", "problem"),
    [
        ({"a": {"flips": True}}, "variants.a names no method"),
        ({"a": 3}, "variants.a is 3"),
        ({"a": {"method": "cubik"}}, r"variants: \[a\]: unknown method 'cubik'; did you mean 'cubic'"),
        ({"a": {"method": "cubic", "b": 1}}, r"variants: \[a\]: unknown setting of cubic 'b'"),
        ({"a": {"method": "cubic", "a": "much"}}, r"variants: \[a\]: a: got 'much'"),
        ({"a": {"method": "cubic", "a": []}}, r"variants: \[a\]: a is an empty list"),
        ({"a": {"method": "cubic", "a": [[1]]}}, r"variants: \[a\]: a is a list of 1; give a number"),
        ({"srmd": {"method": "cubic"}}, r"variants: \[srmd\]: srmd is a registered method"),
        ({"A b": {"method": "cubic"}}, r"variants: \[A b\]: 'A b': bad name"),
        ({"a": {"method": "cubic", "a": [-1, -1.0]}}, "a-minus-1 names two rows"),
        (
            {"a": {"method": "cubic", "a": [-1.0]}, "a-minus-1": {"method": "cubic"}},
            "a-minus-1 names two rows",
        ),
    ],
)
def test_bad_variants_are_refused_by_name(variants: Any, problem: str) -> None:
    with pytest.raises((InputError, UnknownNameError), match=problem):
        rows(**variants)


@pytest.mark.parametrize("option", ["methods", "datasets", "metrics", "reporters"])
def test_duplicates_are_refused_and_not_dropped(option: str) -> None:
    names = {"methods": "srmd", "datasets": "phantom", "metrics": "psnr", "reporters": "tables"}
    twice = {"methods": "cubic", "datasets": "phantom", option: [names[option]] * 2}
    with pytest.raises(InputError, match=f"{option}: {names[option]} is given 2 times; give it once"):
        plan_run(RunOptions(profile="smoke", **twice))


def test_rows_of_one_method_stand_in_tables_and_equal_the_method_with_those_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A2IBENCH_CACHE", str(tmp_path / "cache"))
    (tmp_path / "small.toml").write_text(SMALL)
    common: dict[str, Any] = {
        "catalogue": tmp_path / "small.toml", "profile": "smoke", "executor": "inline", "reporters": "tables",
    }  # fmt: skip
    table = a2ibench.run(
        methods=["cubic"],
        variants={"sharp": {"method": "cubic", "a": -1.0}},
        out=tmp_path / "rows",
        **common,
    ).set_index("method")
    alone = a2ibench.run(
        methods=["cubic"], settings={"cubic": {"a": -1.0}}, out=tmp_path / "alone", **common
    ).set_index("method")
    assert list(table.index) == ["cubic", "sharp"]
    assert table.psnr["sharp"] == alone.psnr["cubic"] != table.psnr["cubic"]
    record = a2ibench.read_run(tmp_path / "rows").records[1]
    assert (record.method, record.provenance["variant_of"]) == ("sharp", "cubic")
    assert "sharp" in (tmp_path / "rows" / "table.md").read_text()
