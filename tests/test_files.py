"""Files that are written whole or not at all."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from a2ibench.files import atomic_write, write_bytes


@pytest.mark.parametrize("name", ["a.json", "é" * 127, "x" * 255])
def test_an_interrupted_write_leaves_the_older_file_and_nothing_else(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    write_bytes(path, b"older")
    with contextlib.suppress(KeyboardInterrupt), atomic_write(path) as file:
        file.write(b"half of the new")
        raise KeyboardInterrupt
    assert path.read_bytes() == b"older"
    write_bytes(path, b"newer")
    assert path.read_bytes() == b"newer"
    assert [entry.name for entry in tmp_path.iterdir()] == [name]


def test_a_folder_that_is_gone_is_not_made_again(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_bytes(tmp_path / "gone" / "a", b"")
