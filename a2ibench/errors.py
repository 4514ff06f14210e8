"""Exceptions of a2ibench: one clear line each, each also a builtin error."""

from __future__ import annotations

import contextlib
import difflib
import re
import traceback
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from string import Formatter
from typing import Final

LONGEST_LINE: Final = 500
"""Characters of a message that come from elsewhere: a plugin, a file or a server."""

_INVISIBLE = frozenset({"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"})
# What CI services take for a command: ::name at the start of a line, ##[name] or ##vso[name] anywhere.
_COMMAND = re.compile(r"(?<!\S):(?=:[a-z])|#(?=#(?:vso|teamcity)?\[)", re.IGNORECASE)


class A2IBenchError(Exception):
    """Base of every error that a2ibench raises on purpose."""


class InputError(A2IBenchError, ValueError):
    """A file, volume, setting or argument that cannot be used."""


class OptionError(InputError):
    """An option that cannot be used, or one that would help.

    Parameters
    ----------
    template : str
        The message. A field is one of `values` or else the name of an option; the value to give may follow
        its colon: ``{path}: exists already; add {overwrite:True}``.
    **values
        Of fields that are no options.
    """

    def __init__(self, template: str, **values: object) -> None:
        super().__init__(template)
        self.template, self.values = template, values

    @property
    def option(self) -> str:
        """The first option that the message names."""
        fields = (name for _, name, _, _ in Formatter().parse(self.template))
        return next(name for name in fields if name and name not in self.values)

    def named(self, name_of: Callable[[str, str], str]) -> str:
        """Return the message with options as `name_of` writes them, told a name and the value to give."""
        message = ""
        for text, name, value, _ in Formatter().parse(self.template):
            message += text
            if name:
                message += str(self.values[name]) if name in self.values else name_of(name, value or "")
        return message

    def __str__(self) -> str:
        return self.named(lambda name, value: f"{name}={value}" if value else name)


class CatalogueError(InputError):
    """A datasets.toml that is malformed; names table and field."""


class DownloadError(A2IBenchError, OSError):
    """A file that could not be downloaded or did not match its checksum."""


class PluginError(A2IBenchError, RuntimeError):
    """A plugin that does not keep its contract."""


class UnknownNameError(A2IBenchError, LookupError):
    """A name that nothing is registered under; suggests the nearest one.

    Parameters
    ----------
    kind : str
        What was looked up, for example ``"method"``.
    name : str
        The name that was given.
    known : iterable of str
        The names that exist.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        self.kind, self.name, self.known = kind, name, sorted(known)
        super().__init__(kind, name, self.known)

    def __str__(self) -> str:
        near = difflib.get_close_matches(self.name, self.known, n=1, cutoff=0.5)
        if near:
            return f"unknown {self.kind} {self.name!r}; did you mean {near[0]!r}?"
        return f"unknown {self.kind} {self.name!r}; known: {', '.join(self.known) or 'none'}"


@contextlib.contextmanager
def naming_option(name: str) -> Iterator[None]:
    """Make an `OptionError` of an `InputError` whose message begins with the name of an option.

    Raises
    ------
    OptionError
        In its place.
    """
    try:
        yield
    except InputError as error:
        problem = str(error).removeprefix(f"{name}: ")
        if isinstance(error, OptionError) or problem == str(error):
            raise
        raise OptionError(f"{{{name}}}: {{problem}}", problem=problem) from error


def one_line(error: BaseException | str, longest: int = LONGEST_LINE) -> str:
    """Return type and message of an error, or a text, as one printable line of bounded length.

    Errors of this package are shown without their type.
    """
    if isinstance(error, BaseException) and not isinstance(error, A2IBenchError):
        text = "".join(traceback.format_exception_only(error))
    else:
        text = _text(error)
    line = printable(" ".join(text.split()))
    return line if len(line) <= longest else f"{line[:longest]}..."


def _text(error: BaseException | str) -> str:
    try:
        return str(error)
    except Exception:
        # Errors of plugins may derive from those of this package.
        return f"{type(error).__name__}, which cannot be shown"


def counted(number: int, noun: str) -> str:
    """Return a number of things, whose name takes an s where it is not one: ``1 slice``, ``2 slices``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def printable(text: str) -> str:
    """Return a text in which characters that steer a terminal or cannot be seen are written as escapes.

    Line breaks are escaped, too, and what a CI service would take for a command. Letters, signs and spaces
    of every script stay.
    """
    if not (text.isascii() and text.isprintable()):
        text = "".join(_escaped(character) for character in text)
    return _COMMAND.sub(lambda sign: f"\\x{ord(sign[0]):02x}", text)


def _escaped(character: str) -> str:
    if unicodedata.category(character) not in _INVISIBLE:
        return character
    return character.encode("unicode_escape").decode("ascii")
