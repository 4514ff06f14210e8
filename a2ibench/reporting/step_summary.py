"""What GitHub shows of a step: a comparison, or a run, in Markdown in which no name is a link or markup."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from a2ibench.bench.gate.compare import Comparison
from a2ibench.bench.gate.rules import Difference
from a2ibench.bench.run import Run
from a2ibench.errors import one_line, printable
from a2ibench.reporting.comparison import cells_of, conclusion, word_of
from a2ibench.reporting.tables import compared_groups, table_texts

MOST_BYTES = 1_000_000
"""GitHub shows nothing of a summary above 1 MiB."""

_MOST_ROWS = 100
_LONGEST = 300
_HEADS = ("dataset", "method", "what", "baseline", "run", "change", "allowed", "verdict")


def append_summary(file: Path, text: str) -> None:
    """Add a text to a summary, below what other steps of the job have put there.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    room = MOST_BYTES - (file.stat().st_size if file.exists() else 0)
    content = f"{text.rstrip()}\n\n".encode("utf-8", "backslashreplace")
    if len(content) > room:
        content = b"a2ibench: too long to be shown here.\n\n"
    with file.open("ab") as stream:
        stream.write(content)


def comparison_summary(comparison: Comparison, baseline: str) -> str:
    """Return the verdict, what is worse and why, what is better, and notes.

    Parameters
    ----------
    comparison : Comparison
        What was found.
    baseline : str
        Name of what it was compared with.
    """
    failed = [one for one in comparison.differences if one.failed]
    better = comparison.of("better")
    mark = "\N{WHITE HEAVY CHECK MARK}" if comparison.ok else "\N{CROSS MARK}"
    lines = [f"### {mark} Comparison with {code(baseline)}", "", _sentence(conclusion(comparison)), ""]
    lines += _part("Worse than allowed, or not compared", failed, reasons=True)
    lines += _part("Better", better, reasons=False)
    if comparison.notes:
        lines += _folded("Notes", [f"- {code(note)}" for note in _bounded(comparison.notes)])
    return "\n".join(lines)


def error_summary(message: str, command: str) -> str:
    """Return why a command could not do what it was asked."""
    return f"### \N{CROSS MARK} {command}\n\n{code(message)}\n"


def run_summary(run: Run, problems: Sequence[str] = ()) -> str:
    """Return the tables of table.md, and what has failed and why.

    Parameters
    ----------
    run : Run
        The run.
    problems : sequence of str
        What else went wrong, such as reports that could not be written.
    """
    failed = [record for record in run.records if not record.finished]
    well = sum(record.ok for record in run.records)
    mark = "\N{CROSS MARK}" if failed or problems else "\N{WHITE HEAVY CHECK MARK}"
    lines = [f"### {mark} {code(run.folder.absolute().name)}: {well} of {len(run.records)} jobs ok", ""]
    if failed:
        rows = [(record.dataset, record.method, str(record.seed), record.status, record.message or "")
                for record in failed[:_MOST_ROWS]]  # fmt: skip
        lines += _table(("dataset", "method", "seed", "status", "reason"), rows)
        lines += _more(len(failed))
    lines += [f"- {code(problem)}" for problem in _bounded(problems)]
    if run.records:
        # Its headings are the datasets, which are text there, too.
        lines += _folded("Scores", table_texts(run, compared_groups(run))["md"].splitlines())
    return "\n".join(lines)


def code(text: str) -> str:
    """Return a text as a code span, in one line: nothing in it is markup, a link or a mention.

    What would end the span, or a cell of a table, is written as an escape.
    """
    line = one_line(text, _LONGEST).replace("`", r"\x60").replace("|", r"\x7c")
    return f"`{line}`" if line.strip() else ""


def _sentence(text: str) -> str:
    # Of our own words and numbers.
    return f"**{printable(text)}**"


def _part(title: str, found: Sequence[Difference], *, reasons: bool) -> list[str]:
    if not found:
        return []
    rows = [
        (one.dataset, one.method, *cells_of(one), word_of(one), *([one.text] if reasons else []))
        for one in found[:_MOST_ROWS]
    ]
    heads = (*_HEADS, "reason") if reasons else _HEADS
    return [f"#### {title}", "", *_table(heads, rows), *_more(len(found))]


def _more(count: int) -> list[str]:
    return [f"and {count - _MOST_ROWS} more", ""] if count > _MOST_ROWS else []


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}"]
    return [*lines, *(f"| {' | '.join(map(code, row))} |" for row in rows), ""]


def _bounded(texts: Sequence[str]) -> Sequence[str]:
    rest = len(texts) - _MOST_ROWS
    return texts if rest <= 0 else [*texts[:_MOST_ROWS], f"and {rest} more"]


def _folded(title: str, lines: Sequence[str]) -> list[str]:
    return [f"<details><summary>{title}</summary>", "", *lines, "", "</details>", ""]
