"""Gets the files of datasets: local ones are checked, others downloaded once and checked."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from a2ibench.contracts import DatasetSpec
from a2ibench.errors import A2IBenchError, DownloadError, InputError, UnknownNameError
from a2ibench.volumes.cache import cache_folder, replacing, sha256_of
from a2ibench.volumes.download_bar import DownloadBar
from a2ibench.volumes.generated import cached_path, generated

_RETRIES = 2
_CHUNK = 2**20


def fetch(spec: DatasetSpec, *, cache: Path | None = None, progress: bool = False) -> Path:
    """Return the local file of a dataset; download or generate it first where that is needed.

    A download must match the entry's sha256. Where none is published, the first download's is recorded
    beside the file and holds from then on.

    Parameters
    ----------
    spec : DatasetSpec
        The catalogue's entry.
    cache : Path, optional
        Folder of downloads; by default ``A2IBENCH_CACHE``, or the user's cache folder.
    progress : bool
        Show how far a download has come.

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
        return _downloaded(spec, spec.url, cache_folder(cache) / "downloads", progress)
    if spec.phantom is not None:
        return _kept_phantom(spec, cache)
    raise InputError(
        f"[{spec.name}]: has no public link to download; {spec.instructions.rstrip('.')}; "
        "then give the file as path in a catalogue of your own"
    )


def kept_file(spec: DatasetSpec, *, cache: Path | None = None) -> Path | None:
    """Return where the file of a dataset lies, None where there is none yet; its checksum is not verified."""
    path = spec.path
    if spec.url is not None:
        path = cache_folder(cache) / "downloads" / _file_name(spec.url)
    return path if path is not None and path.is_file() else None


def fetch_all(
    names: Iterable[str],
    catalogue: Mapping[str, DatasetSpec],
    *,
    cache: Path | None = None,
    progress: bool = False,
) -> dict[str, Path | DownloadError]:
    """Fetch datasets by name, and go on after one that fails.

    Returns
    -------
    dict of str to Path or DownloadError
        For each name the local file, or why there is none.

    Raises
    ------
    UnknownNameError
        If the catalogue does not hold a name; nothing is downloaded then.
    """
    names = list(names)
    for name in names:
        if name not in catalogue:
            raise UnknownNameError("dataset", name, catalogue)
    return {name: _fetch_or_error(catalogue[name], cache, progress) for name in names}


def _fetch_or_error(spec: DatasetSpec, cache: Path | None, progress: bool) -> Path | DownloadError:
    try:
        return fetch(spec, cache=cache, progress=progress)
    except DownloadError as error:
        return error
    except A2IBenchError as error:
        return DownloadError(str(error))


def _kept_phantom(spec: DatasetSpec, cache: Path | None) -> Path:
    generated(spec, cache)
    path = cached_path(spec, cache)
    if not path.is_file():
        raise InputError(f"[{spec.name}]: {path.parent} is not writable; set A2IBENCH_CACHE elsewhere")
    return path


def _local(spec: DatasetSpec, path: Path) -> Path:
    if not path.is_file():
        raise InputError(f"[{spec.name}]: path is {path}, which is no file; correct it in the catalogue")
    if spec.sha256 is not None and (found := sha256_of(path)) != spec.sha256:
        raise InputError(
            f"[{spec.name}]: {path} has sha256 {found}, not {spec.sha256}; "
            "get the file again, or correct the catalogue"
        )
    return path


def _downloaded(spec: DatasetSpec, url: str, folder: Path, progress: bool) -> Path:
    import filelock

    target = folder / _file_name(url)
    record = target.with_name(f"{target.name}.json")
    try:
        if _is_kept(target, spec.sha256 or _recorded(record)):
            return target
        folder.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(f"{target}.lock"):
            # Another process may have finished it meanwhile.
            expected = spec.sha256 or _recorded(record)
            if expected is not None and not _is_kept(target, expected):
                target.unlink(missing_ok=True)
            _retrieve(spec.name, url, target, expected, progress)
            if spec.sha256 is None:
                _write_record(record, url, target)
    except (OSError, ValueError) as error:
        advice = "" if spec.sha256 or not record.is_file() else f"; to accept a changed file remove {record}"
        raise DownloadError(f"{spec.name}: {url}: {_reason(error)}{advice}") from error
    return target


def _file_name(url: str) -> str:
    # Names alone do not tell files apart: two public volumes are both called grayscale_maps.h5.
    last = re.sub(r"[^A-Za-z0-9._-]", "_", unquote(urlsplit(url).path).rpartition("/")[2])[-80:]
    return f"{hashlib.sha256(url.encode()).hexdigest()[:12]}-{last}"


def _is_kept(target: Path, expected: str | None) -> bool:
    return expected is not None and target.is_file() and sha256_of(target) == expected


def _recorded(record: Path) -> str | None:
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        found = json.loads(record.read_text(encoding="utf-8"))["sha256"]
        return found if re.fullmatch("[0-9a-f]{64}", found) else None
    return None


def _write_record(record: Path, url: str, target: Path) -> None:
    content = {"url": url, "sha256": sha256_of(target), "bytes": target.stat().st_size}
    with replacing(record) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _retrieve(name: str, url: str, target: Path, expected: str | None, progress: bool) -> None:
    import pooch

    files = pooch.create(
        path=target.parent,
        base_url="",
        registry={target.name: expected},
        urls={target.name: url},
        retry_if_failed=_RETRIES,
    )
    bar = DownloadBar(name) if progress else contextlib.nullcontext(False)
    log = pooch.get_logger()
    level = log.level
    log.setLevel(logging.WARNING)
    try:
        with bar as shown:
            files.fetch(target.name, downloader=pooch.HTTPDownloader(progressbar=shown, chunk_size=_CHUNK))
    finally:
        log.setLevel(level)


def _reason(error: Exception) -> str:
    response = getattr(error, "response", None)
    if response is not None:
        return f"the server answered {response.status_code} {response.reason}"
    # requests wraps the urllib3 error that wraps what the system said; only the last is worth reading.
    cause: object = error
    while isinstance(cause, Exception):
        message = str(cause)
        inner = (argument for argument in cause.args if isinstance(argument, Exception))
        cause = getattr(cause, "reason", None) or next(inner, None)
    return " ".join(message.split())
