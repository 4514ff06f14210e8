"""Draws the rooms of a2ibench and which imports which, as the code has it: docs/figures/architecture.svg.

``python docs/studies/draw_architecture.py`` after a room was added or an import between rooms.
"""

from __future__ import annotations

import ast
from pathlib import Path

import grimp
import networkx as nx
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

import a2ibench

OUTPUT = Path(__file__).parents[1] / "figures" / "architecture.svg"
HOME = Path(a2ibench.__file__).parent
WIDTH, HEIGHT, ACROSS, DOWN = 2.15, 0.62, 2.45, 1.0


def imports() -> nx.DiGraph:
    """Return rooms and the imports between them, without those that follow from others."""
    graph = grimp.build_graph("a2ibench", exclude_type_checking_imports=True, cache_dir=None)
    rooms = nx.DiGraph()
    for module in graph.modules - {"a2ibench", "a2ibench.__main__"}:
        rooms.add_node(module.split(".")[1])
        for imported in graph.find_modules_directly_imported_by(module) - {"a2ibench"}:
            first, second = (name.split(".")[1] for name in (module, imported))
            if first != second:
                rooms.add_edge(first, second)
    return nx.transitive_reduction(rooms)


def purpose(room: str) -> str:
    """Return the first words of what a room says of itself."""
    file = HOME / room / "__init__.py" if (HOME / room).is_dir() else HOME / f"{room}.py"
    text = (ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or "").split("\n")[0]
    words, lines = text.split(), [""]
    for word in words:
        if len(lines[-1]) + len(word) > 40:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return "\n".join(lines[:2]) + ("..." if len(lines) > 2 else "")


def places(rooms: nx.DiGraph) -> dict[str, tuple[float, float]]:
    """Return where each room is drawn: above what it imports, near the middle of those that import it."""
    found: dict[str, tuple[float, float]] = {}
    for row, names in enumerate(reversed(list(nx.topological_generations(rooms.reverse())))):
        above = {
            name: [found[room][0] for room in rooms.predecessors(name) if room in found] for name in names
        }
        ordered = sorted(
            names, key=lambda name: (sum(above[name]) / len(above[name]) if above[name] else 0, name)
        )
        for column, name in enumerate(ordered):
            found[name] = ((column - (len(ordered) - 1) / 2) * ACROSS, -row * DOWN)
    return found


def draw(rooms: nx.DiGraph) -> Figure:
    """Return the figure; an arrow from a to b has the id ``a-imports-b``."""
    at = places(rooms)
    left, right = (end(x for x, _ in at.values()) for end in (min, max))
    lowest = min(y for _, y in at.values())
    size = right - left + WIDTH + 0.4, HEIGHT - lowest + 0.4
    figure = Figure(figsize=size)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(
        xlim=(left - WIDTH / 2 - 0.2, right + WIDTH / 2 + 0.2),
        ylim=(lowest - HEIGHT / 2 - 0.2, HEIGHT / 2 + 0.2),
    )
    axes.axis("off")
    for first, second in sorted(rooms.edges):
        (x, y), (x2, y2) = at[first], at[second]
        arrow = FancyArrowPatch(
            (x, y - HEIGHT / 2),
            (x2, y2 + HEIGHT / 2),
            arrowstyle="-|>",
            mutation_scale=8,
            color="#8899aa",
            lw=0.8,
        )
        arrow.set_gid(f"{first}-imports-{second}")
        axes.add_patch(arrow)
    for name, (x, y) in at.items():
        corner = x - WIDTH / 2, y - HEIGHT / 2
        style = {"boxstyle": "round,pad=0,rounding_size=0.06", "fc": "white", "ec": "#334455", "lw": 0.9}
        axes.add_patch(FancyBboxPatch(corner, WIDTH, HEIGHT, **style))
        axes.text(x, y + 0.16, name, ha="center", va="center", fontsize=9, weight="bold")
        axes.text(x, y - 0.11, purpose(name), ha="center", va="center", fontsize=5.2, color="#334455")
    return figure


if __name__ == "__main__":
    with rc_context({"svg.hashsalt": "a2ibench", "svg.fonttype": "none"}):
        draw(imports()).savefig(OUTPUT, metadata={"Date": None})
