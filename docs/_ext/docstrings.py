"""Docstrings and signatures as their authors meant them, where autodoc takes them for something else."""

from __future__ import annotations

import re
from typing import Any

from sphinx.application import Sphinx
from sphinx.ext.napoleon import NumpyDocstring
from sphinx.util.docstrings import prepare_docstring

# A default that is made anew each time, or is a function, which no reader can type.
_FACTORY = re.compile(r"<factory>")
_FUNCTION = re.compile(r"<function (\w+)>")
_AFTER_NAPOLEON = 600


def _docstring(app: Sphinx, what: str, name: str, value: Any, options: Any, lines: list[str]) -> None:
    if what == "data":
        # That of its type, such as int, says nothing of the constant.
        lines.clear()
    elif what == "property":
        # Napoleon takes what stands before a colon for the type of the property.
        said = prepare_docstring(value.__doc__ or "")
        lines[:] = NumpyDocstring(said, app.config, app, "method", name, value, options).lines()


def _signature(
    app: Sphinx, what: str, name: str, value: Any, options: Any, signature: str | None, returned: str | None
) -> tuple[str | None, str | None]:
    shown = signature and _FUNCTION.sub(r"\1", _FACTORY.sub("...", signature))
    return shown, returned


def setup(app: Sphinx) -> dict[str, bool]:
    """Have both seen before they are shown."""
    app.setup_extension("sphinx.ext.autodoc")
    app.connect("autodoc-process-docstring", _docstring, priority=_AFTER_NAPOLEON)
    app.connect("autodoc-process-signature", _signature)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
