"""A comparison as lines that GitHub shows beside a workflow run."""

from __future__ import annotations

from collections.abc import Iterator

from a2ibench.bench.compare import Comparison
from a2ibench.errors import printable


def github_lines(comparison: Comparison) -> Iterator[str]:
    """Yield an error for each regression, the worst first, since GitHub shows but the first ten.

    What has a limit that somebody gave and could not be compared comes after them.
    """
    for difference in (*comparison.of("worse"), *comparison.of("unknown")):
        title = f"{difference.subject} of {difference.method} on {difference.dataset}"
        yield annotation("error", difference.text, title)


def annotation(level: str, message: str, title: str) -> str:
    """Return a workflow command, escaped as GitHub wants it.

    Parameters
    ----------
    level : {"error", "warning", "notice"}
        How it is shown.
    message, title : str
        Any text; characters that cannot be seen are written as escapes.
    """
    title = _escaped(title).replace(":", "%3A").replace(",", "%2C")
    return f"::{level} title={title}::{_escaped(message)}"


def _escaped(text: str) -> str:
    escaped = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return printable(escaped)
