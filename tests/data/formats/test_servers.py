"""Servers that fail, before a volume is opened and while it is read: one clear line each."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from a2ibench.data.formats import open_lazy
from a2ibench.errors import InputError

NAMES = ("a.tif", "a.h5", "a.mat", "a.mrc", "a.npy", "a.zarr", "a.n5", "a", "a.zarr/raw")


def answer(handler: BaseHTTPRequestHandler, status: int) -> None:
    handler.send_response(status)
    handler.send_header("Content-Length", "0")
    handler.end_headers()


class Refusing(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        answer(self, int(self.path.split("/")[1]))

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Serve nothing but the status that is the first part of a path."""
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "*")
    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def line(url: str, **options: str) -> str:
    with pytest.raises(InputError) as caught:
        open_lazy(url, **options)
    message = str(caught.value)
    assert message.startswith(url)
    assert message.isprintable()
    return message


@pytest.mark.parametrize("name", NAMES)
def test_a_server_that_fails_is_not_taken_for_one_without_the_volume(refusing, name):
    advice = "(its server answered 500); check the address and the connection"
    assert line(f"{refusing}/500/{name}").endswith(f": cannot be read {advice}")
    assert "check" in line(f"{refusing}/404/{name}")
    assert "server answered" not in line(f"{refusing}/404/{name}")


@pytest.mark.parametrize("name", NAMES)
def test_a_server_that_refuses_the_connection(monkeypatch, name):
    monkeypatch.setenv("no_proxy", "*")
    assert line(f"http://127.0.0.1:9/{name}").endswith("; check the address and the connection")


@pytest.mark.parametrize("name", ["a.zarr", "a.n5"])
def test_a_key_on_a_server_without_the_volume(refusing, name):
    assert "key 'raw' does not exist" in line(f"{refusing}/404/{name}", key="raw")


@pytest.mark.parametrize("kind", ["mrc", "npy", "zarr2", "zarr3", "n5"])
def test_a_server_that_fails_while_a_volume_is_read(write, web, monkeypatch, kind):
    data = np.ones((7, 8, 8), np.uint8)
    path = write(kind, data)
    key = "raw" if kind in ("zarr2", "zarr3", "n5") else None
    url = f"http://127.0.0.1:{web.server_port}/{path.name}"
    with open_lazy(url, key=key) as volume:
        monkeypatch.setattr(web.RequestHandlerClass.func, "do_GET", lambda handler: answer(handler, 403))
        with pytest.raises(InputError, match=r"\(its server answered 403\); check the address and the con"):
            volume[:, :, :]
