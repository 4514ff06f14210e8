from __future__ import annotations

import ast
import importlib.util
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from a2ibench.scaffold import LONGEST, PluginNames, kinds, render, write_plugin

ROOT = Path(__file__).parents[2]
EXTREMES = ("q", "q" * LONGEST, "q" + "-4x" * 9, "none-true")
WORD = st.from_regex(r"[a-z][a-z0-9]{0,8}", fullmatch=True)
LEGAL = (
    st.lists(WORD, min_size=1, max_size=3).map("-".join).filter(lambda name: not name.startswith("a2ibench-"))
)


@settings(deadline=None, max_examples=60)
@given(kind=st.sampled_from(kinds()), name=LEGAL)
def test_every_name_gives_files_without_placeholders(kind: str, name: str) -> None:
    names = PluginNames(kind, name)
    texts = render(names)
    for path, text in texts.items():
        everything = f"{path}\n{text}"
        # What GitHub puts in place of ${{ ... }} is no placeholder of ours.
        assert not re.search(r"\$(?!\{\{ matrix)|MODULE|\.template", everything)
        if path.suffix == ".py":
            ast.parse(text, feature_version=(3, 11))
    project = tomllib.loads(texts[PurePosixPath("pyproject.toml")])["project"]
    assert project["name"] == f"a2ibench-{name}"
    assert project["entry-points"] == {"a2ibench": {name: names.module}}
    assert "a2ibench" in project["dependencies"]
    assert project["requires-python"] == ">=3.11"
    assert PurePosixPath(names.module, "__init__.py") in texts
    assert f"authors of a2ibench-{name}\n" in texts[PurePosixPath("LICENSE")]
    assert f"a2ibench plugin check {name}\n" in texts[PurePosixPath("README.md")]


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write every kind under the shortest name, the longest, and awkward ones."""
    folder = tmp_path_factory.mktemp("rendered")
    for kind in kinds():
        for name in EXTREMES:
            write_plugin(kind, name, folder / f"{kind}-{name}")
    return folder


def _ruff(folder: Path, *arguments: str) -> None:
    if importlib.util.find_spec("ruff") is None:
        pytest.skip("ruff is not installed; it is part of the dev extra")
    command = [sys.executable, "-m", "ruff", *arguments, "."]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_code_passes_our_own_lint(rendered: Path) -> None:
    ours = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["ruff"]["lint"]
    rules = ["--select", ",".join(ours["select"]), "--ignore", ",".join(ours["ignore"])]
    convention = f'lint.pydocstyle.convention = "{ours["pydocstyle"]["convention"]}"'
    tests = ",".join(f"**/tests/**:{rule}" for rule in ours["per-file-ignores"]["tests/**"])
    _ruff(rendered, "check", "--no-cache", *rules, "--config", convention, "--per-file-ignores", tests)


def test_the_code_is_formatted(rendered: Path) -> None:
    _ruff(rendered, "format", "--check", "--no-cache")


def test_no_line_of_code_is_too_long(rendered: Path) -> None:
    lines = {
        line for file in rendered.rglob("*.py") for line in file.read_text(encoding="utf-8").splitlines()
    }
    assert len(lines) > 100
    assert max(map(len, lines)) <= 110


def test_the_workflow_is_yaml_that_runs_the_tests(rendered: Path) -> None:
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    for file in rendered.glob("*/.github/workflows/ci.yml"):
        steps = yaml.safe_load(file.read_text(encoding="utf-8"))["jobs"]["test"]["steps"]
        assert [step.get("uses", "").split("@")[0] for step in steps[:2]] == [
            "actions/checkout",
            "actions/setup-python",
        ]
        installed, tested, checked = (step.get("run") for step in steps[2:])
        assert (installed, tested) == ("pip install '.[test]'", "pytest")
        assert checked.startswith("a2ibench plugin check ")


def test_the_wheel_brings_every_template(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=300)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        packed = set(wheel.namelist())
    templates = ROOT / "a2ibench" / "scaffold" / "templates"
    files = {file.relative_to(ROOT).as_posix() for file in templates.rglob("*") if file.is_file()}
    assert len(files) > 25
    assert files <= packed
