"""What may be registered."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a2ibench.contracts import DatasetSpec, MethodSpec, MetricSpec
from a2ibench.errors import PluginError
from a2ibench.registry.validation import check_spec

METHOD = MethodSpec("mine", "package.module:Class", "summary")
DATASET = DatasetSpec("mine", "Mine", (50.0, 15.0, 15.0), phantom={})


@pytest.mark.parametrize("name", ["a", "0", "a2i-3dem", "ssim_3d", "fib25.val", "x-y_z.0", "a" * 100])
def test_good_names_pass(name: str) -> None:
    check_spec("method", replace(METHOD, name=name))


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "A",
        "a b",
        "a--b",
        "-a",
        "_a",
        ".a",
        "a-",
        "a.",
        "a/b",
        "..",
        "é",
        "a\n",
        "²",
        "a" * 101,
        None,
        5,
        b"a",
    ],
)
def test_bad_names_are_refused(name: object) -> None:
    with pytest.raises(PluginError, match="bad name; give at most 100 lowercase"):
        check_spec("method", replace(METHOD, name=name))  # type: ignore[arg-type]


NAMES = st.text("abz019._-", min_size=1, max_size=8)


@given(NAMES, NAMES)
def test_the_folder_of_a_job_tells_dataset_and_method_apart(dataset: str, method: str) -> None:
    try:
        check_spec("method", replace(METHOD, name=method))
        check_spec("dataset", replace(DATASET, name=dataset))
    except PluginError:
        return
    assert f"{dataset}--{method}--s0".split("--") == [dataset, method, "s0"]


@pytest.mark.parametrize("target", ["a:b", "a.b.c:D", "_a._b:_C"])
def test_good_targets_pass(target: str) -> None:
    check_spec("method", replace(METHOD, target=target))


@pytest.mark.parametrize(
    "target", ["", ":", "a", "a:", ":b", "a.b", "a:b:c", "a:b.c", ".a:b", "a b:c", "a-b:C", None]
)
def test_bad_targets_are_refused(target: object) -> None:
    with pytest.raises(PluginError, match=r"target is .*; give 'package\.module:Class'"):
        check_spec("method", replace(METHOD, target=target))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"phantom": None}, "gives no source; give exactly one of path, url, phantom, instructions"),
        ({"url": "https://example.org/a.tif"}, "gives url and phantom; give exactly one of"),
        ({"phantom": None, "path": "a.tif"}, "path is 'a.tif'; give a pathlib.Path"),
        ({"voxel_size": (50.0, 15.0)}, "give 3 positive numbers (z, y, x) in nm"),
        ({"voxel_size": (50.0, 15.0, 0.0)}, "give 3 positive numbers (z, y, x) in nm"),
        ({"voxel_size": (50.0, 15.0, float("nan"))}, "give 3 positive numbers (z, y, x) in nm"),
        ({"voxel_size": 15.0}, "voxel_size is 15.0; give 3 positive numbers (z, y, x) in nm"),
    ],
)
def test_a_dataset_that_cannot_be_opened_is_refused(changes: dict[str, object], line: str) -> None:
    check_spec("dataset", DATASET)
    with pytest.raises(PluginError, match=re.escape(line)):
        check_spec("dataset", replace(DATASET, **changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "fields",
    [
        {"heading": "PSNR"}, {"unit": "µm"}, {"decimals": 0}, {"decimals": 12}, {"allowed_drop": 1},
        {"allowed_drop": 1e-9}, {"decimals": None, "allowed_drop": None}, {"on_request": True},
        {"in_tables": False},
    ],
)  # fmt: skip
def test_what_tables_and_gate_show_of_a_metric(fields: dict[str, Any]) -> None:
    check_spec("metric", MetricSpec("mine", "m:C", "summary", **fields))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("heading", None), ("heading", "a\nb"), ("unit", 3), ("unit", "\x1b[2J"), ("decimals", 2.0),
        ("decimals", True), ("decimals", -1), ("decimals", 13), ("allowed_drop", 0), ("allowed_drop", -0.1),
        ("allowed_drop", math.inf), ("allowed_drop", math.nan), ("allowed_drop", True), ("on_request", 1),
        ("in_tables", None),
    ],
)  # fmt: skip
def test_wrong_ones_are_refused(field: str, value: Any) -> None:
    with pytest.raises(PluginError, match=rf"metric 'mine': {field} is .*; give "):
        check_spec("metric", MetricSpec("mine", "m:C", "summary", **{field: value}))
