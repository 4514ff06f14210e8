"""Ranks the methods of a run over its datasets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean

from a2ibench import Run

METRIC = "psnr"

Scores = Mapping[str, Mapping[str, float]]
"""Mean score over the seeds, by dataset and method."""


def write_ranking(run: Run) -> list[Path]:
    """Write ranking.md into the folder of a run.

    Parameters
    ----------
    run : Run
        With a record for each job.

    Returns
    -------
    list of Path
        What was written: nothing where no job has a score.
    """
    scores = mean_scores(run)
    if not scores:
        return []
    ranks = ranks_by_method(scores)
    lines = [
        f"Methods by their mean rank over the datasets, by {METRIC.upper()}; methods that tie share a rank.",
        "",
        "| method | mean rank | datasets |",
        "| --- | ---: | ---: |",
        *(
            f"| {method} | {fmean(ranks[method]):.2f} | {len(ranks[method])} of {len(scores)} |"
            for method in sorted(ranks, key=lambda method: (fmean(ranks[method]), method))
        ),
    ]
    file = run.folder / "ranking.md"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return [file]


def mean_scores(run: Run) -> Scores:
    """Return the scores of the jobs that ended well."""
    seeds: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for record in run.records:
        if record.ok and METRIC in record.metrics:
            seeds[record.dataset][record.method].append(record.metrics[METRIC].value)
    return {
        dataset: {method: fmean(values) for method, values in methods.items()}
        for dataset, methods in seeds.items()
    }


def ranks_by_method(scores: Scores) -> dict[str, list[float]]:
    """Return the ranks of each method, one for each dataset; those that tie share their mean rank."""
    ranks: dict[str, list[float]] = defaultdict(list)
    for methods in scores.values():
        for method, score in methods.items():
            better = sum(other > score for other in methods.values())
            equal = sum(other == score for other in methods.values())
            ranks[method].append(better + (equal + 1) / 2)
    return dict(ranks)
