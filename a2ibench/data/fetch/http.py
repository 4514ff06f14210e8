"""Downloads over http that are taken up where they broke off, if the remote file is still the same."""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Final

from a2ibench.data.fetch.transfer import DownloadBar, Pace, RetryPolicy
from a2ibench.documents import read_json
from a2ibench.errors import DownloadError, one_line
from a2ibench.files import write_json

_SETTLED: Final = 60.0
"""Seconds after which a file that changes again gets another date for certain."""


@dataclass(frozen=True)
class Version:
    """What a server said of a file when its download began.

    Parameters
    ----------
    condition : str
        The strong ETag or, where there is none, the date by which the server is asked for the rest.
    etag, modified : str or None
        Its headers ``ETag``, also a weak one, and ``Last-Modified``.
    total : int or None
        Bytes of the whole file.
    """

    condition: str
    etag: str | None
    modified: str | None
    total: int | None

    @classmethod
    def from_headers(cls, headers: Mapping[str, str], total: int | None) -> Version | None:
        """Return the version of a response; None where a later one could not be told from it.

        A date tells only files apart that did not change within its second, so it must have been a minute
        old when the server sent it, and the number of bytes must be known as well.
        """
        etag, modified = headers.get("ETag"), headers.get("Last-Modified")
        if etag and etag.startswith('"'):
            return cls(etag, etag, modified, total)
        if modified and total is not None and _settled(modified, headers.get("Date", "")):
            return cls(modified, etag, modified, total)
        return None

    @classmethod
    def from_note(cls, note: Any) -> Version | None:
        """Return the version that a note holds; None where it holds anything else."""
        if not isinstance(note, dict) or note.keys() != {"condition", "etag", "modified", "total"}:
            return None
        texts = (note["etag"], note["modified"])
        usable = all(text is None or isinstance(text, str) for text in texts)
        if not usable or note["condition"] not in [text for text in texts if text]:
            return None
        total = note["total"]
        if total is not None and (not isinstance(total, int) or isinstance(total, bool) or total < 1):
            return None
        return cls(**note)

    def matches(self, headers: Mapping[str, str], total: int | None) -> bool:
        """Return whether a response, of a file of `total` bytes, is of this version: it must say so."""
        known = {"ETag": self.etag, "Last-Modified": self.modified}
        stated = {name: headers[name] for name in known if name in headers}
        if not stated or any(known[name] != value for name, value in stated.items()):
            return False
        if self.total is not None and total is not None:
            return self.total == total
        # A date alone is not enough.
        return self.condition == self.etag and "ETag" in stated


def _settled(modified: str, date: str) -> bool:
    try:
        sent: datetime = parsedate_to_datetime(date)
        return (sent - parsedate_to_datetime(modified)).total_seconds() >= _SETTLED
    except (TypeError, ValueError, OverflowError):
        return False


