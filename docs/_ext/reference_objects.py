"""What the reference describes besides Python: commands, settings, catalogue fields, exit codes.

Each is an object of Sphinx, so that pages link to it by a role, such as ``{setting}`srmd.residual```, a link
to one that is gone breaks the build, and the inventory of the built site lists all of them.
"""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxRole
from sphinx.util.nodes import make_id

KINDS = {
    "command": "command",
    "setting": "setting",
    "field": "catalogue field",
    "exit-code": "exit code",
}


def defined(
    env: BuildEnvironment, document: nodes.document, kind: str, name: str, text: str | None = None
) -> nodes.literal:
    """Return a name as code that links of its kind lead to.

    Parameters
    ----------
    env, document
        What is being read.
    kind : str
        One of `KINDS`, or ``"option"`` with the program and the option as name, separated by a space.
    name : str
        What links call it.
    text : str, optional
        What is shown, by default the name.
    """
    shown = name if text is None else text
    node = nodes.literal(shown, shown, ids=[make_id(env, document, kind, name)])
    document.note_explicit_target(node)
    register(env, kind, name, node["ids"][0])
    return node


def register(env: BuildEnvironment, kind: str, name: str, anchor: str) -> None:
    """Let links of a kind lead to an anchor of the document that is being read."""
    standard: Any = env.domains.standard_domain
    if kind == "option":
        program, _, option = name.rpartition(" ")
        standard.add_program_option(program.replace(" ", "-"), option, env.docname, anchor)
    else:
        standard.note_object(kind, name, anchor)


class Definition(SphinxRole):
    """Shows its text as code and makes it what links of its kind lead to: ``{define-field}`crop```."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return the node."""
        kind = self.name.partition("-")[2]
        return [defined(self.env, self.inliner.document, kind, self.text)], []


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the kinds of objects with their roles, and a role ``define-KIND`` for each."""
    for kind, said in KINDS.items():
        app.add_object_type(kind, kind, indextemplate=f"pair: %s; {said}", objname=said)
        app.add_role(f"define-{kind}", Definition())
    return {"parallel_read_safe": True, "parallel_write_safe": True}
