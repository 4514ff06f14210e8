"""The command reference, from the application itself, and the keys of a run file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer.main
from docutils import nodes
from reference_nodes import code_block, marked, paragraphs, section, table
from reference_objects import defined, register
from sphinx.application import Sphinx
from sphinx.pycode import ModuleAnalyzer
from sphinx.util.docutils import SphinxDirective

PROGRAM = "a2ibench"


def commands(command: Any, path: str = PROGRAM) -> Iterator[tuple[str, Any]]:
    """Yield the command line's path and the command, first of a group and then of all that it holds."""
    yield path, command
    for name, inner in sorted(getattr(command, "commands", {}).items()):
        yield from commands(inner, f"{path} {name}")


class Commands(SphinxDirective):
    """Describes every command, its arguments and its options, each in a section of its own."""

    def run(self) -> list[nodes.Node]:
        """Return the sections."""
        from a2ibench.cli.app import app

        return [
            self._section(path, command)
            for path, command in commands(typer.main.get_command(app))
            if not command.hidden
        ]

    def _section(self, path: str, command: Any) -> nodes.section:
        shown = [param for param in command.params if not getattr(param, "hidden", False)]
        names = [_metavar(param) for param in shown if param.param_type_name == "argument"]
        usage = [path, *names, "[OPTIONS]" if len(shown) > len(names) else ""]
        if hasattr(command, "commands"):
            usage.append("COMMAND [ARGS]...")
        content = [code_block(" ".join(filter(None, usage))), *paragraphs(command.help or "")]
        if shown:
            rows = [[self._name(path, param), param.help or ""] for param in shown]
            content.append(table(["argument or option", "meaning"], rows, [38, 62]))
        part = section(self.env, self.state.document, path, *content)
        register(self.env, "command", path, part["ids"][0])
        return part

    def _name(self, path: str, param: Any) -> list[nodes.Node]:
        if param.param_type_name == "argument":
            return [nodes.literal("", _metavar(param))]
        shown: list[nodes.Node] = []
        for name in (*param.opts, *param.secondary_opts):
            if shown:
                shown.append(nodes.Text(", "))
            text = name if param.is_flag else f"{name} {_metavar(param)}"
            shown.append(defined(self.env, self.state.document, "option", f"{path} {name}", text))
        return shown


def _metavar(param: Any) -> str:
    if param.param_type_name == "option":
        return str(param.metavar or param.name)
    name = str(param.metavar or param.name.upper())
    return name if param.required or name.startswith("[") else f"[{name}]"


class RunFileKeys(SphinxDirective):
    """Lists the keys of a run file and the options of the command line that say the same."""

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        from a2ibench.bench.options import RunOptions, options_of
        from a2ibench.bench.run_file import KEYS
        from a2ibench.cli.errors import flag

        options = options_of(RunOptions)
        rows = [
            [
                nodes.literal("", key),
                _on_the_command_line(flag(key), options[key]),
                options[key].help,
            ]
            for key in KEYS
        ]
        return [table(["key", "option", "meaning"], rows, [15, 35, 50])]


def _on_the_command_line(name: str, option: Any) -> nodes.Node | str:
    if option.in_python_only:
        return "tables of a file alone"
    return nodes.literal("", f"{name} {option.metavar}".strip())


class ExitCodes(SphinxDirective):
    """Lists the exit codes with what stands below each in the source."""

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        from a2ibench.cli.errors import ExitCode

        said = ModuleAnalyzer.for_module(ExitCode.__module__).find_attr_docs()
        rows = [
            [
                defined(self.env, self.state.document, "exit-code", str(int(code))),
                marked(" ".join(said[ExitCode.__name__, code.name]).strip()),
            ]
            for code in ExitCode
        ]
        return [table(["exit code", "meaning"], rows, [20, 80])]


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the directives."""
    app.setup_extension("reference_objects")
    app.add_directive("commands", Commands)
    app.add_directive("exit-codes", ExitCodes)
    app.add_directive("run-file-keys", RunFileKeys)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
