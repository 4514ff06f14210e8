"""Titles of code blocks: a fence that opens with ``python title="method.py"`` is shown with that caption."""

from __future__ import annotations

import re

from sphinx.application import Sphinx

_FENCE = re.compile(r'^(?P<fence>`{3,})(?P<language>\w+) title="(?P<title>[^"]+)"$', re.MULTILINE)


def _with_captions(app: Sphinx, docname: str, source: list[str]) -> None:
    source[0] = _FENCE.sub(r"\g<fence>{code-block} \g<language>\n:caption: `\g<title>`\n", source[0])


def setup(app: Sphinx) -> dict[str, bool]:
    """Rewrite fences with a title before a page is parsed."""
    app.connect("source-read", _with_captions)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
