"""Ask how far slices of real volumes depend on each other, and what that does to intervals of gains.

Run as ``python docs/studies/real_slices.py RUN...`` with folders that a2ibench run wrote.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from a2ibench import read_run
from a2ibench.bench.run import CUBIC
from a2ibench.bench.scores_file import Rows, read_slices
from a2ibench.bench.standings import shares
from a2ibench.statistics import block_half_width, independent_half_width, segment_correlation


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN")
    parser.add_argument("--beside", default=CUBIC, help="the method to compare with")
    chosen = parser.parse_args()
    lines = [
        "| dataset | method | planes | slices | neighbours | segments | gain | independent | a2ibench |",
        "|---|---|---|" + "---:|" * 6,
    ]
    for folder in chosen.runs:
        lines += table(folder, chosen.beside)
    sys.stdout.write("\n".join(lines) + "\n")


def table(folder: Path, beside: str) -> Iterator[str]:
    """Yield a line for each method, metric and plane family: of its difference from another method."""
    found: dict[tuple[str, str], dict[str, Rows]] = {}
    run = read_run(folder)
    for record in run.records:
        rows = read_slices(run.files_of(record).folder)
        if record.seed == 0 and rows:
            found[record.dataset, record.method] = {
                name: shares(name, record.metrics[name].value, rows) for name in ("psnr", "ssim")
            }
    for (dataset, method), metrics in found.items():
        if method == beside or (dataset, beside) not in found:
            continue
        for metric, families in metrics.items():
            for plane, row in families.items():
                gains = row - found[dataset, beside][metric][plane]
                numbers = [len(gains), f"{neighbours(gains):.2f}", f"{float(segment_correlation(gains)):.2f}"]
                numbers.append(f"{gains.mean():+.4f}")
                numbers += [f"± {half(gains):.4f}" for half in (independent_half_width, block_half_width)]
                cells = [dataset, method, f"{metric}, {plane}", *map(str, numbers)]
                yield "| " + " | ".join(cells) + " |"


def neighbours(row: np.ndarray) -> float:
    """Return the correlation of neighbours."""
    return float(np.corrcoef(row[1:], row[:-1])[0, 1])


if __name__ == "__main__":
    main()
