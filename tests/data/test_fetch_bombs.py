"""Archives that are made to fill the disk or the memory."""

from __future__ import annotations

import gzip
import tarfile
import zipfile
import zlib
from pathlib import Path

import pytest

from a2ibench.contracts import DatasetSpec
from a2ibench.data.fetch import fetch
from a2ibench.data.fetch.archives import Limits, extract
from a2ibench.errors import DownloadError, InputError


def zip_bomb(path: Path, size: int, declared: int) -> Path:
    """Write a zip of one file of zeros; its tables state another size if they are to."""
    part, repeats = 2**24, size // 2**24
    press = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = press.compress(bytes(part)) + press.flush(zlib.Z_FULL_FLUSH)
    packed = block * repeats + zlib.compressobj(9, zlib.DEFLATED, -15).flush()
    name, crc = b"raw/zeros.tif", zlib.crc32(bytes(min(declared, part)))
    shared = b"\x14\0\0\0\x08\0\0\0\0\0" + b"".join(
        n.to_bytes(4, "little") for n in (crc, len(packed), declared)
    )
    shared += len(name).to_bytes(2, "little")
    local = b"PK\x03\x04" + shared + b"\0\0" + name + packed
    central = b"PK\x01\x02\x14\x03" + shared + bytes(16) + name
    end = (
        b"PK\x05\x06\0\0\0\0\1\0\1\0" + len(central).to_bytes(4, "little") + len(local).to_bytes(4, "little")
    )
    path.write_bytes(local + central + end + b"\0\0")
    return path


def tar_bomb(path: Path, size: int) -> Path:
    info = tarfile.TarInfo("other/zeros.tif")
    info.size = size
    zeros = gzip.compress(bytes(2**24))
    path.write_bytes(gzip.compress(info.tobuf()) + zeros * (size // 2**24) + gzip.compress(bytes(1024)))
    return path


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_a_bomb_is_refused_at_once(tmp_path, kind):
    bomb = tmp_path / "bomb"
    bomb = zip_bomb(bomb, 2**30, 2**30) if kind == "zip" else tar_bomb(bomb, 2**30)
    assert bomb.stat().st_size < 2**21
    member = "raw" if kind == "zip" else "raw/wanted.tif"
    with pytest.raises(InputError, match="unpacks to far more than its size"):
        extract(bomb, member, tmp_path / "out")
    written = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file() and path != bomb)
    assert written <= 2**20


def test_a_bomb_in_a_download_leaves_nothing(serve, tmp_path):
    bomb = zip_bomb(tmp_path / "bomb", 2**30, 2**30).read_bytes()
    spec = DatasetSpec("vnc", "V", (50.0, 5.0, 5.0), url=serve("/a.zip", bomb), member="raw")
    with pytest.raises(DownloadError, match=r"^vnc: http.*made to fill the disk$"):
        fetch(spec, cache=tmp_path / "cache")
    assert [path.suffix for path in (tmp_path / "cache" / "downloads").iterdir()] == [".lock"]


def test_a_size_that_is_not_true_does_not_help_a_bomb(tmp_path):
    bomb = zip_bomb(tmp_path / "bomb", 2**28, 1000)
    extract(bomb, "raw", tmp_path / "out")
    assert (tmp_path / "out" / "zeros.tif").read_bytes() == bytes(1000)


def test_limits_on_bytes_and_entries(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as file:
        for number in range(12):
            file.writestr(f"top/raw/{number}.tif", bytes(1000))
    with pytest.raises(InputError, match="holds more than 5 entries"):
        extract(path, "top/raw", tmp_path / "out", Limits(entries=5))
    with pytest.raises(InputError, match="unpacks to far more"):
        extract(path, "top/raw", tmp_path / "out", Limits(ratio=0, spare=3000))
    extract(path, "top/raw", tmp_path / "out", Limits(ratio=0, spare=50_000))
    assert len(list((tmp_path / "out").iterdir())) == 12


def test_a_huge_tar_header_is_not_read(tmp_path):
    # Extended headers are read whole, and may state any length.
    info = tarfile.TarInfo("././@PaxHeader")
    info.type, info.size = tarfile.XHDTYPE, 2**33
    path = tmp_path / "a.tar"
    path.write_bytes(info.tobuf(format=tarfile.GNU_FORMAT) + bytes(2**16))
    with pytest.raises(InputError):
        extract(path, "raw", tmp_path / "out")
