"""Functions whose parameters, and what is said of them, are those of a table of options."""

from __future__ import annotations

import functools
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any, ParamSpec, TypeVar

from a2ibench.bench.option import Option, options_of
from a2ibench.errors import OptionError

Given = ParamSpec("Given")
Table = TypeVar("Table")
Result = TypeVar("Result")


def takes(table: Callable[Given, Table]) -> Callable[[Callable[[Table], Result]], Callable[Given, Result]]:
    """Give a function of a table the options as its parameters, for callers, editors and type checkers."""

    def decorate(function: Callable[[Table], Result]) -> Callable[Given, Result]:
        @functools.wraps(function)
        def call(*args: Given.args, **kwargs: Given.kwargs) -> Result:
            return function(table(*args, **kwargs))

        result = inspect.signature(function).return_annotation
        call.__dict__["__signature__"] = inspect.signature(table).replace(return_annotation=result)
        call.__doc__ = described(function.__doc__, table)
        return call

    return decorate


def documented(table: Any) -> Callable[[Result], Result]:
    """Put what a table says of its options into the docstring of a function that names them itself."""

    def decorate(function: Result) -> Result:
        named = inspect.signature(function).parameters  # type: ignore[arg-type]
        function.__doc__ = described(function.__doc__, table, named)
        return function

    return decorate


def described(text: str | None, table: Any, only: Sequence[str] | Mapping[str, Any] = ()) -> str:
    """Return a docstring with the parameters of a table in place of ``{options}``."""
    text = inspect.cleandoc(text or "")
    return text.replace("{options}", "\n".join(_parameters(table, only or options_of(table))))


def _parameters(table: Any, only: Sequence[str] | Mapping[str, Any]) -> Iterator[str]:
    for one in fields(table):
        if one.name in only:
            option: Option = one.metadata["option"]
            kinds = re.sub(r"\[(\w+).*?\]", r" of \1", str(one.type)).replace(" | ", " or ")
            yield f"{one.name} : {kinds.replace(' or None', ', optional')}"
            text = option.doc or str(OptionError(option.help))
            yield textwrap.indent(textwrap.fill(text, 100), "    ")
