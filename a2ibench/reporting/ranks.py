"""The ranks of methods by a metric, and their means over datasets."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from a2ibench.registry import host
from a2ibench.reporting.layout import Block, number_form


def ranks(block: Block, place: int, metric: str) -> dict[int, float]:
    """Return the rank of each row that is ranked; those not told from the best share the first ones.

    Nothing where the table marks no best, since the methods are not ranked among each other there.

    Parameters
    ----------
    block : Block
        The rows of a dataset.
    place : int
        Which of their cells is of the metric.
    metric : str
        Its name.

    Returns
    -------
    dict of int to float
        By row; 1 is the best, and what is level shares the mean of its ranks.
    """
    known = {
        index: cells[place]
        for index, (row, cells) in enumerate(zip(block.of, block.rows, strict=True))
        if row.ranked and not math.isnan(cells[place].value)
    }
    higher = host().ranked_upwards(metric)
    if higher is None or not any(cell.best for cell in known.values()):
        return {}
    sign = -1 if higher else 1
    # What is displayed decides, as it does for the best.
    order = {
        index: (0, 0.0)
        if cell.best or cell.tied
        else (1, sign * float(f"{cell.value:{number_form(metric)}}"))
        for index, cell in known.items()
    }
    places = list(order.values())
    return {
        index: 1 + sum(other < place for other in places) + (places.count(place) - 1) / 2
        for index, place in order.items()
    }


def mean_ranks(ranked: Sequence[Mapping[str, float]], names: Iterable[str]) -> dict[str, float | None]:
    """Return the mean rank of each method over datasets.

    Parameters
    ----------
    ranked : sequence of mapping of str to float
        For each dataset the ranks by method.
    names : iterable of str
        The methods.

    Returns
    -------
    dict of str to float or None
        None for a method that lacks a rank: a mean over fewer datasets would be of another race. Nothing
        where there are fewer than two datasets.
    """
    if len(ranked) < 2:
        return {}
    found: dict[str, float | None] = {}
    for name in names:
        places = [one[name] for one in ranked if name in one]
        found[name] = sum(places) / len(places) if len(places) == len(ranked) else None
    return found
