"""Errors are one line each, builtin errors too, and travel between processes."""

from __future__ import annotations

import pickle

import pytest

from a2ibench import errors
from a2ibench.cli.errors import in_one_line
from a2ibench.errors import (
    A2IBenchError,
    CatalogueError,
    DownloadError,
    InputError,
    OptionError,
    PluginError,
    UnknownNameError,
)


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [
        (InputError, ValueError),
        (OptionError, ValueError),
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


def test_an_option_is_a_keyword_in_python_and_a_flag_on_the_command_line() -> None:
    template = "{path}: {target_spacing}: exists; add {overwrite:True} or {save:False}, give {size:(Z, X)}"
    error = pickle.loads(pickle.dumps(OptionError(template, path="{a}")))  # noqa: S301
    assert error.option == "target_spacing"
    assert str(error) == "{a}: target_spacing: exists; add overwrite=True or save=False, give size=(Z, X)"
    shown = "{a}: --target-spacing: exists; add --overwrite or --no-save, give --size Z,X"
    assert in_one_line(error) == shown


def test_every_error_is_an_a2ibench_error() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    assert len(kinds) == 7
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


@pytest.mark.parametrize(("number", "said"), [(0, "0 slices"), (1, "1 slice"), (2, "2 slices")])
def test_things_are_counted_as_people_do(number: int, said: str) -> None:
    assert errors.counted(number, "slice") == said
