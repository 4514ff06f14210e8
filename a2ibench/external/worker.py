"""A method in another Python, ``python -m a2ibench.external.worker``: a line of JSON for each request.

It runs where a2ibench may be installed without what it depends on, and imports NumPy and the standard
library alone, until the method itself imports more. It ends when its stdin does. What is printed goes to
stderr.
"""

from __future__ import annotations

import ast
import faulthandler
import importlib
import inspect
import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, Final

import numpy as np

from a2ibench.errors import PluginError, UnknownNameError
from a2ibench.external.failures import failure_of
from a2ibench.external.inventory import describe
from a2ibench.external.messages import context_of, encoded, grid_of, volume_of
from a2ibench.isolation import ignore_interrupts, take_channels
from a2ibench.settings import Setting, Value

_PAUSE: Final = 0.05
_TOLD: Final = (
    "configuration",
    "parameters",
    "macs_per_voxel",
    "precision_used",
    "fits",
    "skip",
    "reconstruct_planes",
)


def main() -> None:
    """Answer requests until there are no more."""
    ignore_interrupts()
    answers, lifeline = take_channels()
    faulthandler.enable()
    if hasattr(faulthandler, "register"):
        faulthandler.register(signal.SIGTERM, chain=True)
    with os.fdopen(lifeline, "rb") as requests:
        host = _Host(_Channel(answers, requests))
        while line := requests.readline():
            host.answer(json.loads(line))


class _Channel:
    def __init__(self, answers: int, requests: IO[bytes]) -> None:
        self._answers, self._requests = answers, requests
        self._last, self._next = ("", 0.0), 0.0

    def write(self, content: bytes) -> None:
        while content:
            content = content[os.write(self._answers, content) :]

    def progress(self, phase: str, done: float, total: float, **values: float) -> None:
        now = time.monotonic()
        if (phase, total) == self._last and now < self._next and done < total:
            return
        self.write(encoded({"progress": [phase, done, total, values]}))
        # What the other side measures meanwhile must not meet this one at work.
        if not self._requests.readline():
            os._exit(1)
        self._last, self._next = (phase, total), time.monotonic() + _PAUSE


class _Host:
    def __init__(self, channel: _Channel) -> None:
        self._channel = channel
        self._method: Any = None

    def answer(self, request: Mapping[str, Any]) -> None:
        task: Callable[..., Any] = getattr(self, f"_{request['do']}")
        try:
            line = encoded({"result": task(**request.get("given", {}))})
        except BaseException as error:
            line = encoded({"failed": list(failure_of(error))})
        self._channel.write(line)

    def _describe(self) -> dict[str, Any]:
        return describe()

    def _parse(self, target: str, method: str, key: str, value: Value) -> Value:
        loaded = _import(target)
        settings = _declared(loaded)
        if settings is None:
            return _by_signature(loaded, method, key, value)
        if key not in settings:
            raise UnknownNameError(f"setting of {method}", key, settings)
        return settings[key].parse(f"{method}.{key}", value)

    def _build(
        self, target: str, settings: Mapping[str, Value], wishes: Mapping[str, Value], seed: int
    ) -> dict[str, Any]:
        loaded = _import(target)
        declared = _declared(loaded) or {}
        wished = {name: value for name, value in wishes.items() if name in declared}
        _seed(seed)
        self._method = loaded(**{**wished, **settings})
        return {"has": [name for name in _TOLD if hasattr(self._method, name)]}

    def _get(self, member: str) -> Any:
        return getattr(self._method, member, None)

    def _tell(self, member: str, ctx: Mapping[str, Any] | None = None) -> Any:
        given = [] if ctx is None else [context_of(ctx, self._channel.progress)]
        return getattr(self._method, member)(*given)

    def _fits(self, shape: list[int]) -> bool:
        return bool(self._method.fits(tuple(shape)))

    def _skip(self, volume: Mapping[str, Any]) -> str | None:
        reason = self._method.skip(volume_of(volume))
        return None if reason is None else str(reason)

    def _fit(self, volume: Mapping[str, Any], ctx: Mapping[str, Any]) -> None:
        given = volume_of(volume)
        _seed(ctx["seed"])
        self._method.fit(given, context_of(ctx, self._channel.progress))
        torch: Any = sys.modules.get("torch")
        if ctx["device"] == "cuda" and torch is not None:
            # Its work is part of the time.
            torch.cuda.synchronize()

    def _reconstruct(
        self,
        volume: Mapping[str, Any],
        grid: Mapping[str, Any],
        ctx: Mapping[str, Any],
        output: str,
        member: str,
    ) -> None:
        context = context_of(ctx, self._channel.progress)
        result = getattr(self._method, member)(volume_of(volume), grid_of(grid), context)
        if not isinstance(result, np.ndarray) or result.dtype != np.float32:
            got = getattr(result, "dtype", type(result).__name__)
            name = type(self._method).__name__
            raise PluginError(f"{name}.{member} returned {got}; return a numpy array of float32")
        np.save(output, result)

    def _save(self, path: str) -> None:
        self._method.save(Path(path))

    def _load(self, path: str) -> None:
        self._method.load(Path(path))


def _import(target: str) -> Any:
    module, _, attribute = target.partition(":")
    loaded = getattr(importlib.import_module(module), attribute)
    if not callable(loaded):
        raise PluginError(f"{target} is a {type(loaded).__name__}; give a class")
    return loaded


def _declared(target: Any) -> Mapping[str, Setting] | None:
    settings = getattr(target, "settings", None)
    if isinstance(settings, Mapping) and all(isinstance(known, Setting) for known in settings.values()):
        return settings
    return None


def _by_signature(target: Any, method: str, key: str, value: Value) -> Value:
    parameters = inspect.signature(target).parameters
    if key not in parameters and not any(one.kind is one.VAR_KEYWORD for one in parameters.values()):
        raise UnknownNameError(f"setting of {method}", key, parameters)
    if not isinstance(value, str) or (key in parameters and isinstance(parameters[key].default, str)):
        return value
    try:
        read = ast.literal_eval({"true": "True", "false": "False"}.get(value.lower(), value))
    except (ValueError, SyntaxError):
        return value
    return read if isinstance(read, (bool, int, float, str)) else value


def _seed(seed: int) -> None:
    """Seed as `seed_everything` does where a2ibench itself runs."""
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 (plugins may draw from the global generator)
    torch: Any = sys.modules.get("torch")
    if torch is not None:
        torch.manual_seed(seed)


if __name__ == "__main__":
    main()
