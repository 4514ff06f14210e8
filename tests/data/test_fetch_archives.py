"""Members of archives: what is wanted is unpacked, and nothing that leads elsewhere or fills the disk."""

from __future__ import annotations

import hashlib
import io
import json
import stat
import tarfile
import threading
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
import tifffile

from a2ibench.contracts import DatasetSpec, Simulation
from a2ibench.data.checksums import content_sha256
from a2ibench.data.fetch import fetch, local_file
from a2ibench.data.opening import dataset_size, open_dataset
from a2ibench.errors import DownloadError

NM = (50.0, 5.0, 5.0)
STACK = np.random.default_rng(0).integers(0, 255, (12, 20, 30)).astype(np.uint8)
Entries = list[tuple[str, bytes]]


def plane(data: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, data, photometric="minisblack")
    return buffer.getvalue()


SLICES: Entries = [(f"top-master/stack/raw/{n}.tif", plane(data)) for n, data in enumerate(STACK)]
ALL: Entries = [
    ("top-master/README.md", b"read me"),
    *SLICES,
    ("top-master/stack/rawer/0.tif", b"not this"),
    ("top-master/stack/whole.tif", plane(STACK)),
]


def zipped(entries: Entries, folders: bool = True) -> bytes:
    buffer = io.BytesIO()
    with (
        warnings.catch_warnings(action="ignore"),  # of names that are there twice
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file,
    ):
        if folders:
            file.mkdir("top-master")
            file.mkdir("top-master/stack/raw")
        for name, content in entries:
            file.writestr(name, content)
    return buffer.getvalue()


def tarred(entries: Entries, mode: str = "w:gz") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as file:
        for name, content in entries:
            info = tarfile.TarInfo(f"./{name}")
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


ARCHIVES = {
    "zip": zipped(ALL),
    "zip without folders": zipped(ALL, folders=False),
    "tar": tarred(ALL, "w"),
    "tar.gz": tarred(ALL),
    "tar.bz2": tarred(ALL, "w:bz2"),
    "tar.xz": tarred(ALL, "w:xz"),
}


def spec(url: str, member: str = "top-master/stack/raw", sha256: str | None = None) -> DatasetSpec:
    return DatasetSpec("vnc", "V", NM, url=url, member=member, sha256=sha256)


def left(cache: Path) -> list[str]:
    """Return what is in the folder of downloads, but for locks and records."""
    return sorted(p.name for p in (cache / "downloads").iterdir() if p.suffix not in (".lock", ".json"))


@pytest.mark.parametrize("content", ARCHIVES.values(), ids=ARCHIVES)
def test_a_folder_of_slices_is_taken_out_and_opened(serve, server, tmp_path, content):
    wanted = spec(serve("/master.any", content))
    assert local_file(wanted, cache=tmp_path) is None
    path = fetch(wanted, cache=tmp_path)
    assert {file.name: file.read_bytes() for file in path.iterdir()} == {
        name.rpartition("/")[2]: data for name, data in SLICES
    }
    np.testing.assert_array_equal(open_dataset(wanted, cache=tmp_path).data, STACK)
    assert local_file(wanted, cache=tmp_path) == path
    assert server.requests == ["/master.any"]
    assert left(tmp_path) == [path.name]


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_one_file_is_taken_out_and_opened(serve, tmp_path, kind, monkeypatch):
    wanted = spec(serve("/a", ARCHIVES[kind]), "top-master/stack/whole.tif")
    path = fetch(wanted, cache=tmp_path)
    assert path.name.endswith("-whole.tif")
    np.testing.assert_array_equal(open_dataset(wanted, cache=tmp_path).data, STACK)
    monkeypatch.setenv("A2IBENCH_CACHE", str(tmp_path))
    assert dataset_size(wanted) == (STACK.shape, (120, 20, 30))


def test_members_of_one_archive_stay_apart(serve, tmp_path):
    url = serve("/a.zip", ARCHIVES["zip"])
    paths = {
        fetch(spec(url, member), cache=tmp_path) for member in ("top-master/stack/raw", "top-master/stack")
    }
    assert len(paths) == 2


