"""Errors are one line each, builtin errors too, and travel between processes."""

from __future__ import annotations

import pickle

import pytest

from a2ibench import errors
from a2ibench.errors import (
    A2IBenchError,
    CatalogueError,
    DownloadError,
    InputError,
    PluginError,
    UnknownNameError,
)


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [
        (InputError, ValueError),
        (CatalogueError, ValueError),
        (DownloadError, OSError),
        (PluginError, RuntimeError),
    ],
)
def test_errors_are_builtin_errors_too_and_travel_between_processes(
    kind: type[A2IBenchError], builtin: type[Exception]
) -> None:
    error = pickle.loads(pickle.dumps(kind("what, got, do")))  # noqa: S301
    assert isinstance(error, builtin)
    assert isinstance(error, A2IBenchError)
    assert str(error) == "what, got, do"


def test_every_error_is_an_a2ibench_error() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    assert len(kinds) == 6
    assert all(issubclass(kind, A2IBenchError) for kind in kinds)


def test_an_unknown_name_says_what_is_known() -> None:
    error = UnknownNameError("method", "zzz", ["srmd", "cubic"])
    assert str(error) == "unknown method 'zzz'; known: cubic, srmd"
    assert (
        str(UnknownNameError("method", "Cubik", ["cubic"])) == "unknown method 'Cubik'; did you mean 'cubic'?"
    )
    assert str(UnknownNameError("method", "a", [])) == "unknown method 'a'; known: none"
    assert isinstance(error, LookupError)
    again = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert (again.kind, again.name, again.known) == ("method", "zzz", ["cubic", "srmd"])
    assert str(again) == str(error)
