"""Servers on this machine: one of given answers, one of a folder."""

from __future__ import annotations

import contextlib
import functools
import re
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        answers = self.server.answers[self.path]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        self.server.requests.append(self.path)
        self.server.ranges.append(self.headers.get("Range"))
        if callable(answer):
            answer(self)
            return
        status, headers, content = answer
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(content))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    # Nobody waits between attempts, neither pooch nor this package.
    for module in ("pooch.core", "a2ibench.data.fetch.transfer"):
        monkeypatch.setattr(f"{module}.time", SimpleNamespace(sleep=lambda seconds: None))
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.requests, server.ranges, server.answers = [], [], {}
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def serve(server):
    """Answer `path` with (status, headers, content) in turn, the last for ever; return the link.

    An answer may also be a function that is handed the handler.
    """

    def serve(
        path: str, *answers: Callable[[Handler], None] | tuple[int, dict[str, str], bytes] | bytes
    ) -> str:
        server.answers[path] = [(200, {}, item) if isinstance(item, bytes) else item for item in answers]
        return f"http://127.0.0.1:{server.server_port}{path}"

    return serve


@pytest.fixture(scope="session")
def served_stack() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (6, 20, 30)).astype(np.uint8)


@pytest.fixture(scope="session")
def volume_bytes(tmp_path_factory, served_stack) -> bytes:
    path = tmp_path_factory.mktemp("served") / "a.tif"
    tifffile.imwrite(path, served_stack, photometric="minisblack", compression="zlib")
    return path.read_bytes()


class FolderHandler(SimpleHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        broken = self.server.broken
        if broken is not None and re.search(broken, self.path):
            self.server.event.wait(self.server.stall)
            # Who waited may have gone meanwhile.
            with contextlib.suppress(OSError):
                self.send_error(500)
                self.wfile.flush()
            return
        super().do_GET()

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def web(tmp_path, monkeypatch):
    """Serve the folder ``served``; lists what is asked for, and fails for what matches ``broken``."""
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("no_proxy", "*")
    folder = tmp_path / "served"
    folder.mkdir()
    handler = functools.partial(FolderHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.folder, server.asked, server.broken, server.stall = folder, [], None, 0
        server.event = threading.Event()
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.event.set()
        server.shutdown()
        thread.join()
