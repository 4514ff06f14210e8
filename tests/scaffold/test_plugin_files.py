from __future__ import annotations

from pathlib import Path

import pytest

from a2ibench.errors import InputError
from a2ibench.scaffold import kinds, write_plugin


def _names(folder: Path) -> list[str]:
    return [entry.name for entry in folder.iterdir()]


def _files(folder: Path) -> set[str]:
    return {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.parametrize("kind", kinds())
def test_a_whole_distribution_is_written(kind: str, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "plugin"
    written = write_plugin(kind, "my-plugin", folder)
    assert {file.relative_to(folder).as_posix() for file in written} == _files(folder)
    assert {
        ".github/requirements.txt",
        ".github/workflows/ci.yml",
        ".github/workflows/release.yml",
        ".gitignore",
        "LICENSE",
        "README.md",
        "a2ibench_my_plugin/__init__.py",
        "a2ibench_my_plugin/py.typed",
        "pyproject.toml",
        "tests/test_conformance.py",
    } < _files(folder)
    assert len([name for name in _files(folder) if name.startswith("tests/test_")]) == 2
    assert written == sorted(written)
    assert _names(tmp_path / "new") == ["plugin"]


def test_an_empty_folder_is_filled_where_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    identity = folder.stat().st_ino
    write_plugin("metric", "my-plugin", folder)
    assert folder.stat().st_ino == identity
    assert (folder / "pyproject.toml").is_file()
    assert not [name for name in _names(folder) if name.startswith(".a2ibench")]


def test_the_working_directory_may_be_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    written = write_plugin("metric", "my-plugin", Path())
    assert Path("pyproject.toml") in written
    assert Path("pyproject.toml").is_file()


def test_files_can_be_read_by_whom_others_can(tmp_path: Path) -> None:
    beside = tmp_path / "beside"
    beside.mkdir()
    write_plugin("metric", "my-plugin", tmp_path / "plugin")
    assert (tmp_path / "plugin").stat().st_mode == beside.stat().st_mode


def test_the_same_name_gives_the_same_files(tmp_path: Path) -> None:
    first = write_plugin("method", "my-plugin", tmp_path / "first")
    second = write_plugin("method", "my-plugin", tmp_path / "second")
    assert [file.read_bytes() for file in first] == [file.read_bytes() for file in second]


def test_a_folder_in_use_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="is not empty; give a folder that is new or empty"):
        write_plugin("method", "my-plugin", tmp_path)
    assert _files(tmp_path) == {"notes.txt"}


def test_a_file_in_the_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match="is a file"):
        write_plugin("method", "my-plugin", tmp_path / "file")
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize(
    ("kind", "name", "words"),
    [
        ("methods", "my-plugin", "got 'methods'; give one of dataset, degradation, method, metric, reporter"),
        ("common", "my-plugin", "got 'common'"),
        ("method", "My Plugin", "got 'My Plugin'"),
        ("method", "cubic", "a2ibench_cubic is installed"),
    ],
)
def test_bad_input_leaves_nothing(kind: str, name: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=words):
        write_plugin(kind, name, tmp_path / "plugin")
    assert _names(tmp_path) == []


@pytest.mark.parametrize("exists", [False, True])
def test_a_disk_that_fills_up_leaves_nothing(
    exists: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "plugin"
    if exists:
        folder.mkdir()
    write_text, left = Path.write_text, [5]

    def full(self: Path, *arguments: str, **options: str) -> int:
        left[0] -= 1
        if left[0] == 0:
            raise OSError(28, "No space left on device", str(self))
        return write_text(self, *arguments, **options)

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space left"):
        write_plugin("method", "my-plugin", folder)
    assert left[0] == 0
    assert _files(tmp_path) == set()
    assert _names(tmp_path) == (["plugin"] if exists else [])
