"""The names that a new plugin and everything in it go by."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.util import find_spec

from a2ibench.catalogue import load_catalogue
from a2ibench.errors import InputError
from a2ibench.plugins import host

LONGEST = 30
"""Characters of a name, so that the lines of the templates keep within 110."""

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


@dataclass(frozen=True)
class PluginNames:
    """What a plugin is called, where.

    Parameters
    ----------
    kind : str
        What the plugin registers, such as ``"method"``.
    name : str
        What it is registered as: lowercase words joined by dashes.

    Raises
    ------
    InputError
        If the name cannot serve as one.
    """

    kind: str
    name: str

    def __post_init__(self) -> None:
        if self.name.startswith("a2ibench-"):
            raise InputError(
                f"plugin name: got {self.name!r}; leave out a2ibench-, which the distribution gets anyway"
            )
        if not _NAME.fullmatch(self.name) or len(self.name) > LONGEST:
            raise InputError(
                f"plugin name: got {self.name!r}; give at most {LONGEST} lowercase letters and digits, "
                "a letter first, with single dashes between words, such as my-method"
            )

    @property
    def distribution(self) -> str:
        """Name of the distribution."""
        return f"a2ibench-{self.name}"

    @property
    def module(self) -> str:
        """Name of the package that is imported."""
        return self.distribution.replace("-", "_")

    @property
    def stem(self) -> str:
        """What names of classes begin with."""
        return "".join(word.capitalize() for word in self.name.split("-"))


def check_free(names: PluginNames) -> None:
    """Check that nothing installed is in the way of a plugin.

    Raises
    ------
    InputError
        If something is registered under the name, or its package exists.
    """
    kind, name = names.kind, names.name
    registered = host().table(kind).get(name)
    if find_spec(names.module) is not None:
        raise InputError(
            f"plugin name: got {name!r}, but a package {names.module} is installed; give another name, "
            "or uninstall what brings it"
        )
    if registered is not None:
        raise InputError(
            f"plugin name: got {name!r}, but {registered} registers a {kind} of this name; give another"
        )
    if kind == "dataset" and name in load_catalogue():
        raise InputError(f"plugin name: got {name!r}, but the catalogue lists such a dataset; give another")
