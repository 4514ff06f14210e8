"""Another Python, in which a process answers requests about the methods that are installed there."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final

from a2ibench.contracts import API_VERSION, Progress, silent
from a2ibench.documents import parse_json
from a2ibench.errors import InputError, one_line
from a2ibench.external.failures import ExternalError, Failed, killed_by
from a2ibench.external.messages import EXCHANGE, encoded
from a2ibench.isolation.supervised import Lines, Output, Supervised, how_it_ended
from a2ibench.registry.plugin_process import TIMEOUT, limit
from a2ibench.settings import Value

_LOG: Final = "log.txt"
_LONGEST: Final = 1 << 26
_POLL: Final = 1.0
_CLOSING: Final = 5.0

# The working folder must not shadow what is installed there; Python 3.10 has no option for that.
_START: Final = (
    "import sys; sys.path[:] = [place for place in sys.path if place]; "
    "from a2ibench.external.worker import main; main()"
)
# They are about this Python and its packages.
_OURS: Final = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONUSERBASE", "__PYVENV_LAUNCHER__")


_INSTALL: Final = "install this one there with pip, which needs none of its dependencies"


class Interpreter:
    """A process of another Python that holds one method; used in a ``with`` statement, or closed.

    Parameters
    ----------
    python : str
        The interpreter.
    relay : bool
        Whether what is printed there goes to this process's stderr, the log of a job; by default it is kept
        for errors.
    usage : Path, optional
        Where the peak of its memory is written in the end, in bytes.
    """

    def __init__(self, python: str, *, relay: bool = False, usage: Path | None = None) -> None:
        self._python = python
        variables = {name: value for name, value in os.environ.items() if name not in _OURS}
        self._process = Supervised(
            [python, "-u", "-c", _START],
            stderr=subprocess.PIPE,
            environment=variables,
            patience=0.5,
            usage=usage,
        )
        self._answers = Lines(self._process.stdout, _LONGEST)
        self._output = Output(self._process.stderr, _log if relay else None)

    def __enter__(self) -> Interpreter:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stop()

    def ask(
        self,
        task: str,
        given: Mapping[str, Any] | None = None,
        *,
        progress: Progress = silent,
        seconds: float = 0,
    ) -> Any:
        """Return what the process answers.

        Parameters
        ----------
        task : str
            One that the worker knows.
        given : mapping, optional
            Its arguments, JSON-able.
        progress : Progress
            Told what the method there reports, which waits until it is told.
        seconds : float
            How long it may take; 0 where there is no limit.

        Raises
        ------
        ExternalError
            If it fails there, or the process ends.
        TimeoutError
            If it does not finish.
        """
        self._send({"do": task, "given": given or {}})
        waited = 0.0
        while True:
            try:
                line = self._answers.get(_POLL)
            except TimeoutError:
                waited += _POLL
                if seconds and waited >= seconds:
                    self._process.stop()
                    raise
                continue
            if line is None:
                raise self._ended(task)
            answer = self._read(line, task)
            if "progress" in answer:
                _report(answer["progress"], progress)
                self._send({})
                continue
            if "failed" in answer:
                raise ExternalError(Failed(*map(str, answer["failed"])))
            return answer["result"]

    @property
    def printed(self) -> str:
        """The end of what it has printed."""
        return self._output.end()

    def close(self) -> None:
        """Let it end by itself, for a while; then end it."""
        with suppress(OSError):
            self._process.stdin.close()
        self._process.ended(_CLOSING)
        self._process.stop()
        self._output.end(1.0)

    def _send(self, message: Mapping[str, Any]) -> None:
        # Where the process is gone, waiting for its answer tells how it ended.
        with suppress(OSError):
            self._process.stdin.write(encoded(message))
            self._process.stdin.flush()

    def _read(self, line: bytes, task: str) -> Mapping[str, Any]:
        try:
            answer = parse_json(line)
            if isinstance(answer, dict) and answer.keys() & {"progress", "failed", "result"}:
                return answer
        except ValueError:
            pass
        self._process.stop()
        raise self._failure(f"answered nothing that can be read {_during(task)}")

    def _ended(self, task: str) -> ExternalError:
        if not self._process.ended(_POLL):
            self._process.stop()
        code = self._process.returncode
        how = killed_by(-code, _LOG) if code < 0 else f"{how_it_ended(code)}; see {_LOG}"
        return self._failure(f"{how} {_during(task)}" if code >= 0 else how)

    def _failure(self, problem: str) -> ExternalError:
        return ExternalError(
            Failed("error", "InterpreterDied", f"{self._python} {problem}", self._output.end())
        )


def _during(task: str) -> str:
    return f"(while it was asked to {task})"


def _report(told: Any, progress: Progress) -> None:
    try:
        phase, done, total, values = told
        # Numbers that are not finite come as texts.
        numbers = {str(name): float(one) for name, one in values.items() if isinstance(one, (int, float))}
        name, reached, whole = str(phase), float(done), float(total)
    except (TypeError, ValueError, AttributeError):
        return
    progress(name, reached, whole, **numbers)


def _log(line: str) -> None:
    with suppress(OSError, ValueError):
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()


@cache
def describe(python: str) -> Mapping[str, Any]:
    """Return what another Python has, see `a2ibench.external.inventory`; asked once, until `forget`.

    Raises
    ------
    InputError
        If it does not run, or has no a2ibench that this one understands.
    """
    seconds = limit("import")
    with Interpreter(python) as process:
        try:
            told = process.ask("describe", seconds=seconds)
        except TimeoutError:
            raise InputError(
                f"{python}: did not answer within {seconds:g} s; {TIMEOUT} sets the limit in seconds"
            ) from None
        except ExternalError as error:
            raise InputError(f"{python}: {_problem(process.printed, error)}") from None
    try:
        exchange, api = told["exchange"], told["api_version"]
        checked = {"methods": dict(told["methods"]), "problems": dict(told["problems"])}
    except (LookupError, TypeError, ValueError):
        raise InputError(f"{python}: its a2ibench is another one; {_INSTALL}") from None
    if (exchange, api) != (EXCHANGE, API_VERSION):
        raise InputError(f"{python}: its a2ibench {told['a2ibench']} does not fit this one; {_INSTALL}")
    return {**told, **checked}


def forget() -> None:
    """Let what other Pythons have be found out anew."""
    describe.cache_clear()
    parse.cache_clear()


@lru_cache(maxsize=None, typed=True)
def parse(python: str, target: str, method: str, key: str, value: Value) -> Value:
    """Return a setting's value, checked against what the method's class declares there; asked once, too.

    Raises
    ------
    InputError
        If the value is not allowed, there is no such setting, or the class cannot be imported.
    """
    given = {"target": target, "method": method, "key": key, "value": value}
    with Interpreter(python) as process:
        try:
            parsed: Value = process.ask("parse", given, seconds=limit("target"))
        except TimeoutError:
            raise InputError(f"{python}: did not import {target} in time; {TIMEOUT} sets the limit") from None
        except ExternalError as error:
            raise InputError(one_line(error.failed.message)) from None
    return parsed


def _problem(printed: str, error: ExternalError) -> str:
    """Return what keeps a Python from answering, and what to do."""
    for module, missing in (("a2ibench'", "has no a2ibench"), ("numpy", "has no NumPy")):
        if f"No module named '{module}" in printed:
            install = _INSTALL if module != "numpy" else "install numpy there"
            return f"{missing}; {install}"
    if "No module named 'a2ibench." in printed:
        return f"has an a2ibench that is older than this one; {_INSTALL}"
    last = printed.strip().splitlines()[-1:] or [
        error.failed.message.partition(" ")[2].partition("; see ")[0]
    ]
    return f"does not run as a Python with a2ibench: {one_line(last[0], 200)}"
