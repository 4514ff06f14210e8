"""What the numbers and marks of a table for a paper mean, in words."""

from __future__ import annotations

from collections.abc import Iterator

from a2ibench.bench.standings import Standings
from a2ibench.errors import counted
from a2ibench.reporting.captions import (
    CONTROLS_TOLD,
    FEW_TOLD,
    PRETRAINED_TOLD,
    has_few,
    judged_of,
    machine_told,
    protocol_told,
    tied_told,
    versions_told,
)
from a2ibench.reporting.layout import ABSENT, metric_spec
from a2ibench.reporting.paper.parts import BEST, SECOND, Parts, Score
from a2ibench.reporting.paper.scores import INTERVAL, STD, Scores
from a2ibench.reporting.paper.selection import Selection
from a2ibench.reporting.summary import OK

_ABOUT = {
    True: "Reconstructions compared with the reference",
    False: "Scores without a reference, which say nothing of the distance from a truth",
}
_SPREADS = {STD: "± sample standard deviation", INTERVAL: "[its 95 % interval]"}
_EXTERNAL_TOLD = "(external): a finished volume that was made elsewhere"


def caption_words(
    chosen: Selection, scores: Scores, found: Standings, parts: Parts, *, with_ranks: bool
) -> str:
    """Return the caption of a table in one line: what it shows, of what, and what every mark means."""
    compared_all = [one for place in found.values() for one in place.items()]
    judged = judged_of(chosen.metrics, compared_all)
    cells = [score for part in parts.parts for _, row in part.rows for score in row]
    sentences = [
        _ABOUT[chosen.compared],
        _trainings(scores, parts),
        *_marks(cells, with_ranks and bool(scores.mean_ranks)),
    ]
    if any(score.tied for score in cells):
        sentences.append(tied_told([_short(name) for name in judged]))
    if has_few(scores.rows):
        sentences.append(FEW_TOLD)
    for told, row_has in (
        (CONTROLS_TOLD, any(row.control for row in scores.rows)),
        (PRETRAINED_TOLD, any(row.pretrained for row in scores.rows)),
        (_EXTERNAL_TOLD, any(row.external for row in scores.rows)),
    ):
        sentences += [told] * row_has
    sentences += _ranks(scores) if with_ranks else ()
    versions = "; ".join(
        [
            protocol_told(chosen.group),
            versions_told(chosen.group, chosen.metrics),
            *machine_told(chosen.group),
        ]
    )
    return " ".join(f"{text[0].upper()}{text[1:]}." for text in [*sentences, versions] if text)


def _trainings(scores: Scores, parts: Parts) -> str:
    counts = sorted({row.statuses.count(OK) for row in scores.rows if row.learned} - {0})
    shown = _SPREADS.get(parts.spread, "")
    if not counts:
        return f"mean {shown} over the seeds" if shown else ""
    if counts == [1]:
        return "one training of each method that learns"
    number = f"{counts[0]} to {counts[-1]} trainings" if len(counts) > 1 else counted(counts[0], "training")
    return " ".join(filter(None, ["mean", shown, f"over {number} of each method that learns"]))


def _marks(cells: list[Score], ranked: bool) -> Iterator[str]:
    if any(score.mark == BEST for score in cells):
        second = ", second best underlined" if any(score.mark == SECOND for score in cells) else ""
        yield f"best of each dataset in bold{second}"
    if any(not score.mean for score in cells):
        yield f"{ABSENT}: no result{', or no rank' * ranked}"


def _ranks(scores: Scores) -> Iterator[str]:
    if not scores.mean_ranks:
        return
    over = {name: scores.ranked_datasets(name) for name in scores.mean_ranks}
    counts = sorted({*over.values()})
    if len(counts) == 1:
        number = f"{counts[0]} datasets"
    else:
        number = ", ".join(f"{count} ({_short(name)})" for name, count in over.items()) + " datasets"
    yield (
        f"mean rank over the {number} with a score of every ranked method; what is level, or cannot be told "
        "from the best, shares the mean of its ranks"
    )


def _short(metric: str) -> str:
    spec = metric_spec(metric)
    return metric if spec is None else spec.heading or metric
