"""What stands in more than one file of the repository says the same."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CONDA_NAMES = {"torch": "pytorch", "matplotlib": "matplotlib-base"}
YAML_FILES = [
    "CITATION.cff",
    ".pre-commit-config.yaml",
    "conda/recipe/recipe.yaml",
    *(path.relative_to(ROOT).as_posix() for path in sorted((ROOT / ".github").rglob("*.yml"))),
]


def read(name: str) -> Any:
    """Return the document in a YAML file of the repository."""
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", YAML_FILES)
def test_yaml_files_are_tables(name: str) -> None:
    assert isinstance(read(name), dict)


def test_workflows_and_forms_are_found() -> None:
    folders = {name.rsplit("/", 1)[0] for name in YAML_FILES if "/" in name}
    assert {".github/workflows", ".github/ISSUE_TEMPLATE"} <= folders


def test_the_version_is_one() -> None:
    assert read("CITATION.cff")["version"] == PROJECT["version"]
    assert read("conda/recipe/recipe.yaml")["context"]["version"] == PROJECT["version"]


def test_the_changelog_has_the_version() -> None:
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert headings[0] in {"Unreleased", PROJECT["version"]}
    assert PROJECT["version"] in headings


def test_ci_tests_the_versions_of_python_that_are_declared() -> None:
    prefix = "Programming Language :: Python :: "
    declared = {line.removeprefix(prefix) for line in PROJECT["classifiers"] if line.startswith(prefix)}
    matrix = read(".github/workflows/tests.yml")["jobs"]["tests"]["strategy"]["matrix"]
    assert set(matrix["python"]) == declared
    assert {entry["python"] for entry in matrix["include"]} <= declared
    assert PROJECT["requires-python"] == f">={min(declared, key=lambda version: int(version.split('.')[1]))}"


def test_the_conda_recipe_requires_what_the_project_requires() -> None:
    recipe = read("conda/recipe/recipe.yaml")
    expected = set()
    for requirement in PROJECT["dependencies"]:
        name, bounds = re.fullmatch(r"([\w.-]+)(.*)", requirement).groups()
        expected.add(f"{CONDA_NAMES.get(name, name.lower())} {bounds}")
    assert set(recipe["requirements"]["run"]) == expected | {"python >=${{ python_min }}"}
    assert PROJECT["requires-python"] == f">={recipe['context']['python_min']}"
    (entry,) = recipe["build"]["python"]["entry_points"]
    assert entry == f"a2ibench = {PROJECT['scripts']['a2ibench']}"


def test_all_of_our_workflows_take_the_wheels_for_processors() -> None:
    workflows = sorted((ROOT / ".github/workflows").glob("*.yml"))
    assert {path.stem for path in workflows} == {"docs", "regression", "release", "tests"}
    for path in workflows:
        workflow = read(path.relative_to(ROOT).as_posix())
        assert workflow["env"]["PIP_EXTRA_INDEX_URL"] == "https://download.pytorch.org/whl/cpu"
        assert workflow["permissions"] == {"contents": "read"}


def test_the_pages_are_built_as_the_tests_build_them_and_published() -> None:
    jobs = read(".github/workflows/docs.yml")["jobs"]
    built = [step["run"] for step in jobs["build"]["steps"] if "run" in step]
    assert built[-1].startswith("sphinx-build -W --keep-going docs ")
    assert jobs["deploy"]["permissions"] == {"pages": "write", "id-token": "write"}
    assert [step["uses"].split("@")[0] for step in jobs["deploy"]["steps"]] == ["actions/deploy-pages"]


def test_a_release_is_published_without_a_stored_token() -> None:
    publish = read(".github/workflows/release.yml")["jobs"]["publish"]
    assert publish["permissions"] == {"id-token": "write"}
    assert publish["steps"][-1]["uses"].startswith("pypa/gh-action-pypi-publish@")
    assert "with" not in publish["steps"][-1]
