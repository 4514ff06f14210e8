"""What a record says about the machine and the code."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import a2ibench
from a2ibench.environment import cpu_model, environment, git_state, library_versions, usable_cpus

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


@pytest.fixture(autouse=True)
def light_jobs() -> None:
    """Git is asked each time here."""


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder, as a user of no fixed settings."""
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    command = ["git", "-C", str(folder), *identity, *arguments]
    variables = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return subprocess.run(command, capture_output=True, text=True, check=True, env=variables).stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a checkout with one commit, in a folder of difficult name."""
    folder = tmp_path / "my data ü"
    folder.mkdir()
    git(folder, "init", "--quiet")
    (folder / "a.txt").write_text("a")
    git(folder, "add", "a.txt")
    git(folder, "commit", "--quiet", "-m", "first")
    return folder


def test_the_environment_can_be_written_to_a_record() -> None:
    found = json.loads(json.dumps(environment(), allow_nan=False))
    assert list(found) == ["a2ibench", "python", "platform", "cpu", "cpus", "threads", "libraries", "git"]
    assert found["a2ibench"] == a2ibench.__version__
    assert found["python"].endswith(sys.version.split()[0])
    assert found["cpu"]
    assert 1 <= found["cpus"] <= (os.cpu_count() or 1)


def test_the_environment_is_known_without_heavy_imports() -> None:
    code = (
        "import sys; from a2ibench.environment import environment; environment();"
        "print([name for name in ('torch', 'timm', 'pandas', 'matplotlib', 'numpy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_dependency_is_listed_with_its_version() -> None:
    libraries = library_versions()
    assert {"numpy", "torch", "timm", "pluggy"} <= set(libraries)
    assert {"pytest", "ruff", "mypy"}.isdisjoint(libraries)
    assert libraries["numpy"] == metadata.version("numpy")


def test_missing_dependencies_and_metadata_raise_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "requires", lambda name: ["not-installed-at-all>=3", "x; extra == 'dev'"])
    assert library_versions() == {"not-installed-at-all": None}

    def missing(name: str) -> list[str]:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "requires", missing)
    assert library_versions() == {}
    assert environment()["libraries"] == {}


@pytest.mark.parametrize(("given", "expected"), [("3", "3"), ("", "None"), ("many", "None"), ("²", "None")])
def test_threads_are_those_asked_for(given: str, expected: str) -> None:
    code = "from a2ibench.environment import environment; print(environment()['threads'])"
    variables = os.environ | {"OMP_NUM_THREADS": given}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=variables
    )
    assert done.stdout.strip() == expected


def test_threads_are_those_of_torch_once_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch, "get_num_threads", lambda: 7)
    assert environment()["threads"] == 7


def test_the_processor_is_known_where_linux_does_not_say(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object, **__: object) -> str:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", missing)
    assert cpu_model()
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert usable_cpus() == os.cpu_count()


@needs_git
def test_git_state_of_a_clean_and_of_a_changed_checkout(checkout: Path) -> None:
    commit = git(checkout, "rev-parse", "HEAD")
    assert len(commit) == 40
    clean = {"root": str(checkout.resolve()), "commit": commit, "dirty": False}
    assert git_state(checkout) == clean
    below = checkout / "below"
    below.mkdir()
    assert git_state(below) == clean
    (checkout / "a.txt").write_text("b")
    assert git_state(below) == clean | {"dirty": True}


@needs_git
def test_a_new_file_makes_a_checkout_dirty(checkout: Path) -> None:
    (checkout / "new.py").write_text("")
    assert (git_state(checkout) or {})["dirty"] is True


@needs_git
def test_variables_of_a_git_hook_do_not_mislead(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = git_state(checkout)
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    assert expected is not None
    assert git_state(checkout) == expected


def test_no_git_state_outside_a_checkout_or_without_git(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert git_state(tmp_path) is None
    assert git_state(tmp_path / "missing") is None
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert git_state(tmp_path) is None
    assert environment()["git"] is None


@needs_git
def test_a_repository_without_commits_has_no_state(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    assert git_state(tmp_path) is None


@needs_git
def test_the_commit_is_that_of_the_checkout_a2ibench_runs_from(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = checkout / "a2ibench" / "__init__.py"
    source.parent.mkdir()
    source.write_text("")
    monkeypatch.setattr(a2ibench, "__file__", str(source))
    assert environment()["git"] is None, "a copy that merely lies within someone's checkout"
    git(checkout, "add", "a2ibench")
    git(checkout, "commit", "--quiet", "-m", "second")
    assert environment()["git"] == {"commit": git(checkout, "rev-parse", "HEAD"), "dirty": False}
