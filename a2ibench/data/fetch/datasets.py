"""Gets the files of datasets: local ones are checked, others downloaded once and checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from a2ibench.contracts import DatasetSpec
from a2ibench.data.cache import cached_path, generated
from a2ibench.data.fetch.download import Kept, downloaded
from a2ibench.data.fetch.retries import Patience
from a2ibench.data.volume_checksums import content_sha256
from a2ibench.errors import A2IBenchError, DownloadError, InputError, UnknownNameError


def fetch(
    spec: DatasetSpec,
    *,
    cache: Path | None = None,
    progress: bool = False,
    patience: Patience | None = None,
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
    patience : Patience, optional
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
        return downloaded(spec, cache, progress, patience or Patience())
    if spec.phantom is not None:
        return _kept_phantom(spec, cache)
    raise InputError(
        f"[{spec.name}]: has no public link to download; {spec.instructions.rstrip('.')}; "
        "then give the file as path in a catalogue of your own"
    )


def kept_file(spec: DatasetSpec, *, cache: Path | None = None) -> Path | None:
    """Return the file or folder of a dataset, None where there is none yet; its checksum is not verified."""
    path = spec.path if spec.url is None else Kept(spec, cache).path
    return path if path is not None and path.exists() else None


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
    if not path.exists():
        raise InputError(f"[{spec.name}]: path is {path}, which is no file; correct it in the catalogue")
    if spec.sha256 is not None and (found := content_sha256(path)) != spec.sha256:
        raise InputError(
            f"[{spec.name}]: {path} has sha256 {found}, not {spec.sha256}; "
            "get the file again, or correct the catalogue"
        )
    return path
