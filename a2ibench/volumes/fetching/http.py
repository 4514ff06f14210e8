"""Downloads over http that are taken up where they broke off."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from a2ibench.errors import DownloadError
from a2ibench.volumes.download_bar import DownloadBar
from a2ibench.volumes.fetching.part import Part, version_of
from a2ibench.volumes.fetching.patience import Patience

# Of a chunk that breaks off nothing is kept, so it is small.
_CHUNK = 2**16
_PASSING = (408, 425, 429)


class TransferError(Exception):
    """A transfer that may go better the next time.

    Parameters
    ----------
    reason : str
        For people.
    wait : float
        Seconds that the server asks to wait.
    """

    def __init__(self, reason: str, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.wait = wait


class ResumingDownloader:
    """A downloader for pooch: keeps what it got, and asks only for the rest.

    What an interrupted call left is continued if the server says, by its ETag or date, that the file is
    still the same; otherwise, or if it cannot send ranges, it starts over. Errors 5xx, lost connections,
    stalls and transfers cut short are tried again after growing pauses, other answers are not.

    Parameters
    ----------
    part : Part
        Where the file grows; it stays when the download fails half-way.
    patience : Patience
        When to give up.
    bar : DownloadBar, optional
        Is told how far it has come.
    """

    def __init__(self, part: Part, patience: Patience, bar: DownloadBar | None = None) -> None:
        self._part, self._patience, self._bar = part, patience, bar

    def __call__(self, url: str, output_file: str, pooch: Any) -> None:
        """Download `url` to `output_file`.

        Raises
        ------
        DownloadError
            If the server refuses, or fails too often; says why in one line.
        """
        from requests.exceptions import InvalidSchema, InvalidURL, MissingSchema, RequestException

        failures, furthest = 0, self._part.size if self._part.version(url) else 0
        while True:
            wait = 0.0
            try:
                self._attempt(url)
                break
            except (InvalidSchema, InvalidURL, MissingSchema) as error:
                raise DownloadError(innermost(error)) from error
            except TransferError as error:
                reason, wait = str(error), error.wait
            except RequestException as error:
                reason = self._reason(error)
            failures = failures + 1 if self._part.size <= furthest else 1
            furthest = max(furthest, self._part.size)
            if failures >= self._patience.attempts:
                raise DownloadError(reason)
            self._patience.pause(failures, wait)
        self._part.deliver(Path(output_file))

    def _attempt(self, url: str) -> None:
        import requests

        version = self._part.version(url)
        # What is compressed on the way can neither be counted nor continued.
        headers = {"Accept-Encoding": "identity"}
        if version is not None:
            headers |= {"Range": f"bytes={self._part.size}-", "If-Range": version}
        limits = (self._patience.connect, self._patience.read)
        with requests.get(url, headers=headers, stream=True, timeout=limits) as response:
            if self._is_whole(response, version):
                return
            self._check_status(response)
            total = self._begin(url, response, version)
            if self._bar is not None:
                self._bar.begin(self._part.size, total)
            self._receive(response)
        if total is not None and self._part.size != total:
            raise TransferError(f"the transfer broke off after {self._part.size} bytes")

    def _is_whole(self, response: Any, version: str | None) -> bool:
        if response.status_code != 416 or version is None:
            return False
        # There is nothing behind the part, of the same version: it was cut short just before its renaming.
        if response.headers.get("Content-Range") == f"bytes */{self._part.size}":
            return True
        self._part.clear()
        raise TransferError("the server has no such range of bytes")

    def _check_status(self, response: Any) -> None:
        status = int(response.status_code)
        if status in (200, 206):
            return
        answer = f"the server answered {status} {response.reason or ''}".rstrip()
        if status >= 500 or status in _PASSING:
            after = response.headers.get("Retry-After", "")
            raise TransferError(answer, float(after) if re.fullmatch(r"\d{1,6}", after) else 0.0)
        self._part.clear()
        raise DownloadError(answer)

    def _begin(self, url: str, response: Any, version: str | None) -> int | None:
        """Make the part ready for what comes; return the bytes of the whole file where they are known."""
        if response.status_code == 206:
            pattern = r"bytes (\d+)-\d+/(\d+|\*)"
            sent = re.fullmatch(pattern, response.headers.get("Content-Range", "").strip())
            same = response.headers.get("ETag", version) == version or not str(version).startswith('"')
            if version is None or sent is None or int(sent[1]) != self._part.size or not same:
                self._part.clear()
                raise TransferError("the server sent another range of bytes than was asked for")
            return None if sent[2] == "*" else int(sent[2])
        if response.headers.get("Content-Encoding", "identity") != "identity":
            self._part.begin(url, None)
            return None
        self._part.begin(url, version_of(response.headers))
        length = response.headers.get("Content-Length", "")
        return int(length) if length.isdecimal() else None

    def _receive(self, response: Any) -> None:
        with self._part.path.open("ab") as file:
            for chunk in response.iter_content(_CHUNK):
                file.write(chunk)
                if self._bar is not None:
                    self._bar.update(len(chunk))

    def _reason(self, error: Exception) -> str:
        from requests.exceptions import ConnectTimeout

        message = innermost(error)
        if "timed out" in message and not isinstance(error, ConnectTimeout):
            return f"the server sent nothing for {self._patience.read:g} s"
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
    return " ".join(message.split()) or type(error).__name__
