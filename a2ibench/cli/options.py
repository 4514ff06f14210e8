"""The options of commands, from tables of `a2ibench.bench.options.Option`, and numbers within one option."""

from __future__ import annotations

import functools
import inspect
import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from a2ibench.bench.options import Option, options_of
from a2ibench.bench.shared_options import CATALOGUE
from a2ibench.cli.errors import flag
from a2ibench.errors import InputError, OptionError


def takes(table: type, **more: Option) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options of a table, and some more, behind its own parameters.

    Parameters
    ----------
    table : type
        A table of options.
    **more : Option
        What only the command line has.

    Returns
    -------
    callable
        Decorates a function of the command's own parameters and of a dict of the options that were given.
    """
    options = {name: one for name, one in (options_of(table) | more).items() if not one.in_python_only}

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        def command(**values: Any) -> None:
            given = {name: values.pop(name) for name in [*values] if name not in own}
            function(**values, given=dict(_read(options, given)))

        own = dict(inspect.signature(function, eval_str=True).parameters)
        del own["given"]
        parameters = [*own.values(), *itertools.chain(*itertools.starmap(_parameters, options.items()))]
        functools.update_wrapper(command, function)
        del command.__dict__["__wrapped__"]
        command.__dict__["__signature__"] = inspect.Signature(parameters)
        command.__annotations__ = {one.name: one.annotation for one in parameters}
        return command

    return decorate


def _parameters(name: str, one: Option) -> Iterator[inspect.Parameter]:
    text = OptionError(one.help).named(flag)
    if one.type is bool:
        yield _flag(f"no_{name}", flag(name, "False"), one.off) if one.off else _flag(name, flag(name), text)
        return
    kinds: dict[type, Any] = {tuple: str, list: list[str]}
    kind = kinds.get(one.type, one.type)
    declared = typer.Option(flag(name), metavar=one.metavar, help=text, show_default=False)
    yield _parameter(name, Annotated[kind | None, declared], None)
    if one.off:
        yield _flag(f"no_{name}", flag(name, "False"), one.off)


def _flag(name: str, words: str, text: str) -> inspect.Parameter:
    return _parameter(name, Annotated[bool, typer.Option(words, help=text)], False)


def _parameter(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _read(options: Mapping[str, Option], given: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in given.items():
        if name not in options:
            on = name.removeprefix("no_")
            if value and given.get(on) is not None:
                raise InputError(f"{flag(on)} and {flag(on, 'False')}: one excludes the other; give one")
            if value:
                yield on, False
        elif value is not None and value is not False:
            one = options[name]
            yield name, _numbers(flag(name), value, one) if one.type is tuple else value


def _numbers(name: str, text: str, one: Option) -> tuple[float, ...]:
    try:
        found = tuple(float(part) for part in text.split(","))
    except ValueError:
        found = ()
    if len(found) != one.metavar.count(",") + 1 or not all(map(math.isfinite, found)):
        raise InputError(f"{name}: got {text!r}; give {one.metavar}, such as {one.example}")
    return found


def option(metavar: str, text: str, *names: str) -> Any:
    """Return an option whose help text alone says what its default is."""
    return typer.Option(*names, metavar=metavar, help=text, show_default=False)


Catalogue = Annotated[Path | None, option(CATALOGUE.metavar, CATALOGUE.help)]
