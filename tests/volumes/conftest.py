"""A server of files on this machine."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import tifffile


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        answers = self.server.answers[self.path]
        status, headers, content = answers.pop(0) if len(answers) > 1 else answers[0]
        self.server.requests.append(self.path)
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
    # The pauses between attempts are pooch's own.
    monkeypatch.setattr("pooch.core.time.sleep", lambda seconds: None)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.requests, server.answers = [], {}
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def serve(server):
    """Answer `path` with (status, headers, content) in turn, the last for ever; return the link."""

    def serve(path: str, *answers: tuple[int, dict[str, str], bytes] | bytes) -> str:
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