# --- checksums


def test_the_content_counts_where_no_checksum_is_published(serve, server, tmp_path):
    # The same files, packed differently: what GitHub does now and then.
    url = serve(
        "/a.zip", ARCHIVES["zip"], zipped(list(reversed(ALL))), zipped([*ALL[:-3], ("top-master/x", b"")])
    )
    path = fetch(spec(url), cache=tmp_path)
    record = json.loads(path.with_name(f"{path.name}.json").read_text())
    assert record == {
        "url": url,
        "member": "top-master/stack/raw",
        "archive_sha256": hashlib.sha256(ARCHIVES["zip"]).hexdigest(),
        "sha256": content_sha256(path),
        "bytes": sum(len(data) for _, data in SLICES),
    }
    (path / "3.tif").unlink()
    assert fetch(spec(url), cache=tmp_path) == path
    assert content_sha256(path) == record["sha256"]
    (path / "3.tif").write_bytes(b"damaged")
    with pytest.raises(DownloadError) as caught:
        fetch(spec(url), cache=tmp_path)
    assert f"does not match the checksum: expected {record['sha256']} but got " in str(caught.value)
    assert str(caught.value).endswith(f"; to accept a changed file remove {path}.json")
    assert left(tmp_path) == []
    assert len(server.requests) == 3


def test_the_checksum_of_a_folder_is_what_sha256sum_says_of_its_list(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "b").write_bytes(b"B")
    (tmp_path / "sub" / "a").write_bytes(b"A")
    lines = f"{hashlib.sha256(b'B').hexdigest()}  b\n{hashlib.sha256(b'A').hexdigest()}  sub/a\n"
    assert content_sha256(tmp_path) == hashlib.sha256(lines.encode()).hexdigest()


def test_a_published_checksum_is_the_archives(serve, server, tmp_path):
    url = serve("/a.zip", ARCHIVES["zip"])
    told = hashlib.sha256(ARCHIVES["zip"]).hexdigest()
    path = fetch(spec(url, sha256=told), cache=tmp_path)
    assert fetch(spec(url, sha256=told), cache=tmp_path) == path
    assert len(server.requests) == 1
    (path / "0.tif").write_bytes(b"damaged")
    fetch(spec(url, sha256=told), cache=tmp_path)
    assert (path / "0.tif").read_bytes() == SLICES[0][1]
    assert len(server.requests) == 2
    with pytest.raises(DownloadError, match=r"expected 0{64} but got"):
        fetch(spec(url, sha256="0" * 64), cache=tmp_path)
    assert left(tmp_path) == []


def test_downloads_at_once_end_in_one_folder(serve, server, tmp_path):
    wanted, found = spec(serve("/a.zip", ARCHIVES["zip"])), []
    threads = [threading.Thread(target=lambda: found.append(fetch(wanted, cache=tmp_path))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 3
    assert len(set(found)) == 1
    assert len(server.requests) == 1


# --- archives that cannot be used


def test_a_missing_member_is_one_line_with_a_suggestion(serve, tmp_path):
    url = serve("/a.zip", ARCHIVES["zip"])
    with pytest.raises(DownloadError) as caught:
        fetch(spec(url, "top-master/stak/raw"), cache=tmp_path)
    assert str(caught.value) == (
        f"vnc: {url}: has no member 'top-master/stak/raw'; did you mean 'top-master/stack/raw'?"
    )
    with pytest.raises(DownloadError, match=r"has no member 'qqq'; it holds 'top-master'$"):
        fetch(spec(url, "qqq"), cache=tmp_path)
    assert left(tmp_path) == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no archive",
        plane(STACK),
        ARCHIVES["zip"][:500],
        ARCHIVES["tar.gz"][:500],
        ARCHIVES["tar"][:3000],
        ARCHIVES["zip"][:300] + b"?" * 50 + ARCHIVES["zip"][350:],
    ],
    ids=["empty", "text", "tiff", "cut zip", "cut tar.gz", "cut tar", "damaged zip"],
)
def test_what_is_no_whole_archive_is_one_line(serve, tmp_path, content):
    wanted = spec(serve("/a.zip", content))
    with pytest.raises(
        DownloadError, match=r"^vnc: http.*(is no zip or tar archive|damaged|has no member)"
    ) as caught:
        fetch(wanted, cache=tmp_path)
    assert str(caught.value).isprintable()
    assert left(tmp_path) == []


