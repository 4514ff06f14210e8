from __future__ import annotations

import ast
import importlib.util
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from a2ibench import __version__
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
        # What GitHub puts in place of ${{ ... }}, and variables of the shell, are no placeholders of ours.
        ours = r"\$(?!\{\{ matrix|GITHUB_|version\b|\(python)" if path.parts[0] == ".github" else r"\$"
        assert not re.search(rf"{ours}|MODULE|\.template", everything)
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


def _workflow(folder: Path, name: str) -> dict[Any, Any]:
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    workflow: dict[Any, Any] = yaml.safe_load(
        (folder / ".github/workflows" / f"{name}.yml").read_text(encoding="utf-8")
    )
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] <= 30
    return workflow


def _uses(steps: list[dict[str, Any]]) -> list[str]:
    return [step["uses"].split("@")[0] for step in steps if "uses" in step]


def _runs(steps: list[dict[str, Any]]) -> list[str]:
    return [step["run"].strip() for step in steps if "run" in step]


def test_the_workflow_installs_and_runs_the_tests(rendered: Path) -> None:
    for folder in rendered.iterdir():
        kind, _, name = folder.name.partition("-")
        steps = _workflow(folder, "ci")["jobs"]["test"]["steps"]
        assert _uses(steps) == ["actions/checkout", "actions/setup-python"]
        told, installed, tested, checked = _runs(steps)
        assert "grep -q OWNER .github/requirements.txt" in told
        assert installed == "pip install -r .github/requirements.txt '.[test]'"
        assert tested == "pytest"
        assert checked == f"a2ibench plugin check {name} --kind {kind}"


def test_one_file_says_where_a2ibench_comes_from(rendered: Path) -> None:
    for folder in rendered.iterdir():
        lines = (folder / ".github/requirements.txt").read_text(encoding="utf-8").splitlines()
        wanted = [line for line in lines if line and not line.startswith("#")]
        assert wanted == [
            f"a2ibench @ git+https://github.com/OWNER/a2ibench@v{__version__}",
            "--extra-index-url https://download.pytorch.org/whl/cpu",
        ]
        named = [file for file in folder.rglob("*") if file.is_file() and "OWNER/" in file.read_text("utf-8")]
        assert [file.name for file in named] == ["requirements.txt"]


def test_what_is_not_filled_in_is_said(rendered: Path, tmp_path: Path) -> None:
    folder = next(rendered.iterdir())
    told, *_ = _runs(_workflow(folder, "ci")["jobs"]["test"]["steps"])
    command = ["bash", "-e", "-c", told]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout.startswith("::error file=.github/requirements.txt::say here where a2ibench comes from")
    (tmp_path / ".github").mkdir()
    text = (folder / ".github/requirements.txt").read_text(encoding="utf-8")
    (tmp_path / ".github/requirements.txt").write_text(text.replace("OWNER", "somebody"), encoding="utf-8")
    subprocess.run(command, cwd=tmp_path, check=True)


def test_a_tag_is_published_without_a_stored_token(rendered: Path) -> None:
    for folder in rendered.iterdir():
        workflow = _workflow(folder, "release")
        # YAML 1.1 takes the key on for the truth.
        assert workflow[True] == {"push": {"tags": ["v*"]}}
        build, publish = workflow["jobs"]["build"], workflow["jobs"]["publish"]
        assert _runs(build["steps"])[2:] == ["python -m build", "twine check --strict dist/*"]
        assert publish["needs"] == "build"
        assert publish["permissions"] == {"id-token": "write"}
        assert publish["environment"] == "pypi"
        assert _uses(publish["steps"]) == ["actions/download-artifact", "pypa/gh-action-pypi-publish"]
        assert all("with" not in step or "password" not in step["with"] for step in publish["steps"])


def test_a_tag_of_another_version_is_refused(rendered: Path) -> None:
    folder = next(rendered.iterdir())
    compared = _runs(_workflow(folder, "release")["jobs"]["build"]["steps"])[0]
    for tag, code in (("v0.1.0", 0), ("v0.2.0", 1)):
        environment = os.environ | {"GITHUB_REF_NAME": tag}
        command = ["bash", "-e", "-c", compared.replace("python", sys.executable)]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=False)
        assert done.returncode == code


def test_what_can_become_worse_has_a_gate(rendered: Path) -> None:
    gated = {folder.name.partition("-")[0] for folder in rendered.iterdir() if (folder / "gate").is_dir()}
    assert gated == {"method", "degradation", "metric", "dataset"}
    for folder in rendered.iterdir():
        has_gate = folder.name.partition("-")[0] in gated
        assert has_gate == (folder / ".github/workflows/gate.yml").is_file()
        assert has_gate == ("## Keep it good" in (folder / "README.md").read_text(encoding="utf-8"))
        if has_gate:
            steps = _workflow(folder, "gate")["jobs"]["gate"]["steps"]
            installed, run, compared, first = _runs(steps)
            assert installed == "pip install -r .github/requirements.txt ."
            assert run == "a2ibench run gate/run.toml --out reports/gate"
            assert compared.startswith(
                "a2ibench compare reports/gate gate/baseline.json --thresholds gate/limits.toml"
            )
            assert first.startswith("a2ibench baseline reports/gate baseline --out reports/gate\n")
            conditions = [step["if"] for step in steps if "baseline" in step.get("run", "")]
            assert conditions == ["hashFiles('gate/baseline.json') " + sign + " ''" for sign in ("!=", "==")]


def test_the_wheel_brings_every_template(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=300)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        packed = set(wheel.namelist())
    templates = ROOT / "a2ibench" / "scaffold" / "templates"
    files = {file.relative_to(ROOT).as_posix() for file in templates.rglob("*") if file.is_file()}
    assert len(files) > 25
    assert files <= packed
