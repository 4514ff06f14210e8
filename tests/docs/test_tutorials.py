"""Every tutorial, followed to the letter: its files are written, its commands run, its outputs compared."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import venv
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path

import pandas as pd
import pytest

from a2ibench.scaffold import write_plugin

TUTORIALS = Path(__file__).parents[2] / "docs" / "tutorials"
# A fence names its language, and where it is a file of the reader's, its path.
FENCE = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
OTHERS = ("degradation", "metric", "dataset", "reporter")
INSTALLED = ("test_conformance", "test_dataset")
COMMANDS = {"sh": ["bash", "-euo", "pipefail"], "python": ["python", "-"]}


@dataclass
class Reader:
    """Somebody with a2ibench in an active environment, an empty folder, and no network."""

    folder: Path
    environment: dict[str, str]

    def follow(self, tutorial: Path) -> str:
        """Do what a tutorial says, and return everything that its commands printed."""
        printed = [""]
        for language, title, text in FENCE.findall(tutorial.read_text(encoding="utf-8")):
            if title:
                write(self.folder / title, text)
            elif language == "text":
                assert_shown(text, printed[-1])
            else:
                printed.append(self.run(COMMANDS[language], text))
        return "".join(printed)

    def run(self, command: list[str], text: str) -> str:
        done = subprocess.run(
            command,
            input=text,
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=500,
            check=False,
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}"
        return done.stdout


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def assert_shown(shown: str, printed: str) -> None:
    """Check that the lines which a tutorial shows were printed in that order, whatever their numbers."""
    rest = iter([_masked(line) for line in printed.splitlines()])
    for line in filter(None, map(_masked, shown.splitlines())):
        # Dots stand for lines that are left out.
        assert line == "..." or line in rest, f"the tutorial shows {line!r}; printed was\n{printed}"


def _masked(line: str) -> str:
    line = re.sub(r"[+-]?\d+(\.\d+)?", "#", line)
    return " ".join(re.sub(r"-{2,}", "--", line).split())


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    """Set up an environment that has the libraries of this one, without installing them once more."""
    place, folder = tmp_path / "venv", tmp_path / "here"
    folder.mkdir()
    venv.create(place)
    scripts = place / "bin"
    site = sysconfig.get_path("purelib", vars={"base": str(place), "platbase": str(place)})
    (Path(site) / "parent.pth").write_text(
        f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n"
    )
    for name in ("a2ibench", "pip", "pytest"):
        script = f"#!{scripts / 'python'}\nimport runpy\n\nrunpy.run_module({name!r}, run_name='__main__')\n"
        (scripts / name).write_text(script)
        (scripts / name).chmod(0o755)
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("A2IBENCH_", "PIP_", "PYTEST_", "PYTHON"))
    }
    return Reader(
        folder,
        inherited
        | {
            "PATH": os.pathsep.join([str(scripts), os.environ["PATH"]]),
            "VIRTUAL_ENV": str(place),
            "A2IBENCH_CACHE": str(tmp_path / "cache"),
            "COLUMNS": "100",
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_NO_CACHE_DIR": "1",
            "PIP_NO_INDEX": "1",
            "PIP_QUIET": "1",
            # What a plugin needs is there; that pip finds it so takes most of an installation.
            "PIP_NO_DEPS": "1",
            # Of pip's options that begin with no, the variable says what follows the no.
            "PIP_NO_BUILD_ISOLATION": "0",
        },
    )


@pytest.mark.slow
def test_a_method_without_and_one_with_a_base_class(reader: Reader) -> None:
    tutorial = TUTORIALS / "add_a_method.md"
    reader.follow(tutorial)
    table = pd.read_csv(reader.folder / "reports" / "first" / "table.csv").set_index("method")
    controls = table[table["status"] == "control"]
    assert list(controls.index) == ["nearest", "linear", "smoothed", "ceiling"]
    table = table.drop(controls.index)
    assert set(table.index) == {"cubic", "lanczos", "three-layers"}
    assert (table["status"] == "ok").all()
    assert table["psnr_mean"].between(20, 60).all()
    assert table["params"]["three-layers"] > 0
    # Neither is trained, so that the numbers in the text are those of every machine.
    for method in ("cubic", "lanczos"):
        (row,) = re.findall(rf"^\|.*\| {method} .*$", tutorial.read_text(encoding="utf-8"), re.MULTILINE)
        shown = float(re.search(r" (\d+\.\d\d) ", row)[1])
        # Phantoms differ in the last bit between processors, which may round to another digit.
        assert table["psnr_mean"][method] == pytest.approx(shown, abs=0.0075)


@pytest.mark.slow
@pytest.mark.parametrize("kind", OTHERS)
def test_the_other_kinds(kind: str, reader: Reader) -> None:
    reader.environment["PIP_NO_DEPS"] = "0"
    printed = reader.follow(TUTORIALS / f"add_a_{kind}.md")
    assert "passed" in printed


def test_the_packages_of_all_pass_their_own_tests(tmp_path: Path) -> None:
    for tutorial in TUTORIALS.glob("*.md"):
        text = tutorial.read_text(encoding="utf-8")
        for name, kind in re.findall(r"^a2ibench plugin new (\S+)(?: --kind (\S+))?$", text, re.MULTILINE):
            write_plugin(kind or "method", name, tmp_path / f"a2ibench-{name}")
        for _, title, content in filter(itemgetter(1), FENCE.findall(text)):
            write(tmp_path / title, content)
    # What needs an installed package, conformance and a run on a dataset, is for those who follow them.
    tests = {file for file in tmp_path.glob("*/tests/test_*.py") if file.stem not in INSTALLED}
    assert {file.stem for file in tests} == {"test_network", "test_model", "test_metric", "test_reporter"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--import-mode=importlib", *tests],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, tmp_path.iterdir()))},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_tutorial_is_followed() -> None:
    tested = {f"add_a_{kind}.md" for kind in ("method", *OTHERS)}
    assert {file.name for file in TUTORIALS.glob("*.md")} == tested


@pytest.mark.parametrize("tutorial", sorted(TUTORIALS.glob("*.md")), ids=lambda file: file.stem)
def test_every_block_is_a_file_a_command_or_an_output(tutorial: Path) -> None:
    text = tutorial.read_text(encoding="utf-8")
    blocks = FENCE.findall(text)
    assert 2 * len(blocks) == len(re.findall("^```", text, re.MULTILINE))
    assert {language for language, title, _ in blocks if not title} <= {*COMMANDS, "text"}
    # Where titles of fences are not shown, as on GitHub, readers go by the text.
    prose = FENCE.sub("", text)
    assert [title for _, title, _ in blocks if title and f"{Path(title).name}`" not in prose] == []
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", text):
        assert (tutorial.parent / target).exists()
