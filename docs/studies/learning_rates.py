"""Tunes the learning rate of methods on volumes that no table reports, and prints one table of it.

``python docs/studies/learning_rates.py --fib25 fib25_medulla_val_dev.tif`` takes all bundled methods that
learn; ``--methods mine`` takes another. The same command goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from a2ibench import InputError, Tuning, tune
from a2ibench.bench.tuning_options import DEVELOPMENT, SETTING, VALUES
from a2ibench.cli.progress import shown_events
from a2ibench.errors import UnknownNameError
from a2ibench.hookspecs import PROJECT
from a2ibench.registry import host
from a2ibench.registry.schema import settings_of
from a2ibench.reporting.tuning import tuning_headings, tuning_rows

FIB25 = """[fib25-near]
title = "FIB-25 Drosophila medulla, the part near the origin; tables report z >= 160"
path = {path}
voxel_size = [10.0, 10.0, 10.0]
crop = [[0, 160], [0, 160], [0, 160]]
simulate = {{ratio = 4.0}}
"""


def main() -> None:
    """Tune one method after another, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--methods", type=lambda text: text.split(","), metavar="A,B")
    parser.add_argument("--fib25", type=Path, metavar="FILE", help="FIB-25's validation volume, 320^3")
    parser.add_argument("--values", default=VALUES, metavar="V1,V2,...")
    parser.add_argument("--profile", metavar="P")
    parser.add_argument("--budget", metavar="B")
    parser.add_argument("--seeds", type=int, default=1, metavar="N")
    parser.add_argument("--out", type=Path, default=Path("reports/learning-rates"), metavar="DIR")
    given = vars(parser.parse_args())
    methods, out = given.pop("methods") or learned(), given.pop("out")
    given |= development(given.pop("fib25"), out)
    try:
        with shown_events() as events:
            tunings = [tune(method, out=out / method, events=events, **given) for method in methods]
    except (InputError, UnknownNameError) as error:
        parser.error(str(error))
    sys.stdout.write("\n".join(markdown(tunings)) + "\n")


def learned() -> list[str]:
    """Return the bundled methods that have a learning rate."""
    ours = [name for name, found in host().methods.items() if found.distribution == PROJECT]
    return [name for name in ours if SETTING in (settings_of("method", name) or {})]


def development(fib25: Path | None, out: Path) -> dict[str, object]:
    """Return the options that name the volumes; of a file of FIB-25 a catalogue is written into `out`."""
    if fib25 is None:
        return {}
    out.mkdir(parents=True, exist_ok=True)
    catalogue = out / "development.toml"
    path = json.dumps(str(fib25.resolve()), ensure_ascii=False)
    catalogue.write_text(FIB25.format(path=path), encoding="utf-8")
    return {"catalogue": catalogue, "datasets": [*DEVELOPMENT, "fib25-near"]}


def markdown(tunings: Sequence[Tuning]) -> Iterator[str]:
    """Yield the lines of the table, the best value of each method in bold."""
    headings = ["method", *tuning_headings(tunings[0])]
    yield f"| {' | '.join(headings)} |"
    yield f"| --- |{' ---: |' * (len(headings) - 1)}"
    for tuning in tunings:
        for trial, (value, *cells) in zip(tuning.trials, tuning_rows(tuning), strict=True):
            value = f"**{value}**" if trial is tuning.best else value
            yield f"| {' | '.join([tuning.method, value, *cells])} |"


if __name__ == "__main__":
    main()
