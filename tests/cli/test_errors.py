"""Whatever is wrong with the input is one line, and exit code 2."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from a2ibench.cli import main
from a2ibench.cli.errors import in_one_line

Cli = Callable[..., subprocess.CompletedProcess[str]]

WRONG = {
    "unknown method": ("run --methods cubik", "unknown method 'cubik'; did you mean 'cubic'"),
    "no method": ("run --methods ,", "methods"),
    "unknown dataset": ("run --datasets fulll", "unknown dataset 'fulll'; did you mean 'full'"),
    "unknown profile": ("run --profile fast", "unknown profile 'fast'"),
    "unknown device": ("run --device tpu", "unknown device 'tpu'"),
    "unknown precision": ("run --precision fp8", "unknown precision 'fp8'"),
    "unknown executor": ("run --executor cloud", "unknown executor 'cloud'"),
    "budget without unit": ("run --budget 2000", "budget: got '2000'"),
    "no budget": ("run --budget 0steps", "budget: got"),
    "endless budget": ("run --budget infs", "budget: got"),
    "no seeds": ("run --seeds 0", "seeds: got 0"),
    "negative seeds": ("run --seeds=-1", "seeds: got -1"),
    "seeds in words": ("run --seeds two", "--seeds"),
    "no time": ("run --timeout 0", "timeout: got 0"),
    "setting without value": ("run --methods cubic --set cubic.a", "--set: got 'cubic.a'"),
    "setting of unknown method": ("run --methods cubic --set cubik.a=1", "unknown method or metric 'cubik'"),
    "unknown setting": ("run --methods cubic --set cubic.slope=1", "unknown setting of cubic 'slope'"),
    "setting out of range": ("run --methods cubic --set cubic.a=7", "cubic.a: got 7"),
    "setting of another method": ("run --methods cubic --set srmd.seed=1", "srmd, which is not run"),
    "no catalogue": ("run --catalogue nowhere.toml", "nowhere.toml: no such file"),
    "malformed catalogue": ("run --catalogue broken.toml", "broken.toml: not valid TOML"),
    "catalogue with a wrong field": ("list datasets --catalogue short.toml", "short.toml: [d]: voxel_size"),
    "out below a file": ("run --methods cubic --out broken.toml/run", "--out: broken.toml/run"),
    "out is a file": ("run --methods cubic --out broken.toml", "--out: broken.toml is not a folder"),
    "unknown option": ("run --method cubic", "No such option: --method"),
    "unknown command": ("benchmark", "No such command 'benchmark'"),
    "missing argument": ("fetch", "Missing argument 'DATASET...'"),
    "unknown list": ("list method", "did you mean 'methods'"),
    "unknown dataset to fetch": ("fetch thin fulll", "unknown dataset 'fulll'"),
    "2D image": ("reconstruct flat.tif out.tif --method cubic --voxel-size 40,10,10", "flat.tif: holds 2D"),
    "no input": ("reconstruct gone.tif out.tif --voxel-size 40,10,10", "gone.tif: no such file"),
    "no voxel size": ("reconstruct thin.tif out.tif", "give --voxel-size Z,Y,X"),
    "malformed voxel size": ("reconstruct thin.tif out.tif --voxel-size 40,10", "--voxel-size: got '40,10'"),
    "negative voxel size": ("reconstruct thin.tif out.tif --voxel-size=-4,1,1", "3 positive numbers"),
    "isotropic": ("reconstruct thin.tif out.tif --voxel-size 10,10,10", "isotropic; nothing to"),
    "other output format": ("reconstruct thin.tif out.png --voxel-size 40,10,10", "out.png: unknown format"),
    "output exists": ("reconstruct thin.tif full.tif --voxel-size 40,10,10", "add --overwrite"),
    "lateral finer than axial": ("reconstruct thin.tif o.tif --voxel-size 5,10,10", "coarser laterally"),
    "lateral spacings": ("reconstruct thin.tif out.tif --voxel-size 40,10,12", "lateral spacings differ"),
    "both spacings": (
        "reconstruct thin.tif out.tif --voxel-size 40,10,10 --ratio 4 --target-spacing 10",
        "--ratio and --target-spacing both tell",
    ),
    "ratio of one": ("reconstruct thin.tif out.tif --voxel-size 40,10,10 --ratio 1", "--ratio: got 1; give"),
    "target above": (
        "reconstruct thin.tif out.tif --voxel-size 40,10,10 --target-spacing 50",
        "--target-spacing: got 50; give nm above 0 and below the axial spacing of 40",
    ),
    "malformed crop": ("reconstruct thin.tif out.tif --voxel-size 40,10,10 --crop 0:5", "--crop: got '0:5'"),
    "crop beyond": (
        "reconstruct thin.tif out.tif --voxel-size 40,10,10 --crop :,:,0:999",
        "crop is 0:999 along x, but the volume has 48 voxels there",
    ),
    "crop of one slice": (
        "reconstruct thin.tif out.tif --voxel-size 40,10,10 --crop 3:4,:,:",
        "has one slice (z) only",
    ),
    "malformed intensity": (
        "reconstruct thin.tif out.tif --voxel-size 40,10,10 --intensity 7",
        "--intensity: got '7'; give LO,HI",
    ),
    "reversed intensity": (
        "reconstruct thin.tif out.tif --voxel-size 40,10,10 --intensity 9,7",
        "intensity range is (9.0, 7.0)",
    ),
    "unknown planes": (
        "reconstruct thin.tif out.tif --voxel-size 40,10,10 --planes xy",
        "plain.planes: got 'xy'",
    ),
    "planes of cubic": (
        "reconstruct thin.tif out.tif --method cubic --voxel-size 40,10,10 --planes xz",
        "unknown setting of cubic 'planes'",
    ),
    "key of a TIFF file": ("reconstruct thin.tif out.tif --voxel-size 40,10,10 --key raw", "key is 'raw'"),
    "level of a TIFF file": ("reconstruct thin.tif out.tif --voxel-size 40,10,10 --level 1", "level is 1"),
    "no checkpoint": (
        "reconstruct thin.tif out.tif --voxel-size 40,10,10 --checkpoint no",
        "no: no such folder",
    ),
    "checkpoint both ways": (
        "reconstruct thin.tif out.tif --voxel-size 40,10,10 --checkpoint . --save-checkpoint c",
        "nothing is trained",
    ),
    "checkpoint exists": (
        "reconstruct thin.tif out.tif --voxel-size 40,10,10 --save-checkpoint thin.tif",
        "thin.tif: as checkpoint it is",
    ),
    "foreign checkpoint": (
        "reconstruct thin.tif out.tif --voxel-size 40,10,10 --method srmd --checkpoint empty",
        "no readable checkpoint",
    ),
    "address of nothing": ("reconstruct ftp://host/a.tif out.tif --voxel-size 40,10,10", "scheme 'ftp'"),
    "output in no folder": ("reconstruct thin.tif no/out.tif --voxel-size 40,10,10", "no/out.tif"),
}


@pytest.mark.parametrize(("line", "message"), WRONG.values(), ids=WRONG.keys())
def test_bad_input_is_one_line(
    line: str,
    message: str,
    catalogue: Path,
    environment: None,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(catalogue.parent)
    Path("broken.toml").write_text("[d\n")
    Path("short.toml").write_text('[d]\npath = "thin.tif"\nvoxel_size = [40, 10]\n')
    Path("empty").mkdir()
    before = sorted(Path().rglob("*"))
    words = line.split()
    if words[0] in ("run", "fetch") and "--catalogue" not in words and line != "fetch":
        words += ["--catalogue", catalogue.name]
    assert main(words) == 2
    out, err = capfd.readouterr()
    assert out == ""
    errors = [text for text in err.splitlines() if not text.startswith("a2ibench: plugin")]
    assert len(errors) == 1, err
    assert errors[0].startswith("a2ibench: error: ")
    assert message in errors[0]
    assert sorted(Path().rglob("*")) == before


def test_the_same_in_a_process(cli: Cli) -> None:
    done = cli("run", "--methods", "cubik")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == "a2ibench: error: unknown method 'cubik'; did you mean 'cubic'?\n"


def test_debug_shows_where_an_error_comes_from(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ("list", "datasets", "--catalogue", "nowhere.toml")
    hidden, first, last = cli(*arguments), cli("--debug", *arguments), cli(*arguments, "--debug")
    monkeypatch.setenv("A2IBENCH_DEBUG", "1")
    always = cli(*arguments)
    assert hidden.returncode == first.returncode == last.returncode == always.returncode == 2
    assert "Traceback" not in hidden.stderr
    for shown in (first, last, always):
        assert "Traceback" in shown.stderr
        assert shown.stderr.splitlines()[-1] == hidden.stderr.strip()


def test_what_nobody_foresaw_is_one_line_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], environment: None
) -> None:
    def fail(*_: object) -> None:
        raise KeyError("x")

    monkeypatch.setattr("a2ibench.registry.host", fail)
    assert main(["list", "methods"]) == 3
    assert re.fullmatch(r"a2ibench: error: KeyError: 'x'; --debug shows .*\n", capsys.readouterr().err)


def test_an_error_of_the_system_names_the_file() -> None:
    with pytest.raises(FileNotFoundError) as caught:
        Path("nowhere/file").read_text()
    assert in_one_line(caught.value) == "nowhere/file: No such file or directory"
    assert in_one_line(OSError("no\nluck")) == "no luck"
    assert in_one_line(typer.BadParameter("not\n\tthis.")) == "Invalid value: not this"
