"""Limits: which one counts, and every mistake in a file of them."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from a2ibench.bench.gate.limits import (
    Names,
    Thresholds,
    check_limit,
    default_limit,
    parse_drops,
    read_thresholds,
)
from a2ibench.errors import InputError

NAMES = Names({"phantom", "epfl.v2"}, {"cubic", "a2i-3dem"}, {"psnr", "ssim", "error"})
FILE = """
[default]
psnr = 0.2
error = 1
[dataset.phantom]
psnr = 0.3
slowdown = 2.0
[method.a2i-3dem]
psnr = 0.4
[dataset.phantom.method.a2i-3dem]
psnr = 0.5
ssim = inf
[dataset."epfl.v2"]
ssim = 0.02
"""


def read(tmp_path: Path, text: str, forced: dict[str, float] | None = None) -> Thresholds:
    file = tmp_path / "limits.toml"
    file.write_text(text)
    return Thresholds(forced or {}, read_thresholds(file, NAMES))


def test_the_most_specific_table_counts(tmp_path: Path) -> None:
    limits = read(tmp_path, FILE)
    found = {
        (dataset, method): limits.limit(dataset, method, "psnr")
        for dataset in ("phantom", "epfl.v2")
        for method in ("cubic", "a2i-3dem")
    }
    assert found == {
        ("phantom", "cubic"): 0.3,
        ("phantom", "a2i-3dem"): 0.5,
        ("epfl.v2", "cubic"): 0.2,
        ("epfl.v2", "a2i-3dem"): 0.4,
    }
    assert limits.limit("phantom", "a2i-3dem", "ssim") == math.inf
    assert limits.limit("epfl.v2", "a2i-3dem", "ssim") == 0.02
    assert limits.limit("phantom", "cubic", "ssim") == default_limit("ssim") == 0.005
    assert limits.limit("phantom", "a2i-3dem", "slowdown") == 2.0
    assert limits.limit("epfl.v2", "cubic", "slowdown") == 1.5
    assert limits.limit("epfl.v2", "cubic", "error") == 1


def test_the_command_line_counts_everywhere(tmp_path: Path) -> None:
    limits = read(tmp_path, FILE, parse_drops(["psnr=0.05", "error = 2"], NAMES))
    assert limits.limit("phantom", "a2i-3dem", "psnr") == 0.05
    assert limits.limit("phantom", "cubic", "error") == 2


def test_every_built_in_metric_has_a_default_and_others_have_none() -> None:
    drops = {"psnr": 0.1, "ssim": 0.005, "haarpsi": 0.005, "gmsd": 0.002, "nrmse": 0.01, "in_plane_psnr": 0.1}
    assert {name: default_limit(name) for name in drops} == drops
    # Of these nobody can say which loss matters on every volume.
    free = {"fsc_axial", "bias", "voi", "arand", "fsim", "mdsi", "consistency", "disagreement"}
    assert {default_limit(name) for name in free} == {None}
    assert Thresholds().limit("phantom", "cubic", "error") is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[defaults]", "unknown table 'defaults'; did you mean 'default'?"),
        ("psnr = 0.1", "unknown table 'psnr'"),
        ("[default]\npsrn = 0.1", "[default]: unknown key 'psrn'; did you mean 'psnr'?"),
        ("[default]\nmax_slowdown = 2", "[default]: unknown key 'max_slowdown'; did you mean 'slowdown'?"),
        ("[dataset.phantm]\npsnr = 1", "unknown dataset 'phantm'; did you mean 'phantom'?"),
        ("[method.cubik]", "unknown method 'cubik'; did you mean 'cubic'?"),
        ("[dataset.phantom.method.cubik]", "unknown method 'cubik'; did you mean 'cubic'?"),
        ("[dataset.phantom.methods.cubic]", "[dataset.phantom]: unknown key 'methods'"),
        ("[dataset]\nphantom = 3", "dataset.phantom is 3; give a table, such as [dataset.phantom]"),
        ("dataset = 1", "dataset is 1; give a table"),
        ("[dataset.phantom]\nmethod = 2", "dataset.phantom.method is 2; give a table"),
        ("[default]\npsnr = -0.1", "[default]: psnr is -0.1; give a number of at least 0"),
        ("[default]\npsnr = nan", "[default]: psnr is nan; give a number of at least 0"),
        ("[default]\npsnr = true", "[default]: psnr is true; give a number of at least 0"),
        ("[default]\npsnr = '1'", "[default]: psnr is '1'; give a number of at least 0"),
        ("[method.cubic]\nslowdown = 0.5", "[method.cubic]: slowdown is 0.5; give a number of at least 1"),
        ("[default", "not valid TOML"),
    ],
)
def test_a_mistake_in_the_file_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, text)
    assert message in str(caught.value)
    assert "limits.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.toml: no such file"):
        read_thresholds(tmp_path / "none.toml", NAMES)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("psnr", "max_drop: got 'psnr'; give METRIC=VALUE"),
        ("=1", "max_drop: got '=1'; give METRIC=VALUE"),
        ("psnr=low", "max_drop: psnr is 'low'; give a number of at least 0"),
        ("psnr=-1", "max_drop: psnr is -1.0; give a number of at least 0"),
        ("psnr=nan", "max_drop: psnr is nan; give a number of at least 0"),
        ("pnsr=1", "max_drop: unknown metric 'pnsr'; did you mean 'psnr'?"),
        ("slowdown=2", "max_drop: got 'slowdown=2'; use max_slowdown 2"),
    ],
)
def test_a_mistake_on_the_command_line_is_named(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_drops([text], NAMES)
    assert message in str(caught.value)


def test_a_slowdown_is_at_least_one() -> None:
    assert check_limit("--max-slowdown", "slowdown", math.inf) == math.inf
    with pytest.raises(InputError, match=r"--max-slowdown: slowdown is 0\.9; give a number of at least 1"):
        check_limit("--max-slowdown", "slowdown", 0.9)
