"""What tuning came to, as the rows of a table and in words."""

from __future__ import annotations

import math
from collections.abc import Iterator

from a2ibench.bench.tuning import Trial, Tuning
from a2ibench.reporting.layout import seconds_text


def tuning_headings(tuning: Tuning) -> list[str]:
    """Return one heading for each column: setting, datasets, mean, distance from the best, seconds."""
    return [
        tuning.setting,
        *(f"{name} (dB)" for name in tuning.datasets),
        "mean (dB)",
        "behind (dB)",
        "fit (s)",
    ]


def tuning_rows(tuning: Tuning) -> list[list[str]]:
    """Return one row for each value; gains are of PSNR above cubic interpolation."""
    return [_row(tuning, trial) for trial in tuning.trials]


def _row(tuning: Tuning, trial: Trial) -> list[str]:
    gains = [_gain(one.gain) or one.status for one in trial.outcomes.values()]
    behind = tuning.behind(trial)
    return [
        f"{trial.value:g}",
        *gains,
        _gain(trial.gain),
        "" if math.isnan(behind) else f"{behind:.2f}",
        "" if math.isnan(trial.fit_seconds) else seconds_text(trial.fit_seconds),
    ]


def _gain(gain: float) -> str:
    return "" if math.isnan(gain) else f"{gain:+.2f}"


def tuning_conclusions(tuning: Tuning) -> Iterator[str]:
    """Yield what to do about it, a line each."""
    best = tuning.best
    if best is None:
        yield f"no value of {tuning.setting} is known to be good: {_without_best(tuning)}"
        return
    yield f"best: {tuning.setting} = {best.value:g}, {best.gain:+.2f} dB over cubic interpolation"
    for trial in tuning.trials:
        if trial.gain > best.gain:
            yield f"{trial.value:g} gained {trial.gain:+.2f} dB, but is too close to a value that collapsed"
    if tuning.beyond:
        end = {"larger": "largest", "smaller": "smallest"}[tuning.beyond]
        yield f"it is the {end} value tried; try {tuning.beyond} ones, too"


def _without_best(tuning: Tuning) -> str:
    statuses = {trial.status for trial in tuning.trials}
    if statuses == {"diverged"}:
        return "every training diverged; try smaller ones"
    if statuses == {"skipped"}:
        return f"{tuning.method} skips these volumes; give others"
    return "trainings failed; their logs tell why"
