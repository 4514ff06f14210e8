"""Whether in-plane validation puts methods in the order of their true PSNR: the table of docs/validation.md.

``a2ibench run reports/reference/in-plane.toml`` makes a run; ``python docs/studies/in_plane_order.py RUN``
prints for each of its volumes the gains over cubic interpolation, the true one and the one that in-plane
validation predicts, and Kendall's tau over the methods and cubic interpolation. Its 95 % interval is that
over resamples of blocks of neighbouring slices, of the volume and of the held-out planes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau

from a2ibench import Record, Run, read_run
from a2ibench.bench.run import CUBIC
from a2ibench.bench.scores_file import read_slices

TRUE, PREDICTED = "psnr", "in_plane_psnr"
RESAMPLES, BLOCKS = 2000, 6


def main() -> None:
    """Print the table of the runs whose folders are given."""
    found = [one for folder in sys.argv[1:] for one in columns(read_run(folder))]
    methods = list(dict.fromkeys(name for _, gains, _ in found for name in gains))
    lines = [["", *(volume for volume, _, _ in found)], ["---", *["---:"] * len(found)]]
    lines += [[name, *(gains.get(name, "-") for _, gains, _ in found)] for name in methods]
    lines += [["tau", *(tau for _, _, tau in found)]]
    sys.stdout.writelines(f"| {' | '.join(cells)} |\n" for cells in lines)


def columns(run: Run) -> Iterator[tuple[str, dict[str, str], str]]:
    """Yield for each volume its name, the gains of each method, and tau with its interval."""
    for dataset in run.datasets:
        records = {one.method: one for one in run.records if one.dataset == dataset and one.ok}
        if CUBIC not in records:
            continue
        gains = {
            name: ", ".join(gain(one, records[CUBIC], metric) for metric in (TRUE, PREDICTED))
            for name, one in records.items()
            if name != CUBIC
        }
        yield dataset, gains, tau_text(run, list(records.values()))


def gain(record: Record, baseline: Record, metric: str) -> str:
    """Return how much a score is above the baseline's."""
    return f"{value(record, metric) - value(baseline, metric):+.2f}"


def value(record: Record, metric: str) -> float:
    """Return the score of a record."""
    return float(record.metrics[metric].value)


def tau_text(run: Run, records: Sequence[Record]) -> str:
    """Return Kendall's tau of the two scores with its interval."""
    whole = kendalltau(*([value(one, metric) for one in records] for metric in (TRUE, PREDICTED))).statistic
    rows = [read_slices(run.files_of(one).folder) for one in records]
    true, predicted = (np.stack([one[f"{metric}.yz"] for one in rows]) for metric in (TRUE, PREDICTED))
    random = np.random.default_rng(0)
    taus = [kendalltau(pooled(true, random), pooled(predicted, random)).statistic for _ in range(RESAMPLES)]
    low, high = np.nanpercentile(taus, [2.5, 97.5])
    return f"{whole:.2f} [{low:.2f}, {high:.2f}]"


def pooled(decibels: NDArray[np.float64], random: np.random.Generator) -> NDArray[np.float64]:
    """Return the PSNR by method of a resample of blocks of slices, shape (methods, slices)."""
    n = decibels.shape[1]
    length = round(n / BLOCKS)
    starts = random.integers(0, n, -(-n // length))
    places = (starts[:, None] + np.arange(length)).ravel()[:n] % n
    return np.asarray(-10 * np.log10((10 ** (-decibels[:, places] / 10)).mean(axis=1)))


if __name__ == "__main__":
    main()
