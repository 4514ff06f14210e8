"""Markers of hooks where pluggy is not installed: they leave the same trace on a function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

Hook = TypeVar("Hook", bound=Callable[..., Any])


class _Marker:
    kind = ""

    def __init__(self, project_name: str) -> None:
        self._name = f"{project_name}_{self.kind}"

    def __call__(self, function: Hook | None = None, **options: Any) -> Any:
        """Mark a function, or return what marks one, as pluggy's do."""
        if function is None:
            return lambda later: self(later, **options)
        setattr(function, self._name, options)
        return function


class HookspecMarker(_Marker):
    """Marks what a hook looks like."""

    kind = "spec"


class HookimplMarker(_Marker):
    """Marks an implementation of a hook."""

    kind = "impl"
