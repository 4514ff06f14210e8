"""Formulas as MathML, which browsers draw themselves: no script, no network, no LaTeX."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from docutils.utils.math import MathError, latex2mathml
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.math import get_node_equation_number

# An index after an accent would be set below the letter; after an empty group it is set beside it.
_ACCENTED = re.compile(r"(\\(?:bar|hat|tilde|vec)\s*(?:\{[^{}]*\}|\\[A-Za-z]+|[A-Za-z]))(?=\s*[_^])")


def _convert(node: nodes.Element, *, block: bool) -> str:
    try:
        return str(latex2mathml.tex2mathml(_ACCENTED.sub(r"\1{}", node.astext()), as_block=block))
    except MathError as error:
        raise ExtensionError(f"{node.source}:{node.line}: formula {node.astext()!r}: {error}") from error


def _inline(translator: Any, node: nodes.Element) -> None:
    translator.body.append(_convert(node, block=False))
    raise nodes.SkipNode


def _block(translator: Any, node: nodes.Element) -> None:
    translator.body.append(translator.starttag(node, "div", CLASS="math notranslate nohighlight"))
    if node["number"]:
        translator.body.append(f'<span class="eqno">({get_node_equation_number(translator, node)})')
        translator.add_permalink_ref(node, "Link to this equation")
        translator.body.append("</span>")
    translator.body.append(_convert(node, block=True) + "</div>\n")
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the renderer ``mathml``, to be chosen as ``html_math_renderer``."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
