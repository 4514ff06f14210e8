"""Where a volume is: a local path, or an address that fsspec reads."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from a2ibench.data.formats.volume import unreachable
from a2ibench.errors import InputError

# Public data are read without an account.
_OPTIONS: dict[str, dict[str, Any]] = {
    "s3": {"anon": True},
    "gs": {"token": "anon"},
    "http": {},
    "https": {},
}
# What servers answer where nothing is; 403 where they do not tell what is there.
_ABSENT = (403, 404, 410)
# What a metadata file may have at most; they are read whole.
_LARGEST_METADATA = 2**24


@dataclass(frozen=True)
class Source:
    """A file or folder, local or remote.

    Parameters
    ----------
    text : str
        As it was given; shown in messages.
    scheme : str
        ``http``, ``https``, ``s3``, ``gs``, or empty for local ones.
    filesystem : fsspec.AbstractFileSystem
        What reads it.
    place : str
        Its name in that file system.
    """

    text: str
    scheme: str
    filesystem: Any
    place: str

    @property
    def path(self) -> Path | None:
        """The local path; None for remote ones."""
        return None if self.scheme else Path(self.place)

    @property
    def name(self) -> str:
        """The last part of path or address."""
        return self.place.rstrip("/").rpartition("/")[2].partition("?")[0]

    @property
    def options(self) -> dict[str, Any]:
        """What fsspec is given for this scheme."""
        return _OPTIONS.get(self.scheme, {})

    def __truediv__(self, name: str) -> Source:
        """Return what lies inside; texts with ``..`` lead no further."""
        tail = "/".join(part for part in name.split("/") if part not in ("", ".", ".."))
        if not tail:
            return self
        text, place = (f"{one.rstrip('/')}/{tail}" for one in (self.text, self.place))
        return Source(text, self.scheme, self.filesystem, place)

    @property
    def parent(self) -> Source | None:
        """The folder it lies in; None at the top."""
        texts = [one.rstrip("/").rpartition("/")[0] for one in (self.text, self.place)]
        if not all(texts) or texts[1].endswith(("/", ":")):
            return None
        return Source(texts[0], self.scheme, self.filesystem, texts[1])

    def is_file(self) -> bool:
        """Return whether there is such a file.

        Raises
        ------
        InputError
            If its server cannot be asked.
        """
        if self.path is not None:
            return self.path.is_file()
        try:
            return bool(self.filesystem.info(self.place)["type"] == "file")
        except FileNotFoundError as error:
            # fsspec says so of servers that cannot be reached, or that fail, too.
            cause = error.__cause__
            if isinstance(cause, OSError) or getattr(cause, "status", 404) not in _ABSENT:
                raise unreachable(self.text, cause or error) from error
            return False
        except PermissionError:
            # Buckets that may not be listed say so of what is not there.
            return False
        except Exception as error:
            raise unreachable(self.text, error) from error

    def read(self, start: int = 0, stop: int = _LARGEST_METADATA) -> bytes | None:
        """Return bytes of the file; None where there is no such file.

        Raises
        ------
        InputError
            If it is there but cannot be read.
        """
        small = {"block_size": 2**16} if self.scheme in ("http", "https") else {}
        try:
            with self.filesystem.open(self.place, "rb", **small) as file:
                file.seek(start)
                content: bytes = file.read(stop - start)
                return content
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            return None
        except Exception as error:
            if self.scheme and isinstance(error, PermissionError):
                return None
            raise unreachable(self.text, error) from error

    def read_json(self, name: str) -> dict[str, Any] | None:
        """Return the object in a JSON file inside this folder; None where there is no such file.

        Raises
        ------
        InputError
            If the file holds anything else.
        """
        content = (self / name).read(0, _LARGEST_METADATA + 1)
        if content is None:
            return None
        if len(content) > _LARGEST_METADATA:
            raise InputError(f"{(self / name).text}: larger than 16 MiB; give a volume with smaller metadata")
        try:
            found = json.loads(content)
        except (ValueError, RecursionError, MemoryError):
            found = None
        if not isinstance(found, dict):
            raise InputError(f"{(self / name).text}: not a JSON object; it is damaged or cut short")
        return found

    def open(self) -> Any:
        """Return the file, open for reading at any place.

        Raises
        ------
        InputError
            If it cannot be opened.
        """
        try:
            return self.filesystem.open(self.place, "rb")
        except FileNotFoundError:
            what = "address" if self.scheme else "path"
            raise InputError(f"{self.text}: no such file; check the {what}") from None
        except Exception as error:
            raise unreachable(self.text, error) from error


# How Neuroglancer writes which format an address has; the volume's own files tell that, too.
_FORMAT = re.compile(r"(?:precomputed|n5|zarr[23]?)://(?=.)", re.IGNORECASE)
_FORMAT_BEHIND = re.compile(r"\|(?:neuroglancer-precomputed|precomputed|n5|zarr[23]?):/*", re.IGNORECASE)


def _bare(text: str) -> str:
    """Return an address without the format that Neuroglancer writes in front of it or behind."""
    first = _FORMAT.match(text)
    text = text[first.end() :] if first else text
    last = _FORMAT_BEHIND.search(text) if "://" in text else None
    return f"{text[: last.start()].rstrip('/')}/{text[last.end() :]}".rstrip("/") if last else text


def find(given: str | Path) -> Source:
    """Return the source of a path or an address, which may be written as in Neuroglancer.

    Raises
    ------
    InputError
        If the address has a scheme that is not read.
    """
    from fsspec.implementations.local import LocalFileSystem

    text = _bare(given) if isinstance(given, str) else str(given)
    match = re.match(r"([A-Za-z][A-Za-z0-9+.-]+)://(.*)", text) if isinstance(given, str) else None
    if match is None:
        return Source(text, "", LocalFileSystem(auto_mkdir=False), str(Path(text).expanduser()))
    scheme = match[1].lower()
    if scheme == "file":
        return Source(match[2], "", LocalFileSystem(auto_mkdir=False), match[2])
    if scheme not in _OPTIONS or not match[2]:
        raise InputError(f"{text}: scheme {scheme!r}; give a path or a http, https, s3 or gs address")
    import fsspec

    try:
        filesystem, place = fsspec.core.url_to_fs(text, **_OPTIONS[scheme])
    except ImportError as error:
        raise InputError(f"{text}: {error}; install it, or download the volume") from None
    return Source(text, scheme, filesystem, str(place))
