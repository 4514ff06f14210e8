"""The scores of a table for a paper, with their marks and ranks, arranged in parts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from a2ibench.registry import host
from a2ibench.reporting.layout import Block, Cell, TableContent, ends_text, heading, number_form
from a2ibench.reporting.paper.parts import BEST, SECOND, Column, Part, Parts, Score
from a2ibench.reporting.ranks import mean_ranks, ranks
from a2ibench.reporting.summary import Row, Sample

STD, INTERVAL, NONE = SPREADS = ("std", "interval", "none")
"""What may stand after a mean."""

# With two methods the second best is the worst.
_LEAST_FOR_SECOND = 3
_MEAN_RANK = "mean rank"
_ARROWS = {True: " ↑", False: " ↓", None: ""}


@dataclass(frozen=True)
class Scores:
    """The scores of a table.

    Parameters
    ----------
    content : TableContent
        The same scores as tables of a run have them, with what is the best and what cannot be told from it.
    metrics : sequence of str
        In the order of the table.
    spread : str
        One of `SPREADS`.
    """

    content: TableContent
    metrics: Sequence[str]
    spread: str = STD

    @cached_property
    def blocks(self) -> list[Block]:
        """The datasets that have a score."""
        return [block for block in self.content.blocks if self._has_score(block)]

    @cached_property
    def rows(self) -> list[Row]:
        """The rows of all datasets that have a score."""
        return [row for block in self.blocks for row in block.of]

    def _has_score(self, block: Block) -> bool:
        return any(row.metrics[name].n for row in block.of for name in self.metrics if name in row.metrics)

    @cached_property
    def mean_ranks(self) -> dict[str, dict[str, float | None]]:
        """By metric the mean ranks of methods, over the datasets where all that are ranked have a score."""
        means = {name: mean_ranks(self._ranked(name), self._to_rank) for name in self.metrics}
        # One method is the first of one.
        return {name: told for name, told in means.items() if len(told) > 1}

    def ranked_datasets(self, metric: str) -> int:
        """Return over how many datasets the ranks are a mean."""
        return len(self._ranked(metric))

    @cached_property
    def _to_rank(self) -> list[str]:
        return list(dict.fromkeys(row.method for row in self.rows if row.ranked))

    def _ranked(self, metric: str) -> list[dict[str, float]]:
        place = self._place(metric)
        found = [
            {block.of[index].method: rank for index, rank in ranks(block, place, metric).items()}
            for block in self.blocks
        ]
        # A rank among fewer methods is another race.
        return [one for one in found if one.keys() == {*self._to_rank}]

    def by_metrics(self, with_ranks: bool) -> Parts:
        """Return them with a column for each metric and a part for each dataset, the mean ranks last."""
        columns = tuple(Column(name, titled(name)) for name in self.metrics)
        parts = []
        for block in self.blocks:
            scores = [self._column(block, name) for name in self.metrics]
            labels = [row.label for row in block.of]
            parts.append(
                Part(block.dataset, block.dataset, tuple(zip(labels, zip(*scores, strict=True), strict=True)))
            )
        if with_ranks and self.mean_ranks:
            told = self.mean_ranks
            rows = [
                (label, tuple(_rank(told.get(name, {}).get(method)) for name in self.metrics))
                for (control, method), label in self._labels().items()
                if not control and method in self._to_rank
            ]
            parts.append(Part(_MEAN_RANK, _MEAN_RANK, tuple(rows)))
        return Parts("dataset", columns, tuple(parts), self._spread_shown(parts))

    def by_datasets(self, with_ranks: bool) -> Parts:
        """Return them with a column for each dataset, the mean ranks last, and a part for each metric."""
        ranked = with_ranks and bool(self.mean_ranks)
        columns = [Column(block.dataset, block.dataset) for block in self.blocks]
        columns += [Column("mean_rank", _MEAN_RANK, scores=False)] * ranked
        parts = []
        for name in self.metrics:
            told = [
                {_key(row): score for row, score in zip(block.of, self._column(block, name), strict=True)}
                for block in self.blocks
            ]
            means = self.mean_ranks.get(name, {})
            rows = []
            for key, label in self._labels().items():
                scores = [of.get(key, Score()) for of in told]
                scores += [_rank(None if key[0] else means.get(key[1]))] * ranked
                rows.append((label, tuple(scores)))
            parts.append(Part(name, titled(name), tuple(rows)))
        return Parts("metric", tuple(columns), tuple(parts), self._spread_shown(parts))

    def _labels(self) -> dict[tuple[bool, str], str]:
        """Return the methods, and the controls below them, as the table calls them."""
        found: dict[tuple[bool, str], str] = {}
        for row in sorted(self.rows, key=lambda row: row.control):
            # What is marked on one dataset is marked.
            found[_key(row)] = max(found.get(_key(row), ""), row.label, key=len)
        return found

    def _spread_shown(self, parts: Sequence[Part]) -> str:
        shown = any(score.spread for part in parts for _, scores in part.rows for score in scores)
        return self.spread if shown else ""

    def _column(self, block: Block, metric: str) -> list[Score]:
        place = self._place(metric)
        second = _second(block, place, metric)
        return [self._score(row, cells[place], metric, second) for row, cells in _pairs(block)]

    def _score(self, row: Row, cell: Cell, metric: str, second: float) -> Score:
        sample = row.metrics.get(metric, Sample())
        if not sample.n:
            return Score()
        form = number_form(metric)
        mean, std = f"{sample.mean:{form}}", f"{sample.std:{form}}"
        # What comes out the same with every seed has no spread to speak of.
        told = not math.isnan(sample.std) and (row.learned or float(std) > 0)
        spreads = {STD: std, INTERVAL: ends_text(metric, sample.interval)}
        mark = BEST if cell.best else SECOND if row.ranked and float(mean) == second else ""
        return Score(mean, spreads.get(self.spread, "") if told else "", mark, cell.tied)

    def _place(self, metric: str) -> int:
        return 1 + self.content.metrics.index(metric)


def titled(metric: str) -> str:
    """Return the heading of a metric with an arrow to where better scores lie."""
    return heading(metric) + _ARROWS[host().higher_is_better(metric)]


def _rank(mean: float | None) -> Score:
    return Score() if mean is None else Score(f"{mean:.2f}")


def _key(row: Row) -> tuple[bool, str]:
    # A method may have the name of a control.
    return row.control, row.method


def _pairs(block: Block) -> Iterator[tuple[Row, tuple[Cell, ...]]]:
    return zip(block.of, block.rows, strict=True)


def _second(block: Block, place: int, metric: str) -> float:
    """Return the second best value as it is displayed; NaN where no best is marked, or few are ranked."""
    form = number_form(metric)
    known = [
        float(f"{cells[place].value:{form}}")
        for row, cells in _pairs(block)
        if row.ranked and not math.isnan(cells[place].value)
    ]
    marked = any(cells[place].best for cells in block.rows)
    values = sorted({*known}, reverse=bool(host().ranked_upwards(metric)))
    return values[1] if marked and len(known) >= _LEAST_FOR_SECOND and len(values) > 1 else math.nan