def linked(kind: int, target: str = "/etc/passwd") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        info = zipfile.ZipInfo("top-master/stack/raw/0.tif")
        info.create_system, info.external_attr = 3, (kind | 0o777) << 16
        file.writestr(info, target)
    return buffer.getvalue()


def special(kind: bytes, name: str = "top-master/stack/raw/0.tif", target: str = "/etc/passwd") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as file:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, target
        file.addfile(info)
        inner = tarfile.TarInfo(f"{name}/passwd")
        inner.size = 4
        file.addfile(inner, io.BytesIO(b"evil"))
    return buffer.getvalue()


LEADS_OUT = "which leads outside of it"
LINK = "is a link or a device, which is not unpacked"
HOSTILE = {
    "zip up": (zipped([*SLICES, ("top-master/stack/raw/../../../../x", b"evil")]), LEADS_OUT),
    "zip up at once": (zipped([("../x", b"evil"), *SLICES]), LEADS_OUT),
    "zip absolute": (zipped([*SLICES, ("/a2ibench-evil", b"evil")]), LEADS_OUT),
    "zip backslash": (zipped([*SLICES, ("top-master/stack/raw/..\\..\\x", b"evil")]), LEADS_OUT),
    "zip drive": (zipped([*SLICES, ("C:/x", b"evil")]), LEADS_OUT),
    "zip symlink": (linked(stat.S_IFLNK), LINK),
    "zip device": (linked(stat.S_IFCHR), LINK),
    "zip twice": (zipped([SLICES[0], SLICES[0]]), "twice"),
    "zip file as folder": (zipped([SLICES[0], (f"{SLICES[0][0]}/x", b"evil")]), "0.tif"),
    "tar up": (tarred([("../../x", b"evil"), *SLICES]), LEADS_OUT),
    "tar symlink": (special(tarfile.SYMTYPE), LINK),
    "tar symlink as the folder": (special(tarfile.SYMTYPE, "top-master/stack/raw", "/etc"), LINK),
    "tar hard link": (special(tarfile.LNKTYPE), LINK),
    "tar device": (special(tarfile.CHRTYPE), LINK),
    "tar fifo": (special(tarfile.FIFOTYPE), LINK),
}


@pytest.mark.parametrize(("content", "message"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_archive_leaves_nothing(serve, tmp_path, content, message):
    cache = tmp_path / "a" / "b" / "c"
    with pytest.raises(DownloadError, match=message) as caught:
        fetch(spec(serve("/a", content)), cache=cache)
    assert str(caught.value).isprintable()
    assert left(cache) == []
    assert [p.name for p in tmp_path.rglob("*") if p.is_file() and p.suffix != ".lock"] == []
    assert not Path("/a2ibench-evil").exists()


def test_links_elsewhere_in_an_archive_do_not_matter(serve, tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as file:
        info = tarfile.TarInfo("top-master/link")
        info.type, info.linkname = tarfile.SYMTYPE, "README.md"
        file.addfile(info)
        for name, content in SLICES:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
    path = fetch(spec(serve("/a.tar", (tmp_path / "a.tar").read_bytes())), cache=tmp_path)
    assert len(list(path.iterdir())) == len(STACK)


def test_a_dataset_of_a_member_can_be_degraded(serve, tmp_path):
    wanted = spec(serve("/a.zip", ARCHIVES["zip"]))
    cut = {"voxel_size": (5.0, 5.0, 5.0), "crop": ((2, 8), (0, 20), (0, 30)), "simulate": Simulation(2.0)}
    wanted = DatasetSpec(**vars(wanted) | cut)
    np.testing.assert_array_equal(open_dataset(wanted, cache=tmp_path).data, STACK[2:8])
    assert dataset_size(wanted) == ((3, 20, 30), (6, 20, 30))
