"""The command ``a2ibench fetch``."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

Cli = Callable[..., subprocess.CompletedProcess[str]]


def test_prints_where_each_dataset_lies(cli: Cli, catalogue: Path) -> None:
    done = cli("fetch", "full", "thin", "--catalogue", catalogue)
    assert done.returncode == 0
    folder = catalogue.parent
    assert done.stdout.splitlines() == [f"full  {folder / 'full.tif'}", f"thin  {folder / 'thin.tif'}"]
    assert done.stderr == ""


def test_goes_on_after_one_that_fails(cli: Cli, catalogue: Path) -> None:
    with catalogue.open("a") as file:
        file.write('[remote]\nurl = "http://127.0.0.1:9/x.tif"\nvoxel_size = [40, 10, 10]\n')
    done = cli("fetch", "gone", "asked", "remote", "thin", "--catalogue", catalogue)
    assert done.returncode == 3
    assert done.stdout == f"thin  {catalogue.parent / 'thin.tif'}\n"
    missing, by_hand, refused = done.stderr.splitlines()
    assert missing.startswith("a2ibench: error: [gone]: ")
    assert by_hand.startswith("a2ibench: error: [asked]: ")
    assert "ask the authors" in by_hand
    assert refused.startswith("a2ibench: error: remote: http://127.0.0.1:9/x.tif: ")


def test_an_unknown_name_is_found_before_anything_is_fetched(cli: Cli, catalogue: Path) -> None:
    done = cli("fetch", "full", "ful", "--catalogue", catalogue)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "unknown dataset 'ful'; did you mean 'full'" in done.stderr
