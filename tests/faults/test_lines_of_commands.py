"""Commands of which plugins, catalogues and paths hold hostile texts, and streams that take little."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from importlib.metadata import Distribution
from pathlib import Path

import numpy as np
import pytest
import tifffile

from a2ibench.cli import main

Completed = subprocess.CompletedProcess[str]

RUN = "run --datasets d --catalogue c.toml --profile smoke --executor inline --out o"
EVIL = "\x1b[31mred\n::error::planted\r##[error]x \u202e [bold]b[/c] $\\frac{"
PLUGIN = f"""
    import os
    from a2ibench import MethodSpec, ReporterSpec, hookimpl

    EVIL = {EVIL!r}

    @hookimpl
    def a2ibench_register_methods(register):
        register(MethodSpec("skips", "evil:Skips", EVIL, EVIL))
        register(MethodSpec("fails", "evil:Fails", EVIL * 200, EVIL))

    @hookimpl
    def a2ibench_register_reporters(register):
        register(ReporterSpec("paths", "evil:write", EVIL))

    def write(run):
        return [run.folder / EVIL.replace("/", "")]

    class Fails:
        halo = (0, 0)

        def fit(self, volume, ctx):
            ctx.progress(EVIL, 1, 2, **{{EVIL: 1.0}})
            raise RuntimeError(EVIL * 500)

        def reconstruct(self, volume, grid, ctx): ...
        def save(self, path): ...
        def load(self, path): ...

    class Skips(Fails):
        def skip(self, volume):
            return EVIL
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with a small dataset whose texts are hostile, and set the environment of commands."""
    here = tmp_path / "here"
    here.mkdir()
    tifffile.imwrite(here / "d.tif", np.arange(16**3, dtype=np.uint8).reshape(16, 16, 16))
    text = json.dumps(EVIL + "µ皮" + "t" * 5000)
    (here / "c.toml").write_text(
        f'[d]\ntitle = {text}\nlicence = {text}\ncitation = {text}\npath = "d.tif"\n'
        "voxel_size = [10, 10, 10]\nsimulate = {ratio = 2.0}\n",
        encoding="utf-8",
    )
    for name in ("A2IBENCH_DEBUG", "A2IBENCH_DISABLE_PLUGINS", "GITHUB_ACTIONS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("A2IBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return here


@pytest.fixture
def cli(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., Completed]:
    """Return a function that runs the command line with words, in this process."""
    monkeypatch.chdir(folder)

    def run(*words: str) -> Completed:
        capfd.readouterr()
        return Completed(words, main(words), *capfd.readouterr())

    return run


def command(folder: Path, *words: str, script: str = "", **variables: str) -> Completed:
    """Run a2ibench in a process of its own, with words, or with what a shell makes of ``$@``."""
    arguments = [sys.executable, "-m", "a2ibench", *words]
    if script:
        arguments = ["bash", "-c", script, "bash", *arguments]
    return subprocess.run(
        arguments,
        cwd=folder,
        env=os.environ | variables,
        capture_output=True,
        encoding="utf-8",
        errors="backslashreplace",
        timeout=120,
        check=False,
    )


def check_printed(done: Completed) -> None:
    """Fail if any printed line steers a terminal or a CI service, or is a traceback's."""
    for line in (done.stdout + done.stderr).split("\n"):
        steering = [c for c in line if unicodedata.category(c) in ("Cc", "Cf", "Co", "Cs", "Zl", "Zp")]
        assert not steering, ascii(line)
        assert not line.lstrip().startswith("::"), line
        assert "##[" not in line
    assert "Traceback" not in done.stderr


def test_lists_of_a_hostile_plugin_and_catalogue(
    cli: Callable[..., Completed], install_plugin: Callable[..., Distribution]
) -> None:
    install_plugin("evil", PLUGIN)
    install_plugin("broken", f"raise RuntimeError({EVIL!r} * 900)")
    for words in (
        ("list", "methods"),
        ("list", "methods", "--verbose"),
        ("list", "plugins"),
        ("list", "datasets", "--catalogue", "c.toml"),
    ):
        done = cli(*words)
        assert done.returncode == 0
        assert r"\x1b[31mred" in done.stdout
        assert max(map(len, done.stdout.split("\n"))) < 700
        check_printed(done)
    exact = json.loads(cli("list", "methods", "--json").stdout)
    assert EVIL in [entry["summary"] for entry in exact]


