"""Downloads what an entry wants, and puts it in its place when it is complete and verified."""

from __future__ import annotations

import contextlib
import logging
import shutil
from pathlib import Path

from a2ibench.contracts import DatasetSpec
from a2ibench.errors import DownloadError, InputError
from a2ibench.volumes.digests import sha256_of
from a2ibench.volumes.download_bar import DownloadBar
from a2ibench.volumes.fetching.archive import extract
from a2ibench.volumes.fetching.crop import address, download_crop
from a2ibench.volumes.fetching.http import ResumingDownloader, innermost
from a2ibench.volumes.fetching.part import Part
from a2ibench.volumes.fetching.patience import Patience
from a2ibench.volumes.fetching.record import Kept

_PART = "part"


def downloaded(spec: DatasetSpec, cache: Path | None, progress: bool, patience: Patience) -> Path:
    """Return what `url` leads to, from the cache or downloaded.

    Raises
    ------
    DownloadError
        In one line: dataset, link, and why there is no file.
    """
    import filelock

    kept = Kept(spec, cache)
    try:
        if kept.holds():
            return kept.path
        kept.path.parent.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(kept.lock):
            # Another process may have finished it meanwhile.
            if kept.holds():
                return kept.path
            if kept.accepts():
                kept.write_record()
                return kept.path
            _remove(kept.path)
            kept.work.mkdir(exist_ok=True)
            try:
                with DownloadBar(spec.name) if progress else contextlib.nullcontext() as bar:
                    _get(spec, kept, patience, bar)
            finally:
                _tidy(kept.work)
    except (OSError, ValueError) as error:
        reason, advice = _reason(error, spec), ""
        if "but got" in reason and spec.sha256 is None:
            advice = f"; to accept a changed file remove {kept.record}"
        elif kept.work.exists():
            advice = "; give the same command again to go on"
        raise DownloadError(f"{spec.name}: {spec.url}: {reason}{advice}") from error
    return kept.path


def _get(spec: DatasetSpec, kept: Kept, patience: Patience, bar: DownloadBar | None) -> None:
    if spec.chunked:
        got, archive_sha256 = kept.work / "crop.h5", None
        download_crop(spec, got, patience, bar)
        _verify(kept, got, kept.expected())
    elif spec.member is not None:
        archive, got = kept.work / "archive", kept.work / "member"
        _retrieve(str(spec.url), archive, spec.sha256, patience, bar)
        extract(archive, spec.member, got)
        archive_sha256 = sha256_of(archive)
        # The same archive holds the same member; of another one only the member counts.
        _verify(kept, got, kept.expected() if spec.sha256 is None else None)
    else:
        got, archive_sha256 = kept.work / "file", None
        _retrieve(str(spec.url), got, kept.expected(), patience, bar)
    got.replace(kept.path)
    if spec.sha256 is None or spec.member is not None:
        kept.write_record(archive_sha256)


def _verify(kept: Kept, got: Path, expected: str | None) -> None:
    found = kept.checksum(got)
    if found is None:
        raise InputError(f"{got} cannot be read again; check the disk")
    if expected is not None and found != expected:
        _remove(got)
        raise InputError(f"its content does not match the checksum: expected {expected} but got {found}")


def _retrieve(
    url: str, target: Path, expected: str | None, patience: Patience, bar: DownloadBar | None
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
        files.fetch(target.name, downloader=ResumingDownloader(Part(target.parent / _PART), patience, bar))
    finally:
        log.setLevel(level)


def _reason(error: Exception, spec: DatasetSpec) -> str:
    # The volumes' own errors begin with their name or address.
    reason = innermost(error)
    for known in (str(spec.url), address(spec), spec.name):
        reason = reason.removeprefix(f"{known}: ")
    return reason


def _tidy(work: Path) -> None:
    """Remove what a download left behind, but not what it can be continued from."""
    for path in work.iterdir():
        if not path.name.startswith((_PART, ".crop.h5")):
            _remove(path)
    part = Part(work / _PART)
    if not part.can_go_on:
        part.clear()
    with contextlib.suppress(OSError):
        work.rmdir()


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
