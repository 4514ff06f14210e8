"""Gets the files of datasets: local ones are checked, others downloaded once, checked and recorded.

Downloads go on where they stopped: files, members of archives, crops of remote volumes.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from a2ibench.contracts import DatasetSpec
from a2ibench.data import cache_folder
from a2ibench.data.checksums import content_sha256, crop_sha256, sha256_of
from a2ibench.data.fetch.archives import extract
from a2ibench.data.fetch.http import Part, ResumingDownloader, innermost
from a2ibench.data.fetch.transfer import DownloadBar, RetryPolicy, address, download_crop
from a2ibench.data.formats.slices import parts_of
from a2ibench.data.generators import cached_path, generated
from a2ibench.documents import read_json
from a2ibench.errors import DownloadError, InputError
from a2ibench.files import remove, write_json


def fetch(
    spec: DatasetSpec,
    *,
    cache: Path | None = None,
    progress: bool = False,
    retry: RetryPolicy | None = None,
) -> Path:
    """Return the local file or folder of a dataset; download or generate it first where that is needed.

    A download must match the entry's sha256. Where none is published, the first download's is recorded
    beside it and holds from then on. One that was interrupted is continued. Of an archive the member is
    unpacked, of a chunked remote volume the crop is downloaded, as an HDF5 file.

    Parameters
    ----------
    spec : DatasetSpec
        The catalogue's entry.
    cache : Path, optional
        Folder of downloads; by default ``A2IBENCH_CACHE``, or the user's cache folder.
    progress : bool
        Show how far a download has come.
    retry : RetryPolicy, optional
        When to give up on a server; by default after 4 failures, or silences of a minute, in a row.

    Raises
    ------
    DownloadError
        If the file cannot be downloaded or does not match its checksum.
    InputError
        If a local file is missing or does not match its checksum, or the file must be got by hand.
    """
    if spec.path is not None:
        return _local(spec, spec.path)
    if spec.url is not None:
        if spec.chunked and spec.crop is None:
            raise InputError(f"[{spec.name}]: crop is missing; of a chunked volume only a crop is downloaded")
        return downloaded(spec, cache, progress, retry or RetryPolicy())
    if spec.generated:
        return _generated_file(spec, cache)
    raise InputError(
        f"[{spec.name}]: has no public link to download; {spec.instructions.rstrip('.')}; "
        "then give the file as path in a catalogue of your own"
    )


def local_file(spec: DatasetSpec, *, cache: Path | None = None) -> Path | None:
    """Return the file or folder of a dataset, None where there is none yet; its checksum is not verified."""
    path = spec.path if spec.url is None else CachedDownload(spec, cache).path
    return path if path is not None and (path.exists() or parts_of(path)) else None


def _generated_file(spec: DatasetSpec, cache: Path | None) -> Path:
    generated(spec, cache)
    path = cached_path(spec, cache)
    if not path.is_file():
        raise InputError(f"[{spec.name}]: {path.parent} is not writable; set A2IBENCH_CACHE elsewhere")
    return path


def _local(spec: DatasetSpec, path: Path) -> Path:
    if not path.exists() and not parts_of(path):
        raise InputError(f"[{spec.name}]: path is {path}, which is no file; correct it in the catalogue")
    if spec.sha256 is not None and (found := content_sha256(path)) != spec.sha256:
        raise InputError(
            f"[{spec.name}]: {path} has sha256 {found}, not {spec.sha256}; "
            "get the file again, or correct the catalogue"
        )
    return path


_SHA256 = re.compile("[0-9a-f]{64}")


class CachedDownload:
    """The place of one download in the cache.

    Parameters
    ----------
    spec : DatasetSpec
        With a `url`.
    cache : Path, optional
        As for `fetch`.

    Attributes
    ----------
    path, record : Path
        What is kept, and the JSON file of its checksums.
    lock : Path
        File that one process at a time holds while it downloads.
    incomplete : Path
        Folder of what is not complete.
    """

    def __init__(self, spec: DatasetSpec, cache: Path | None = None) -> None:
        self._spec = spec
        self.path = cache_folder(cache) / "downloads" / file_name(spec)
        self.record = self.path.with_name(f"{self.path.name}.json")
        self.lock = self.path.with_name(f"{self.path.name}.lock")
        self.incomplete = self.path.with_name(f".{self.path.name}.part")

    def recorded(self) -> str | None:
        """Return the checksum of the first download, None where there is none."""
        return _checksum(self._read(), "sha256")

    def holds(self) -> bool:
        """Return whether what is wanted is there, unharmed."""
        return (expected := self.expected()) is not None and self.checksum(self.path) == expected

    def accepts(self) -> bool:
        """Return whether something is there whose checksum nobody has ever given or recorded."""
        return self.path.exists() and self._spec.sha256 is None and self.recorded() is None

    def expected(self) -> str | None:
        """Return the checksum that what is kept must have, None where nobody knows it yet."""
        given = self._spec.sha256
        if self._spec.member is not None:
            # A told checksum is the archive's, which is not kept.
            same = given is None or _checksum(self._read(), "archive_sha256") == given
            return self.recorded() if same else None
        return given or self.recorded()

    def checksum(self, path: Path) -> str | None:
        """Return the checksum of a download; None where it is missing or damaged."""
        with contextlib.suppress(OSError, InputError):
            return crop_sha256(path) if self._spec.chunked else content_sha256(path)
        return None

    def write_record(self, archive_sha256: str | None = None) -> None:
        """Record what is kept now."""
        spec = self._spec
        content: dict[str, Any] = {"url": spec.url}
        if spec.member is not None:
            content |= {"member": spec.member, "archive_sha256": archive_sha256 or spec.sha256}
        if spec.chunked:
            content |= {"key": spec.key, "level": spec.level, "crop": spec.crop}
            content |= {"fill_missing": True} if spec.fill_missing else {}
        content |= {"sha256": self.checksum(self.path), "bytes": _size(self.path)}
        write_json(self.record, content, indent=1)

    def _read(self) -> Mapping[str, Any]:
        with contextlib.suppress(OSError, ValueError):
            found = read_json(self.record)
            return found if isinstance(found, dict) else {}
        return {}


def file_name(spec: DatasetSpec) -> str:
    """Return the name of a download in the cache."""
    url = str(spec.url)
    key, last, suffix = url, unquote(urlsplit(url).path).rstrip("/").rpartition("/")[2], ""
    if spec.chunked:
        # The names of crops without it stay as they were.
        filled = ["fill_missing"] if spec.fill_missing else []
        key, suffix = json.dumps([url, spec.key, spec.level, spec.crop, *filled]), ".h5"
    elif spec.member is not None:
        key, last = json.dumps([url, spec.member]), spec.member.rstrip("/").rpartition("/")[2]
    # Names alone do not tell files apart: two public volumes are both called grayscale_maps.h5.
    name = re.sub(r"[^A-Za-z0-9._-]", "_", last)[-80:]
    return f"{hashlib.sha256(key.encode()).hexdigest()[:12]}-{name}{suffix}"


def _checksum(record: Mapping[str, Any], field: str) -> str | None:
    found = record.get(field)
    return found if isinstance(found, str) and _SHA256.fullmatch(found) else None


def _size(path: Path) -> int:
    if path.is_dir():
        return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return path.stat().st_size


_PART = "part"


def downloaded(spec: DatasetSpec, cache: Path | None, progress: bool, retry: RetryPolicy) -> Path:
    """Return what `url` leads to, from the cache or downloaded.

    Raises
    ------
    DownloadError
        In one line: dataset, link, and why there is no file.
    """
    import filelock

    cached = CachedDownload(spec, cache)
    try:
        if cached.holds():
            return cached.path
        cached.path.parent.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(cached.lock):
            # Another process may have finished it meanwhile.
            if cached.holds():
                return cached.path
            if cached.accepts():
                cached.write_record()
                return cached.path
            with contextlib.suppress(FileNotFoundError):
                remove(cached.path)
            cached.incomplete.mkdir(exist_ok=True)
            try:
                with DownloadBar(spec.name) if progress else contextlib.nullcontext() as bar:
                    _get(spec, cached, retry, bar)
            finally:
                _tidy(cached.incomplete)
    except (OSError, ValueError) as error:
        reason, advice = _reason(error, spec), ""
        if "but got" in reason and spec.sha256 is None:
            advice = f"; to accept a changed file remove {cached.record}"
        elif cached.incomplete.exists():
            advice = "; give the same command again to go on"
        raise DownloadError(f"{spec.name}: {spec.url}: {reason}{advice}") from error
    return cached.path


def _get(spec: DatasetSpec, cached: CachedDownload, retry: RetryPolicy, bar: DownloadBar | None) -> None:
    if spec.chunked:
        got, archive_sha256 = cached.incomplete / "crop.h5", None
        download_crop(spec, got, retry, bar)
        _verify(cached, got, cached.expected())
    elif spec.member is not None:
        archive, got = cached.incomplete / "archive", cached.incomplete / "member"
        _retrieve(str(spec.url), archive, spec.sha256, retry, bar)
        extract(archive, spec.member, got)
        archive_sha256 = sha256_of(archive)
        # The same archive holds the same member; of another one only the member counts.
        _verify(cached, got, cached.expected() if spec.sha256 is None else None)
    else:
        got, archive_sha256 = cached.incomplete / "file", None
        _retrieve(str(spec.url), got, cached.expected(), retry, bar)
    got.replace(cached.path)
    if spec.sha256 is None or spec.member is not None:
        cached.write_record(archive_sha256)


def _verify(cached: CachedDownload, got: Path, expected: str | None) -> None:
    found = cached.checksum(got)
    if found is None:
        raise InputError(f"{got} cannot be read again; check the disk")
    if expected is not None and found != expected:
        remove(got)
        raise InputError(f"its content does not match the checksum: expected {expected} but got {found}")


def _retrieve(
    url: str, target: Path, expected: str | None, retry: RetryPolicy, bar: DownloadBar | None
) -> None:
    import pooch

    # Once more, from the start, where the bytes are wrong: what was put together may not fit together.
    files = pooch.create(
        path=target.parent,
        base_url="",
        registry={target.name: expected},
        urls={target.name: url},
        retry_if_failed=1,
    )
    log = pooch.get_logger()
    level = log.level
    log.setLevel(logging.WARNING)
    try:
        files.fetch(target.name, downloader=ResumingDownloader(Part(target.parent / _PART), retry, bar))
    finally:
        log.setLevel(level)


def _reason(error: Exception, spec: DatasetSpec) -> str:
    # The volumes' own errors begin with their name or address.
    reason = innermost(error)
    for known in (str(spec.url), address(spec), spec.name):
        reason = reason.removeprefix(f"{known}: ")
    return reason


def _tidy(folder: Path) -> None:
    """Remove what a download left behind, but not what it can be continued from."""
    for path in folder.iterdir():
        if not path.name.startswith((_PART, ".crop.h5")):
            remove(path)
    part = Part(folder / _PART)
    if not part.can_go_on:
        part.clear()
    with contextlib.suppress(OSError):
        folder.rmdir()