def test_a_run_of_a_hostile_plugin(
    folder: Path, cli: Callable[..., Completed], install_plugin: Callable[..., Distribution]
) -> None:
    install_plugin("evil", PLUGIN)
    words = (
        "run --methods cubic,skips,fails --datasets d --catalogue c.toml --profile smoke --executor inline"
    )
    done = cli(*words.split(), "--out", "o")
    assert done.returncode == 3
    assert "skipped" in done.stdout
    assert r"\x1b[31mred" in done.stderr
    check_printed(done)
    for name in ("table.md", "table.tex", "table.csv", "timing.csv"):
        text = (folder / "o" / name).read_text(encoding="utf-8")
        check_printed(Completed([], 0, text, ""))
    with (folder / "o" / "table.csv").open(encoding="utf-8", newline="") as file:
        methods = {row["method"] for row in csv.DictReader(file) if row["status"] != "control"}
    assert methods == {"cubic", "skips", "fails"}
    assert (folder / "o" / "figures" / "d.png").is_file()


@pytest.mark.parametrize(
    ("encoding", "words", "code"),
    [
        ("ascii", "list methods", 0),
        ("latin-1", "list datasets --catalogue c.toml", 0),
        ("ascii", "run --dry-run --methods cubic --datasets d --catalogue c.toml --out 皮質", 0),
        pytest.param("latin-1", "reconstruct 皮質\x1b[2J.tif o.tif --debug", 2, marks=pytest.mark.slow),
        ("ascii", "reconstruct 皮質\x1b[2J.tif o.tif", 2),
    ],
)
def test_encodings_that_lack_letters(folder: Path, words: str, code: int, encoding: str) -> None:
    done = command(folder, *words.split(" "), PYTHONIOENCODING=f"{encoding}:strict")
    assert done.returncode == code
    assert "UnicodeEncodeError" not in done.stderr
    if code == 0:
        check_printed(done)
        assert done.stderr == ""
    else:
        assert done.stderr.split("\n")[-2].startswith("a2ibench: error: ")
        assert "\x1b" not in done.stderr


@pytest.mark.parametrize(
    ("script", "code", "message"),
    [
        ('"$@" | true; exit ${PIPESTATUS[0]}', 141, ""),
        ('"$@" >/dev/full', 2, "a2ibench: error: No space left on device\n"),
        ('"$@" >&-', 0, ""),
        ('"$@" 2>&- >&- <&-', 0, ""),
    ],
    ids=["nobody reads", "full disk", "closed", "all closed"],
)
def test_output_that_cannot_be_written(folder: Path, script: str, code: int, message: str) -> None:
    done = command(folder, "list", "datasets", "--catalogue", "c.toml", script=script)
    assert (done.returncode, done.stderr) == (code, message)


def test_progress_that_nobody_reads_stops_no_run(folder: Path) -> None:
    words = f"{RUN} --methods cubic"
    done = command(folder, *words.split(), script='"$@" 2>&1 >/dev/null | true; exit ${PIPESTATUS[0]}')
    assert done.returncode == 0
    assert json.loads((folder / "o" / "jobs" / "d--cubic--s0" / "record.json").read_text())["status"] == "ok"
    assert (folder / "o" / "table.md").is_file()


def test_a_wrong_word_is_shown_with_escapes(cli: Callable[..., Completed]) -> None:
    for words in (("list", EVIL), (f"--{EVIL}",), ("fetch", EVIL), ("run", "--seeds", EVIL), ("run", EVIL)):
        done = cli(*words)
        assert done.returncode == 2
        assert done.stderr.count("\n") == 1
        check_printed(done)