class Part:
    """A file that grows, and a note of the version of the remote file that it is the beginning of.

    Parameters
    ----------
    path : Path
        Where it grows; the note lies beside it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._note = path.with_name(f"{path.name}.json")

    @property
    def size(self) -> int:
        """Bytes that are there."""
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0

    @property
    def can_go_on(self) -> bool:
        """Whether there are bytes, and a note of what they are the beginning of."""
        return self.size > 0 and self._note.is_file()

    def version(self, url: str) -> Version | None:
        """Return the version of the remote file; None where the part cannot be continued."""
        with contextlib.suppress(OSError, ValueError):
            note = read_json(self._note)
            version = Version.from_note(note.get("version")) if isinstance(note, dict) else None
            if (
                version is not None
                and note.get("url") == url
                and 0 < self.size <= (version.total or self.size)
            ):
                return version
        return None

    def begin(self, url: str, version: Version | None) -> None:
        """Start over with a version of the file; with None it cannot be continued later."""
        self.clear()
        self.path.touch()
        if version is not None:
            write_json(self._note, {"url": url, "version": asdict(version)}, indent=None)

    def clear(self) -> None:
        """Remove what is there."""
        # The note first: bytes without one are never continued.
        self._note.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)

    def deliver(self, output: Path) -> None:
        """Give the whole file its next name."""
        self.path.replace(output)
        self._note.unlink(missing_ok=True)


_CHUNK: Final = 2**16
_PASSING = (408, 425, 429)


class TransferError(Exception):
    """A transfer that may go better the next time.

    Parameters
    ----------
    reason : str
        For people.
    wait : float
        Seconds that the server asks to wait.
    slow : bool
        Whether what came took too long, so that it counts for nothing.
    """

    def __init__(self, reason: str, wait: float = 0.0, *, slow: bool = False) -> None:
        super().__init__(reason)
        self.wait, self.slow = wait, slow


class ResumingDownloader:
    """A downloader for pooch: keeps what it got, and asks only for the rest.

    What an interrupted call left is continued if the server says, by its ETag or date and size, that the
    file is still the same; otherwise, or if it cannot send ranges, it starts over. Errors 5xx, lost
    connections, stalls and transfers that are cut short or too slow are tried again after growing pauses,
    other answers are not.

    Parameters
    ----------
    part : Part
        Where the file grows; it stays when the download fails half-way.
    retry : RetryPolicy
        When to give up.
    bar : DownloadBar, optional
        Is told how far it has come.
    """

    def __init__(self, part: Part, retry: RetryPolicy, bar: DownloadBar | None = None) -> None:
        self._part, self._retry, self._bar = part, retry, bar
        self._pace = Pace(retry)

    def __call__(self, url: str, output_file: str, pooch: Any) -> None:
        """Download `url` to `output_file`.

        Raises
        ------
        DownloadError
            If the server refuses, fails too often or takes too long, or the file is larger than what is free
            on the disk; says why in one line.
        """
        from requests.exceptions import InvalidSchema, InvalidURL, MissingSchema, RequestException
        from urllib3.exceptions import HTTPError

        failures, furthest = 0, self._part.size if self._part.version(url) else 0
        while True:
            wait, gained = 0.0, True
            try:
                self._attempt(url)
                break
            except (InvalidSchema, InvalidURL, MissingSchema) as error:
                raise DownloadError(innermost(error)) from error
            except TransferError as error:
                reason, wait, gained = str(error), error.wait, not error.slow
            except (RequestException, HTTPError) as error:
                reason = self._reason(error)
            failures = failures + 1 if self._part.size <= furthest or not gained else 1
            furthest = max(furthest, self._part.size)
            if failures >= self._retry.attempts:
                raise DownloadError(reason)
            self._pace.check()
            self._retry.pause(failures, wait)
            self._pace.check()
        self._part.deliver(Path(output_file))

    def _attempt(self, url: str) -> None:
        version = self._part.version(url)
        # What is compressed on the way can neither be counted nor continued.
        headers = {"Accept-Encoding": "identity"}
        if version is not None:
            headers |= {"Range": f"bytes={self._part.size}-", "If-Range": version.condition}
        with self._answer(url, headers) as response:
            if self._is_whole(response, version):
                return
            self._check_status(response)
            total = self._begin(url, response, version)
            room = self._room(total)
            if self._bar is not None:
                self._bar.begin(self._part.size, total)
            self._receive(response, room)
        if total is not None and self._part.size != total:
            if self._part.size > total:
                self._part.clear()
                raise TransferError("the server sent more bytes than it had said")
            raise TransferError(f"the transfer broke off after {self._part.size} bytes")

    def _answer(self, url: str, headers: dict[str, str]) -> Any:
        """Return the response; in a thread of its own, for a server may send headers for ever."""
        import requests

        limits = (self._retry.connect, self._retry.read)
        answers: SimpleQueue[Any] = SimpleQueue()

        def ask() -> None:
            try:
                answers.put(requests.get(url, headers=headers, stream=True, timeout=limits))
            except Exception as error:
                answers.put(error)

        Thread(target=ask, daemon=True).start()
        try:
            answer = answers.get(timeout=max(0.0, min(sum(limits) + self._retry.period, self._pace.left)))
        except Empty:
            self._pace.check()
            raise TransferError("the server did not come to the end of its headers", slow=True) from None
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _is_whole(self, response: Any, version: Version | None) -> bool:
        if response.status_code != 416 or version is None:
            return False
        # There is nothing behind the part, of the same version: it was cut short just before its renaming.
        size = self._part.size
        same = size == version.total or (version.total is None and version.matches(response.headers, size))
        if same and response.headers.get("Content-Range") == f"bytes */{size}":
            return True
        self._part.clear()
        raise TransferError("the server has no such range of bytes")

    def _check_status(self, response: Any) -> None:
        status = int(response.status_code)
        if status in (200, 206):
            return
        answer = one_line(f"the server answered {status} {response.reason or ''}", 200)
        if status >= 500 or status in _PASSING:
            after = response.headers.get("Retry-After", "")
            raise TransferError(answer, float(after) if re.fullmatch(r"[0-9]{1,6}", after) else 0.0)
        self._part.clear()
        raise DownloadError(answer)

    def _begin(self, url: str, response: Any, version: Version | None) -> int | None:
        """Make the part ready for what comes; return the bytes of the whole file where they are known."""
        headers = response.headers
        if response.status_code == 206:
            pattern = r"bytes ([0-9]{1,18})-[0-9]{1,18}/([0-9]{1,18}|\*)"
            sent = re.fullmatch(pattern, headers.get("Content-Range", "").strip())
            total = int(sent[2]) if sent and sent[2] != "*" else None
            fits = sent is not None and int(sent[1]) == self._part.size
            if version is None or not fits or not version.matches(headers, total):
                self._part.clear()
                raise TransferError("the server sent another range of bytes than was asked for")
            return version.total if total is None else total
        if headers.get("Content-Encoding", "identity") != "identity":
            self._part.begin(url, None)
            return None
        length = headers.get("Content-Length", "")
        total = int(length) if re.fullmatch(r"[0-9]{1,18}", length) else None
        self._part.begin(url, Version.from_headers(headers, total))
        return total

    def _room(self, total: int | None) -> int:
        """Return how many bytes may come: what is free or, of a size that nobody tells, most of it."""
        folder = self._part.path.parent
        free = shutil.disk_usage(folder).free
        wanted = 0 if total is None else total - self._part.size
        if wanted > free:
            self._part.clear()
            raise DownloadError(
                f"its {wanted} bytes do not fit into the {free} bytes that are free in {folder}; "
                "set A2IBENCH_CACHE elsewhere"
            )
        return free if total is not None else free * 9 // 10

    def _receive(self, response: Any, room: int) -> None:
        self._pace.start()
        with self._part.path.open("ab") as file:
            # What has come is taken at once: to fill a chunk a slow server may take days.
            while chunk := response.raw.read1(_CHUNK, decode_content=True):
                file.write(chunk)
                room -= len(chunk)
                if room < 0:
                    break
                if self._bar is not None:
                    self._bar.update(len(chunk))
                self._pace.check()
                if self._pace.too_slow(len(chunk)):
                    raise TransferError(self._pace.slow_text, slow=True)
        if room < 0:
            self._part.clear()
            raise DownloadError("the server sends more bytes than the disk has room for")

    def _reason(self, error: Exception) -> str:
        from requests.exceptions import ConnectTimeout

        message = innermost(error)
        if "timed out" in message and not isinstance(error, ConnectTimeout):
            return f"the server sent nothing for {self._retry.read:g} s"
        if "IncompleteRead" in message:
            return f"the transfer broke off after {self._part.size} bytes"
        return message


def innermost(error: BaseException) -> str:
    """Return in one line what the error says that is behind the others.

    requests wraps the urllib3 error that wraps what the system said; only the last is worth reading.
    """
    cause: object = error
    message = ""
    while isinstance(cause, Exception):
        message = str(cause) or message
        inner = (argument for argument in cause.args if isinstance(argument, Exception))
        cause = getattr(cause, "reason", None) or next(inner, None)
    return one_line(message) or type(error).__name__
